import type { Placement } from "@spaattn/core";

/** Operations that are submitted together. */
export interface Stage {
  /** What is being done: a segment, or an operation outside of segments. */
  readonly name: string;
  readonly segment: string | undefined;
  readonly first: number;
  readonly end: number;
  readonly weights: readonly string[];
}

/** Segments, and what stands between them; without any segment the operations are one stage. */
export function stagesOf({ operations, segments }: Placement): Stage[] {
  const stages: Stage[] = [];
  const between = (first: number, end: number) => {
    if (end > first) stages.push({ name: operations[first].op, segment: undefined, first, end, weights: [] });
  };
  let next = 0;
  for (const { name, first, end, weights } of segments) {
    between(next, first);
    if (end > first) stages.push({ name, segment: name, first, end, weights });
    next = end;
  }
  between(next, operations.length);
  return stages;
}
