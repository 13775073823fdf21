import type { Kernel } from "./kernel.js";

/** A bound range of a tensor, or of memory of the operation's own (scratch, a table). */
export interface Operand {
  readonly tensor: string;
  /** Set where `tensor` names memory of the operation's own. */
  readonly own?: boolean;
  readonly offset: number;
  readonly size: number;
}

/** One dispatch, complete but for the tensors themselves. */
export interface Command {
  readonly kernel: Kernel;
  readonly operands: readonly Operand[];
  readonly params: Readonly<Record<string, number | readonly number[]>>;
  readonly grid: readonly [number, number, number];
  /** Floating-point operations, estimated; decides where a submission is cut. */
  readonly flops: number;
}

/** What one operation becomes: dispatches over its tensors and some memory of its own. */
export interface Lowered {
  readonly commands: readonly Command[];
  /** Bytes of scratch buffers by name. */
  readonly scratch: ReadonlyMap<string, number>;
  /** Numbers known now, by name. */
  readonly tables?: ReadonlyMap<string, Float32Array>;
  readonly kernel: string;
  readonly reason: string;
}
