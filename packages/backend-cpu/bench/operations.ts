import { type Bindings, boundNames, type DType, HostTensor, type Plan } from "@spaattn/core";
import { Builder } from "@spaattn/nn";
import { CpuBackend } from "../src/backend.js";
import { Runtime } from "../src/runtime.js";
import { cpuNow } from "./timed.js";

/** One operation and what it is measured against. */
interface Case {
  readonly name: string;
  /** The operation whose time counts. */
  readonly op: string;
  readonly build: (g: Builder) => void;
  readonly goal: number;
  readonly against: "peak" | "copy";
}

export interface OperationResult {
  readonly name: string;
  readonly against: "peak" | "copy";
  readonly ms: number;
  /** GFLOP/s, or GB/s. */
  readonly rate: number;
  /** Percent of the SIMD128 peak, or of the bandwidth of a copy of as many bytes. */
  readonly share: number;
  readonly goal: number;
}

const linear = (m: number, k: number, n: number, dtype: DType = "f32", more: object = {}): Case => ({
  name: `linear ${m} x ${k} x ${n}, ${dtype} weights${Object.keys(more).length > 0 ? ", gelu" : ""}`,
  op: "linear",
  against: "peak",
  goal: Object.keys(more).length > 0 ? 75 : 85,
  build(g) {
    const weight = g.weight("weight", [n, k]);
    g.output("y", g.linear(g.input("x", "f32", [1, m, k]), { weight, bias: g.weight("bias", [n]) }, more));
  },
});

const conv = (channels: number, [t, h, w]: readonly [number, number, number]): Case => ({
  name: `conv 3 x 3 x 3, ${channels} channels, ${t} x ${h} x ${w}`,
  op: "conv",
  against: "peak",
  goal: 60,
  build(g) {
    const weight = g.weight("weight", [channels, channels, 3, 3, 3]);
    const x = g.input("x", "f32", [1, t, h, w, channels]);
    g.output("y", g.conv(x, { weight, bias: g.weight("bias", [channels]), front: 2, padding: 1 }));
  },
});

const moving = (op: string, name: string, build: Case["build"]): Case => ({
  name,
  op,
  build,
  against: "copy",
  goal: 67,
});
const stream = (g: Builder, name = "x") => g.input(name, "f32", [1, 4096, 1024]);

export const CASES: readonly Case[] = [
  linear(4080, 256, 1024),
  linear(1024, 1024, 1024),
  linear(4080, 256, 1024, "f16"),
  linear(4080, 1024, 256, "f16"),
  linear(4080, 256, 1024, "f16", { activation: "gelu-tanh" }),
  conv(16, [5, 96, 160]),
  conv(32, [5, 48, 80]),
  conv(64, [5, 48, 80]),
  conv(96, [5, 48, 80]),
  moving("norm", "norm, layer with shift and scale", (g) => {
    const row = (name: string) => g.input(name, "f32", [1, 1, 1024]);
    g.output("y", g.norm(stream(g), { kind: "layer", eps: 1e-6, shift: row("shift"), scale: row("scale") }));
  }),
  moving(
    "norm",
    "norm, rms",
    (g) => void g.output("y", g.norm(stream(g), { kind: "rms", eps: 1e-6, weight: g.weight("weight", [1024]) })),
  ),
  moving(
    "norm",
    "norm, channel l2 and silu",
    (g) =>
      void g.output(
        "y",
        g.norm(stream(g), { kind: "l2", eps: 1e-12, activation: "silu", weight: g.weight("weight", [1024]) }),
      ),
  ),
  moving(
    "norm",
    "norm, 32 groups",
    (g) => void g.output("y", g.norm(stream(g), { kind: "group", groups: 32, eps: 1e-6 })),
  ),
  moving("heads", "heads, rms across, rotary", (g) => {
    const [cos, sin] = ["cos", "sin"].map((name) => g.input(name, "f32", [4096, 32]));
    const norm = { kind: "rms", across: true, eps: 1e-6, weight: g.weight("weight", [1024]) } as const;
    g.output("y", g.heads(stream(g), { heads: 16, norm, rotary: { kind: "interleaved", cos, sin } }));
  }),
  moving("merge", "merge", (g) => {
    g.output("y", g.merge(g.input("x", "f32", [1, 16, 4096, 64])).y);
  }),
  moving("binary", "add", (g) => void g.output("y", g.add(stream(g), stream(g, "z")))),
  moving(
    "binary",
    "multiply by a row",
    (g) => void g.output("y", g.multiply(stream(g), g.input("row", "f32", [1024]))),
  ),
  moving("unary", "silu", (g) => void g.output("y", g.unary("silu", stream(g)))),
  moving("combine", "weighted sum of three", (g) => {
    const terms = [stream(g), stream(g, "y1"), stream(g, "y2")];
    g.output("y", g.combine(terms, g.input("coefficients", "f32", [3])));
  }),
  moving("transpose", "transpose", (g) => void g.output("y", g.transpose(stream(g), [0, 2, 1]))),
  moving(
    "repeat",
    "nearest up-sampling",
    (g) => void g.output("y", g.repeat(g.input("x", "f32", [1, 4, 64, 64, 96]), [1, 1, 2, 2, 1])),
  ),
  moving("concat", "concat along the last axis", (g) => void g.output("y", g.concat([stream(g), stream(g, "z")], 2))),
];

