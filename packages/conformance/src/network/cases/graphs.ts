import { always } from "@spaattn/attention";
import type { Value } from "@spaattn/core";
import type { Drawing, NetworkCase } from "../case.js";

const WIDTH = 128;
const HEADS = 2;

function angles(d: Drawing, tokens: number) {
  const table = (name: string, f: (x: number) => number) =>
    d.weight(name, [tokens, WIDTH / HEADS / 2], {
      dtype: "f32",
      edit: (values) => values.forEach((_, i) => void (values[i] = f(0.37 * i))),
    });
  return { kind: "interleaved", cos: table("cos", Math.cos), sin: table("sin", Math.sin) } as const;
}

/** A transformer block as video models have it: modulation, query and key norms, rotary embedding, cross attention, feed-forward. */
function block(d: Drawing, x: Value, text: Value, time: Value, sparse: boolean): Value {
  const { g } = d;
  const [, tokens] = x.shape;
  const batch = x.shape[0];
  const table = g.add(
    g.reshape(time, [batch, 6, WIDTH]),
    d.weight("table", [1, 6, WIDTH], { dtype: "f32", scale: 0.2 }),
  );
  const [shift, scale, gate, shift2, scale2, gate2] = Array.from({ length: 6 }, (_, i) => g.slice(table, 1, i, 1));
  const norm = (name: string) =>
    ({ kind: "rms", across: true, eps: 1e-6, weight: d.weight(name, [WIDTH], { mean: 1, scale: 0.1 }) }) as const;
  const order = d.constant([tokens], {
    dtype: "i32",
    edit: (values) => values.forEach((_, i) => void (values[i] = (i * 7 + 3) % tokens)),
  });
  const rotary = angles(d, tokens);
  const near = { scale: WIDTH ** -0.5 };

  const normed = g.norm(x, { kind: "layer", eps: 1e-6, shift, scale });
  const query = g.heads(g.linear(normed, d.linear("q", WIDTH, WIDTH, near)), {
    heads: HEADS,
    norm: norm("norm_q"),
    rotary,
    order,
  });
  const key = g.heads(g.linear(normed, d.linear("k", WIDTH, WIDTH, near)), {
    heads: HEADS,
    norm: norm("norm_k"),
    rotary,
    order,
  });
  const value = g.heads(g.linear(normed, d.linear("v", WIDTH, WIDTH, near)), { heads: HEADS, order });
  const spec = { policy: always([1]), rectify: "tail", tail: { strata: "contiguous" } } as const;
  const attended = g.attention(query, key, value, sparse ? spec : { dense: true });
  x = g.linear(g.merge(attended, { order }).y, d.linear("o", WIDTH, WIDTH, near), { gate, residual: x });

  const affine = {
    weight: d.weight("norm2.weight", [WIDTH], { mean: 1, scale: 0.1 }),
    bias: d.weight("norm2.bias", [WIDTH], { scale: 0.1 }),
  };
  const crossQuery = g.linear(g.norm(x, { kind: "layer", eps: 1e-6, ...affine }), d.linear("cq", WIDTH, WIDTH, near));
  const split = (y: Value, name: string) => g.heads(y, { heads: HEADS, norm: norm(name) });
  const cross = g.denseAttention(
    split(crossQuery, "norm_cq"),
    split(g.linear(text, d.linear("ck", WIDTH, WIDTH, near)), "norm_ck"),
    g.heads(g.linear(text, d.linear("cv", WIDTH, WIDTH, near)), { heads: HEADS }),
  );
  x = g.linear(g.merge(cross).y, d.linear("co", WIDTH, WIDTH, near), { residual: x });

  const up = d.linear("up", 320, WIDTH);
  const down = d.linear("down", WIDTH, 320);
  return g.rows(x, () => {
    const inner = g.norm(x, { kind: "layer", eps: 1e-6, shift: shift2, scale: scale2 });
    return g.linear(g.linear(inner, up, { activation: "gelu-tanh" }), down, { gate: gate2, residual: x });
  });
}

const transformer = (name: string, batch: number, tokens: number, sparse: boolean): NetworkCase => ({
  size: "large",
  name: `a transformer block: ${name}`,
  // A dozen roundings follow each other; how much they grow was measured on rounded temporaries of the oracle.
  draw: (d) => {
    const x = d.input("x", [batch, tokens, WIDTH]);
    const text = d.input("text", [batch, 21, WIDTH]);
    const time = d.input("time", [batch, 6 * WIDTH], { dtype: "f32", scale: 0.3 });
    d.output(
      "y",
      d.g.segment("block 0", () => block(d, x, text, time, sparse)),
    );
  },
});

