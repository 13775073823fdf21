import { HostTensor } from "@spaattn/core";
import type { Expansion } from "./parts.js";

/**
 * Attention of which every block is computed, as dense attention with the invalid text hidden.
 *
 * Sparse attention has no simpler operations here: its primitives belong to the device (`compilePlan`).
 */
export const expandAttention: Expansion<"attention"> = ({ g, attrs: { spec }, in: { query, key, value } }) => {
  const { geometry, dense, dtype, outputDtype, extras, permute } = spec;
  const { batch, tokens, visualTokens, textTokens, textValid, scale } = geometry;
  if (!dense || extras.length > 0 || permute || dtype !== outputDtype) return undefined;
  if (textValid.every((valid) => valid === textTokens))
    return { output: g.denseAttention(query, key, value, { scale }) };
  const visible = Uint8Array.from({ length: batch * tokens }, (_, i) =>
    i % tokens < visualTokens + textValid[Math.floor(i / tokens)] ? 1 : 0,
  );
  const keyMask = g.constant(new HostTensor("u8", [batch, tokens], visible));
  const output = g.denseAttention(query, key, value, { scale, keyMask });
  // Rows of invalid text are zeros.
  const items = textValid.map((valid, item) => {
    const own = g.slice(g.slice(output, 0, item, 1), 2, 0, visualTokens + valid);
    return valid < textTokens ? g.pad(own, 2, 0, textTokens - valid) : own;
  });
  return { output: g.concat(items, 0) };
};
