import type { Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";

/** Squares of pixels into channels (Wan 2.2): channel, column, row, the channel slowest. */
export function patchify(g: Builder, x: Value, patch: number): Value {
  if (patch === 1) return x;
  const [, t, h, w, c] = x.shape;
  const split = g.reshape(x, [t, h / patch, patch, w / patch, patch, c]);
  return g.reshape(g.transpose(split, [0, 1, 3, 5, 4, 2]), [1, t, h / patch, w / patch, c * patch * patch]);
}

/** The inverse. */
export function unpatchify(g: Builder, x: Value, patch: number): Value {
  if (patch === 1) return x;
  const [, t, h, w, c] = x.shape;
  const split = g.reshape(x, [t, h, w, c / (patch * patch), patch, patch]);
  return g.reshape(g.transpose(split, [0, 1, 5, 2, 4, 3]), [1, t, h * patch, w * patch, c / (patch * patch)]);
}
