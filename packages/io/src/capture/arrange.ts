import { type FloatDType, HostTensor } from "@spaattn/core";
import { type Capture, type CaptureInfo, DEFAULT_AXIS_ORDER, factsProblem, tensorsProblem } from "./capture.js";

/** How arrays of other tools lie in memory. */
export interface Arrangement extends Partial<CaptureInfo> {
  /** Axes: `bhtd` is `[batch, heads, tokens, headDim]` (PyTorch's attention), `bthd` `[batch, tokens, heads, headDim]`. */
  readonly layout?: "bhtd" | "bthd";
  /** Where text stands in the sequence; default behind the visual tokens. */
  readonly text?: "behind" | "front";
}

interface Arrays {
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
}

/**
 * A capture made of three arrays: a batch of one where there is none, axes and text put where captures have them, float64
 * as float32.
 *
 * @throws RangeError that says what does not fit.
 */
export function arrangeCapture(arrays: Arrays, arrangement: Arrangement = {}): Capture {
  const { layout = "bhtd", text = "behind", textTokens = 0, ...facts } = arrangement;
  const place = (tensor: HostTensor): HostTensor<FloatDType> => {
    const whole = withBatch(tensor.dtype === "f64" ? tensor.to("f32") : tensor);
    const axes = layout === "bthd" ? headsFirst(whole) : whole;
    return (text === "front" && textTokens > 0 ? textBehind(axes, textTokens) : axes) as HostTensor<FloatDType>;
  };
  const tensors = { query: place(arrays.query), key: place(arrays.key), value: place(arrays.value) };
  const problem = tensorsProblem(tensors);
  if (problem) throw new RangeError(problem);
  const info: CaptureInfo = {
    ...facts,
    tokenOrder: facts.tokenOrder ?? (facts.grid ? "raster" : "curve"),
    axisOrder: facts.axisOrder ?? DEFAULT_AXIS_ORDER,
    textTokens,
    textValid: facts.textValid ?? new Array<number>(tensors.query.shape[0]).fill(textTokens),
  };
  const wrong = factsProblem(tensors.query.shape, info);
  if (wrong) throw new RangeError(wrong);
  return { ...info, ...tensors };
}

function withBatch(tensor: HostTensor): HostTensor {
  return tensor.shape.length === 3 ? new HostTensor(tensor.dtype, [1, ...tensor.shape], tensor.data) : tensor;
}

/** `[b, t, h, d]` as `[b, h, t, d]`. */
function headsFirst(tensor: HostTensor): HostTensor {
  if (tensor.shape.length !== 4) return tensor;
  const [batch, tokens, heads, d] = tensor.shape;
  const out = new HostTensor(tensor.dtype, [batch, heads, tokens, d]);
  for (let b = 0; b < batch; b++)
    for (let t = 0; t < tokens; t++)
      for (let h = 0; h < heads; h++) {
        const from = ((b * tokens + t) * heads + h) * d;
        out.data.set(tensor.data.subarray(from, from + d) as never, ((b * heads + h) * tokens + t) * d);
      }
  return out;
}

function textBehind(tensor: HostTensor, textTokens: number): HostTensor {
  const [, , tokens, d] = tensor.shape;
  if (textTokens >= tokens) return tensor;
  const out = new HostTensor(tensor.dtype, tensor.shape);
  const [row, text] = [tokens * d, textTokens * d];
  for (let at = 0; at < tensor.data.length; at += row) {
    out.data.set(tensor.data.subarray(at + text, at + row) as never, at);
    out.data.set(tensor.data.subarray(at, at + text) as never, at + row - text);
  }
  return out;
}