function tensorsOf(plan: Plan): Record<string, HostTensor> {
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  };
  return Object.fromEntries(
    boundNames(plan).map((name) => {
      const { dtype, shape } = plan.values[name];
      const f32 = new HostTensor("f32", shape);
      for (let i = 0; i < f32.data.length; i++) f32.data[i] = random();
      return [name, dtype === "f32" ? f32 : f32.to(dtype)];
    }),
  );
}

/** A copy of `bytes` bytes in the kernels' memory. */
async function copyProgram(device: CpuBackend, bytes: number): Promise<() => Promise<unknown>> {
  const g = new Builder();
  g.output("y", g.unary("none", g.input("x", "u8", [bytes])));
  const program = await device.compile(g.build());
  const bindings = { x: new HostTensor("u8", [bytes]), y: new HostTensor("u8", [bytes]) };
  return () => program.run(bindings);
}

/** Runs every operation in turn with the peak of arithmetic and with copies of as many bytes; the least CPU time of all rounds counts. */
export async function measureOperations(
  rounds: number,
  peak: (passes: number) => number,
  kernel: "simd" | "relaxed",
  filter = "",
): Promise<OperationResult[]> {
  const runtime = new Runtime({ kernel, threads: 1, memoryLimit: 1.5e9, sharedMemory: false });
  const device = new CpuBackend(runtime);
  const crew = await runtime.networkCrew();
  // The kernels alone: copies in and out are not the operation's.
  let spent = 0;
  const sequence = crew.sequence.bind(crew);
  crew.sequence = async (...given) => {
    const start = cpuNow();
    await sequence(...given);
    spent = cpuNow() - start;
  };
  const results: OperationResult[] = [];
  for (const { name, op, build, goal, against } of CASES) {
    if (!name.includes(filter)) continue;
    const g = new Builder({ weightDtype: name.includes("f16") ? "f16" : "f32" });
    build(g);
    const plan = g.build();
    const program = await device.compile(plan);
    const bindings: Bindings = tensorsOf(plan);
    const { flop, bytes } = plan.operations.find((operation) => operation.op === op)!.cost;
    const copy = await copyProgram(device, bytes / 2);
    let best = Number.POSITIVE_INFINITY;
    let base = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      if (against === "peak") {
        const start = cpuNow();
        peak(4e6);
        spent = cpuNow() - start;
      } else await copy();
      base = Math.min(base, spent);
      await program.run(bindings);
      best = Math.min(best, spent);
    }
    program.dispose();
    const rate = against === "peak" ? flop / best / 1e6 : bytes / best / 1e6;
    const most = against === "peak" ? (48 * 4e6) / base / 1e6 : bytes / base / 1e6;
    results.push({ name, against, ms: best, rate, share: (100 * rate) / most, goal });
  }
  device.dispose();
  return results;
}

export function operationLine({ name, against, ms, rate, share, goal }: OperationResult): string {
  const unit = against === "peak" ? "GFLOP/s" : "GB/s";
  const what = `${share.toFixed(0).padStart(4)} % of ${against === "peak" ? "the SIMD128 peak" : "a copy"}`;
  const verdict = share >= goal ? "met" : "MISSED";
  return `  ${name.padEnd(46)} ${ms.toFixed(2).padStart(8)} ms ${rate.toFixed(1).padStart(6)} ${unit.padEnd(7)} ${what}  goal ${goal} ${verdict}`;
}
