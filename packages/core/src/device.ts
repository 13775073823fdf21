import type { DType } from "./dtype.js";
import type { Plan } from "./plan/plan.js";
import type { HostTensor, Tensor, TensorSpec } from "./tensor.js";

/** Tensors of a plan by name: inputs, outputs, weights and states. */
export type Bindings = Readonly<Record<string, Tensor>>;

export interface RunOptions {
  /** Cancels the run; it rejects with `Aborted`. */
  readonly signal?: AbortSignal;
  /**
   * Share of the work done (0 to 1), and what is being done: the name of a segment, or of an operation where there are
   * no segments. Called a few times a second at most. What it throws rejects the run.
   */
  readonly onProgress?: (done: number, stage: string) => void;
  /**
   * Names the call site: runs of one site may share what a program keeps between runs (rectify "levels" with a `refresh`
   * above 1 shares a choice). Never give two layers one site.
   */
  readonly site?: string | number;
}

export interface ProgramRunOptions extends RunOptions {
  /**
   * Called before a segment's operations are submitted and awaited; returns the segment's weights where they are not
   * all in `bindings` (a ring that loads the next block while this one computes).
   */
  readonly weightsOf?: (segment: string, names: readonly string[]) => Bindings | Promise<Bindings>;
}

export interface OperationTiming {
  readonly op: string;
  /** Milliseconds; on devices with timestamp queries of the device's own clock. */
  readonly ms: number;
}

export interface RunReport {
  readonly ms: number;
  readonly steps: readonly OperationTiming[];
}

/** What was chosen for one operation, and why. */
export interface OperationDescription {
  readonly op: string;
  readonly kernel: string;
  readonly reason: string;
}

/**
 * A plan made ready for one device: pipelines compiled, memory placed, constants uploaded, launches prepared.
 *
 * Runs of one program never share scratch: they queue, in the order they were asked for.
 */
export interface Program {
  run(bindings: Bindings, options?: ProgramRunOptions): Promise<RunReport>;
  /**
   * Records into the caller's encoder or stream; never submits, waits or reads back. What the recording uses stays
   * untouched until that work is done.
   */
  encode?(target: unknown, bindings: Bindings): void;
  describe(): readonly OperationDescription[];
  /** Frees what the program holds. Runs under way reject with `Disposed`; recordings keep their memory until done. */
  dispose(): void;
}

/** What a device can do, as plain data: it decides what is skipped, by name, in conformance. Packages extend it. */
export interface Capabilities {
  /** The type of statistics, scores and sums. */
  readonly accumulate: "f32" | "f64";
  /** True when `Program.encode` exists. */
  readonly encode: boolean;
  /** Bytes one tensor may take, where there is a limit. */
  readonly maxTensorBytes?: number;
}

/** Bytes of a tensor in pieces of any size, in order. */
export type ByteSource = Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Something that holds tensors and runs plans. */
export interface Device {
  readonly name: string;
  readonly capabilities: Capabilities;
  /** An uninitialised tensor. Throws `OutOfMemory` with the sizes named. */
  allocate(dtype: DType, shape: readonly number[]): Tensor;
  /** A copy of a host tensor on the device. */
  upload(tensor: HostTensor): Tensor;
  /**
   * Fills a tensor of this device with bytes in its own dtype, piece by piece: a 28 GB model never is in host memory.
   *
   * Rejects with `RangeError` when the source has more or fewer bytes than the tensor.
   */
  write(tensor: Tensor, source: ByteSource): Promise<void>;
  /** Copies `from` to `to`: same dtype and number of elements, both on this device. */
  copy(from: Tensor, to: Tensor): Promise<void>;
  /** True when the tensor lives here and needs no upload. */
  owns(tensor: Tensor): boolean;
  /** Why an operation of a plan cannot run here; undefined when it can. */
  unsupported(plan: Plan, index: number): string | undefined;
  /** Makes a plan ready. Rejects with `Unsupported` that names the operation, and with `OutOfMemory` that names the peak. */
  compile(plan: Plan, options?: CompileOptions): Promise<Program>;
  dispose(): void;
}

export interface CompileOptions {
  /** Bytes that temporaries and scratch may take; regions of rows are cut into smaller chunks to fit. */
  readonly memoryLimit?: number;
}

export type ProbeResult =
  | { readonly available: true; readonly device: string; readonly details?: Readonly<Record<string, string>> }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** What a backend package exports. Importing it does nothing; `probe` never throws. */
export interface BackendProvider<Options = object, D = Device> {
  readonly name: string;
  probe(): Promise<ProbeResult>;
  /** Rejects with `BackendUnavailable`. */
  create(options?: Options): Promise<D>;
}

/** Checks a source of bytes while handing its pieces on: their sum must be the tensor's size. */
export async function* exactly(
  tensor: TensorSpec,
  bytes: number,
  source: ByteSource,
): AsyncGenerator<{ at: number; piece: Uint8Array }> {
  const what = `tensor ${tensor.dtype} [${tensor.shape.join(", ")}]`;
  let at = 0;
  for await (const piece of source) {
    if (at + piece.length > bytes) throw new RangeError(`source has more than the ${bytes} bytes of ${what}`);
    yield { at, piece };
    at += piece.length;
  }
  if (at !== bytes) throw new RangeError(`source has ${at} bytes, but ${what} needs ${bytes}`);
}
