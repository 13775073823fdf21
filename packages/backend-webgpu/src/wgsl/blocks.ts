import type { Geometry } from "@spaattn/attention";
import type { Param } from "../kernel.js";

/**
 * Sizes are parameters, not constants, so that one pipeline serves all lengths.
 * Parameters every kernel that reads blocks has; `valid_text` holds the valid text tokens of each batch item.
 */
export const blockParams = (geometry: Geometry): Param[] => [
  { name: "tokens", type: "u32" },
  { name: "visual", type: "u32" },
  { name: "heads", type: "u32" },
  { name: "block_size", type: "u32" },
  { name: "blocks", type: "u32" },
  { name: "text_blocks", type: "u32" },
  { name: "valid_text", type: "u32", length: geometry.batch },
];

export const blockValues = (geometry: Geometry) => ({
  tokens: geometry.tokens,
  visual: geometry.visualTokens,
  heads: geometry.heads,
  block_size: geometry.blockSize,
  blocks: geometry.visualBlocks,
  text_blocks: geometry.textBlocks,
  valid_text: geometry.textValid,
});

/** Key ranges as in `core/geometry.ts`: text blocks start right behind the visual tokens. */
export const blockFunctions = `
fn block_start(b: u32) -> u32 {
  return select(p.visual + (b - p.blocks) * p.block_size, b * p.block_size, b < p.blocks);
}
fn block_end(b: u32, text: u32) -> u32 {
  let start = block_start(b);
  return max(start, min(start + p.block_size, select(p.visual + text, p.visual, b < p.blocks)));
}
fn block_count(b: u32) -> u32 { return min(p.block_size, p.visual - b * p.block_size); }
`;
