import { always } from "@spaattn/attention";
import type { Drawing, NetworkCase } from "../case.js";
import { nanAt } from "./edits.js";

const small = { size: "small" } as const;

const streams = (d: Drawing, batch: number, heads: number, sq: number, sk: number, headDim: number) => ({
  query: d.input("query", [batch, heads, sq, headDim]),
  key: d.input("key", [batch, heads, sk, headDim]),
  value: d.input("value", [batch, heads, sk, headDim]),
});

/** Hides every third key; of the last batch item all keys. */
const mask = (d: Drawing, batch: number, sk: number, hideAll = false) =>
  d.input("keyMask", [batch, sk], {
    dtype: "u8",
    edit: (values) =>
      values.forEach((_, i) => {
        const all = hideAll && i >= (batch - 1) * sk;
        values[i] = all || i % 3 === 1 ? 0 : 1;
      }),
  });

/** `denseAttention` and `attention`. */
export const attentionCases: readonly NetworkCase[] = [
  ...[32, 64, 80, 128].map(
    (headDim): NetworkCase => ({
      ...small,
      name: `dense attention: head dim ${headDim}`,
      draw: (d) => {
        const { query, key, value } = streams(d, 2, 2, 37, 29, headDim);
        d.output("y", d.g.denseAttention(query, key, value));
      },
    }),
  ),
  {
    ...small,
    name: "dense attention: one query, one key",
    draw: (d) => {
      const { query, key, value } = streams(d, 1, 2, 1, 1, 64);
      d.output("y", d.g.denseAttention(query, key, value));
    },
  },
  {
    size: "large",
    name: "dense attention: one wide head, as in the middle of a VAE",
    draw: (d) => {
      const { query, key, value } = streams(d, 1, 1, 150, 150, 384);
      d.output("y", d.g.denseAttention(query, key, value));
    },
  },
  {
    size: "large",
    name: "dense attention: many keys",
    draw: (d) => {
      const { query, key, value } = streams(d, 1, 2, 130, 700, 64);
      d.output("y", d.g.denseAttention(query, key, value));
    },
  },
  {
    ...small,
    name: "dense attention: values narrower than keys",
    draw: (d) => {
      const { query, key } = streams(d, 1, 2, 20, 33, 64);
      d.output("y", d.g.denseAttention(query, key, d.input("narrow", [1, 2, 33, 32])));
    },
  },
  {
    ...small,
    name: "dense attention: hidden keys, NaN in them",
    draw: (d) => {
      const nan = nanAt(64, 65);
      const query = d.input("query", [2, 2, 19, 64]);
      const key = d.input("key", [2, 2, 31, 64], { edit: nan });
      const value = d.input("value", [2, 2, 31, 64], { edit: nan });
      d.output("y", d.g.denseAttention(query, key, value, { keyMask: mask(d, 2, 31) }));
    },
  },
  {
    ...small,
    name: "dense attention: queries that see no key give zeros",
    draw: (d) => {
      const { query, key, value } = streams(d, 2, 2, 19, 31, 64);
      d.output("y", d.g.denseAttention(query, key, value, { keyMask: mask(d, 2, 31, true) }));
    },
  },
  ...[1, 2].map(
    (batch): NetworkCase => ({
      ...small,
      name: `dense attention: bias of ${batch === 1 ? "all items" : "each item"}, scale 1, hidden keys`,
      draw: (d) => {
        const { query, key, value } = streams(d, 2, 2, 23, 23, 32);
        const bias = d.input("bias", [batch, 2, 23, 23], { dtype: "f32" });
        d.output("y", d.g.denseAttention(query, key, value, { scale: 0.3, bias, keyMask: mask(d, 2, 23) }));
      },
    }),
  ),
  ...[1, 6].map(
    (frameTokens): NetworkCase => ({
      ...small,
      name: `dense attention: causal by frames of ${frameTokens}`,
      draw: (d) => {
        const { query, key, value } = streams(d, 2, 2, 33, 33, 64);
        d.output("y", d.g.denseAttention(query, key, value, { frameTokens }));
      },
    }),
  ),
  {
    ...small,
    name: "dense attention: logits huge and tiny",
    // Logits up to 300 are rounded before the exponential.
    looser: 8,
    draw: (d) => {
      const edit = (values: Float32Array) => values.forEach((x, i) => void (values[i] = i < 640 ? x * 30 : x / 1000));
      const query = d.input("query", [1, 1, 20, 64], { edit });
      d.output("y", d.g.denseAttention(query, d.input("key", [1, 1, 25, 64]), d.input("value", [1, 1, 25, 64])));
    },
  },
  {
    ...small,
    name: "dense attention: NaN stays in its query",
    draw: (d) => {
      const query = d.input("query", [1, 2, 40, 64], { edit: nanAt(64 * 3) });
      d.output("y", d.g.denseAttention(query, d.input("key", [1, 2, 25, 64]), d.input("value", [1, 2, 25, 64])));
    },
  },
  {
    ...small,
    name: "dense attention: views that begin anywhere",
    draw: (d) => {
      const all = d.input("all", [3 * 2 * 21 * 64 + 5]);
      const [query, key, value] = [0, 1, 2].map((i) => d.g.view(all, [1, 2, 21, 64], 5 + i * 2 * 21 * 64));
      d.output("y", d.g.denseAttention(query, key, value));
    },
  },
  {
    size: "large",
    name: "attention: every block",
    draw: (d) => {
      const { query, key, value } = streams(d, 1, 2, 300, 300, 64);
      d.output("y", d.g.attention(query, key, value, { dense: true }));
    },
  },
  {
    size: "large",
    name: "attention: every block, text of different lengths, NaN behind it",
    draw: (d) => {
      const [batch, heads, visual, text, headDim] = [2, 2, 140, 40, 64];
      const textValid = [40, 23];
      const tokens = visual + text;
      const edit = (values: Float32Array) =>
        values.forEach((_, i) => {
          const item = Math.floor(i / (heads * tokens * headDim));
          if (Math.floor(i / headDim) % tokens >= visual + textValid[item]) values[i] = Number.NaN;
        });
      const shape = [batch, heads, tokens, headDim];
      const [query, key, value] = ["query", "key", "value"].map((name) => d.input(name, shape, { edit }));
      d.output("y", d.g.attention(query, key, value, { dense: true, textTokens: text, textValid }));
    },
  },
  ...(["none", "tail"] as const).map(
    (rectify): NetworkCase => ({
      size: "large",
      name: `attention: given blocks, ${rectify}, text behind`,
      draw: (d) => {
        const { query, key, value } = streams(d, 1, 2, 520, 520, 64);
        // Blocks that nobody ranks and strata that follow the tokens' order: nothing is too close to decide.
        const spec = { policy: always([1, 3]), rectify, tail: { strata: "contiguous" }, textTokens: 40 } as const;
        d.output("y", d.g.attention(query, key, value, spec));
      },
    }),
  ),
];
