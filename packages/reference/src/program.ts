import {
  allocateArray,
  type Bindings,
  convert,
  elementCount,
  type HostTensor,
  isFloat,
  isHostTensor,
  type OperationName,
  type OperationTiming,
  type Plan,
  type PlanOperation,
  type PlanValue,
  type Program,
  type ProgramRunOptions,
  type RunReport,
  SpaAttnError,
  type StraightPlan,
  sameShape,
  type Tensor,
  type TypedArray,
  throwIfAborted,
} from "@spaattn/core";
import { Operand } from "./operand.js";
import { OPERATIONS } from "./operations/index.js";
import type { Compute } from "./operations/operation.js";
import { pacer } from "./pace.js";

/** Runs a plan one operation after the other. Temporaries of float types stay in float64 until they are outputs. */
export class InterpretedProgram implements Program {
  #queue: Promise<unknown> = Promise.resolve();
  #disposed = false;

  constructor(
    readonly plan: Plan,
    readonly straight: StraightPlan,
  ) {}

  run(bindings: Bindings, options: ProgramRunOptions = {}): Promise<RunReport> {
    const run = this.#queue.then(() => new Run(this.plan, this.straight, bindings, options, this.alive).toEnd());
    this.#queue = run.catch(() => undefined);
    return run;
  }

  describe() {
    return this.plan.operations.map(({ op }) => ({ op, kernel: `reference.${op}`, reason: "float64" }));
  }

  dispose(): void {
    this.#disposed = true;
  }

  readonly alive = (): void => {
    if (this.#disposed)
      throw new SpaAttnError("Disposed", "This program has been disposed.", { remedy: "Compile the plan again." });
  };
}

/** One run: what is bound, and the temporaries alive. */
class Run {
  readonly #memory = new Map<string, TypedArray>();
  readonly #lastUse = new Map<string, number>();
  readonly #onProgress: (done: number, stage: string) => void;
  #bindings: Bindings;

  constructor(
    readonly plan: Plan,
    readonly straight: StraightPlan,
    bindings: Bindings,
    readonly options: ProgramRunOptions,
    readonly alive: () => void,
  ) {
    this.#bindings = bindings;
    this.#onProgress = seldom(options.onProgress);
    straight.operations.forEach((operation, i) => {
      for (const name of namesOf(operation)) this.#lastUse.set(this.#baseOf(name), i);
    });
  }

  async toEnd(): Promise<RunReport> {
    this.alive();
    const { operations } = this.straight;
    const work = operations.map(({ cost }) => cost.flop + cost.bytes);
    const total = work.reduce((sum, each) => sum + each, 0);
    const steps: OperationTiming[] = [];
    const begin = performance.now();
    let before = 0;
    for (const [i, operation] of operations.entries()) {
      const stage = await this.#enter(i);
      const start = performance.now();
      const report = (done: number) => this.#onProgress((before + work[i] * done) / total, stage);
      report(0);
      await this.#compute(operation, report);
      before += work[i];
      this.#forget(operation, i);
      steps.push({ op: operation.op, ms: performance.now() - start });
    }
    this.options.onProgress?.(1, this.straight.segments.at(-1)?.name ?? operations.at(-1)?.op ?? "");
    return { ms: performance.now() - begin, steps };
  }

  /** Fetches the weights of a segment that begins; gives the stage's name. */
  async #enter(i: number): Promise<string> {
    const { operations, segments } = this.straight;
    const segment = segments.find(({ first, end }) => first <= i && i < end);
    if (segment?.first === i && this.options.weightsOf)
      this.#bindings = { ...this.#bindings, ...(await this.options.weightsOf(segment.name, segment.weights)) };
    this.alive();
    throwIfAborted(this.options.signal);
    return segment?.name ?? operations[i].op;
  }

  async #compute({ op, attrs, in: inputs, out }: PlanOperation, report: (done: number) => void): Promise<void> {
    const { signal } = this.options;
    const options = { ...(signal ? { signal } : {}), onProgress: report };
    const pace = pacer(options);
    const results = await (OPERATIONS[op] as Compute<OperationName>)({
      attrs,
      in: mapValues(inputs, (name) => this.#read(name)),
      out: mapValues(out, (name) => this.straight.values[name]),
      pace: (done) => pace(done, op),
      options,
    });
    for (const [role, name] of Object.entries(out)) this.#write(name, results[role]);
    await pace(1, op);
  }

  #baseOf(name: string): string {
    return this.straight.values[name].view?.base ?? name;
  }

  #read(name: string): Operand {
    const { shape } = this.straight.values[name];
    const { dtype, elements } = this.#elements(name);
    return new Operand(dtype, shape, elements);
  }

  #write(name: string, values: Float64Array): void {
    const { dtype, elements } = this.#elements(name);
    elements.set(convert(values, "f64", dtype));
  }

  /** The memory of a value: the window of its base. */
  #elements(name: string) {
    const { shape, view } = this.straight.values[name];
    const base = this.#memoryOf(this.#baseOf(name));
    const from = view?.offset ?? 0;
    return { dtype: base.dtype, elements: base.data.subarray(from, from + elementCount(shape)) };
  }

  #memoryOf(name: string) {
    const value = this.straight.values[name];
    if (value.role === "constant") return this.plan.constants[name];
    if (value.role !== "temporary") return bound(name, value, this.#bindings[name]);
    const dtype = isFloat(value.dtype) ? "f64" : value.dtype;
    const data = this.#memory.get(name) ?? allocateArray(dtype, elementCount(value.shape));
    this.#memory.set(name, data);
    return { dtype, data };
  }

  #forget(operation: PlanOperation, i: number): void {
    for (const name of namesOf(operation).map((each) => this.#baseOf(each)))
      if (this.#lastUse.get(name) === i) this.#memory.delete(name);
  }
}

const namesOf = (operation: PlanOperation) => [...Object.values(operation.in), ...Object.values(operation.out)];

const mapValues = <T, U>(record: Readonly<Record<string, T>>, f: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, f(value)]));

/** Checks a tensor that the caller binds. */
export function bound(name: string, value: PlanValue, tensor: Tensor | undefined): HostTensor {
  if (!tensor) throw new TypeError(`bindings["${name}"] is missing`);
  if (!isHostTensor(tensor))
    throw new TypeError(`bindings["${name}"] must be a tensor of this device (see upload() and allocate())`);
  if (tensor.dtype !== value.dtype)
    throw new TypeError(`bindings["${name}"] must be ${value.dtype}, got ${tensor.dtype}`);
  if (!sameShape(tensor.shape, value.shape))
    throw new RangeError(
      `bindings["${name}"] must have shape [${value.shape.join(", ")}], got [${tensor.shape.join(", ")}]`,
    );
  return tensor;
}

/** At most every 100 ms. */
function seldom(report: ProgramRunOptions["onProgress"]): (done: number, stage: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (done, stage) => {
    if (!report || performance.now() - last < 100) return;
    last = performance.now();
    report(done, stage);
  };
}
