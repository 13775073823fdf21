import { elementCount } from "../tensor.js";
import type { PlanOperation, PlanValue, RowsRegion } from "./plan.js";

/** Sorts out what the operations of a region of rows read: cut along tokens, cut by batch item, or whole. */
export class RegionReads {
  readonly #born = new Set<string>();
  readonly #split: Set<string>;
  readonly #perItem = new Set<string>();
  readonly #whole = new Set<string>();

  /** @throws RangeError when the result is a window, or lies outside */
  constructor(
    readonly values: Readonly<Record<string, PlanValue>>,
    readonly batch: number,
    readonly tokens: number,
    readonly result: string,
  ) {
    if (values[result].view) throw new RangeError("rows must return the result of an operation, not a view of it");
    this.#split = new Set([result]);
  }

  /**
   * @param tables roles whose rows an index chooses
   * @throws RangeError when the operation cannot be computed for some of the tokens alone
   */
  add({ op, in: inputs, out }: PlanOperation, tables: readonly string[]): void {
    for (const [role, name] of Object.entries(inputs)) this.#read(op, name, tables.includes(role));
    for (const name of Object.values(out)) {
      const { shape } = this.values[name];
      if (!this.#isCut(shape)) {
        const should = `[${this.batch}, ${this.tokens}, ...]`;
        throw new RangeError(`${op} inside rows gives [${shape.join(", ")}], which is not ${should}`);
      }
      this.#born.add(name);
    }
  }

  lists(): Pick<RowsRegion, "split" | "perItem"> {
    return { split: [...this.#split], perItem: [...this.#perItem] };
  }

  #isCut(shape: readonly number[]): boolean {
    return shape.length >= 2 && shape[0] === this.batch && shape[1] === this.tokens;
  }

  #read(op: string, name: string, isTable: boolean): void {
    const { shape, role, view } = this.values[name];
    if (this.#born.has(name)) return;
    if (view && this.#born.has(view.base)) {
      this.#readView(op, name);
      return;
    }
    // Matrices of weights are `[n, k]`, whatever the numbers.
    const cut = this.#isCut(shape) && !isTable && !(role === "weight" && shape.length === 2);
    if (cut ? this.#whole.has(name) : this.#split.has(name))
      throw new RangeError(`${op} inside rows reads "${name}" both token by token and whole`);
    if (cut) this.#split.add(name);
    else {
      this.#whole.add(name);
      if (shape.length >= 2 && shape[0] === this.batch && this.batch > 1 && role !== "weight") this.#perItem.add(name);
      else if (shape.length >= 3 && shape[0] === 1 && shape[1] === this.tokens && !isTable && this.tokens > 1)
        throw new RangeError(`${op} inside rows reads "${name}" [${shape.join(", ")}] for ${this.batch} batch items`);
    }
  }

  /** The same elements in another shape are cut as their base is; a window of them is not. */
  #readView(op: string, name: string): void {
    const { shape, view } = this.values[name];
    const { base, offset } = view as NonNullable<PlanValue["view"]>;
    const same = offset === 0 && elementCount(shape) === elementCount(this.values[base].shape) && this.#isCut(shape);
    if (!same)
      throw new RangeError(`${op} inside rows reads "${name}", a view of "${base}" that is not cut along its tokens`);
    if (base === this.result) this.#split.add(name);
  }
}
