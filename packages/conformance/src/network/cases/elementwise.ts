import { ACTIVATIONS, BINARY } from "@spaattn/nn";
import type { NetworkCase } from "../case.js";
import { nanAt } from "./edits.js";

const small = { size: "small" } as const;

const positive = (values: Float32Array) => values.forEach((x, i) => void (values[i] = 0.5 + Math.abs(x)));

const positiveButNan = (values: Float32Array) => {
  positive(values);
  nanAt(1, 40)(values);
};

const SHAPES: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ["one shape", [2, 5, 7], [2, 5, 7]],
  ["a row for all", [2, 5, 7], [7]],
  ["a column for all", [2, 5, 7], [5, 1]],
  ["one number", [1], [3, 1, 129]],
  ["both repeated", [3, 1, 17], [2, 1, 5, 1]],
];

/** Arithmetic and reductions. */
export const elementwiseCases: readonly NetworkCase[] = [
  ...BINARY.flatMap((kind) =>
    SHAPES.map(
      ([what, a, b]): NetworkCase => ({
        ...small,
        name: `binary: ${kind}, ${what}`,
        draw: (d) => {
          const edit = kind === "divide" ? { edit: positive } : {};
          d.output("y", d.g.binary(kind, d.input("a", a), d.input("b", b, edit)));
        },
      }),
    ),
  ),
  {
    ...small,
    name: "binary: two dtypes, views that begin anywhere",
    draw: (d) => {
      const a = d.g.view(d.input("a", [400]), [3, 37], 5);
      const b = d.g.view(d.input("b", [100], { dtype: "f32" }), [37], 3);
      d.output("y", d.g.add(a, b));
    },
  },
  ...BINARY.map(
    (kind): NetworkCase => ({
      ...small,
      name: `binary: ${kind}, NaN stays`,
      draw: (d) => {
        const a = d.input("a", [3, 33], { edit: nanAt(0, 40) });
        d.output("y", d.g.binary(kind, a, d.input("b", [3, 33], { edit: positiveButNan })));
      },
    }),
  ),
  ...[...ACTIVATIONS, "exp", "abs"].map(
    (kind): NetworkCase => ({
      ...small,
      name: `unary: ${kind}, NaN stays`,
      draw: (d) => d.output("y", d.g.unary(kind as "exp", d.input("x", [3, 7, 11], { scale: 3, edit: nanAt(40) }))),
    }),
  ),
  {
    ...small,
    name: "unary: sqrt",
    draw: (d) => d.output("y", d.g.unary("sqrt", d.input("x", [131], { edit: positive }))),
  },
  {
    ...small,
    name: "unary: affine",
    draw: (d) => d.output("y", d.g.unary("affine", d.input("x", [2, 65]), { a: -0.75, b: 2.5 })),
  },
  {
    ...small,
    name: "unary: clamp, NaN stays",
    draw: (d) => d.output("y", d.g.unary("clamp", d.input("x", [2, 65], { edit: nanAt(7) }), { a: -0.5, b: 0.75 })),
  },
  ...ACTIVATIONS.map(
    (kind): NetworkCase => ({
      ...small,
      name: `unary: ${kind} far out`,
      perRow: true,
      // Each beside a number near 1: far out an activation is the number itself, zero, or one.
      draw: (d) => {
        const far = [-60, -30, 30, 60, -1e4, 1e4, 0];
        const edit = (values: Float32Array) =>
          values.forEach((_, i) => void (values[i] = i % 2 === 0 ? far[i / 2] : 1.5));
        d.output("y", d.g.unary(kind, d.input("x", [far.length, 2], { edit }), { dtype: "f32" }));
      },
    }),
  ),
  ...(["f32", "f16", "bf16"] as const).map(
    (dtype): NetworkCase => ({
      ...small,
      name: `unary: to ${dtype}`,
      draw: (d) => d.output("y", d.g.unary("none", d.input("x", [3, 67], { edit: nanAt(66) }), { dtype })),
    }),
  ),
  {
    ...small,
    name: "unary: integers to numbers",
    draw: (d) =>
      d.output("y", d.g.unary("none", d.input("x", [3, 67], { dtype: "i32", below: 250 }), { dtype: d.dtype })),
  },
  {
    ...small,
    name: "unary: an input copied to an output",
    draw: (d) => d.output("y", d.input("x", [3, 5])),
  },
  ...[1, 2, 5, 8].map(
    (count): NetworkCase => ({
      ...small,
      name: `combine: ${count} terms, NaN in one that does not count`,
      draw: (d) => {
        const terms = Array.from({ length: count }, (_, i) =>
          d.input(`x${i}`, [2, 3, 37], i === 1 ? { edit: nanAt(3, 100) } : {}),
        );
        const coefficients = d.input("coefficients", [count], {
          dtype: "f32",
          edit: (c) => void (count > 1 && (c[1] = 0)),
        });
        d.output("y", d.g.combine(terms, coefficients));
      },
    }),
  ),
  {
    ...small,
    name: "combine: into f32, one term in f32",
    draw: (d) => {
      const terms = [d.input("a", [5, 13]), d.input("b", [5, 13], { dtype: "f32" })];
      d.output("y", d.g.combine(terms, d.input("coefficients", [2], { dtype: "f32" }), "f32"));
    },
  },
  ...[1, 77, 40_000].flatMap((length): NetworkCase[] => [
    {
      ...small,
      name: `reduce: mean absolute of ${length}`,
      draw: (d) => d.output("y", d.g.meanAbsolute(d.input("a", [1, length]))),
    },
    {
      ...small,
      name: `reduce: mean absolute difference of ${length}`,
      draw: (d) => d.output("y", d.g.meanAbsolute(d.input("a", [length]), d.input("b", [length]))),
    },
  ]),
  {
    ...small,
    name: "reduce: mean of rows",
    draw: (d) => d.output("y", d.g.mean(d.input("a", [2, 5, 131], { mean: 1 }))),
  },
  {
    ...small,
    name: "reduce: NaN stays",
    draw: (d) => {
      const a = d.input("a", [4, 33], { edit: nanAt(70) });
      d.output("rows", d.g.mean(a));
      d.output("all", d.g.meanAbsolute(a));
    },
  },
];
