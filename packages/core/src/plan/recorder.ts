import type { DType } from "../dtype.js";
import { byteLength, elementCount, type HostTensor, sameShape, type TensorSpec } from "../tensor.js";
import type {
  Cost,
  OperationName,
  Operations,
  Plan,
  PlanOperation,
  PlanValue,
  Role,
  RowsRegion,
  Segment,
} from "./plan.js";

/** A value while a plan is being recorded. */
export interface Value extends TensorSpec {
  readonly name: string;
}

export type Specs = Readonly<Record<string, TensorSpec>>;

/** What an operation is, for all devices: its attributes' type, the shapes it gives, what it costs. */
export interface OperationDefinition<N extends OperationName = OperationName> {
  readonly op: N;
  /** Dtypes and shapes of the results by role. Throws `RangeError` or `TypeError` that names the input or attribute. */
  infer(attrs: Operations[N], inputs: Specs): Record<string, TensorSpec>;
  /** Multiplications and additions, each counted as one. */
  flop(attrs: Operations[N], inputs: Specs, outputs: Specs): number;
}

export interface RecorderOptions {
  /** The spec of a weight, where files say it; its shape is checked against the one asked for. */
  readonly weightSpec?: (name: string) => TensorSpec | undefined;
  /** The dtype of weights whose spec is not known. Default `f32`. */
  readonly weightDtype?: DType;
}

/** Records a plan operation by operation. `@spaattn/nn` extends it with a method for each of its operations. */
export class PlanRecorder {
  readonly #values: Record<string, PlanValue> = {};
  readonly #constants: Record<string, HostTensor> = {};
  readonly #operations: PlanOperation[] = [];
  readonly #segments: Segment[] = [];
  readonly #rows: RowsRegion[] = [];
  readonly #names = new Map<string, string>();
  #segment: string | undefined;
  #inRows = false;
  #count = 0;

  constructor(readonly options: RecorderOptions = {}) {}

  /** A tensor the caller gives for every run. */
  input(name: string, dtype: DType, shape: readonly number[]): Value {
    return this.#declare(name, { dtype, shape, role: "input" });
  }

  /** A tensor of the caller that the plan reads and then overwrites; see `Role`. */
  state(name: string, dtype: DType, shape: readonly number[]): Value {
    return this.#declare(name, { dtype, shape, role: "state" });
  }

  /**
   * A weight by its full name; asking twice gives the same value.
   *
   * @throws RangeError when the shape differs from the file's, naming both.
   */
  weight(name: string, shape: readonly number[]): Value {
    const found = this.options.weightSpec?.(name);
    if (found && !sameShape(found.shape, shape))
      throw new RangeError(
        `weight "${name}" must have shape [${shape.join(", ")}], the file has [${found.shape.join(", ")}]`,
      );
    const known = this.#values[name];
    if (known) return { name, dtype: known.dtype, shape: known.shape };
    return this.#declare(name, { dtype: found?.dtype ?? this.options.weightDtype ?? "f32", shape, role: "weight" });
  }

  /** Data known now; uploaded once when the plan is compiled. */
  constant(tensor: HostTensor, name = this.#fresh("constant")): Value {
    this.#constants[name] = tensor;
    return this.#declare(name, { dtype: tensor.dtype, shape: tensor.shape, role: "constant" });
  }

  /** The same elements in another shape, or a window of them that begins `offset` elements in. */
  view(value: Value, shape: readonly number[], offset = 0): Value {
    if (offset + elementCount(shape) > elementCount(value.shape) || offset < 0)
      throw new RangeError(`a view [${shape.join(", ")}] at ${offset} does not fit in [${value.shape.join(", ")}]`);
    const of = this.#values[value.name];
    const view = { base: of.view?.base ?? value.name, offset: (of.view?.offset ?? 0) + offset };
    return this.#declare(this.#fresh("view"), { dtype: value.dtype, shape, role: of.role, view });
  }

