import type { Plan, PlanOperation, PlanValue, RowsRegion, Segment } from "@spaattn/core";

/** Replaces operations of a plan by small plans of their own, whose inputs and outputs are named by the operation's roles. */
export class Splicer {
  readonly #values: Record<string, PlanValue>;
  readonly #constants: Plan["constants"];
  readonly #operations: PlanOperation[] = [];
  /** Where operation `i` of the plan begins in the new one. */
  readonly #starts: number[] = [];
  #count = 0;

  constructor(readonly plan: Plan) {
    this.#values = { ...plan.values };
    this.#constants = { ...plan.constants };
  }

  keep(index: number): void {
    this.#starts[index] = this.#operations.length;
    this.#operations.push(this.plan.operations[index]);
  }

  replace(index: number, small: Plan): void {
    this.#starts[index] = this.#operations.length;
    const names = this.#names(this.plan.operations[index], small);
    const rename = (roles: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(roles).map(([role, name]) => [role, names.get(name) as string]));
    for (const operation of small.operations)
      this.#operations.push({ ...operation, in: rename(operation.in), out: rename(operation.out) });
  }

  result(): Plan {
    const at = (i: number) => this.#starts[i] ?? this.#operations.length;
    const moved = <T extends Segment | RowsRegion>(range: T): T => ({
      ...range,
      first: at(range.first),
      end: at(range.end),
    });
    return {
      values: this.#values,
      operations: this.#operations,
      segments: this.plan.segments.map(moved),
      rows: this.plan.rows.map(moved),
      constants: this.#constants,
    };
  }

  /** Declares what the small plan adds, and gives the name of each of its values in the whole one. */
  #names(operation: PlanOperation, small: Plan): Map<string, string> {
    const tag = `%expand.${this.#fresh()}`;
    const names = new Map<string, string>();
    const roles = { ...operation.in, ...operation.out };
    const wanted = (name: string) => small.values[name].role === "input" || small.values[name].role === "output";
    for (const name of Object.keys(small.values))
      names.set(name, wanted(name) && !small.values[name].view ? roles[name] : `${tag}${name}`);
    for (const [name, value] of Object.entries(small.values)) {
      if (wanted(name) && !value.view) continue;
      this.#values[names.get(name) as string] = value.view ? this.#viewOf(value, names) : value;
      if (small.constants[name]) Object.assign(this.#constants, { [names.get(name) as string]: small.constants[name] });
    }
    return names;
  }

  /** A view of a value of the whole plan, which may be a view itself. */
  #viewOf(value: PlanValue, names: ReadonlyMap<string, string>): PlanValue {
    const { base, offset } = value.view as NonNullable<PlanValue["view"]>;
    const name = names.get(base) as string;
    const whole = this.#values[name];
    return {
      ...value,
      role: whole.role,
      view: { base: whole.view?.base ?? name, offset: (whole.view?.offset ?? 0) + offset },
    };
  }

  #fresh(): number {
    while (this.#values[`%expand.${this.#count}`] || this.#taken(`%expand.${this.#count}%`)) this.#count++;
    return this.#count++;
  }

  #taken(prefix: string): boolean {
    return Object.keys(this.plan.values).some((name) => name.startsWith(prefix));
  }
}
