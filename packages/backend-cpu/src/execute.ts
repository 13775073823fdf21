import type { RunOptions, StepTiming } from "@spaattn/attention";
import type { Device } from "./device/device.js";
import * as L from "./job-layout.js";
import { writeJob } from "./parameters.js";
import { Progress } from "./progress.js";
import { SLOTS } from "./slots.js";
import { loadHead, type RowRange, storedBytes, storeHead, type Tensors } from "./transfer.js";
import { longestFirst, unitsOf } from "./units.js";
import { planWindow, type Window } from "./window.js";
import type { Phase, Work } from "./work.js";

/** A share of the work that one device does in one go: some heads, and the same row range of each. */
interface Share {
  readonly heads: readonly number[];
  readonly range: RowRange;
}

/** Runs work head by head on the devices, each taking the next share when it is free. */
export async function execute(
  work: Work,
  tensors: Tensors,
  devices: readonly Device[],
  limit: number,
  options: RunOptions,
): Promise<StepTiming[]> {
  const { geometry } = work.parameters;
  const all = geometry.batch * geometry.heads;
  const window = planWindow(work, devices[0].threads, limit, Math.ceil(all / devices.length));
  const usable = devices.slice(0, Math.max(1, Math.floor(limit / window.bytes)));
  const shares = cut(all, window.heads, usable.length, work.parameters.n);
  const progress = new Progress(work, shares.length, options);
  const serve = async (device: Device) => {
    await device.reserve(window.bytes);
    for (let share = shares.shift(); share; share = shares.shift())
      await new ShareRun(work, tensors, device, window, share, progress).run();
  };
  const served = await Promise.allSettled(usable.map(serve));
  for (const result of served) if (result.status === "rejected") throw result.reason;
  return progress.timings();
}

/** Heads in windows; rows as well where there are fewer windows than devices. */
function cut(heads: number, perWindow: number, devices: number, rows: number): Share[] {
  const windows = Math.ceil(heads / perWindow);
  const parts = Math.min(rows, Math.max(1, Math.ceil(devices / windows)));
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
    readonly device: Device,
    readonly window: Window,
    readonly share: Share,
    readonly progress: Progress,
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

  #jobAt(index: number): number {
    return this.window.jobsAt + index * L.JOB_BYTES;
  }

  #jobs(groupFirst: number, groupCount: number): void {
    const { parameters } = this.work;
    const { heads } = parameters.geometry;
    this.share.heads.forEach((head, index) => {
      this.device.write(this.#jobAt(index), L.JOB_BYTES, (bytes) => {
        bytes.fill(0);
        const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
        writeJob(view, parameters, Math.floor(head / heads), head % heads, groupFirst, groupCount);
        for (const [slot, offset] of this.window.offsets)
          view.setInt32(SLOTS[slot].field, this.#headAt(index) + offset, true);
      });
    });
  }

  #load(): void {
    for (const transfer of this.work.loads)
      this.share.heads.forEach((head, index) => {
        const at = this.#headAt(index) + this.window.offsets.get(transfer.slot)!;
        const { length } = storedBytes(this.work, transfer, { first: 0, end: this.work.parameters.n });
        this.device.write(at, length, (bytes) => loadHead(this.work, transfer, this.tensors, head, bytes));
      });
  }

  async #store(): Promise<void> {
    for (const transfer of this.work.stores)
      for (const [index, head] of this.share.heads.entries()) {
        const { at, length } = storedBytes(this.work, transfer, this.share.range);
        if (length === 0) continue;
        const from = this.#headAt(index) + this.window.offsets.get(transfer.slot)! + at;
        await this.device.read(from, length, (bytes) => storeHead(this.work, transfer, this.tensors, head, at, bytes));
      }
  }

  async #phase(phase: Phase, groupCount: number, rows: RowRange): Promise<void> {
    const { work, device, window, progress } = this;
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
    await progress.phase(phase, part, pairs.length / 2, (control) => device.run(batch, control));
  }

  async #sortTiles(lists: { units: number[] }[], rows: RowRange): Promise<void> {
    const offset = this.window.offsets.get("counts")!;
    for (const [index, list] of lists.entries())
      await this.device.read(this.#headAt(index) + offset + 4 * rows.first, 4 * (rows.end - rows.first), (bytes) => {
        const counts = new Int32Array(bytes.slice().buffer);
        list.units = longestFirst(list.units, this.work.parameters, (row) => counts[row - rows.first]);
      });
  }
}
