// The other operations that are limited by arithmetic: convolutions of a VAE, cross attention, few rows.
import type { Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import type { Section } from "../gpu.js";
import { chipOf, compileFor, planOf, randomTensor, timed } from "./tools.js";

const conv = (g: Builder, ci: number, co: number) =>
  g.conv(g.input("x", "bf16", [1, 4, 240, 416, ci]), {
    weight: g.weight("w", [co, ci, 3, 3, 3]),
    front: 2,
    padding: 1,
  });
const dense = (g: Builder, heads: number, sq: number, sk: number, d: number) =>
  g.denseAttention(
    g.input("q", "bf16", [1, heads, sq, d]),
    g.input("k", "bf16", [1, heads, sk, d]),
    g.input("v", "bf16", [1, heads, sk, d]),
  );

const TASKS: Readonly<Record<string, (g: Builder) => Value>> = {
  "conv 3x3x3, 384 to 384 channels": (g) => conv(g, 384, 384),
  "conv 3x3x3, 96 to 96 channels": (g) => conv(g, 96, 96),
  "conv 3x3x3, 96 to 3 channels": (g) => conv(g, 96, 3),
  "cross attention, 75,600 by 512, 40 heads of 128": (g) => dense(g, 40, 75_600, 512, 128),
  "attention in the middle of a VAE, 14,400 by 14,400, one head of 384": (g) => dense(g, 1, 14_400, 14_400, 384),
  "linear of one row, f32 by bf16, 5,120 to 30,720": (g) =>
    g.linear(g.input("x", "f32", [1, 5120]), { weight: g.weight("w", [30_720, 5120]) }),
};

export async function checkHeavy({ backend }: Section): Promise<void> {
  for (const [name, record] of Object.entries(TASKS)) {
    const plan = planOf("bf16", (g) => void g.output("y", record(g)));
    const bindings = Object.fromEntries(
      Object.entries(plan.values)
        .filter(([, { role, view }]) => !view && (role === "input" || role === "weight" || role === "output"))
        .map(([key, { dtype, shape }], i) => [key, randomTensor(backend, dtype, shape, key === "w" ? 0.02 : 1, i + 1)]),
    );
    const program = compileFor(backend, plan, chipOf(backend));
    const ms = await timed(program, bindings, 3);
    const { flop, bytes } = plan.operations[0].cost;
    console.log(
      `${name}: ${ms.toFixed(3)} ms, ${(flop / ms / 1e9).toFixed(0)} TFLOP/s, ${(bytes / ms / 1e6).toFixed(0)} GB/s`,
    );
    program.dispose();
    for (const tensor of Object.values(bindings)) tensor.dispose();
    backend.device.allocator.trim();
  }
}
