import {
  type Device,
  type FloatDType,
  type HostTensor,
  isSpaAttnError,
  type Plan,
  type Program,
  type Tensor,
} from "@spaattn/core";
import { type Check, compareExact, type Outcome } from "../check.js";
import { Drawing, type NetworkCase } from "./case.js";
import { compareTensor } from "./compare.js";
import { poisoned } from "./numbers.js";
import { exactProgram, writtenNames } from "./oracle.js";
import { tolerancesOf } from "./tolerance.js";

/** How a test records: makes a target that `Program.encode` takes, and submits it and waits. */
export interface Recorder {
  begin(): unknown;
  end(target: unknown): Promise<void>;
}

export interface NetworkCaseOptions {
  /** The float64 oracle. */
  readonly oracle: Device;
  readonly dtype: FloatDType;
  readonly recorder?: Recorder;
  readonly signal?: AbortSignal;
}

type Host = Readonly<Record<string, HostTensor>>;

/** Runs one case on a device and compares with the oracle. Never rejects but with `Aborted`. */
export async function runNetworkCase(
  device: Device,
  testCase: NetworkCase,
  options: NetworkCaseOptions,
): Promise<Check[]> {
  const name = `${testCase.name} [${options.dtype}]`;
  const checks: Check[] = [];
  const report = (tensor: string, outcome: Outcome) =>
    checks.push({ suite: "network", case: name, tensor, ...outcome });
  try {
    const drawing = new Drawing(options.dtype);
    testCase.draw(drawing);
    const plan = drawing.build();
    const reason = firstReason(device, plan);
    if (reason) report("all", { ok: true, skipped: reason });
    else await new Trial(device, testCase, options, drawing, plan, report).toEnd();
  } catch (error) {
    if (isSpaAttnError(error, "Aborted")) throw error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    report("run", { ok: false, note: `threw ${what}` });
  }
  return checks;
}

function firstReason(device: Device, plan: Plan): string | undefined {
  for (let i = 0; i < plan.operations.length; i++) {
    const reason = device.unsupported(plan, i);
    if (reason) return reason;
  }
  return undefined;
}

/** One plan on one device. */
class Trial {
  readonly #held: Tensor[] = [];

  constructor(
    readonly device: Device,
    readonly testCase: NetworkCase,
    readonly options: NetworkCaseOptions,
    readonly drawing: Drawing,
    readonly plan: Plan,
    readonly report: (tensor: string, outcome: Outcome) => void,
  ) {}

  async toEnd(): Promise<void> {
    const program = await this.device.compile(this.plan);
    try {
      await this.#poison(program);
      await this.#twoAtOnce(program);
      if (program.encode && this.options.recorder) await this.#recorded(program, this.options.recorder);
    } finally {
      program.dispose();
      for (const tensor of this.#held) tensor.dispose();
    }
  }

  /** Leaves NaN in all memory that the program reuses. */
  async #poison(program: Program): Promise<void> {
    const host = this.drawing.tensors(1);
    const spoiled = Object.entries(host).map(([name, tensor]) => [name, isIndex(tensor) ? tensor : poisoned(tensor)]);
    await program.run(this.#bind(Object.fromEntries(spoiled)).bindings, this.#signal());
  }

  /** Two runs that overlap, each with inputs and states of its own. */
  async #twoAtOnce(program: Program): Promise<void> {
    const exact = await exactProgram(this.options.oracle, this.plan);
    const runs = ["", " (run beside it)"].map((label, i) => ({
      label,
      seed: 2 + i,
      states: {} as Host,
      bound: {} as Record<string, Tensor>,
    }));
    for (let call = 0; call < (this.testCase.calls ?? 1); call++) {
      const began = runs.map(({ seed, states, bound }) => {
        const host = { ...this.drawing.tensors(seed + 10 * call), ...states };
        const { bindings, written } = this.#bind(host, bound);
        return { host, written, bindings, done: program.run(bindings, this.#signal()) };
      });
      await Promise.all(began.map(({ done }) => done));
      for (const [i, { host, written, bindings }] of began.entries()) {
        const expected = await exact.run(host);
        await this.#compare(written, expected, runs[i].label + (call > 0 ? ` (call ${call + 1})` : ""), call + 1);
        await this.#unchanged(host, bindings, runs[i].label);
        runs[i].states = pick(expected, this.#states());
        runs[i].bound = pick(written, this.#states());
      }
    }
  }

  /** A recording that is submitted after another run of the same program has begun. */
  async #recorded(program: Program, recorder: Recorder): Promise<void> {
    const exact = await exactProgram(this.options.oracle, this.plan);
    const [first, second] = [4, 5].map((seed) => {
      const host = this.drawing.tensors(seed);
      return { host, ...this.#bind(host) };
    });
    const target = recorder.begin();
    program.encode?.(target, first.bindings);
    const run = program.run(second.bindings, this.#signal());
    await Promise.all([recorder.end(target), run]);
    await this.#compare(first.written, await exact.run(first.host), " (recorded)", 1);
    await this.#compare(second.written, await exact.run(second.host), " (run while recorded)", 1);
  }

  #states(): string[] {
    return writtenNames(this.plan).filter((name) => this.plan.values[name].role === "state");
  }

  #signal() {
    return this.options.signal ? { signal: this.options.signal } : {};
  }

  /** Uploads what a run reads; outputs begin as NaN. */
  #bind(host: Host, bound: Readonly<Record<string, Tensor>> = {}) {
    const bindings: Record<string, Tensor> = {};
    const written: Record<string, Tensor> = {};
    const upload = (tensor: HostTensor) => {
      const copy = this.device.upload(tensor);
      this.#held.push(copy);
      return copy;
    };
    for (const [name, tensor] of Object.entries(host)) if (!bound[name]) bindings[name] = upload(tensor);
    for (const name of writtenNames(this.plan)) {
      written[name] = bound[name] ?? bindings[name] ?? upload(poisoned(this.plan.values[name]));
      bindings[name] = written[name];
    }
    return { bindings, written };
  }

  async #compare(
    written: Readonly<Record<string, Tensor>>,
    expected: Readonly<Record<string, HostTensor<"f64">>>,
    label: string,
    calls: number,
  ): Promise<void> {
    const allowed = tolerancesOf(this.plan);
    for (const [name, tensor] of Object.entries(written)) {
      const tolerance = allowed(name) * (this.testCase.looser ?? 1) * calls;
      const perRow = this.testCase.perRow ?? false;
      this.report(name + label, compareTensor(await tensor.read(), expected[name].data, { tolerance, perRow }));
    }
  }

  async #unchanged(host: Host, bindings: Readonly<Record<string, Tensor>>, label: string): Promise<void> {
    for (const [name, { role }] of Object.entries(this.plan.values)) {
      if (role !== "input" && role !== "weight") continue;
      if (!host[name]) continue;
      const outcome = compareExact(bytesOf(await bindings[name].read()), bytesOf(host[name]));
      if (!outcome.ok) this.report(`${name} after the run${label}`, outcome);
    }
  }
}

/** Tensors that choose or mask must stay what they are. */
const isIndex = ({ dtype }: HostTensor) => dtype === "i32" || dtype === "u8" || dtype === "u16" || dtype === "i8";

const bytesOf = ({ data }: HostTensor) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

const pick = <T>(from: Readonly<Record<string, T>>, names: readonly string[]): Record<string, T> =>
  Object.fromEntries(names.map((name) => [name, from[name]]));
