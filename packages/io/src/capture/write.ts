import type { NamedTensors } from "@spaattn/weights";
import { type CaptureInfo, type CaptureInput, DEFAULT_AXIS_ORDER, factsProblem, tensorsProblem } from "./capture.js";
import { captureMetadata } from "./metadata.js";

/**
 * The tensors and metadata of a capture file, for `encodeSafetensors` or `writeSafetensors`.
 *
 * @throws RangeError when shapes and facts disagree.
 */
export function captureContents(capture: CaptureInput): { tensors: NamedTensors; metadata: Record<string, string> } {
  const { query, key, value, grid, textTokens = 0 } = capture;
  const problem = tensorsProblem({ query, key, value });
  if (problem) throw new RangeError(`capture: ${problem}`);
  const info: CaptureInfo = {
    ...capture,
    tokenOrder: capture.tokenOrder ?? (grid ? "raster" : "curve"),
    axisOrder: capture.axisOrder ?? DEFAULT_AXIS_ORDER,
    textTokens,
    textValid: capture.textValid ?? new Array<number>(query.shape[0]).fill(textTokens),
  };
  const wrong = factsProblem(query.shape, info);
  if (wrong) throw new RangeError(`capture: ${wrong}`);
  return { tensors: { query, key, value }, metadata: captureMetadata(info) };
}
