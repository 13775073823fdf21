import { byteLength } from "../tensor.js";
import type { Placement } from "./place.js";
import type { Plan, Role } from "./plan.js";

/** What a plan takes, before anything runs. Bytes and floating-point operations. */
export interface PlanSummary {
  readonly operations: number;
  readonly segments: number;
  readonly flop: number;
  /** Bytes moved when every operation reads its inputs and writes its outputs once. */
  readonly bytes: number;
  readonly weightBytes: number;
  readonly ioBytes: number;
  /** Bytes of all slots: temporaries and scratch. */
  readonly peakActivationBytes: number;
  readonly leastActivationBytes: number;
  readonly largestValueBytes: number;
  readonly slots: number;
  /** Tokens per chunk of each region of rows. */
  readonly chunks: readonly number[];
  readonly byOperation: Readonly<
    Record<string, { readonly count: number; readonly flop: number; readonly bytes: number }>
  >;
}

/** Counts a plan and its placement. */
export function summarizePlan(plan: Plan, placement: Placement): PlanSummary {
  const byOperation: Record<string, { count: number; flop: number; bytes: number }> = {};
  for (const { op, cost } of placement.operations) {
    const entry = (byOperation[op] ??= { count: 0, flop: 0, bytes: 0 });
    entry.count++;
    entry.flop += cost.flop;
    entry.bytes += cost.bytes;
  }
  const bytesOf = (...roles: Role[]) =>
    Object.values(plan.values).reduce(
      (sum, value) => sum + (!value.view && roles.includes(value.role) ? byteLength(value) : 0),
      0,
    );
  const sum = (pick: (entry: { flop: number; bytes: number }) => number) =>
    Object.values(byOperation).reduce((total, entry) => total + pick(entry), 0);
  return {
    operations: placement.operations.length,
    segments: plan.segments.length,
    flop: sum(({ flop }) => flop),
    bytes: sum(({ bytes }) => bytes),
    weightBytes: bytesOf("weight"),
    ioBytes: bytesOf("input", "output", "state"),
    peakActivationBytes: placement.peakBytes,
    leastActivationBytes: placement.leastBytes,
    largestValueBytes: placement.largestValueBytes,
    slots: placement.slots.length,
    chunks: placement.chunks,
    byOperation,
  };
}
