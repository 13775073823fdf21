import { byteSize } from "@spaattn/core";
import type { Kernel } from "../kernel.js";
import type { Unit } from "../kernels/move.js";
import { ALIGNMENT } from "../network/binding.js";
import type { OperationLowering } from "../network/operation-lowering.js";
import { MAP_THREADS } from "../wgsl/map.js";

/** How elements are moved: so many bytes at once. */
export interface Move {
  readonly unit: Unit;
  /** Units that some elements make; always whole. */
  readonly units: (elements: number) => number;
}

/**
 * The largest unit that all of `lengths` (in elements: of what lies together, and where it begins) are multiples of, and
 * the places of the tensors too.
 */
export function unitOf(lowering: OperationLowering, roles: readonly string[], lengths: readonly number[]): Move {
  const bytes = byteSize(lowering.spec(roles[0]).dtype);
  const starts = roles.map((role) => lowering.spec(role).view?.offset ?? 0);
  const all = [...lengths, ...starts].map((elements) => elements * bytes);
  const unit = ([16, 8, 4, 2, 1] as const).find((each) => each >= bytes && all.every((size) => size % each === 0));
  const chosen = unit ?? (bytes as Unit);
  return { unit: chosen, units: (elements) => (elements * bytes) / chosen };
}

/** Dispatches a kernel of kernels/move.ts over all units of `y`. */
export function emitMove(
  lowering: OperationLowering,
  kernel: Kernel,
  { unit, units }: Move,
  x: string,
  y: string,
  params: Readonly<Record<string, number>>,
): void {
  const { view, dtype } = lowering.spec(y);
  const count = units(lowering.count(y));
  const lead = unit < 4 ? ((((view?.offset ?? 0) * byteSize(dtype)) % ALIGNMENT) % 4) / unit : 0;
  const items = unit < 4 ? Math.ceil(((lead + count) * unit) / 4) : count;
  lowering.chose(kernel.name, `${unit} bytes at a time`);
  lowering.flat(kernel, items, MAP_THREADS, { bind: { x, y }, params: { ...params, count, lead } });
}
