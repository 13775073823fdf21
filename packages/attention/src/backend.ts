import type { DType, FloatDType, HostTensor, Tensor } from "@spaattn/core";
import type { Geometry } from "./geometry.js";
import type { LevelsPrimitives } from "./levels/steps.js";
import type { Plan } from "./plan.js";
import type { Rectify, ResolvedSpec, Strata } from "./spec.js";
import type {
  AttendInputs,
  AttendOutputs,
  AttendStep,
  EstimateInputs,
  EstimateOutputs,
  EstimateStep,
  PermuteInputs,
  PermuteOutputs,
  PermuteStep,
  PoolInputs,
  PoolOutputs,
  PoolStep,
  StepKind,
  SummarizeInputs,
  SummarizeOutputs,
  SummarizeStep,
} from "./steps.js";

/** What a backend can do, as plain data: it decides what is skipped, by name, in conformance. */
export interface Capabilities {
  /** Types of query, key, value and output. */
  readonly dtypes: readonly FloatDType[];
  /** The type of statistics, scores and sums. */
  readonly accumulate: "f32" | "f64";
  readonly headDims: { readonly multipleOf: number; readonly max: number } | readonly number[];
  readonly blockSizes: readonly number[];
  readonly strata: readonly Strata[];
  /** Default all but `"levels"`. */
  readonly rectify?: readonly Rectify[];
  /** True when `Program.encode` exists. */
  readonly encode: boolean;
  /** Largest number of tokens, where there is a limit. */
  readonly maxTokens?: number;
  /** Bytes one tensor may take, where there is a limit. */
  readonly maxTensorBytes?: number;
}

export interface RunOptions {
  /** Cancels the run; it rejects with `Aborted`. */
  readonly signal?: AbortSignal;
  /** With rectify "levels" and a `refresh` above 1: runs of the same site share a choice. Never give layers one site. */
  readonly site?: string | number;
  /** Share of the work done (0 to 1), and what is being done. Called a few times a second at most. */
  readonly onProgress?: (done: number, stage: StepKind) => void;
}

/** What a primitive gets besides its tensors. */
export interface RunContext extends RunOptions {
  readonly geometry: Geometry;
  /** The caller's command encoder or stream, when recording. */
  readonly target?: unknown;
}

export interface StepTiming {
  readonly op: StepKind;
  /** Milliseconds; on devices with timestamp queries of the device's own clock. */
  readonly ms: number;
}

export interface RunReport {
  readonly ms: number;
  readonly steps: readonly StepTiming[];
}

/** What was chosen for one step, and why. */
export interface StepDescription {
  readonly op: StepKind;
  readonly kernel: string;
  readonly reason: string;
}

/** Tensors of a plan by name: all inputs and outputs. */
export type Bindings = Readonly<Record<string, Tensor>>;

/** A plan made ready for one backend: pipelines compiled, workspace and constants allocated. */
export interface Program {
  run(bindings: Bindings, options?: RunOptions): Promise<RunReport>;
  /** Records into the caller's encoder or stream; never submits, waits or reads back. */
  encode?(target: unknown, bindings: Bindings): void;
  describe(): readonly StepDescription[];
  dispose(): void;
}

/** The five primitives. On a recording device they return at once. */
export interface Primitives {
  permute(step: PermuteStep, inputs: PermuteInputs, outputs: PermuteOutputs, context: RunContext): void | Promise<void>;
  pool(step: PoolStep, inputs: PoolInputs, outputs: PoolOutputs, context: RunContext): void | Promise<void>;
  summarize(
    step: SummarizeStep,
    inputs: SummarizeInputs,
    outputs: SummarizeOutputs,
    context: RunContext,
  ): void | Promise<void>;
  estimate(
    step: EstimateStep,
    inputs: EstimateInputs,
    outputs: EstimateOutputs,
    context: RunContext,
  ): void | Promise<void>;
  attend(step: AttendStep, inputs: AttendInputs, outputs: AttendOutputs, context: RunContext): void | Promise<void>;
}

/** Small element-wise helpers for step caches; shapes and dtypes must match. */
export interface Elementwise {
  /** out = a + b */
  add(a: Tensor, b: Tensor, out: Tensor): void | Promise<void>;
  /** out = a - b */
  subtract(a: Tensor, b: Tensor, out: Tensor): void | Promise<void>;
  /** mean |a - b|, or mean |a| without b; reads one number back. */
  meanAbsolute(a: Tensor, b?: Tensor): Promise<number>;
}

/** A device that holds tensors and runs the attention primitives. */
export interface Backend extends Primitives {
  readonly name: string;
  readonly capabilities: Capabilities;
  readonly elementwise: Elementwise;
  /** The steps of rectify "levels", one by one; a backend that runs them as whole plans only has none. */
  readonly levels?: LevelsPrimitives;
  /** An uninitialised tensor. Throws `OutOfMemory` with the sizes named. */
  allocate(dtype: DType, shape: readonly number[]): Tensor;
  /** A copy of a host tensor on the device. */
  upload(tensor: HostTensor): Tensor;
  /** True when the tensor lives here and needs no upload. */
  owns(tensor: Tensor): boolean;
  /** Makes a plan ready; a backend without fusion of its own returns `interpret(this, plan)`. */
  prepare(plan: Plan): Promise<Program>;
  dispose(): void;
}

export type ProbeResult =
  | { readonly available: true; readonly device: string; readonly details?: Readonly<Record<string, string>> }
  | { readonly available: false; readonly reason: string; readonly remedy: string };

/** What a backend package exports. Importing it does nothing; `probe` never throws. */
export interface BackendProvider<Options = object> {
  readonly name: string;
  probe(): Promise<ProbeResult>;
  /** Rejects with `BackendUnavailable`. */
  create(options?: Options): Promise<Backend>;
}

/** Why a backend cannot run a spec; undefined when it can. */
export function unsupportedReason(capabilities: Capabilities, spec: ResolvedSpec): string | undefined {
  const { dtypes, headDims, blockSizes, strata, maxTokens, rectify = ["none", "paper", "tail"] } = capabilities;
  const { headDim, blockSize, tokens } = spec.geometry;
  for (const dtype of [spec.dtype, spec.outputDtype])
    if (!dtypes.includes(dtype)) return `dtype ${dtype} (it has ${dtypes.join(", ")})`;
  const range = "multipleOf" in headDims ? headDims : undefined;
  if (
    range ? headDim % range.multipleOf !== 0 || headDim > range.max : !(headDims as readonly number[]).includes(headDim)
  )
    return `headDim ${headDim} (it has ${range ? `multiples of ${range.multipleOf} up to ${range.max}` : (headDims as readonly number[]).join(", ")})`;
  if (!blockSizes.includes(blockSize)) return `blockSize ${blockSize} (it has ${blockSizes.join(", ")})`;
  if (!spec.dense && !rectify.includes(spec.rectify)) return `rectify "${spec.rectify}" (it has ${rectify.join(", ")})`;
  if (!spec.dense && spec.rectify === "tail" && !strata.includes(spec.tail.strata))
    return `tail.strata "${spec.tail.strata}" (it has ${strata.join(", ")})`;
  if (maxTokens !== undefined && tokens > maxTokens) return `${tokens} tokens (at most ${maxTokens})`;
  return undefined;
}
