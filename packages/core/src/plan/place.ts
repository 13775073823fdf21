import { byteSize } from "../dtype.js";
import { SpaAttnError } from "../errors.js";
import { byteLength } from "../tensor.js";
import type { Plan, PlanOperation, PlanValue, RowsRegion } from "./plan.js";
import { type Interval, packSlots } from "./slots.js";
import { type StraightPlan, unrollRows } from "./unroll.js";

/** What a device asks of the placement of its memory. */
export interface PlacementLimits {
  /** Bytes that temporaries and scratch may take together. Default: no limit. */
  readonly memoryLimit?: number;
  /** Bytes one value may take (a binding of WebGPU). Default: no limit. */
  readonly maxValueBytes?: number;
  /** Slots are rounded up to a multiple of this. Default 256. */
  readonly alignment?: number;
  /** Offsets of views must be multiples of this many bytes (chunks of rows are chosen so). Default 16. */
  readonly viewAlignment?: number;
  /** Bytes an operation needs besides its tensors, known beforehand. Default: none. */
  readonly scratch?: (operation: PlanOperation, values: Readonly<Record<string, PlanValue>>) => number;
  /** Bytes that the values born in a region of rows may take at a time. Default 256 MiB. */
  readonly rowsBytes?: number;
}

/** Where everything is. One slot is one piece of memory; it holds one value at a time. */
export interface Placement extends StraightPlan {
  /** Bytes of each slot. */
  readonly slots: readonly number[];
  /** The slot of every temporary that is not a view. */
  readonly slotOf: Readonly<Record<string, number>>;
  /** The slot of each operation's scratch; -1 where it needs none. */
  readonly scratchOf: readonly number[];
  /** Bytes of all slots. */
  readonly peakBytes: number;
  /** Bytes alive at the worst moment: the least any placement could need. */
  readonly leastBytes: number;
  readonly largestValueBytes: number;
  /** Tokens per chunk of each region of rows. */
  readonly chunks: readonly number[];
}

const MIB = 2 ** 20;

/**
 * Decides where every temporary value of a plan lives: the only memory planner.
 *
 * A slot is reused as soon as its value has been read for the last time. Inputs and outputs of one operation never
 * share a slot, so a device may bind slots as separate buffers and never has two users of one buffer in a dispatch.
 *
 * @throws SpaAttnError OutOfMemory when it does not fit `limits.memoryLimit` with the smallest chunks, naming the peak,
 * and when a value is larger than `limits.maxValueBytes`, naming the value.
 */
export function place(plan: Plan, limits: PlacementLimits = {}): Placement {
  const { memoryLimit = Number.POSITIVE_INFINITY } = limits;
  let rowsBytes = limits.rowsBytes ?? 256 * MIB;
  for (;;) {
    const chunks = plan.rows.map((region) => chunkRows(plan, region, rowsBytes, limits));
    const placement = placeStraight(
      unrollRows(plan, (_, i) => chunks[i]),
      chunks,
      limits,
    );
    if (placement.peakBytes <= memoryLimit) return placement;
    const smaller = plan.rows.some((region, i) => chunks[i] > leastRows(plan, region, limits.viewAlignment ?? 16));
    if (!smaller)
      throw new SpaAttnError(
        "OutOfMemory",
        `The plan needs ${mega(placement.peakBytes)} for its temporaries, but only ${mega(memoryLimit)} are allowed.`,
        { remedy: "Allow more memory, or use fewer frames, a smaller size or a smaller dtype." },
      );
    rowsBytes /= 2;
  }
}

const mega = (bytes: number) => `${(bytes / 1e6).toFixed(1)} MB`;

