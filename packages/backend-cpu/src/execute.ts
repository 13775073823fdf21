import type { RunOptions, StepTiming } from "@spaattn/attention";
import type { Crew } from "./crew/crew.js";
import * as L from "./job-layout.js";
import { writeJob } from "./parameters.js";
import { Progress } from "./progress.js";
import { SLOTS, type Slot, type SlotName, slotBytes } from "./slots.js";
import { loadHead, type RowRange, storedBytes, storeHead, type Tensors } from "./transfer.js";
import { longestFirst, unitsOf } from "./units.js";
import { placeWindow, planWindow, type Window } from "./window.js";
import type { Phase, Work } from "./work.js";

/** A share of the work that one crew does in one go: some heads, and the same row range of each. */
interface Share {
  readonly heads: readonly number[];
  readonly range: RowRange;
}

/** Tensors `[batch, heads, ...]` that lie in the crew's memory already, by slot: addresses. */
export type Direct = ReadonlyMap<SlotName, number>;

/** Runs work head by head on the crews, each taking the next share when it is free. */
export async function execute(
  work: Work,
  tensors: Tensors,
  crews: readonly Crew[],
  limit: number,
  options: RunOptions,
): Promise<StepTiming[]> {
  const { geometry } = work.parameters;
  const all = geometry.batch * geometry.heads;
  const window = planWindow(work, crews[0].threads, limit, Math.ceil(all / crews.length));
  const usable = crews.slice(0, Math.max(1, Math.floor(limit / window.bytes)));
  const shares = cut(all, window.heads, usable.length, work.parameters.n);
  const progress = new Progress(work, shares.length, options);
  const serve = async (crew: Crew) => {
    const at = await crew.claim(window.bytes);
    try {
      const placed = placeWindow(window, at);
      for (let share = shares.shift(); share; share = shares.shift())
        await new ShareRun(work, tensors, crew, placed, share, progress).run();
    } finally {
      crew.release(at);
    }
  };
  const served = await Promise.allSettled(usable.map(serve));
  for (const result of served) if (result.status === "rejected") throw result.reason;
  return progress.timings();
}

/** Runs work on tensors in the memory of one crew; `window` is memory planned with the same `direct` slots. */
export async function executeInPlace(
  work: Work,
  tensors: Tensors,
  direct: Direct,
  crew: Crew,
  window: Window,
  options: RunOptions,
): Promise<void> {
  const { geometry } = work.parameters;
  const shares = cut(geometry.batch * geometry.heads, window.heads, 1, work.parameters.n);
  const progress = new Progress(work, shares.length, options);
  for (const share of shares) await new ShareRun(work, tensors, crew, window, share, progress, direct).run();
}

/** Heads in windows; rows as well where there are fewer windows than crews. */
function cut(heads: number, perWindow: number, crews: number, rows: number): Share[] {
  const windows = Math.ceil(heads / perWindow);
  const parts = Math.min(rows, Math.max(1, Math.ceil(crews / windows)));
  const shares: Share[] = [];
  for (let first = 0; first < heads; first += perWindow) {
    const list = Array.from({ length: Math.min(perWindow, heads - first) }, (_, i) => first + i);
    for (let part = 0; part < parts; part++) {
      const range = { first: Math.floor((part * rows) / parts), end: Math.floor(((part + 1) * rows) / parts) };
      shares.push({ heads: list, range });
    }
  }
  return shares;
}

class ShareRun {
  constructor(
    readonly work: Work,
    readonly tensors: Tensors,
    readonly crew: Crew,
    readonly window: Window,
    readonly share: Share,
    readonly progress: Progress,
    readonly direct: Direct = new Map(),
  ) {}

