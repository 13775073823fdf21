import { elementCount } from "@spaattn/core";
import type { Operand } from "../operand.js";

/**
 * Where the row of a per-row parameter `[batch, r, width]` begins that position `at` of a stream `[batch, tokens, width]`
 * gets: the only one of its batch item, the token's own, or the one that `index` `[batch, tokens]` names.
 */
export function rowOf(parameter: Operand, index: Operand | undefined, stream: readonly number[]) {
  const tokens = elementCount(stream.slice(1, -1));
  const [, rows, width] = parameter.shape;
  return (at: number): number => {
    const item = Math.floor(at / tokens);
    const row = index ? index.raw[at] : rows === 1 ? 0 : at % tokens;
    return (item * rows + row) * width;
  };
}
