import type { NetworkCase } from "../case.js";

const small = { size: "small" } as const;
const times = (...values: number[]) => ({
  dtype: "f32" as const,
  edit: (t: Float32Array) => t.forEach((_, i) => void (t[i] = values[i % values.length])),
});

/** Tables and sinusoids. */
export const embedCases: readonly NetworkCase[] = [
  ...(["f32", "f16", "bf16"] as const).map(
    (dtype): NetworkCase => ({
      ...small,
      name: `embed: a table in ${dtype}`,
      draw: (d) => {
        const ids = d.input("ids", [2, 9], { dtype: "i32", below: 31 });
        d.output("y", d.g.embed(ids, d.weight("table", [31, 37], { dtype })));
      },
    }),
  ),
  {
    ...small,
    name: "embed: one id",
    draw: (d) => d.output("y", d.g.embed(d.input("ids", [1], { dtype: "i32", below: 3 }), d.weight("table", [3, 64]))),
  },
  {
    ...small,
    name: "timestep: 256 wide",
    draw: (d) => d.output("y", d.g.timestep(d.input("t", [5], times(0, 999, 500.25, 1, 37.5)), 256)),
  },
  {
    ...small,
    name: "timestep: per token, another period",
    draw: (d) => d.output("y", d.g.timestep(d.input("t", [2, 3], times(0, 1, 6)), 34, 100)),
  },
];
