import {
  byteLength,
  byteSize,
  type DType,
  elementCount,
  type OperationName,
  type Operations,
  type PlanOperation,
  type PlanValue,
  type TensorSpec,
} from "@spaattn/core";
import * as K from "./kernels.js";

/** One kernel over all its units. */
export interface Phase {
  readonly kernel: number;
  readonly job: number;
  readonly units: number;
}

/** How a weight lies in the kernels' memory: as it is, as f32, or (convolutions) with its taps before its channels. */
export type Form = "raw" | "f32" | "taps";

/** A tensor in the kernels' memory. */
export interface Operand extends TensorSpec {
  readonly name: string;
  readonly at: number;
}

/** What lowering needs to know of the place it lowers for. */
export interface Site {
  readonly threads: number;
  /** Address of a value that is no view. */
  address(name: string, form: Form): number;
  /** Where records go, and the operation's scratch. */
  readonly recordsAt: number;
  readonly scratchAt: number;
}

export const DTYPE_CODES: Readonly<Record<DType, number>> = {
  f32: K.F32,
  f16: K.F16,
  bf16: K.BF16,
  f8e4m3: K.F8E4M3,
  f8e5m2: K.F8E5M2,
  i8: K.I8,
  i32: K.I32,
  u8: K.U8,
  u16: K.U16,
  f64: K.F64,
};

const scalars = new DataView(new ArrayBuffer(4));

/** The word that holds a float. */
export function float(value: number): number {
  scalars.setFloat32(0, value, true);
  return scalars.getInt32(0, true);
}

export const ceil = (a: number, b: number): number => Math.ceil(a / b);

/** Numbers one unit of an element-wise kernel takes: enough to be worth a unit, few enough to stay in the cache. */
export const CHUNK = 16384;
/** Weights up to this many bytes are also kept as f32 where kernels want them so. */
const SMALL_BYTES = 4 * 2 ** 20;
const align = (bytes: number) => ceil(bytes, 64) * 64;

/** Turns one operation of a plan into phases. Lowering for a site of zeros measures what an operation needs. */
export class Lowering<N extends OperationName = OperationName> {
  readonly phases: Phase[] = [];
  /** Words of all records, from `site.recordsAt` on. */
  readonly records: number[] = [];
  /** Bytes of scratch the operation uses, and one thread. */
  scratchBytes = 0;
  threadBytes = 4096 + 256;
  readonly #after: (() => void)[] = [];

  constructor(
    readonly operation: PlanOperation,
    readonly values: Readonly<Record<string, PlanValue>>,
    readonly site: Site,
  ) {}

  get attrs(): Operations[N] {
    return this.operation.attrs as Operations[N];
  }

  get threads(): number {
    return this.site.threads;
  }

  spec(role: string): PlanValue | undefined {
    const name = this.operation.in[role] ?? this.operation.out[role];
    return name === undefined ? undefined : this.values[name];
  }

  /** A tensor as it is. Undefined where the operation has none of that role. */
  find(role: string, form: Form = "raw"): Operand | undefined {
    const name = this.operation.in[role] ?? this.operation.out[role];
    if (name === undefined) return undefined;
    const { dtype, shape, view } = this.values[name];
    const bytes = form === "f32" ? 4 : byteSize(dtype);
    const at = this.site.address(view?.base ?? name, form) + (view?.offset ?? 0) * bytes;
    return { name, dtype: form === "f32" ? "f32" : dtype, shape, at };
  }

  get(role: string): Operand {
    return this.find(role) as Operand;
  }

  /** Address of a tensor as it is; 0 where there is none. */
  raw(role: string): number {
    return this.find(role)?.at ?? 0;
  }

  /** Address of a tensor as f32, converted first where it is not; 0 where there is none. */
  f32(role: string): number {
    const spec = this.spec(role);
    if (!spec) return 0;
    if (spec.dtype === "f32") return this.raw(role);
    const base = spec.view ? this.values[spec.view.base] : spec;
    const kept = (base.role === "weight" || base.role === "constant") && byteLength(base) <= SMALL_BYTES;
    if (kept) return this.find(role, "f32")?.at ?? 0;
    const { at } = this.get(role);
    const to = this.scratch(4 * elementCount(spec.shape));
    this.convert(at, spec.dtype, to, "f32", elementCount(spec.shape));
    return to;
  }

  /** Where to write an f32 result; it is converted afterwards where it is not one. */
  result(role: string): number {
    const { at, dtype, shape } = this.get(role);
    if (dtype === "f32") return at;
    const count = elementCount(shape);
    const from = this.scratch(4 * count);
    this.#after.push(() => this.convert(from, "f32", at, dtype, count));
    return from;
  }

  scratch(bytes: number): number {
    const at = this.site.scratchAt + this.scratchBytes;
    this.scratchBytes += align(bytes);
    return at;
  }

  /** One thread needs so many bytes of its own. */
  perThread(bytes: number): void {
    this.threadBytes = Math.max(this.threadBytes, align(bytes + 256));
  }

  /** Puts words into memory; returns their address. */
  record(words: readonly number[]): number {
    const at = this.site.recordsAt + 4 * this.records.length;
    this.records.push(...words);
    // Records begin at multiples of 8 bytes.
    if (this.records.length & 1) this.records.push(0);
    return at;
  }

  phase(kernel: number, words: readonly number[], units: number): void {
    if (units > 0) this.phases.push({ kernel, job: this.record(words), units });
  }

  convert(from: number, fromType: DType, to: number, toType: DType, count: number): void {
    const words = [from, DTYPE_CODES[fromType], to, DTYPE_CODES[toType], count, CHUNK];
    this.phase(K.K_CONVERT, words, ceil(count, CHUNK));
  }

  /** Lowers with `lower`, then what the results still need. */
  run(lower: (lowering: Lowering<N>) => void): this {
    lower(this);
    for (const after of this.#after) after();
    return this;
  }
}
