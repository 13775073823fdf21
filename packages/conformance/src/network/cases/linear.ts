import { ACTIVATIONS, BLOCK_FORMATS, type BlockFormat } from "@spaattn/nn";
import type { NetworkCase } from "../case.js";
import { setRow } from "./edits.js";

const small = { size: "small" } as const;

/** Everything `linear` can do. */
export const linearCases: readonly NetworkCase[] = [
  {
    ...small,
    name: "linear: odd sizes",
    draw: (d) => d.output("y", d.g.linear(d.input("x", [2, 7, 37]), d.linear("w", 29, 37))),
  },
  {
    ...small,
    name: "linear: one row, no bias",
    draw: (d) => d.output("y", d.g.linear(d.input("x", [1, 64]), d.linear("w", 48, 64, { bias: false }))),
  },
  {
    ...small,
    name: "linear: one column in, one column out",
    draw: (d) => {
      const x = d.input("x", [1, 5, 1]);
      d.output("y", d.g.linear(d.g.linear(x, d.linear("up", 17, 1)), d.linear("down", 1, 17)));
    },
  },
  {
    size: "large",
    name: "linear: tiles of all sizes",
    draw: (d) =>
      d.output("y", d.g.linear(d.input("x", [2, 133, 320]), d.linear("w", 264, 320), { activation: "silu" })),
  },
  {
    size: "large",
    name: "linear: a long reduction",
    draw: (d) => d.output("y", d.g.linear(d.input("x", [1, 65, 4096]), d.linear("w", 72, 4096))),
  },
  ...ACTIVATIONS.map(
    (activation): NetworkCase => ({
      ...small,
      name: `linear: ${activation}`,
      draw: (d) =>
        d.output("y", d.g.linear(d.input("x", [1, 9, 32], { scale: 3 }), d.linear("w", 24, 32), { activation })),
    }),
  ),
  {
    ...small,
    name: "linear: gate per item and residual",
    draw: (d) =>
      d.output(
        "y",
        d.g.linear(d.input("x", [2, 13, 48]), d.linear("w", 40, 48), {
          gate: d.input("gate", [2, 1, 40]),
          residual: d.input("residual", [2, 13, 40]),
        }),
      ),
  },
  {
    ...small,
    name: "linear: gate per token in f32",
    draw: (d) =>
      d.output(
        "y",
        d.g.linear(d.input("x", [2, 13, 48]), d.linear("w", 40, 48), {
          gate: d.input("gate", [2, 13, 40], { dtype: "f32" }),
        }),
      ),
  },
  {
    ...small,
    name: "linear: gate by index",
    draw: (d) =>
      d.output(
        "y",
        d.g.linear(d.input("x", [2, 11, 32]), d.linear("w", 24, 32), {
          activation: "gelu-tanh",
          gate: d.input("gate", [2, 3, 24]),
          index: d.input("index", [2, 11], { dtype: "i32", below: 3 }),
          residual: d.input("residual", [2, 11, 24]),
        }),
      ),
  },
  {
    ...small,
    name: "linear: gated pair",
    draw: (d) =>
      d.output(
        "y",
        d.g.linear(d.input("x", [1, 10, 40]), d.linear("w", 56, 40), {
          activation: "silu",
          times: d.linear("times", 56, 40),
        }),
      ),
  },
  {
    ...small,
    name: "linear: f32 from any input",
    draw: (d) => d.output("y", d.g.linear(d.input("x", [1, 10, 40]), d.linear("w", 56, 40), { dtype: "f32" })),
  },
  ...(["f32", "f16", "bf16"] as const).map(
    (dtype): NetworkCase => ({
      ...small,
      name: `linear: weights in ${dtype}`,
      draw: (d) => d.output("y", d.g.linear(d.input("x", [1, 19, 64]), d.linear("w", 40, 64, { dtype }))),
    }),
  ),
  ...(["f8e4m3", "f8e5m2", "i8"] as const).flatMap((dtype) =>
    (["all", "rows"] as const).map(
      (scaled): NetworkCase => ({
        ...small,
        name: `linear: ${dtype} weights, one scale for ${scaled}`,
        draw: (d) => {
          const scale = dtype === "i8" ? 20 : 1;
          d.output("y", d.g.linear(d.input("x", [1, 19, 64]), d.linear("w", 40, 64, { dtype, scaled, scale })));
        },
      }),
    ),
  ),
  ...(Object.keys(BLOCK_FORMATS) as BlockFormat[]).map(
    (format): NetworkCase => ({
      ...small,
      name: `linear: ${format} weights`,
      draw: (d) => {
        const k = 2 * BLOCK_FORMATS[format].values;
        d.output("y", d.g.linear(d.input("x", [1, 19, k]), d.quantised("w", 24, k, format), { activation: "silu" }));
      },
    }),
  ),
  {
    ...small,
    name: "linear: a gated pair of quantised weights",
    draw: (d) =>
      d.output(
        "y",
        d.g.linear(d.input("x", [1, 7, 64]), d.quantised("w", 24, 64, "q8_0"), {
          activation: "gelu-tanh",
          times: d.quantised("times", 24, 64, "q8_0"),
        }),
      ),
  },
  {
    ...small,
    name: "linear: views that begin anywhere",
    draw: (d) => {
      const x = d.g.view(d.input("wide", [1, 20, 33]), [1, 7, 33], 3 * 33 + 5);
      const { weight } = d.linear("w", 50, 33, { bias: false });
      const part = { weight: d.g.view(weight, [21, 33], 4 * 33), bias: d.g.view(d.input("biases", [64]), [21], 11) };
      d.output("y", d.g.linear(x, part, { residual: d.g.view(d.input("r", [300]), [1, 7, 21], 13) }));
    },
  },
  {
    ...small,
    name: "linear: rows huge and tiny",
    perRow: true,
    draw: (d) => {
      const edit = (values: Float32Array, shape: readonly number[]) => {
        const top = d.dtype === "f16" ? 1e3 : 1e18;
        setRow(values, shape, 0, (x) => x * top);
        setRow(values, shape, 1, (x) => x / top);
        setRow(values, shape, 2, () => 0);
      };
      // In f16 the tiny row is subnormal; what is lost in storing it is not the device's doing.
      const { weight } = d.linear("w", 24, 64, {
        bias: false,
        edit: (w) => w.forEach((x, i) => void (w[i] = Math.abs(x))),
      });
      d.output("y", d.g.linear(d.input("x", [1, 6, 64], { edit }), { weight }, { dtype: "f32" }));
    },
  },
  {
    ...small,
    name: "linear: NaN stays in its row",
    draw: (d) => {
      const edit = (values: Float32Array, shape: readonly number[]) => {
        values[2 * (shape.at(-1) as number) + 5] = Number.NaN;
      };
      const x = d.input("x", [1, 70, 40], { edit });
      d.output("y", d.g.linear(x, d.linear("w", 33, 40), { activation: "relu" }));
    },
  },
  {
    size: "large",
    name: "linear: a feed-forward in rows",
    draw: (d) => {
      const x = d.input("x", [2, 300, 32]);
      const modulation = { shift: d.input("shift", [2, 1, 32]), scale: d.input("scale", [2, 1, 32]) };
      const up = d.linear("up", 1024, 32);
      const down = d.linear("down", 32, 1024);
      const gate = d.input("gate", [2, 1, 32]);
      const body = () => {
        const normed = d.g.norm(x, { kind: "layer", eps: 1e-6, ...modulation });
        return d.g.linear(d.g.linear(normed, up, { activation: "gelu-tanh" }), down, { gate, residual: x });
      };
      d.output("y", d.g.rows(x, body));
    },
  },
];
