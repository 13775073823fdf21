import { elementCount, type OperationName } from "@spaattn/core";
import type { Lowering } from "../network/lowering.js";

/** Address of the record that says which row of a per-item or per-token parameter belongs to a token; 0 without one. */
export function modulation<N extends OperationName>(l: Lowering<N>, role: string, stream: readonly number[]): number {
  const spec = l.spec(role);
  if (!spec) return 0;
  const tokens = elementCount(stream.slice(1, -1));
  return l.record([l.raw("index"), spec.shape[1], tokens]);
}
