/** Something that needs `bytes` from operation `first` to operation `last`, both included. */
export interface Interval {
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

/**
 * Assigns intervals to slots so that no slot serves two at a time: the largest first, each to the slot that it wastes
 * least of. Within a few percent of the bytes alive at the worst moment for networks, whose values have few sizes.
 */
export function packSlots(items: readonly Interval[]): { slots: number[]; slotOf: number[] } {
  const order = items
    .map((_, i) => i)
    .sort((a, b) => items[b].bytes - items[a].bytes || items[a].first - items[b].first);
  const slots: { bytes: number; taken: Interval[] }[] = [];
  const slotOf = new Array<number>(items.length).fill(-1);
  for (const i of order) {
    const item = items[i];
    let best = -1;
    slots.forEach((slot, s) => {
      if (best >= 0 && slots[best].bytes <= slot.bytes) return;
      if (isFree(slot.taken, item)) best = s;
    });
    if (best < 0) best = slots.push({ bytes: item.bytes, taken: [] }) - 1;
    insert(slots[best].taken, item);
    slotOf[i] = best;
  }
  return { slots: slots.map(({ bytes }) => bytes), slotOf };
}

/** Position of the first taken interval that ends at or after `moment`; `taken` is sorted and disjoint. */
function search(taken: readonly Interval[], moment: number): number {
  let low = 0;
  let high = taken.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (taken[middle].last < moment) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isFree(taken: readonly Interval[], item: Interval): boolean {
  const next = taken[search(taken, item.first)];
  return next === undefined || next.first > item.last;
}

function insert(taken: Interval[], item: Interval): void {
  taken.splice(search(taken, item.first), 0, item);
}
