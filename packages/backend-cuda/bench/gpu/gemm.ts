// The kernels of matrix products: each against the plain float32 one on sizes that end inside tiles, then timed at the size
// of Wan2.1-14B's feed-forward beside cuBLASLt.
import { HostTensor } from "@spaattn/core";
import type { Builder, LinearOptions } from "@spaattn/nn";
import type { CudaBackend } from "../../src/backend.js";
import type { Chip } from "../../src/network/call.js";
import type { Section } from "../gpu.js";
import { chipOf, compileFor, distance, planOf, randomHost, randomTensor, timed } from "./tools.js";

type Matrix = NonNullable<Chip["matrix"]>;
const KERNELS: readonly Matrix[] = ["general", "128", "256"];

interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly batch?: number;
  readonly gate?: boolean;
  readonly residual?: boolean;
  readonly paired?: boolean;
  readonly activation?: LinearOptions["activation"];
}
const SHAPES: readonly Shape[] = [
  { m: 1, n: 8, k: 8 },
  { m: 129, n: 257, k: 72, activation: "gelu-tanh" },
  { m: 1000, n: 520, k: 1096, residual: true },
  { m: 700, n: 264, k: 136, batch: 2, gate: true, residual: true },
  { m: 385, n: 392, k: 64, paired: true, activation: "silu" },
  { m: 3000, n: 2000, k: 512, activation: "quick-gelu" },
];

function record(g: Builder, { m, n, k, batch = 1, gate, residual, paired, activation }: Shape): void {
  const weights = (name: string) => ({ weight: g.weight(name, [n, k]), bias: g.weight(`${name}.bias`, [n]) });
  const x = g.input("x", g.dtype, [batch, m, k]);
  const options: LinearOptions = {
    ...(activation ? { activation } : {}),
    ...(paired ? { times: weights("w2") } : {}),
    ...(gate ? { gate: g.input("gate", "f32", [batch, 1, n]) } : {}),
    ...(residual ? { residual: g.input("residual", g.dtype, [batch, m, n]) } : {}),
  };
  g.output("y", g.linear(x, weights("w"), options));
}

async function check({ backend, fail }: Section, kernel: Matrix, dtype: "bf16" | "f16", shape: Shape): Promise<void> {
  const plan = planOf(dtype, (g) => record(g, shape));
  const tensors = Object.fromEntries(
    Object.entries(plan.values)
      .filter(([, { role }]) => role === "input" || role === "weight")
      .map(([name, spec], i) => [
        name,
        backend.upload(randomHost(spec.dtype, spec.shape, name.startsWith("w") ? shape.k ** -0.5 : 1, i + 1)),
      ]),
  );
  const size = plan.values.y.shape;
  const result = async (matrix: Matrix) => {
    const nan = new Uint16Array(size.reduce((a, b) => a * b, 1)).fill(0x7fff);
    const y = backend.upload(new HostTensor(dtype, size, nan));
    const program = compileFor(backend, plan, chipOf(backend, { matrix }));
    await program.run({ ...tensors, y });
    const values = (await y.read()).toFloat32();
    program.dispose();
    y.dispose();
    return values;
  };
  const want = await result("simple");
  // One rounding to the type, of sums in another order.
  const error = distance(await result(kernel), want);
  if (!(error < (dtype === "bf16" ? 2 ** -8 : 2 ** -10)))
    fail(`${kernel} ${dtype} ${JSON.stringify(shape)}: off by ${error}`);
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

async function race(backend: CudaBackend, shape: Shape, group: readonly number[]): Promise<void> {
  const { m, n, k } = shape;
  const plan = planOf("bf16", (g) => record(g, shape));
  const bindings = {
    x: randomTensor(backend, "bf16", [1, m, k]),
    w: randomTensor(backend, "bf16", [n, k], k ** -0.5, 2),
    "w.bias": randomTensor(backend, "bf16", [n], 1, 3),
    y: backend.allocate("bf16", [1, m, n]),
    ...(shape.residual ? { residual: randomTensor(backend, "bf16", [1, m, n], 1, 4) } : {}),
    ...(shape.gate ? { gate: randomTensor(backend, "f32", [1, 1, n], 1, 5) } : {}),
  };
  const tflops = (ms: number) => `${((2 * m * n * k) / ms / 1e9).toFixed(0)}`;
  const contenders: [string, Partial<Chip>][] = [
    ...(["256"] as const).flatMap((matrix) =>
      group.map((rows): [string, Partial<Chip>] => [`${matrix} g${rows}`, { matrix, group: rows }]),
    ),
    ["general", { matrix: "general" }],
    ...(backend.blas ? ([["cuBLASLt", { blas: backend.blas }]] as [string, Partial<Chip>][]) : []),
  ];
  const programs = contenders.map(([name, chip]) => ({
    name,
    program: compileFor(backend, plan, chipOf(backend, chip)),
  }));
  const rates: Record<string, string> = {};
  for (const { name, program } of programs) rates[name] = tflops(await timed(program, bindings, 3));
  const blas = programs.find(({ name }) => name === "cuBLASLt");
  if (blas) rates["cuBLASLt again"] = tflops(await timed(blas.program, bindings, 3));
  console.log(
    `linear ${JSON.stringify(shape)} TFLOP/s: ${JSON.stringify(rates)}; ${programs.at(-1)?.program.describe()[0].kernel}`,
  );
  for (const { program } of programs) program.dispose();
  for (const tensor of Object.values(bindings)) tensor.dispose();
  backend.device.allocator.trim();
}

export async function checkGemm(section: Section): Promise<void> {
  for (const kernel of KERNELS) {
    for (const dtype of ["bf16", "f16"] as const)
      for (const shape of SHAPES) if (kernel !== "128" || !shape.paired) await check(section, kernel, dtype, shape);
    console.log(`gemm: ${kernel} compared`);
  }
  const { backend } = section;
  console.log(`cuBLASLt: ${(backend.blas as { path?: string } | undefined)?.path ?? "not found"}`);
  await race(backend, { m: 75_600, n: 13_824, k: 5120 }, [4, 8, 12]);
  await race(backend, { m: 75_600, n: 13_824, k: 5120, activation: "gelu-tanh" }, [8]);
  await race(backend, { m: 75_600, n: 5120, k: 13_824, gate: true, residual: true }, [8]);
  await race(backend, { m: 75_600, n: 5120, k: 5120 }, [8]);
  await race(backend, { m: 8192, n: 8192, k: 8192 }, [8]);
  await race(backend, { m: 512, n: 5120, k: 5120 }, [8]);
}
