import type { Geometry } from "@spaattn/core";
import type { Param } from "../kernel.js";

/** Parameters every kernel that reads blocks has; `valid_text` holds the valid text tokens of each batch item. */
export const blockParams = (geometry: Geometry): Param[] => [
  { name: "tokens", type: "u32" },
  { name: "visual", type: "u32" },
  { name: "heads", type: "u32" },
  { name: "valid_text", type: "u32", length: geometry.batch },
];

export const blockValues = ({ tokens, visualTokens, heads, textValid }: Geometry) => ({
  tokens,
  visual: visualTokens,
  heads,
  valid_text: textValid,
});

/** Key ranges as in `core/geometry.ts`: text blocks start right behind the visual tokens. */
export const blockFunctions = ({ blockSize, visualBlocks }: Geometry): string => `
const BLOCK = ${blockSize}u;
const N_BLOCKS = ${visualBlocks}u;
fn block_start(b: u32) -> u32 {
  return select(p.visual + (b - N_BLOCKS) * BLOCK, b * BLOCK, b < N_BLOCKS);
}
fn block_end(b: u32, text: u32) -> u32 {
  let start = block_start(b);
  return max(start, min(start + BLOCK, select(p.visual + text, p.visual, b < N_BLOCKS)));
}
fn block_count(b: u32) -> u32 { return min(BLOCK, p.visual - b * BLOCK); }
`;