function placeStraight(straight: StraightPlan, chunks: readonly number[], limits: PlacementLimits): Placement {
  const { values, operations } = straight;
  const { alignment = 256, maxValueBytes = Number.POSITIVE_INFINITY } = limits;
  const round = (bytes: number) => Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
  const intervals = lifetimes(values, operations);
  let largestValueBytes = 0;
  for (const [name, value] of Object.entries(values)) {
    const bytes = byteLength(value);
    largestValueBytes = Math.max(largestValueBytes, bytes);
    if (bytes > maxValueBytes && !isTouchedThroughViewsOnly(name, operations))
      throw new SpaAttnError(
        "OutOfMemory",
        `Value "${name}" (${value.dtype} [${value.shape.join(", ")}]) takes ${mega(bytes)}, but the device binds ${mega(maxValueBytes)} at most.`,
        {
          remedy: "Use fewer frames, a smaller size or a smaller dtype.",
        },
      );
  }
  const items: (Interval & { name?: string; operation?: number })[] = [];
  for (const [name, { first, last }] of intervals)
    items.push({ name, first, last, bytes: round(byteLength(values[name])) });
  operations.forEach((operation, i) => {
    const bytes = limits.scratch?.(operation, values) ?? 0;
    if (bytes > 0) items.push({ operation: i, first: i, last: i, bytes: round(bytes) });
  });
  const { slots, slotOf: assigned } = packSlots(items);
  const slotOf: Record<string, number> = {};
  const scratchOf = new Array<number>(operations.length).fill(-1);
  items.forEach((item, i) => {
    if (item.name !== undefined) slotOf[item.name] = assigned[i];
    else scratchOf[item.operation as number] = assigned[i];
  });
  return {
    ...straight,
    slots,
    slotOf,
    scratchOf,
    peakBytes: slots.reduce((sum, bytes) => sum + bytes, 0),
    leastBytes: most(items, operations.length),
    largestValueBytes,
    chunks,
  };
}

/** First write and last use of every temporary, through views too. */
function lifetimes(
  values: Readonly<Record<string, PlanValue>>,
  operations: readonly PlanOperation[],
): Map<string, { first: number; last: number }> {
  const found = new Map<string, { first: number; last: number }>();
  operations.forEach((operation, i) => {
    for (const name of [...Object.values(operation.in), ...Object.values(operation.out)]) {
      const base = values[name].view?.base ?? name;
      if (values[base].role !== "temporary") continue;
      const known = found.get(base);
      if (known) known.last = i;
      else found.set(base, { first: i, last: i });
    }
  });
  return found;
}

function isTouchedThroughViewsOnly(name: string, operations: readonly PlanOperation[]): boolean {
  return !operations.some(({ in: i, out }) => Object.values(i).includes(name) || Object.values(out).includes(name));
}

function most(items: readonly Interval[], moments: number): number {
  const change = new Float64Array(moments + 1);
  for (const { first, last, bytes } of items) {
    change[first] += bytes;
    change[last + 1] -= bytes;
  }
  let now = 0;
  let peak = 0;
  for (const step of change) peak = Math.max(peak, (now += step));
  return peak;
}

/** Tokens of which the values born inside take `bytes` together and none is too large to bind, in aligned multiples. */
function chunkRows(plan: Plan, region: RowsRegion, bytes: number, limits: PlacementLimits): number {
  const { maxValueBytes = Number.POSITIVE_INFINITY } = limits;
  const perToken = (name: string) => byteLength(plan.values[name]) / (region.batch * region.tokens);
  const born = plan.operations.slice(region.first, region.end).flatMap(({ out }) => Object.values(out));
  const inside = born.filter((name) => !region.split.includes(name)).reduce((sum, name) => sum + perToken(name), 0);
  const widest = Math.max(...[...born, ...region.split].map(perToken));
  const least = leastRows(plan, region, limits.viewAlignment ?? 16);
  const fitting = Math.floor(Math.min(bytes / inside, maxValueBytes / widest) / least) * least;
  return Math.min(region.tokens, Math.max(least, fitting));
}

/** The fewest tokens whose views stay aligned, and enough to keep matrix products busy. */
function leastRows(plan: Plan, region: RowsRegion, viewAlignment: number): number {
  let rows = 64;
  for (const name of region.split) {
    const { dtype, shape } = plan.values[name];
    const bytes = shape.slice(2).reduce((product, size) => product * size, byteSize(dtype));
    while ((rows * bytes) % viewAlignment !== 0) rows *= 2;
  }
  return Math.min(rows, region.tokens);
}
