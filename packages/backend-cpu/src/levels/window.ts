import type { Crew } from "../crew/crew.js";
import type { Progress } from "../progress.js";
import { unitsOf } from "../units.js";
import type { Phase } from "../work.js";
import { baseParameters, writeLevelsJob } from "./job.js";
import * as V from "./job-layout.js";
import type { LevelsMemory } from "./memory.js";
import type { LevelsParameters } from "./parameters.js";
import { LEVELS_SLOTS, type LevelsSlotName, slotBytes } from "./slots.js";
import { type HostTensors, headBytes, loadTokens } from "./tensors.js";

/** A few heads in the memory of one crew: their jobs, their tensors, and kernels run on all of them. */
export class HeadWindow {
  readonly #base;

  constructor(
    readonly p: LevelsParameters,
    readonly tensors: HostTensors,
    readonly crew: Crew,
    readonly memory: LevelsMemory,
    readonly heads: readonly number[],
    readonly progress: Progress,
  ) {
    this.#base = baseParameters(p);
  }

  jobAt(index: number): number {
    return this.memory.jobsAt + index * V.LEVELS_JOB_BYTES;
  }

  at(index: number, slot: LevelsSlotName): number {
    return this.memory.headsAt + index * this.memory.headBytes + this.memory.offsets.get(slot)!;
  }

  itemOf(index: number): number {
    return Math.floor(this.heads[index] / this.p.geometry.heads);
  }

  /** Writes the jobs and brings in query, key, value and the projection. */
  async load(): Promise<void> {
    const { p, memory, crew } = this;
    this.heads.forEach((head, index) => {
      crew.write(this.jobAt(index), V.LEVELS_JOB_BYTES, (bytes) => {
        bytes.fill(0);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        writeLevelsJob(view, this.#base, p, this.itemOf(index), head % p.geometry.heads);
        for (const slot of memory.offsets.keys()) view.setInt32(LEVELS_SLOTS[slot].field, this.at(index, slot), true);
      });
      for (const name of ["query", "key", "value"] as const)
        crew.write(this.at(index, name), slotBytes(LEVELS_SLOTS[name], p, 1), (bytes) =>
          loadTokens(p.inputs[name], this.tensors, head, bytes),
        );
      this.writeNumbers(this.at(index, "projection"), projection(p.geometry.headDim));
    });
  }

  writeNumbers(at: number, numbers: Float32Array | Int32Array | Uint8Array): void {
    const source = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    this.crew.write(at, source.length, (bytes) => bytes.set(source));
  }

  /** Sets an integer field of a job. */
  set(index: number, field: number, value: number): void {
    this.writeNumbers(this.jobAt(index) + field, Int32Array.of(value));
  }

  /** A copy of one head's slot; of nodes, for `clusters` clusters. */
  async read(index: number, slot: LevelsSlotName, clusters = 1): Promise<Uint8Array> {
    let copy = new Uint8Array(0);
    await this.crew.read(this.at(index, slot), slotBytes(LEVELS_SLOTS[slot], this.p, clusters), (bytes) => {
      copy = bytes.slice();
    });
    return copy;
  }

  /** Copies one head's slot into the caller's tensor, where there is one. */
  async store(index: number, slot: LevelsSlotName, name: string = slot): Promise<void> {
    const tensor = this.tensors[name];
    if (!tensor || !this.p.extras.has(name)) return;
    const target = headBytes(tensor, this.heads[index]);
    await this.crew.read(this.at(index, slot), target.length, (bytes) => target.set(bytes));
  }

  /** Runs a kernel on all heads; `units` says which, by default all of its span. `part` is the share of the whole phase. */
  async run(phase: Phase, part = 1, units?: (index: number) => readonly number[]): Promise<void> {
    const { p, memory } = this;
    const lists = this.heads.map((_, index) => {
      const own = () => unitsOf(phase.span, this.#base, this.itemOf(index), 1, { first: 0, end: p.n });
      return units ? units(index) : own();
    });
    const tasks: number[] = [];
    // Interleaved by head, so that the longest rows of all heads come first.
    const longest = Math.max(0, ...lists.map(({ length }) => length));
    for (let u = 0; u < longest; u++)
      lists.forEach((list, index) => {
        if (u < list.length) tasks.push(this.jobAt(index), list[u]);
      });
    const { tasksAt, scratchAt, scratchBytes } = memory;
    const batch = { op: phase.op, tasks: Int32Array.from(tasks), tasksAt, scratchAt, scratchBytes };
    await this.progress.phase(phase, part, tasks.length / 2, (control) => this.crew.run(batch, control));
  }
}

/** Ω `[d, 16]`: `sign(cos(1 + 0.7 t²)) / 4`, `t = 16 ch + e` (levels.md section 3). */
const projection = (headDim: number): Float32Array =>
  Float32Array.from({ length: headDim * V.PROJECTED }, (_, t) => Math.sign(Math.cos(1 + 0.7 * t * t)) / 4);
