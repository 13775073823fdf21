import type { AttentionSpec } from "@spaattn/attention";
import { compilePlan } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import type { Batch, Control, Crew, Engine } from "../src/crew/crew.js";
import { InlineCrew } from "../src/crew/inline.js";
import { execute } from "../src/execute.js";
import { fuse } from "../src/fuse.js";
import { OP_ATTEND, OP_PACK } from "../src/job-layout.js";
import { newMemory, wasmEngine } from "../src/wasm/engine.js";
import { compiled, type KernelKind } from "../src/wasm/module.js";

/** CPU milliseconds of one run, by what they were spent on. */
export interface Spent {
  /** All of it, copies in and out included. */
  readonly total: number;
  /** The tiles of attention alone. */
  readonly attend: number;
  /** Bringing keys and values into panels. */
  readonly pack: number;
  /** Pooling, strata, summaries, scores, selection and rectification. */
  readonly estimate: number;
}

export const cpuNow = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

/** The backend's own crew on this thread, with the CPU time of every kernel added up. */
class TimedCrew extends InlineCrew implements Crew {
  readonly byOp = new Map<number, number>();

  override async run(batch: Batch, control: Control): Promise<void> {
    const start = cpuNow();
    await super.run(batch, control);
    this.byOp.set(batch.op, (this.byOp.get(batch.op) ?? 0) + cpuNow() - start);
  }
}

const engines = new Map<KernelKind, Engine>();

async function engineOf(kernel: KernelKind): Promise<Engine> {
  const known = engines.get(kernel);
  if (known) return known;
  const engine = await wasmEngine(await compiled(kernel, false), newMemory(false));
  engines.set(kernel, engine);
  return engine;
}

export type Runner = () => Promise<Spent>;

/** One attention call as the backend runs it on one thread. */
export async function runner(
  kernel: KernelKind,
  spec: AttentionSpec,
  io: Readonly<Record<string, HostTensor>>,
): Promise<Runner> {
  const plan = compilePlan(spec);
  const work = fuse(plan)!;
  const engine = await engineOf(kernel);
  return async () => {
    const crew = new TimedCrew(engine);
    const start = cpuNow();
    await execute(work, { ...plan.constants, ...io } as never, [crew], 1.5e9, {});
    const total = cpuNow() - start;
    const of = (op: number) => crew.byOp.get(op) ?? 0;
    const attend = of(OP_ATTEND);
    const pack = of(OP_PACK);
    const all = [...crew.byOp.values()].reduce((sum, ms) => sum + ms, 0);
    return { total, attend, pack, estimate: all - attend - pack };
  };
}
