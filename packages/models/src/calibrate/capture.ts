import type { HostTensor } from "@spaattn/core";
import type { Axis, Grid } from "@spaattn/layout";
import type { ModelAdapter } from "../adapter.js";
import { expertCount } from "../card.js";

/** Query, key and value of one attention call of a running model: what `readCapture` of `@spaattn/io` gives, with a name. */
export interface Capture {
  /** For people: a file name. */
  readonly name: string;
  /** `[batch, heads, tokens, headDim]`, text behind the visual tokens. */
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
  /** Token grid `[t, h, w]`. */
  readonly grid?: Grid;
  /** Order of the visual tokens. */
  readonly tokenOrder: "raster" | "curve";
  readonly axisOrder?: readonly [Axis, Axis, Axis];
  readonly textTokens: number;
  readonly textValid: readonly number[];
  /** Model the capture is of, where known. */
  readonly model?: string;
  /** Attention layer; counted through both transformers of a two-expert model. */
  readonly layer?: number;
  readonly step?: number;
}

/** A capture that says what a calibration needs to know. */
export type PlacedCapture = Capture & { readonly grid: Grid; readonly layer: number };

/**
 * Checks that captures are of this model, of one grid, and say which layer they are of.
 *
 * @throws RangeError that names the capture.
 */
export function placeCaptures(adapter: ModelAdapter, captures: readonly Capture[]): readonly PlacedCapture[] {
  if (captures.length === 0) throw new RangeError("captures: there are none");
  const { name: model, card } = adapter;
  const layers = card.layers * expertCount(card);
  return captures.map((capture) => {
    const fail = (what: string): never => {
      throw new RangeError(`captures: "${capture.name}" ${what}`);
    };
    const { grid, layer, textTokens, query } = capture;
    if (!grid) return fail("does not say its grid");
    if (capture.model !== undefined && capture.model !== model) fail(`is of ${capture.model}, not of ${model}`);
    if (layer === undefined) return fail("does not say its layer");
    if (!Number.isSafeInteger(layer) || layer < 0 || layer >= layers)
      fail(`is of layer ${layer}, but ${card.title} has layers 0 to ${layers - 1}`);
    if (grid.join() !== captures[0].grid?.join())
      fail(`has grid ${grid.join("x")}, but "${captures[0].name}" has ${captures[0].grid?.join("x")}`);
    const shape = [query.shape[0], card.heads, grid[0] * grid[1] * grid[2] + textTokens, card.headDim];
    for (const role of ["query", "key", "value"] as const)
      if (capture[role].shape.join() !== shape.join())
        fail(
          `must have ${role} of shape [${shape.join(", ")}] for ${card.title} at ${grid.join("x")}, ` +
            `got [${capture[role].shape.join(", ")}]`,
        );
    return { ...capture, grid, layer };
  });
}
