import type { NetworkCase } from "../case.js";
import { nanAt, setRow } from "./edits.js";

const small = { size: "small" } as const;
const KINDS = ["layer", "rms", "l2"] as const;

/** Rows of very different sizes, and a row of zeros. */
const sizes = (top: number) => (values: Float32Array, shape: readonly number[]) => {
  setRow(values, shape, 0, (x) => x * top);
  setRow(values, shape, 1, (x) => x / top);
  setRow(values, shape, 2, () => 0);
};

/** Everything `norm` can do. */
export const normCases: readonly NetworkCase[] = [
  ...KINDS.flatMap((kind): NetworkCase[] => [
    {
      ...small,
      name: `norm: ${kind}, odd width, affine`,
      draw: (d) => {
        const affine = { weight: d.weight("w", [37], { mean: 1, scale: 0.2 }), bias: d.weight("b", [37]) };
        d.output("y", d.g.norm(d.input("x", [2, 5, 37], { mean: 0.5 }), { kind, eps: 1e-6, ...affine }));
      },
    },
    {
      ...small,
      name: `norm: ${kind}, one row`,
      draw: (d) => d.output("y", d.g.norm(d.input("x", [1, 1, 320]), { kind, eps: 1e-6 })),
    },
    {
      ...small,
      name: `norm: ${kind}, rows huge and tiny`,
      perRow: true,
      draw: (d) =>
        d.output("y", d.g.norm(d.input("x", [1, 5, 96], { edit: sizes(1e4) }), { kind, eps: 1e-12, dtype: "f32" })),
    },
    {
      ...small,
      name: `norm: ${kind}, NaN stays in its row`,
      draw: (d) => d.output("y", d.g.norm(d.input("x", [2, 9, 40], { edit: nanAt(95, 400) }), { kind, eps: 1e-6 })),
    },
    {
      ...small,
      name: `norm: ${kind}, a view that begins anywhere`,
      draw: (d) => {
        const x = d.g.view(d.input("wide", [1, 20, 33]), [1, 7, 33], 38);
        const weight = d.g.view(d.weight("w", [99]), [33], 7);
        d.output("y", d.g.norm(x, { kind, eps: 1e-5, weight }));
      },
    },
  ]),
  {
    ...small,
    name: "norm: layer far from zero",
    // The mean is 30 deviations away: f32 keeps what a sum of squares would lose. Stored halves lose it before.
    dtypes: ["f32"],
    looser: 30,
    draw: (d) => d.output("y", d.g.norm(d.input("x", [1, 7, 256], { mean: 30 }), { kind: "layer", eps: 1e-6 })),
  },
  {
    ...small,
    name: "norm: modulated per item",
    draw: (d) => {
      const modulation = { shift: d.input("shift", [2, 1, 48]), scale: d.input("scale", [2, 1, 48]) };
      d.output("y", d.g.norm(d.input("x", [2, 11, 48]), { kind: "layer", eps: 1e-6, ...modulation }));
    },
  },
  {
    ...small,
    name: "norm: modulated per token by f32, behind an affine, silu",
    draw: (d) => {
      const f32 = { dtype: "f32" } as const;
      const modulation = { shift: d.input("shift", [2, 11, 48], f32), scale: d.input("scale", [2, 11, 48], f32) };
      const affine = { weight: d.weight("w", [48], { mean: 1, scale: 0.2 }), bias: d.weight("b", [48]) };
      d.output(
        "y",
        d.g.norm(d.input("x", [2, 11, 48]), { kind: "rms", eps: 1e-6, activation: "silu", ...affine, ...modulation }),
      );
    },
  },
  {
    ...small,
    name: "norm: modulated by index, shift alone",
    draw: (d) => {
      const index = d.input("index", [2, 11], { dtype: "i32", below: 3 });
      d.output(
        "y",
        d.g.norm(d.input("x", [2, 11, 48]), { kind: "layer", eps: 1e-6, shift: d.input("shift", [2, 3, 48]), index }),
      );
    },
  },
  {
    ...small,
    name: "norm: modulated by views of one table",
    draw: (d) => {
      const table = d.input("table", [1, 6, 48]);
      const [shift, scale] = [2, 5].map((row) => d.g.slice(table, 1, row, 1));
      d.output("y", d.g.norm(d.input("x", [1, 11, 48]), { kind: "layer", eps: 1e-6, shift, scale }));
    },
  },
  {
    ...small,
    name: "norm: channels of a video, silu",
    draw: (d) => {
      const weight = d.weight("gamma", [12], { mean: 1, scale: 0.2 });
      d.output("y", d.g.norm(d.input("x", [1, 2, 5, 7, 12]), { kind: "l2", eps: 1e-12, weight, activation: "silu" }));
    },
  },
  ...[1, 4, 12].map(
    (groups): NetworkCase => ({
      ...small,
      name: `norm: ${groups} groups`,
      draw: (d) => {
        const affine = { weight: d.weight("w", [12], { mean: 1, scale: 0.2 }), bias: d.weight("b", [12]) };
        d.output(
          "y",
          d.g.norm(d.input("x", [2, 2, 5, 7, 12], { mean: 0.5 }), { kind: "group", groups, eps: 1e-6, ...affine }),
        );
      },
    }),
  ),
  {
    size: "large",
    name: "norm: groups of many positions, silu",
    draw: (d) =>
      d.output(
        "y",
        d.g.norm(d.input("x", [1, 3, 40, 41, 32]), { kind: "group", groups: 8, eps: 1e-6, activation: "silu" }),
      ),
  },
  {
    ...small,
    name: "norm: groups, NaN stays in its group",
    draw: (d) =>
      d.output(
        "y",
        d.g.norm(d.input("x", [2, 1, 3, 3, 8], { edit: nanAt(17) }), { kind: "group", groups: 4, eps: 1e-6 }),
      ),
  },
  {
    size: "large",
    name: "norm: wide rows",
    draw: (d) =>
      d.output("y", d.g.norm(d.input("x", [1, 9, 5120]), { kind: "rms", eps: 1e-6, weight: d.weight("w", [5120]) })),
  },
];