  /** Makes a value, the result of an operation, an output under a name of its own. */
  output(name: string, value: Value): Value {
    const of = this.#values[value.name];
    if (of.role !== "temporary" || of.view)
      throw new TypeError(
        `output "${name}" must be the result of an operation, "${value.name}" is ${of.view ? "a view" : `of role ${of.role}`}`,
      );
    if (this.#values[name]) throw new RangeError(`there is a value "${name}" already`);
    this.#names.set(value.name, name);
    this.#values[value.name] = { ...of, role: "output" };
    return value;
  }

  /** Records one operation; results that `into` names are written there (states, outputs in parts) instead of new values. */
  record<N extends OperationName>(
    definition: OperationDefinition<N>,
    attrs: Operations[N],
    inputs: Readonly<Record<string, Value | undefined>>,
    into: Readonly<Record<string, Value>> = {},
  ): Record<string, Value> {
    const given = Object.entries(inputs).filter((entry): entry is [string, Value] => entry[1] !== undefined);
    const specs = Object.fromEntries(given);
    const inferred = definition.infer(attrs, specs);
    const results: Record<string, Value> = {};
    for (const [role, { dtype, shape }] of Object.entries(inferred)) {
      const target = into[role];
      if (target && !(sameShape(target.shape, shape) && target.dtype === dtype))
        throw new RangeError(
          `${definition.op}.${role} is ${dtype} [${shape.join(", ")}], its target "${target.name}" ${target.dtype} [${target.shape.join(", ")}]`,
        );
      results[role] = target ?? this.#declare(this.#fresh(definition.op), { dtype, shape, role: "temporary" });
    }
    const names = (values: readonly (readonly [string, Value])[]) =>
      Object.fromEntries(values.map(([role, value]) => [role, value.name]));
    this.#operations.push({
      op: definition.op,
      attrs,
      in: names(given),
      out: names(Object.entries(results)),
      cost: costOf(definition, attrs, specs, inferred),
    });
    return results;
  }

  /** Groups what `body` records under a name: the unit of progress, cancelling and weight residency. */
  segment<T>(name: string, body: () => T): T {
    if (this.#segment !== undefined) throw new RangeError(`segment "${name}" begins inside segment "${this.#segment}"`);
    this.#segment = name;
    const first = this.#operations.length;
    try {
      return body();
    } finally {
      this.#segment = undefined;
      const end = this.#operations.length;
      if (end > first) this.#segments.push({ name, first, end, weights: this.#weightsIn(first, end) });
    }
  }

  /**
   * Lets placement process the tokens of `x` `[batch, tokens, ...]` in chunks of its choice through all that `body` records.
   *
   * Operations inside must treat every token alone; every value born inside is `[batch, tokens, ...]`, and only the
   * returned one is seen outside.
   */
  rows(x: Value, body: () => Value): Value {
    if (this.#inRows) throw new RangeError("a region of rows begins inside another");
    const [batch, tokens] = x.shape;
    const first = this.#operations.length;
    this.#inRows = true;
    const result = body();
    this.#inRows = false;
    const end = this.#operations.length;
    if (end > first) this.#rows.push(this.#region(first, end, batch, tokens, result));
    return result;
  }

  build(): Plan {
    const rename = (name: string) => this.#names.get(name) ?? name;
    const roles = (record: Readonly<Record<string, string>>) =>
      Object.fromEntries(Object.entries(record).map(([role, name]) => [role, rename(name)]));
    this.#checkRows();
    return {
      values: Object.fromEntries(
        Object.entries(this.#values).map(([name, value]) => [
          rename(name),
          value.view
            ? {
                ...value,
                view: { ...value.view, base: rename(value.view.base) },
                role: this.#values[value.view.base].role,
              }
            : value,
        ]),
      ),
      operations: this.#operations.map((operation) => ({
        ...operation,
        in: roles(operation.in),
        out: roles(operation.out),
      })),
      segments: this.#segments,
      rows: this.#rows.map((region) => ({
        ...region,
        split: region.split.map(rename),
        perItem: region.perItem.map(rename),
      })),
      constants: this.#constants,
    };
  }

  #declare(name: string, value: PlanValue): Value {
    if (this.#values[name]) throw new RangeError(`there is a value "${name}" already`);
    this.#values[name] = value;
    return { name, dtype: value.dtype, shape: value.shape };
  }

  #fresh(prefix: string): string {
    return `%${prefix}.${this.#count++}`;
  }

  #role(name: string): Role {
    return this.#values[name].role;
  }

  #weightsIn(first: number, end: number): string[] {
    const weights = new Set<string>();
    for (const operation of this.#operations.slice(first, end))
      for (const name of Object.values(operation.in))
        if (this.#role(name) === "weight") weights.add(this.#values[name].view?.base ?? name);
    return [...weights];
  }

  #region(first: number, end: number, batch: number, tokens: number, result: Value): RowsRegion {
    const born = new Set<string>();
    const split = new Set<string>([result.name]);
    const perItem = new Set<string>();
    for (const { op, in: inputs, out } of this.#operations.slice(first, end)) {
      for (const name of Object.values(inputs)) {
        if (born.has(name) || split.has(name)) continue;
        const { shape, role } = this.#values[name];
        if (role === "weight" || role === "constant") continue;
        if (shape.length >= 2 && shape[0] === batch && shape[1] === tokens) split.add(name);
        else if (shape.length >= 2 && shape[0] === batch && batch > 1) perItem.add(name);
      }
      for (const name of Object.values(out)) {
        const { shape } = this.#values[name];
        if (shape[0] !== batch || shape[1] !== tokens)
          throw new RangeError(
            `${op} inside rows gives [${shape.join(", ")}], which is not [${batch}, ${tokens}, ...]`,
          );
        born.add(name);
      }
    }
    return { first, end, batch, tokens, split: [...split], perItem: [...perItem] };
  }

  /** What is born inside a region exists for one chunk at a time, so nothing outside may read it. */
  #checkRows(): void {
    for (const { first, end, split } of this.#rows) {
      const born = new Set(this.#operations.slice(first, end).flatMap(({ out }) => Object.values(out)));
      for (const name of split) born.delete(name);
      this.#operations.forEach(({ op, in: inputs }, i) => {
        if (i >= first && i < end) return;
        for (const name of Object.values(inputs))
          if (born.has(this.#values[name].view?.base ?? name))
            throw new RangeError(`${op} reads "${name}", which exists inside a region of rows only`);
      });
    }
  }
}

function costOf<N extends OperationName>(
  definition: OperationDefinition<N>,
  attrs: Operations[N],
  inputs: Specs,
  outputs: Specs,
): Cost {
  const bytes = [...Object.values(inputs), ...Object.values(outputs)].reduce((sum, spec) => sum + byteLength(spec), 0);
  return { flop: definition.flop(attrs, inputs, outputs), bytes };
}
