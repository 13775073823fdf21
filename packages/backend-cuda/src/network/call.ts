import type { Operations, PlanOperation, PlanValue, TensorSpec } from "@spaattn/core";
import { byteSize, type DType, elementCount, type OperationName } from "@spaattn/core";
import type { Launch } from "../device.js";
import type { Handle } from "../driver/driver.js";
import type { ForeignCall } from "./launch-list.js";

/** Element types by the numbers of values.cuh. */
const KINDS: Readonly<Record<DType, number>> = {
  f32: 0,
  f16: 1,
  bf16: 2,
  i32: 3,
  u8: 4,
  i8: 5,
  u16: 6,
  f8e4m3: 7,
  f8e5m2: 8,
  f64: 9,
};
export const kindOf = (dtype: DType): number => KINDS[dtype];
/** The types that kernels can also write, and read eight at a time. */
export const computes = (dtype: DType): boolean => dtype === "f32" || dtype === "f16" || dtype === "bf16";
export const is16 = (dtype: DType): dtype is "f16" | "bf16" => dtype === "f16" || dtype === "bf16";

/** What operations have to know about the GPU. */
export interface Chip {
  /** 90 for compute capability 9.0. */
  readonly capability: number;
  readonly multiprocessors: number;
  /** Shared memory that one thread block may have. */
  readonly sharedBytes: number;
  readonly blas?: Blas | undefined;
  /** Which kernel linears take where more than one can: for measurements and checks. */
  readonly group?: number | undefined;
  readonly matrix?: "simple" | "general" | "256" | "128" | undefined;
}

/** A matrix product of a library: y [m, n] = act(x [m, k] w [n, k]ᵀ + bias) + residual. */
export interface BlasProduct {
  readonly dtype: "f16" | "bf16";
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly gelu: boolean;
  readonly x: Handle;
  readonly w: Handle;
  readonly y: Handle;
  readonly bias: Handle | undefined;
  readonly residual: Handle | undefined;
  readonly scratch: Handle;
}
export interface Blas {
  readonly name: string;
  readonly scratchBytes: number;
  /** Chooses an algorithm for the shape now; undefined where the library has none. */
  prepare(product: BlasProduct): ForeignCall | undefined;
  dispose(): void;
}

/** A tensor as an operation sees it. */
export interface Operand extends TensorSpec {
  /** Its address, a symbol where it is not known yet. */
  readonly pointer: Handle;
}

/** One operation of a plan at work: its attributes, its tensors by role, and what it needs besides. */
export interface Call<N extends OperationName> {
  readonly attrs: Operations[N];
  readonly in: Readonly<Record<string, Operand | undefined>>;
  readonly out: Readonly<Record<string, Operand>>;
  /** Where the bytes that `scratch` asked for are. */
  readonly scratch: Handle;
  readonly chip: Chip;
  launch(launch: Launch): void;
  call(call: ForeignCall): void;
  /** Memory of the program with these contents. */
  constant(name: string, data: Int32Array | Float32Array): Handle;
}

/** The same before anything has an address. */
export interface Shapes<N extends OperationName> {
  readonly attrs: Operations[N];
  readonly in: Readonly<Record<string, TensorSpec | undefined>>;
  readonly out: Readonly<Record<string, TensorSpec>>;
  readonly chip: Chip;
}

/** How this backend runs one operation. */
export interface CudaOperation<N extends OperationName> {
  /** Why it cannot; undefined when it can. */
  unsupported?(shapes: Shapes<N>): string | undefined;
  /** Bytes it needs besides its tensors. */
  scratch?(shapes: Shapes<N>): number;
  /** Records its launches. */
  record(call: Call<N>): void;
  /** Which kernel, and why. */
  describe(shapes: Shapes<N>): { readonly kernel: string; readonly reason: string };
}

/** The tensors of an operation of a plan, by role. */
export function shapesOf<N extends OperationName>(
  operation: PlanOperation<N>,
  values: Readonly<Record<string, PlanValue>>,
  chip: Chip,
): Shapes<N> {
  const pick = (names: Readonly<Record<string, string>>) =>
    Object.fromEntries(Object.entries(names).map(([role, name]) => [role, values[name]]));
  return { attrs: operation.attrs, in: pick(operation.in), out: pick(operation.out), chip };
}

/** An input that the operation's definition has checked to be there. */
export function must<T>(tensors: Readonly<Record<string, T | undefined>>, role: string): T {
  const found = tensors[role];
  if (!found) throw new TypeError(`${role} is missing`);
  return found;
}

/** Whether eight neighbours of each of these lie at a 16-byte address, for rows of `width` elements. */
export const inEights = (width: number, ...operands: readonly (Operand | undefined)[]): boolean =>
  width % 8 === 0 && operands.every((operand) => !operand || (computes(operand.dtype) && isAligned(operand)));
export const isAligned = ({ pointer }: Operand): boolean => (pointer & 15n) === 0n;

/** A one-dimensional grid of 256 threads for `count` pieces; kernels step on where it is cut short. */
export const gridOf = (count: number): readonly [number] => [Math.max(1, Math.min(2 ** 22, Math.ceil(count / 256)))];

export const countOf = (spec: TensorSpec): number => elementCount(spec.shape);
export const lastOf = (spec: TensorSpec): number => spec.shape[spec.shape.length - 1];
export const bytesOf = (dtype: DType): number => byteSize(dtype);
export const roundUp = (value: number, to = 256): number => Math.ceil(value / to) * to;
export const ceilDivide = (a: number, b: number): number => Math.ceil(a / b);

/** The first role whose type kernels cannot compute with. */
export function notFloat(
  tensors: Readonly<Record<string, TensorSpec | undefined>>,
  ...roles: readonly string[]
): string | undefined {
  for (const role of roles) {
    const spec = tensors[role];
    if (spec && !computes(spec.dtype)) return `${role} in ${spec.dtype} (it has f32, f16, bf16)`;
  }
  return undefined;
}
