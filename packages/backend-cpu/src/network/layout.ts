import { byteLength, type Placement, type PlacementLimits, type Plan, type PlanOperation, place } from "@spaattn/core";
import { outOfMemory } from "../errors.js";
import { AttentionStage } from "./attention.js";
import { measureOperation, SequenceStage, type StageOperation } from "./stage.js";

/** A part of the program between two looks of the host. */
export interface ProgramPart {
  readonly stage: SequenceStage | { readonly attention: AttentionStage; readonly index: number };
  /** Name of its segment, and of the weights that segment reads. */
  readonly segment?: { readonly name: string; readonly weights: readonly string[] };
  /** What is told as progress. */
  readonly name: string;
  /** About how many seconds of one thread each operation takes. */
  readonly seconds: readonly number[];
  readonly ops: readonly string[];
  /** Weights and constants it reads. */
  readonly reads: readonly string[];
}

/** Offsets within the one piece of memory a run takes. */
export interface MemoryLayout {
  readonly placement: Placement;
  readonly slotAt: readonly number[];
  /** The caller's tensors but the weights. */
  readonly boundAt: Readonly<Record<string, number>>;
  readonly scratchAt: number;
  readonly scratchBytes: number;
  readonly bytes: number;
  readonly parts: readonly ProgramPart[];
}

const align = (bytes: number) => Math.ceil(bytes / 64) * 64;
/** Values born in a region of rows: a few rows more would not be faster, and less stays in the caches. */
const ROWS_BYTES = 32 * 2 ** 20;

/** Decides where everything of a plan lies, relative to the start of the memory a run takes. */
export function layOut(
  plan: Plan,
  threads: number,
  limit: number,
  memoryLimit = Number.POSITIVE_INFINITY,
): MemoryLayout {
  const attention = new Map<PlanOperation, AttentionStage>();
  const attentionOf = (operation: PlanOperation) => {
    const known = attention.get(operation) ?? new AttentionStage(operation, threads, limit);
    attention.set(operation, known);
    return known;
  };
  const boundAt: Record<string, number> = {};
  let bound = 0;
  for (const [name, value] of Object.entries(plan.values)) {
    if (value.view || !["input", "output", "state"].includes(value.role)) continue;
    boundAt[name] = bound;
    bound += align(byteLength(value));
  }
  const room = Math.max(0, Math.min(memoryLimit, limit - bound));
  let scratchBytes = 0;
  const scratch: PlacementLimits["scratch"] = (operation, values) => {
    if (operation.op === "attention") return attentionOf(operation).bytes;
    const needed = measureOperation(operation, values, threads);
    scratchBytes = Math.max(scratchBytes, needed.perThread);
    return needed.scratch;
  };
  const placement = place(plan, { memoryLimit: room, alignment: 64, rowsBytes: ROWS_BYTES, scratch });
  const slotAt: number[] = [];
  let at = align(bound);
  for (const bytes of placement.slots) {
    slotAt.push(at);
    at += align(bytes);
  }
  const bytes = at + threads * scratchBytes;
  const parts = partsOf(placement, threads, attentionOf);
  checkWeights(placement, parts, bytes, limit);
  return { placement, slotAt, boundAt, scratchAt: at, scratchBytes, bytes, parts };
}

/** Cuts the operations at the borders of segments and around `attention`. */
function partsOf(
  placement: Placement,
  threads: number,
  attentionOf: (operation: PlanOperation) => AttentionStage,
): ProgramPart[] {
  const { operations, segments, values } = placement;
  const parts: ProgramPart[] = [];
  let open: StageOperation[] = [];
  const segmentOf = (index: number) => segments.find(({ first, end }) => index >= first && index < end);
  const add = (stage: ProgramPart["stage"], list: readonly StageOperation[]) => {
    const segment = segmentOf(list[0].index);
    const inputs = list.flatMap(({ operation }) => Object.values(operation.in));
    const bases = inputs.map((name) => values[name].view?.base ?? name);
    parts.push({
      stage,
      ...(segment ? { segment } : {}),
      name: segment?.name ?? list[0].operation.op,
      seconds: list.map(({ operation: { cost } }) => cost.flop / 25e9 + cost.bytes / 8e9),
      ops: list.map(({ operation }) => operation.op),
      reads: [...new Set(bases)].filter((name) => ["weight", "constant"].includes(values[name].role)),
    });
  };
  const close = () => {
    if (open.length > 0) add(new SequenceStage(open, values, threads), open);
    open = [];
  };
  operations.forEach((operation, index) => {
    const last = open[open.length - 1];
    if (last && segmentOf(last.index) !== segmentOf(index)) close();
    if (operation.op === "attention") {
      close();
      add({ attention: attentionOf(operation), index }, [{ operation, index }]);
    } else open.push({ operation, index });
  });
  close();
  return parts;
}

/** Weights may come and go, but those of one part have to be there together. */
function checkWeights(placement: Placement, parts: readonly ProgramPart[], bytes: number, limit: number): void {
  for (const { reads } of parts) {
    const weights = reads.reduce((sum, name) => sum + byteLength(placement.values[name]), 0);
    if (bytes + weights > limit) throw outOfMemory(bytes + weights);
  }
}
