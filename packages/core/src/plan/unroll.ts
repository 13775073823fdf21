import { elementCount } from "../tensor.js";
import type { Plan, PlanOperation, PlanValue, RowsRegion, Segment } from "./plan.js";

/** A plan without regions of rows: every chunk is operations of its own, on views of what the region reads and writes. */
export interface StraightPlan {
  readonly values: Readonly<Record<string, PlanValue>>;
  readonly operations: readonly PlanOperation[];
  readonly segments: readonly Segment[];
}

/**
 * Unrolls the regions of rows of a plan into chunks.
 *
 * @param rowsOf tokens per chunk, by region; all tokens of one batch item at most
 */
export function unrollRows(plan: Plan, rowsOf: (region: RowsRegion, index: number) => number): StraightPlan {
  if (plan.rows.length === 0) return plan;
  const unrolled = new Unrolling(plan);
  let next = 0;
  plan.rows.forEach((region, index) => {
    unrolled.keep(next, region.first);
    const rows = Math.min(region.tokens, rowsOf(region, index));
    if (rows === region.tokens && region.batch === 1) unrolled.keep(region.first, region.end);
    else unrolled.cut(region, index, rows);
    next = region.end;
  });
  unrolled.keep(next, plan.operations.length);
  return unrolled.result();
}

class Unrolling {
  readonly #values: Record<string, PlanValue>;
  readonly #operations: PlanOperation[] = [];
  /** Where operation `i` of the plan begins in the unrolled list. */
  readonly #starts: number[] = [];

  constructor(readonly plan: Plan) {
    this.#values = { ...plan.values };
  }

  keep(first: number, end: number): void {
    for (let i = first; i < end; i++) {
      this.#starts[i] = this.#operations.length;
      this.#operations.push(this.plan.operations[i]);
    }
  }

  cut(region: RowsRegion, index: number, rows: number): void {
    const born = this.#born(region);
    for (let i = region.first; i < region.end; i++) this.#starts[i] = this.#operations.length;
    for (let item = 0; item < region.batch; item++)
      for (let from = 0; from < region.tokens; from += rows) {
        const count = Math.min(rows, region.tokens - from);
        const names = this.#chunk(region, born, `rows${index}.${item}.${from}`, item, from, count);
        const share = count / (region.tokens * region.batch);
        const rename = (roles: Readonly<Record<string, string>>) =>
          Object.fromEntries(Object.entries(roles).map(([role, name]) => [role, names.get(name) ?? name]));
        for (let i = region.first; i < region.end; i++) {
          const operation = this.plan.operations[i];
          const cost = { flop: operation.cost.flop * share, bytes: operation.cost.bytes * share };
          this.#operations.push({ ...operation, in: rename(operation.in), out: rename(operation.out), cost });
        }
      }
    for (const name of born) delete this.#values[name];
  }

  result(): StraightPlan {
    const at = (i: number) => this.#starts[i] ?? this.#operations.length;
    const segments = this.plan.segments.map((segment) => ({
      ...segment,
      first: at(segment.first),
      end: at(segment.end),
    }));
    return { values: this.#values, operations: this.#operations, segments };
  }

  /** Temporaries written inside the region that are no results of it. */
  #born(region: RowsRegion): Set<string> {
    const born = new Set<string>();
    for (let i = region.first; i < region.end; i++)
      for (const name of Object.values(this.plan.operations[i].out)) if (!region.split.includes(name)) born.add(name);
    return born;
  }

  /** Declares the values of one chunk and returns their names by the names of the whole ones. */
  #chunk(
    region: RowsRegion,
    born: Set<string>,
    tag: string,
    item: number,
    from: number,
    count: number,
  ): Map<string, string> {
    const names = new Map<string, string>();
    const declare = (name: string, value: PlanValue) => {
      names.set(name, `${name}#${tag}`);
      this.#values[`${name}#${tag}`] = value;
    };
    const window = (name: string, shape: readonly number[], offset: number) => {
      const whole = this.plan.values[name];
      const view = { base: whole.view?.base ?? name, offset: (whole.view?.offset ?? 0) + offset };
      declare(name, { dtype: whole.dtype, role: whole.role, shape, view });
    };
    for (const name of region.split) {
      const rest = this.plan.values[name].shape.slice(2);
      const width = elementCount(rest);
      window(name, [1, count, ...rest], (item * region.tokens + from) * width);
    }
    for (const name of region.perItem) {
      const rest = this.plan.values[name].shape.slice(1);
      window(name, [1, ...rest], item * elementCount(rest));
    }
    for (const name of born) {
      const { dtype, shape } = this.plan.values[name];
      declare(name, { dtype, role: "temporary", shape: [1, count, ...shape.slice(2)] });
    }
    return names;
  }
}
