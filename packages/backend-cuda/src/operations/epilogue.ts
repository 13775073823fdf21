import type { Activation } from "@spaattn/nn";
import { ACTIVATIONS } from "@spaattn/nn";
import { countOf, inEights, kindOf, lastOf, type Operand } from "../network/call.js";
import type { Params } from "../params.js";

/** What follows a matrix product: Epilogue of epilogue.cuh. */
export interface Epilogue {
  readonly y: Operand;
  /** Batch items of the result, each with a gate of its own. */
  readonly batch: number;
  readonly activation?: Activation;
  readonly bias?: Operand | undefined;
  readonly scale?: Operand | undefined;
  readonly gate?: Operand | undefined;
  readonly index?: Operand | undefined;
  readonly residual?: Operand | undefined;
  /** A gated pair: the second product's factors. */
  readonly paired?: { readonly bias?: Operand | undefined; readonly scale?: Operand | undefined } | undefined;
}

const kind = (operand: Operand | undefined) => (operand ? kindOf(operand.dtype) : 0);
const stride = (scale: Operand | undefined) => (scale && countOf(scale) > 1 ? 1 : 0);

export function writeEpilogue(params: Params, e: Epilogue): Params {
  const { y, batch, activation = "none", bias, scale, gate, index, residual, paired } = e;
  const n = lastOf(y);
  return params
    .align()
    .pointers(bias?.pointer, paired?.bias?.pointer, gate?.pointer, residual?.pointer)
    .pointers(scale?.pointer, paired?.scale?.pointer, index?.pointer, y.pointer)
    .longs(Math.max(1, countOf(y) / n / batch))
    .ints(n, ACTIVATIONS.indexOf(activation), gate?.shape[1] ?? 0, stride(scale), stride(paired?.scale))
    .ints(kind(bias), kind(paired?.bias), kind(gate), kind(residual), kind(y))
    .ints(paired !== undefined, inEights(n, y, bias, paired?.bias, gate, residual));
}
