import type { PlanOperation, PlanValue } from "@spaattn/core";
import type { NetworkCrew, Sequence } from "../crew/crew.js";
import * as T from "../crew/phase-table.js";
import { kernelOf } from "../operations/index.js";
import { type Form, Lowering, type Site } from "./lowering.js";

/** Where values lie during one run. */
export interface Addresses {
  /** Changes when anything but weights may lie elsewhere. */
  readonly base: number;
  value(name: string): number;
  /** Copies a weight or constant into memory where it is not there. */
  weight(name: string, form: Form): number;
  scratch(operation: number): number;
}

/** Operation `index` of the placement. */
export interface StageOperation {
  readonly operation: PlanOperation;
  readonly index: number;
}

interface Lowered {
  readonly crew: NetworkCrew;
  readonly base: number;
  readonly weights: ReadonlyMap<string, { name: string; form: Form; at: number }>;
  readonly at: number;
  readonly tableAt: number;
  /** The operation (its place in the stage) of every phase. */
  readonly owners: readonly number[];
}

/** Operations that run without the host: lowered once, and again only where something lies elsewhere than before. */
export class SequenceStage {
  #lowered: Lowered | undefined;

  constructor(
    readonly operations: readonly StageOperation[],
    readonly values: Readonly<Record<string, PlanValue>>,
    readonly threads: number,
  ) {}

  /** The sequence for this run, its counters at zero. */
  prepare(crew: NetworkCrew, addresses: Addresses): { at: number; count: number; owners: readonly number[] } {
    if (!this.#fits(crew, addresses)) {
      this.release();
      this.#lowered = this.#lower(crew, addresses);
    }
    const { tableAt, owners } = this.#lowered as Lowered;
    crew.write(tableAt, owners.length * T.PHASE_WORDS * 4, (bytes) => {
      const words = new Int32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
      for (let row = 0; row < words.length; row += T.PHASE_WORDS) words[row + T.NEXT] = words[row + T.DONE] = 0;
    });
    return { at: tableAt, count: owners.length, owners };
  }

  /** Milliseconds of every operation of the stage in the sequence that just ran. */
  times(crew: NetworkCrew, { at, count }: Pick<Sequence, "at" | "count">, start: number): number[] {
    const ms = new Array<number>(this.operations.length).fill(0);
    const { owners } = this.#lowered as Lowered;
    crew.read(at, count * T.PHASE_WORDS * 4, (bytes) => {
      const ends = new Float64Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 8);
      let last = start;
      owners.forEach((owner, phase) => {
        const end = ends[(phase * T.PHASE_WORDS + T.ENDED) >> 1];
        ms[owner] += Math.max(0, end - last);
        last = Math.max(last, end);
      });
    });
    return ms;
  }

  release(): void {
    this.#lowered?.crew.release(this.#lowered.at);
    this.#lowered = undefined;
  }

  #fits(crew: NetworkCrew, addresses: Addresses): boolean {
    const lowered = this.#lowered;
    if (!lowered || lowered.crew !== crew || lowered.base !== addresses.base) return false;
    let same = true;
    // All are asked for, also behind the first that moved: asking is what brings them into memory.
    for (const { name, form, at } of lowered.weights.values()) same = addresses.weight(name, form) === at && same;
    return same;
  }

  #lower(crew: NetworkCrew, addresses: Addresses): Lowered {
    const weights = new Map<string, { name: string; form: Form; at: number }>();
    const address = (name: string, form: Form) => {
      const { role } = this.values[name];
      if (role !== "weight" && role !== "constant") return addresses.value(name);
      const at = addresses.weight(name, form);
      weights.set(`${form} ${name}`, { name, form, at });
      return at;
    };
    const lowerAll = (recordsAt: number) => {
      let at = recordsAt;
      return this.operations.map(({ operation, index }) => {
        const site = { threads: this.threads, address, recordsAt: at, scratchAt: addresses.scratch(index) };
        const lowering = lowerOperation(operation, this.values, site);
        at += 4 * lowering.records.length;
        return lowering;
      });
    };
    const measured = lowerAll(0);
    const phases = measured.reduce((sum, { phases: list }) => sum + list.length, 0);
    const tableBytes = phases * T.PHASE_WORDS * 4;
    const recordBytes = measured.reduce((sum, { records }) => sum + 4 * records.length, 0);
    const at = crew.claim(tableBytes + recordBytes);
    const lowered = lowerAll(at + tableBytes);
    const words = new Int32Array((tableBytes + recordBytes) / 4);
    const owners: number[] = [];
    let record = tableBytes / 4;
    lowered.forEach(({ phases: list, records }, owner) => {
      for (const { kernel, job, units } of list) {
        words.set([kernel, job, units], owners.length * T.PHASE_WORDS);
        owners.push(owner);
      }
      words.set(records, record);
      record += records.length;
    });
    crew.write(at, words.byteLength, (bytes) => bytes.set(new Uint8Array(words.buffer)));
    return { crew, base: addresses.base, weights, at, tableAt: at, owners };
  }
}

/** Lowers one operation for a site. */
export function lowerOperation(
  operation: PlanOperation,
  values: Readonly<Record<string, PlanValue>>,
  site: Site,
): Lowering {
  const kernel = kernelOf(operation.op);
  if (!kernel) throw new TypeError(`the cpu backend has no operation ${operation.op}`);
  return new Lowering(operation, values, site).run((lowering) => kernel.lower(lowering as never));
}

/** Bytes of scratch an operation needs, all threads together and each for itself. */
export function measureOperation(
  operation: PlanOperation,
  values: Readonly<Record<string, PlanValue>>,
  threads: number,
): { scratch: number; perThread: number } {
  const site: Site = { threads, address: () => 64, recordsAt: 64, scratchAt: 0 };
  const { scratchBytes, threadBytes } = lowerOperation(operation, values, site);
  return { scratch: scratchBytes, perThread: threadBytes };
}
