import type { Elementwise } from "@spaattn/attention";
import { type OperationName, type Plan, type PlanValue, type Program, sameShape, type Tensor } from "@spaattn/core";
import type { WebGpuBackend } from "./backend.js";

/** Helpers of step caches: plans of one operation, compiled once for each type and shape. */
export class WebGpuElementwise implements Elementwise {
  readonly #programs = new Map<string, Promise<Program>>();

  constructor(readonly backend: WebGpuBackend) {}

  add(a: Tensor, b: Tensor, out: Tensor): Promise<void> {
    return this.#combine("add", a, b, out);
  }

  subtract(a: Tensor, b: Tensor, out: Tensor): Promise<void> {
    return this.#combine("subtract", a, b, out);
  }

  async meanAbsolute(a: Tensor, b?: Tensor): Promise<number> {
    if (b) same(a, b);
    if (a.shape.includes(0)) return 0;
    const y = this.backend.allocate("f32", [1]);
    try {
      await this.#run("reduce", { kind: "meanAbsolute" }, { a, ...(b ? { b } : {}) }, { y });
      return (await y.read()).toFloat32()[0];
    } finally {
      y.dispose();
    }
  }

  dispose(): void {
    for (const program of this.#programs.values())
      program.then(
        (made) => made.dispose(),
        () => undefined,
      );
    this.#programs.clear();
  }

  async #combine(kind: "add" | "subtract", a: Tensor, b: Tensor, out: Tensor): Promise<void> {
    same(a, b);
    same(a, out);
    if (a.shape.includes(0)) return;
    await this.#run("binary", { kind, dtype: out.dtype }, { a, b }, { y: out });
  }

  async #run(
    op: string,
    attrs: object,
    inputs: Readonly<Record<string, Tensor>>,
    outputs: Readonly<Record<string, Tensor>>,
  ): Promise<void> {
    const plan = planOf(op, attrs, inputs, outputs);
    const key = JSON.stringify(plan);
    let program = this.#programs.get(key);
    if (!program) {
      program = this.backend.compile(plan);
      this.#programs.set(key, program);
      program.catch(() => this.#programs.delete(key));
    }
    await (await program).run({ ...inputs, ...outputs });
  }
}

function planOf(
  op: string,
  attrs: object,
  inputs: Readonly<Record<string, Tensor>>,
  outputs: Readonly<Record<string, Tensor>>,
): Plan {
  const valuesOf = (tensors: Readonly<Record<string, Tensor>>, role: "input" | "output") =>
    Object.entries(tensors).map(([name, { dtype, shape }]): [string, PlanValue] => [name, { dtype, shape, role }]);
  const names = (tensors: object) => Object.fromEntries(Object.keys(tensors).map((name) => [name, name]));
  return {
    values: Object.fromEntries([...valuesOf(inputs, "input"), ...valuesOf(outputs, "output")]),
    operations: [
      {
        op: op as OperationName,
        attrs: attrs as never,
        in: names(inputs),
        out: names(outputs),
        cost: { flop: 0, bytes: 0 },
      },
    ],
    segments: [],
    rows: [],
    constants: {},
  };
}

function same(a: Tensor, b: Tensor): void {
  if (!sameShape(a.shape, b.shape) || a.dtype !== b.dtype)
    throw new RangeError(
      `tensors must match, got ${a.dtype} [${a.shape.join(", ")}] and ${b.dtype} [${b.shape.join(", ")}]`,
    );
}
