import type { Behaviour } from "@spaattn/attention";
import { HostTensor } from "@spaattn/core";
import type { VideoLayout } from "@spaattn/layout";
import { alongCurve } from "../along-curve.js";

export interface ControlResidualOptions {
  readonly layout: VideoLayout;
  /** Text slots of the sequence. */
  readonly textTokens: number;
  readonly behaviour?: Behaviour;
}

/**
 * A ControlNet's residual of a single-stream layer, as one adds it to the hidden states at attention positions (visual
 * tokens along the curve, then text): `[tokens, channels]`, zero on text. Undefined where the ControlNet has none.
 *
 * `behaviour: "reference"` puts it, unpermuted, where the visual tokens were in the model's own order
 * (docs/corrections.md#no-16).
 *
 * @param residual `[visualTokens, channels]` f32, row-major.
 */
export function controlResidual(
  residual: HostTensor<"f32"> | undefined,
  { layout, textTokens, behaviour = "corrected" }: ControlResidualOptions,
): HostTensor<"f32"> | undefined {
  if (!residual) return undefined;
  const visual = layout.curveToLinear.length;
  const [rows, channels] = residual.shape;
  if (residual.shape.length !== 2 || rows !== visual)
    throw new RangeError(`residual must have shape [${visual}, channels], got [${residual.shape.join(", ")}]`);
  const aligned = new HostTensor("f32", [visual + textTokens, channels]);
  if (behaviour === "reference") aligned.data.set(residual.data, textTokens * channels);
  else aligned.data.set(alongCurve(residual.data, layout.curveToLinear));
  return aligned;
}
