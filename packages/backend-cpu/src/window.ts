import { SpaAttnError } from "@spaattn/core";
import { JOB_BYTES } from "./job-layout.js";
import { scratchBytes } from "./scratch.js";
import { SLOTS, type Slot, type SlotName, slotBytes } from "./slots.js";
import type { Work } from "./work.js";

/** Where everything of one window of heads lies, from the address the window is given. */
export interface Window {
  /** Heads at a time. */
  readonly heads: number;
  /** Anchor groups at a time. */
  readonly groups: number;
  readonly scratchAt: number;
  readonly scratchBytes: number;
  readonly tasksAt: number;
  readonly jobsAt: number;
  readonly headsAt: number;
  readonly headBytes: number;
  /** Offset of each slot from the start of its head. */
  readonly offsets: ReadonlyMap<SlotName, number>;
  readonly bytes: number;
}

const align = (bytes: number) => Math.ceil(bytes / 64) * 64;

/** Windows past this size gain nothing; several small heads share one, so that threads have enough to do. */
const COMFORTABLE_BYTES = 192 * 2 ** 20;

/**
 * Cuts the work into windows that fit into `limit` bytes.
 *
 * @throws SpaAttnError `OutOfMemory` with the sizes named when one head does not fit.
 */
export function planWindow(
  work: Work,
  threads: number,
  limit: number,
  allHeads: number,
  /** Slots whose tensors lie elsewhere. */
  direct: (name: SlotName) => boolean = () => false,
): Window {
  const { parameters } = work;
  const scratch = scratchBytes(parameters);
  const taskBytes = (heads: number) => 8 * heads * mostUnits(work);
  const measure = (heads: number, groups: number): Window => {
    const offsets = new Map<SlotName, number>();
    let headBytes = 0;
    for (const name of work.slots) {
      if (direct(name)) continue;
      offsets.set(name, headBytes);
      const slot: Slot = SLOTS[name];
      const share = slot.grouped ? groups / parameters.groups : 1;
      headBytes += align(Math.ceil(slotBytes(slot, parameters) * share));
    }
    const tasksAt = align(threads * scratch);
    const jobsAt = align(tasksAt + taskBytes(heads));
    const headsAt = align(jobsAt + heads * JOB_BYTES);
    const bytes = headsAt + heads * headBytes;
    return {
      heads,
      groups,
      scratchAt: 0,
      scratchBytes: scratch,
      tasksAt,
      jobsAt,
      headsAt,
      headBytes,
      offsets,
      bytes,
    };
  };
  let groups = parameters.groups;
  if (work.windowed)
    while (groups > 1 && measure(1, groups).bytes > Math.min(limit, COMFORTABLE_BYTES)) groups = Math.ceil(groups / 2);
  const one = measure(1, groups);
  if (one.bytes > limit) throw tooLarge(work, one.bytes, limit);
  const room = Math.floor(
    (Math.min(limit, COMFORTABLE_BYTES) - one.bytes) / (one.headBytes + JOB_BYTES + taskBytes(1)),
  );
  return measure(Math.max(1, Math.min(allHeads, 1 + room)), groups);
}

/** The window at address `at`. */
export const placeWindow = (window: Window, at: number): Window => ({
  ...window,
  scratchAt: at + window.scratchAt,
  tasksAt: at + window.tasksAt,
  jobsAt: at + window.jobsAt,
  headsAt: at + window.headsAt,
});

/** Units of the longest phase of one head. */
function mostUnits({ parameters: { geometry: g, n, groups, strata } }: Work): number {
  const tiles = (n * g.blockSize + g.textTokens) / 64 + 1;
  return Math.ceil(Math.max(tiles, g.blocks, groups * (strata / 128 + 1)));
}

const mega = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;

function tooLarge({ parameters: { geometry: g } }: Work, needed: number, limit: number): SpaAttnError {
  return new SpaAttnError(
    "OutOfMemory",
    `One head of ${g.tokens} tokens x ${g.headDim} needs a working set of ${mega(needed)}, but memoryLimit is ${mega(limit)}.`,
    { remedy: "Raise memoryLimit of the cpu backend, ask for fewer extras, or use fewer tokens." },
  );
}
