import type { Value } from "@spaattn/core";
import type { Drawing, NetworkCase } from "../case.js";
import { nanAt } from "./edits.js";

const small = { size: "small" } as const;
const f32 = { dtype: "f32" } as const;

/** Cosines and sines of random angles. */
function rotary(d: Drawing, rows: number, headDim: number, kind: "interleaved" | "half") {
  const turn = (f: (x: number) => number) => (values: Float32Array) =>
    values.forEach((x, i) => void (values[i] = f(3 * x)));
  // The same angles: weights of one seed would differ by name, so both are functions of the position.
  const angles = (f: (x: number) => number) => (values: Float32Array) => {
    for (let i = 0; i < values.length; i++) values[i] = i + 1;
    turn(f)(values);
  };
  const table = (name: string, f: (x: number) => number) =>
    d.weight(name, [rows, headDim / 2], { ...f32, edit: angles(f) });
  return { kind, cos: table("cos", Math.cos), sin: table("sin", Math.sin) };
}

/** A permutation that is its own surprise: `i * step` modulo a number of tokens it shares no divisor with. */
const order = (d: Drawing, tokens: number, step: number): Value =>
  d.constant([tokens], {
    dtype: "i32",
    edit: (values) => values.forEach((_, i) => void (values[i] = (i * step + 3) % tokens)),
  });

const unit = { mean: 1, scale: 0.2 } as const;

/** Everything `heads` and `merge` can do. */
export const headsCases: readonly NetworkCase[] = [
  {
    ...small,
    name: "heads: split alone",
    draw: (d) => d.output("y", d.g.heads(d.input("x", [2, 7, 96]), { heads: 3 })),
  },
  ...(["rms", "layer"] as const).flatMap((kind) =>
    [true, false].map(
      (across): NetworkCase => ({
        ...small,
        name: `heads: ${kind} norm ${across ? "across heads" : "per head"}`,
        draw: (d) => {
          const size = [across ? 128 : 64];
          const norm = {
            kind,
            across,
            eps: 1e-6,
            weight: d.weight("w", size, unit),
            ...(kind === "layer" ? { bias: d.weight("b", size) } : {}),
          };
          d.output("y", d.g.heads(d.input("x", [2, 11, 128]), { heads: 2, norm }));
        },
      }),
    ),
  ),
  ...(["interleaved", "half"] as const).flatMap((kind): NetworkCase[] => [
    {
      ...small,
      name: `heads: rotary ${kind}`,
      draw: (d) => d.output("y", d.g.heads(d.input("x", [2, 11, 96]), { heads: 3, rotary: rotary(d, 11, 32, kind) })),
    },
    {
      ...small,
      name: `heads: norm, rotary ${kind} of the first tokens, order`,
      draw: (d) => {
        const norm = { kind: "rms", across: true, eps: 1e-6, weight: d.weight("w", [128], unit) } as const;
        const options = { heads: 2, norm, rotary: rotary(d, 13, 64, kind), order: order(d, 19, 7) };
        d.output("y", d.g.heads(d.input("x", [2, 19, 128]), options));
      },
    },
  ]),
  {
    ...small,
    name: "heads: text behind, with norms of its own",
    draw: (d) => {
      const norm = { kind: "rms", across: false, eps: 1e-6, weight: d.weight("w", [64], unit) } as const;
      const text = { x: d.input("text", [2, 5, 128]), weight: d.weight("tw", [64], unit) };
      d.output(
        "y",
        d.g.heads(d.input("x", [2, 11, 128]), {
          heads: 2,
          norm,
          rotary: rotary(d, 11, 64, "interleaved"),
          order: order(d, 11, 4),
          text,
        }),
      );
    },
  },
  {
    ...small,
    name: "heads: head of 128, one token",
    draw: (d) => d.output("y", d.g.heads(d.input("x", [1, 1, 256]), { heads: 2, rotary: rotary(d, 1, 128, "half") })),
  },
  {
    ...small,
    name: "heads: a view that begins anywhere",
    draw: (d) => {
      const x = d.g.view(d.input("wide", [1, 30, 96]), [1, 9, 96], 101);
      d.output("y", d.g.heads(x, { heads: 3, rotary: rotary(d, 9, 32, "interleaved") }));
    },
  },
  {
    ...small,
    name: "heads: NaN stays in its token",
    draw: (d) => {
      const norm = { kind: "rms", across: false, eps: 1e-6, weight: d.weight("w", [32], unit) } as const;
      d.output(
        "y",
        d.g.heads(d.input("x", [1, 7, 96], { edit: nanAt(200) }), { heads: 3, norm, rotary: rotary(d, 7, 32, "half") }),
      );
    },
  },
  {
    ...small,
    name: "merge: alone",
    draw: (d) => d.output("y", d.g.merge(d.input("x", [2, 3, 7, 32])).y),
  },
  {
    ...small,
    name: "merge: order and text",
    draw: (d) => {
      const { y, text } = d.g.merge(d.input("x", [2, 2, 16, 64]), { order: order(d, 11, 4), textTokens: 5 });
      d.output("y", y);
      d.output("text", text as Value);
    },
  },
  {
    ...small,
    name: "heads and merge: back where they were",
    draw: (d) => {
      const along = order(d, 23, 5);
      d.output("y", d.g.merge(d.g.heads(d.input("x", [2, 23, 64]), { heads: 2, order: along }), { order: along }).y);
    },
  },
];