/** A residual block of a causal VAE: channel norm, silu, convolution, remembered frames. */
function residualBlock(d: Drawing, name: string, x: Value, co: number): Value {
  const { g } = d;
  const ci = x.shape[4];
  const conv = (part: string, y: Value, from: number, residual?: Value) => {
    const history = d.state(`${name}.${part}.history`, [...y.shape.slice(0, 1), 2, ...y.shape.slice(2, 4), from], {
      edit: (values) => void values.fill(0),
    });
    const weight = d.weight(`${name}.${part}.weight`, [co, from, 3, 3, 3], { scale: (27 * from) ** -0.5 });
    const out = g.conv(y, {
      weight,
      bias: d.weight(`${name}.${part}.bias`, [co], { scale: 0.1 }),
      front: 2,
      padding: 1,
      history,
      ...(residual ? { residual } : {}),
    });
    g.assign(history, g.slice(g.concat([history, y], 1), 1, y.shape[1], 2));
    return out;
  };
  const norm = (part: string, y: Value) =>
    g.norm(y, {
      kind: "l2",
      eps: 1e-12,
      activation: "silu",
      weight: d.weight(`${name}.${part}.gamma`, [y.shape[4]], { mean: 1, scale: 0.1 }),
    });
  const short =
    ci === co ? x : g.conv(x, { weight: d.weight(`${name}.short`, [co, ci, 1, 1, 1], { scale: ci ** -0.5 }) });
  return conv("conv2", norm("norm2", conv("conv1", norm("norm1", x), ci)), co, short);
}

/** Small whole networks. */
export const graphCases: readonly NetworkCase[] = [
  transformer("every block attended", 1, 150, false),
  transformer("given blocks, batch 2", 2, 300, true),
  transformer("one token", 1, 1, false),
  {
    size: "large",
    name: "a VAE stage: three calls that remember frames",
    calls: 3,
    draw: (d) => {
      const { g } = d;
      const x = d.input("x", [1, 1, 6, 5, 8]);
      let y = g.segment("first", () => residualBlock(d, "a", x, 12));
      y = g.segment("up", () => {
        const big = g.repeat(y, [1, 1, 2, 2, 1]);
        return g.conv(big, { weight: d.weight("up.weight", [8, 12, 3, 3], { scale: 108 ** -0.5 }), padding: 1 });
      });
      y = g.segment("last", () => residualBlock(d, "b", y, 8));
      d.output("y", y);
    },
  },
  {
    size: "large",
    name: "a layer of a text encoder: ids, relative bias, key mask, gated feed-forward",
    draw: (d) => {
      const { g } = d;
      const x = g.embed(d.input("ids", [2, 24], { dtype: "i32", below: 50 }), d.weight("table", [50, 64]));
      const rms = (y: Value, name: string) =>
        g.norm(y, { kind: "rms", eps: 1e-6, weight: d.weight(name, [64], { mean: 1, scale: 0.1 }) });
      const normed = rms(x, "n1");
      const [query, key, value] = ["q", "k", "v"].map((name) =>
        g.heads(g.linear(normed, d.linear(name, 64, 64, { bias: false, scale: 0.06 })), { heads: 2 }),
      );
      const keyMask = d.input("mask", [2, 24], {
        dtype: "u8",
        edit: (values) => values.forEach((_, i) => void (values[i] = i % 24 < 15 + (i >= 24 ? 9 : 0) ? 1 : 0)),
      });
      const bias = d.input("bias", [1, 2, 24, 24], { dtype: "f32" });
      const attended = g.denseAttention(query, key, value, { scale: 1, keyMask, bias });
      const y = g.linear(g.merge(attended).y, d.linear("o", 64, 64, { bias: false }), { residual: x });
      const pair = { activation: "gelu-tanh", times: d.linear("wi_1", 96, 64, { bias: false }) } as const;
      const inner = g.linear(rms(y, "n2"), d.linear("wi_0", 96, 64, { bias: false }), pair);
      d.output("y", g.linear(inner, d.linear("wo", 64, 96, { bias: false }), { residual: y }));
    },
  },
];
