// The memory-bound operations at the sizes of Wan2.1-14B (720p) and its VAE, against a copy in the same run.
import type { Value } from "@spaattn/core";
import { byteLength, HostTensor } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import type { Section } from "../gpu.js";
import { chipOf, compileFor, median, planOf, randomTensor, timed } from "./tools.js";

const TOKENS = 75_600;
const WIDTH = 5120;

interface Task {
  readonly name: string;
  readonly record: (g: Builder) => Value;
}
const stream = (g: Builder, name = "x") => g.input(name, "bf16", [1, TOKENS, WIDTH]);
const modulation = (g: Builder, name: string) => g.input(name, "f32", [1, 1, WIDTH]);
const order = (g: Builder) => g.input("order", "i32", [TOKENS]);
const angles = (g: Builder, kind: "interleaved" | "half") => ({
  kind,
  cos: g.input("cos", "f32", [TOKENS, 64]),
  sin: g.input("sin", "f32", [TOKENS, 64]),
});
const rms = (g: Builder) => ({ kind: "rms", across: true, eps: 1e-6, weight: g.weight("w", [WIDTH]) }) as const;

const TASKS: readonly Task[] = [
  { name: "binary add", record: (g) => g.add(stream(g), stream(g, "z")) },
  { name: "binary add a row", record: (g) => g.add(stream(g), g.input("row", "bf16", [WIDTH])) },
  { name: "unary silu", record: (g) => g.unary("silu", stream(g)) },
  {
    name: "combine of 3",
    record: (g) => g.combine([stream(g), stream(g, "b"), stream(g, "c")], g.input("k", "f32", [3])),
  },
  {
    name: "norm layer, modulated",
    record: (g) =>
      g.norm(stream(g), { kind: "layer", eps: 1e-6, shift: modulation(g, "shift"), scale: modulation(g, "scale") }),
  },
  { name: "norm rms", record: (g) => g.norm(stream(g), { kind: "rms", eps: 1e-6, weight: g.weight("w", [WIDTH]) }) },
  {
    name: "norm l2 of 96 channels, silu",
    record: (g) =>
      g.norm(g.input("x", "bf16", [1, 8, 480, 832, 96]), {
        kind: "l2",
        eps: 1e-12,
        weight: g.weight("w", [96]),
        activation: "silu",
      }),
  },
  {
    name: "norm of 32 groups, 512 channels, silu",
    record: (g) =>
      g.norm(g.input("x", "bf16", [1, 4, 240, 416, 512]), { kind: "group", groups: 32, eps: 1e-6, activation: "silu" }),
  },
  {
    name: "heads: rms, interleaved, order",
    record: (g) => g.heads(stream(g), { heads: 40, norm: rms(g), rotary: angles(g, "interleaved"), order: order(g) }),
  },
  {
    name: "heads: rms, half",
    record: (g) => g.heads(stream(g), { heads: 40, norm: rms(g), rotary: angles(g, "half") }),
  },
  { name: "heads: split and order", record: (g) => g.heads(stream(g), { heads: 40, order: order(g) }) },
  { name: "merge, order", record: (g) => g.merge(g.input("x", "bf16", [1, 40, TOKENS, 128]), { order: order(g) }).y },
  { name: "transpose last two", record: (g) => g.transpose(stream(g), [0, 2, 1]) },
  { name: "concat", record: (g) => g.concat([stream(g), stream(g, "b")], 2) },
  { name: "mean absolute difference", record: (g) => g.meanAbsolute(stream(g), stream(g, "b")) },
];

export async function checkBandwidth({ backend }: Section): Promise<void> {
  const { driver, stream: own } = backend.device;
  const a = randomTensor(backend, "bf16", [TOKENS, WIDTH]);
  const b = backend.allocate("bf16", [TOKENS, WIDTH]);
  const times: number[] = [];
  for (let i = 0; i < 8; i++) {
    const [begin, end] = [driver.createEvent(), driver.createEvent()];
    driver.recordEvent(begin, own);
    driver.copyOnDevice(b.pointer, a.pointer, byteLength(a), own);
    driver.recordEvent(end, own);
    driver.synchronizeStream(own);
    if (i > 0) times.push(driver.elapsed(begin, end));
    backend.device.destroyEvents([begin, end]);
  }
  a.dispose();
  b.dispose();
  const copy = (2 * byteLength(a)) / median(times) / 1e6;
  console.log(`copy: ${copy.toFixed(0)} GB/s`);
  for (const { name, record } of TASKS) {
    const plan = planOf("bf16", (g) => void g.output("y", record(g)));
    const bindings = Object.fromEntries(
      Object.entries(plan.values)
        .filter(([, { role, view }]) => !view && (role === "input" || role === "weight" || role === "output"))
        .map(([key, { dtype, shape }], i) => [
          key,
          key === "order" ? identity(backend, TOKENS) : randomTensor(backend, dtype, shape, 1, i + 1),
        ]),
    );
    const bytes = Object.values(bindings).reduce((sum, tensor) => sum + byteLength(tensor), 0);
    const program = compileFor(backend, plan, chipOf(backend));
    const rate = bytes / (await timed(program, bindings)) / 1e6;
    console.log(`${name}: ${rate.toFixed(0)} GB/s, ${((100 * rate) / copy).toFixed(0)} % of copy`);
    program.dispose();
    for (const tensor of Object.values(bindings)) tensor.dispose();
    backend.device.allocator.trim();
  }
}

/** Tokens in blocks of 64 that change places, about as a curve moves them. */
function identity(backend: Section["backend"], tokens: number) {
  const values = Int32Array.from({ length: tokens }, (_, i) => i ^ (i % 2048 < 1024 && (i ^ 64) < tokens ? 64 : 0));
  return backend.upload(new HostTensor("i32", [tokens], values)) as ReturnType<typeof randomTensor>;
}
