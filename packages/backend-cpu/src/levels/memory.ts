import { SpaAttnError } from "@spaattn/core";
import { LEVELS_JOB_BYTES } from "./job-layout.js";
import type { LevelsParameters } from "./parameters.js";
import { levelsScratch } from "./scratch.js";
import { LEVELS_SLOTS, type LevelsSlotName, slotBytes, slotsOf } from "./slots.js";

/** Where everything of one window of heads lies in the memory of a crew, from the address the window is given. */
export interface LevelsMemory {
  /** Heads at a time, and clusters of each. */
  readonly heads: number;
  readonly clusters: number;
  readonly scratchAt: number;
  readonly scratchBytes: number;
  readonly tasksAt: number;
  readonly jobsAt: number;
  readonly headsAt: number;
  readonly headBytes: number;
  readonly offsets: ReadonlyMap<LevelsSlotName, number>;
  readonly end: number;
}

const align = (bytes: number) => Math.ceil(bytes / 64) * 64;
/** Vector loops may read a few rows past the last tensor. */
const SLACK_BYTES = 8192;
/** Windows past this size gain nothing. */
const COMFORTABLE_BYTES = 256 * 2 ** 20;

/**
 * Cuts heads and clusters into windows that fit into `limit` bytes.
 *
 * @throws SpaAttnError `OutOfMemory` with the sizes named when one cluster of one head does not fit.
 */
export function planMemory(p: LevelsParameters, threads: number, limit: number, allHeads: number): LevelsMemory {
  const scratchBytes = levelsScratch(p);
  const units = p.n * (p.geometry.blockSize / 64) + p.geometry.textTokens / 64 + p.geometry.blocks + 2;
  const measure = (heads: number, clusters: number): LevelsMemory => {
    const offsets = new Map<LevelsSlotName, number>();
    let headBytes = 0;
    for (const name of slotsOf(p)) {
      offsets.set(name, headBytes);
      headBytes += align(slotBytes(LEVELS_SLOTS[name], p, clusters));
    }
    const tasksAt = align(threads * scratchBytes);
    const jobsAt = align(tasksAt + Math.ceil(8 * heads * units));
    const headsAt = align(jobsAt + heads * LEVELS_JOB_BYTES);
    const end = headsAt + heads * headBytes + SLACK_BYTES;
    return {
      ...{ heads, clusters, scratchAt: 0, scratchBytes, tasksAt, jobsAt, headsAt, headBytes, offsets, end },
    };
  };
  const room = Math.min(limit, COMFORTABLE_BYTES);
  let clusters = p.clusters;
  while (clusters > 1 && measure(1, clusters).end > room) clusters = Math.ceil(clusters / 2);
  const one = measure(1, clusters);
  if (one.end > limit) throw tooLarge(p, one.end, limit);
  let heads = 1;
  while (heads < allHeads && measure(heads + 1, clusters).end <= room) heads++;
  return measure(heads, clusters);
}

/** The same memory from address `at` on. */
export const placeMemory = (memory: LevelsMemory, at: number): LevelsMemory => ({
  ...memory,
  scratchAt: at + memory.scratchAt,
  tasksAt: at + memory.tasksAt,
  jobsAt: at + memory.jobsAt,
  headsAt: at + memory.headsAt,
});

const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

export const tooLarge = ({ geometry: g }: LevelsParameters, needed: number, limit: number): SpaAttnError =>
  new SpaAttnError(
    "OutOfMemory",
    `One head of ${g.tokens} tokens x ${g.headDim} needs a working set of ${mega(needed)}, but memoryLimit is ${mega(limit)}.`,
    { remedy: "Raise memoryLimit of the cpu backend, ask for fewer extras, or use fewer tokens." },
  );
