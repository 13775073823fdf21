import type {
  BackendProvider as CoreProvider,
  Device,
  Capabilities as DeviceCapabilities,
  DType,
  FloatDType,
  HostTensor,
  Program,
  RunOptions,
  Tensor,
} from "@spaattn/core";
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
  SummarizeInputs,
  SummarizeOutputs,
  SummarizeStep,
} from "./steps.js";

export type {
  Bindings,
  OperationDescription as StepDescription,
  OperationTiming as StepTiming,
  ProbeResult,
  Program,
  RunOptions,
  RunReport,
} from "@spaattn/core";

/** What a backend can do, as plain data: it decides what is skipped, by name, in conformance. */
export interface Capabilities extends DeviceCapabilities {
  /** Types of query, key, value and output. */
  readonly dtypes: readonly FloatDType[];
  readonly headDims: { readonly multipleOf: number; readonly max: number } | readonly number[];
  readonly blockSizes: readonly number[];
  readonly strata: readonly Strata[];
  /** Default all but `"levels"`. */
  readonly rectify?: readonly Rectify[];
  /** Largest number of tokens, where there is a limit. */
  readonly maxTokens?: number;
}

/** What a primitive gets besides its tensors. */
export interface RunContext extends RunOptions {
  readonly geometry: Geometry;
  /** The caller's command encoder or stream, when recording. */
  readonly target?: unknown;
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

/** A device that holds tensors and runs the attention primitives; the parts that run whole networks may be missing. */
export interface Backend extends Primitives, Partial<Pick<Device, "write" | "copy" | "unsupported" | "compile">> {
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

/** What a backend package exports. Importing it does nothing; `probe` never throws. */
export type BackendProvider<Options = object> = CoreProvider<Options, Backend>;

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
