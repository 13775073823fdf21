import type { Value } from "@spaattn/core";
import type { ConvOptions } from "@spaattn/nn";
import type { Drawing, NetworkCase } from "../case.js";
import { nanAt } from "./edits.js";

interface Shape {
  readonly x: readonly number[];
  readonly co: number;
  readonly kernel: readonly number[];
}

const layer = (d: Drawing, { x, co, kernel }: Shape, options: Partial<ConvOptions> = {}): Value => {
  const ci = x[4];
  const taps = kernel.reduce((a, b) => a * b, 1);
  const weight = d.weight("w", [co, ci, ...kernel], { scale: (ci * taps) ** -0.5 });
  return d.g.conv(d.input("x", x), { weight, bias: d.weight("b", [co]), ...options });
};

const one = (
  name: string,
  shape: Shape,
  options: Partial<ConvOptions> = {},
  size: NetworkCase["size"] = "small",
): NetworkCase => ({
  size,
  name: `conv: ${name}`,
  draw: (d) => d.output("y", layer(d, shape, options)),
});

/** Everything `conv` can do. */
export const convCases: readonly NetworkCase[] = [
  one("1x1", { x: [2, 1, 5, 7, 9], co: 6, kernel: [1, 1] }),
  one("1x1x1", { x: [1, 3, 5, 7, 16], co: 4, kernel: [1, 1, 1] }),
  one("3x3, zeros around", { x: [2, 1, 7, 9, 5], co: 8, kernel: [3, 3] }, { padding: 1 }),
  one("3x3, edges around", { x: [1, 2, 7, 9, 16], co: 3, kernel: [3, 3] }, { padding: 1, mode: "replicate" }),
  one(
    "3x3 by strides of two, padded on one side",
    { x: [1, 2, 9, 12, 8], co: 8, kernel: [3, 3] },
    {
      stride: [1, 2, 2],
      padding: { top: 0, bottom: 1, left: 0, right: 1 },
    },
  ),
  one("a picture of one pixel", { x: [1, 1, 1, 1, 4], co: 4, kernel: [3, 3] }, { padding: 1 }),
  one("3x3x3 causal", { x: [2, 4, 5, 6, 12], co: 10, kernel: [3, 3, 3] }, { front: 2, padding: 1 }),
  one(
    "3x3x3 causal, edges in front and around",
    { x: [1, 4, 5, 6, 12], co: 10, kernel: [3, 3, 3] },
    {
      front: 2,
      padding: 1,
      mode: "replicate",
    },
  ),
  one(
    "3x1x1 causal by strides of two",
    { x: [1, 5, 3, 4, 12], co: 12, kernel: [3, 1, 1] },
    { stride: [2, 1, 1], front: 1 },
  ),
  one("patches of 1x2x2", { x: [2, 3, 6, 10, 16], co: 24, kernel: [1, 2, 2] }, { stride: [1, 2, 2] }),
  one("patches of 14", { x: [2, 1, 28, 28, 3], co: 32, kernel: [14, 14] }, { stride: [1, 14, 14] }),
  one(
    "3x3x3 causal, 32 channels",
    { x: [1, 3, 17, 19, 32], co: 48, kernel: [3, 3, 3] },
    { front: 2, padding: 1 },
    "large",
  ),
  one(
    "3x3x3 causal, 96 channels to 3",
    { x: [1, 2, 9, 10, 96], co: 3, kernel: [3, 3, 3] },
    { front: 2, padding: 1 },
    "large",
  ),
  {
    size: "small",
    name: "conv: residual, no bias",
    draw: (d) => {
      const weight = d.weight("w", [8, 8, 3, 3], { scale: 0.1 });
      d.output(
        "y",
        d.g.conv(d.input("x", [1, 2, 5, 6, 8]), { weight, padding: 1, residual: d.input("r", [1, 2, 5, 6, 8]) }),
      );
    },
  },
  {
    size: "small",
    name: "conv: weights in f16",
    draw: (d) => {
      const weight = d.weight("w", [8, 8, 3, 3, 3], { dtype: "f16", scale: 0.07 });
      d.output("y", d.g.conv(d.input("x", [1, 3, 5, 6, 8]), { weight, front: 2, padding: 1 }));
    },
  },
  ...(["zero", "replicate"] as const).map(
    (mode): NetworkCase => ({
      size: "small",
      name: `conv: one remembered frame, ${mode} before it`,
      draw: (d) => {
        const history = d.input("history", [2, 1, 5, 6, 8]);
        d.output(
          "y",
          layer(d, { x: [2, 3, 5, 6, 8], co: 8, kernel: [3, 3, 3] }, { front: 2, padding: 1, mode, history }),
        );
      },
    }),
  ),
  {
    size: "small",
    name: "conv: NaN stays in its neighbourhood",
    draw: (d) => {
      const x = d.input("x", [1, 3, 9, 9, 6], { edit: nanAt((9 * 4 + 4) * 6 + 81 * 6) });
      d.output("y", d.g.conv(x, { weight: d.weight("w", [5, 6, 3, 3, 3], { scale: 0.1 }), front: 2, padding: 1 }));
    },
  },
  {
    size: "small",
    name: "conv: views that begin anywhere",
    draw: (d) => {
      const x = d.g.view(d.input("wide", [1000]), [1, 1, 6, 7, 5], 13);
      const weight = d.g.view(d.weight("w", [9, 5, 3, 3], { scale: 0.15 }), [4, 5, 3, 3], 2 * 45);
      d.output("y", d.g.conv(x, { weight, padding: 1 }));
    },
  },
  {
    size: "small",
    name: "conv: a chain that remembers two frames over three calls",
    calls: 3,
    draw: (d) => {
      let x = d.input("x", [1, 2, 5, 6, 4]);
      for (const i of [0, 1]) {
        const history = d.state(`history${i}`, [1, 2, 5, 6, 4], { edit: (values) => void values.fill(0) });
        const weight = d.weight(`w${i}`, [4, 4, 3, 3, 3], { scale: 0.1 });
        const y = d.g.conv(x, { weight, front: 2, padding: 1, history });
        d.g.assign(history, x);
        x = y;
      }
      d.output("y", x);
    },
  },
];