  async run(): Promise<void> {
    const { work, window, progress } = this;
    const { groups, group } = work.parameters;
    this.#jobs(0, window.groups);
    await progress.timed("permute", async () => this.#load());
    for (const phase of work.phases) if (!phase.grouped) await this.#phase(phase, 0, this.share.range);
    const { first, end } = this.share.range;
    for (let g = 0; g < groups; g += window.groups) {
      const count = Math.min(window.groups, groups - g);
      const rows = { first: Math.max(first, g * group), end: Math.min(end, (g + count) * group) };
      if (rows.first >= rows.end) continue;
      if (window.groups < groups) this.#jobs(g, count);
      for (const phase of work.phases) if (phase.grouped) await this.#phase(phase, count, rows);
    }
    await progress.timed("permute", () => this.#store());
  }

  #headAt(index: number): number {
    return this.window.headsAt + index * this.window.headBytes;
  }

  /** Where the slot of a head lies, the `index`-th of this window. */
  #slotAt(name: SlotName, head: number, index: number): number {
    const slot: Slot = SLOTS[name];
    const whole = this.direct.get(name);
    if (whole !== undefined) return whole + head * slotBytes(slot, this.work.parameters);
    return this.#headAt(index) + this.window.offsets.get(name)!;
  }

  #jobAt(index: number): number {
    return this.window.jobsAt + index * L.JOB_BYTES;
  }

  #jobs(groupFirst: number, groupCount: number): void {
    const { parameters } = this.work;
    const { heads } = parameters.geometry;
    this.share.heads.forEach((head, index) => {
      this.crew.write(this.#jobAt(index), L.JOB_BYTES, (bytes) => {
        bytes.fill(0);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        writeJob(view, parameters, Math.floor(head / heads), head % heads, groupFirst, groupCount);
        for (const slot of this.work.slots) view.setInt32(SLOTS[slot].field, this.#slotAt(slot, head, index), true);
      });
    });
  }

  #load(): void {
    for (const transfer of this.work.loads)
      this.share.heads.forEach((head, index) => {
        if (this.direct.has(transfer.slot)) return;
        const at = this.#slotAt(transfer.slot, head, index);
        const { length } = storedBytes(this.work, transfer, { first: 0, end: this.work.parameters.n });
        this.crew.write(at, length, (bytes) => loadHead(this.work, transfer, this.tensors, head, bytes));
      });
  }

  async #store(): Promise<void> {
    for (const transfer of this.work.stores)
      for (const [index, head] of this.share.heads.entries()) {
        const { at, length } = storedBytes(this.work, transfer, this.share.range);
        if (length === 0 || this.direct.has(transfer.slot)) continue;
        const from = this.#slotAt(transfer.slot, head, index) + at;
        await this.crew.read(from, length, (bytes) => storeHead(this.work, transfer, this.tensors, head, at, bytes));
      }
  }

  async #phase(phase: Phase, groupCount: number, rows: RowRange): Promise<void> {
    const { work, crew, window, progress } = this;
    const { heads } = work.parameters.geometry;
    const pairs: number[] = [];
    const lists: { first: number; units: number[] }[] = this.share.heads.map((head, index) => {
      const item = Math.floor(head / heads);
      const units = unitsOf(phase.span, work.parameters, item, groupCount, rows);
      return { first: this.#jobAt(index), units };
    });
    if (phase.span === "rowTiles" && !work.parameters.attend?.dense) await this.#sortTiles(lists, rows);
    // Interleaved by head, so that the longest rows of all heads come first.
    const longest = Math.max(0, ...lists.map(({ units }) => units.length));
    for (let u = 0; u < longest; u++)
      for (const { first, units } of lists) if (u < units.length) pairs.push(first, units[u]);
    const { tasksAt, scratchAt, scratchBytes } = window;
    const batch = { op: phase.op, tasks: Int32Array.from(pairs), tasksAt, scratchAt, scratchBytes };
    const part = phase.grouped ? (rows.end - rows.first) / (this.share.range.end - this.share.range.first) : 1;
    await progress.phase(phase, part, pairs.length / 2, (control) => crew.run(batch, control));
  }

  async #sortTiles(lists: { units: number[] }[], rows: RowRange): Promise<void> {
    for (const [index, list] of lists.entries()) {
      const at = this.#slotAt("counts", this.share.heads[index], index);
      await this.crew.read(at + 4 * rows.first, 4 * (rows.end - rows.first), (bytes) => {
        const counts = new Int32Array(bytes.slice().buffer);
        list.units = longestFirst(list.units, this.work.parameters, (row) => counts[row - rows.first]);
      });
    }
  }
}
