import {
  type Attention,
  type AttentionResult,
  type AttentionSpec,
  type Backend,
  compilePlan,
  createAttention,
  estimateDensity,
  type RunReport,
} from "@spaattn/attention";
import { type HostTensor, isHostTensor, type Tensor, throwIfAborted } from "@spaattn/core";
import { checkLength, inferSpec } from "./infer-spec.js";
import { type AttentionInput, asTensor, dtypeOf, type HostArray, isFloat16Array, isTensor } from "./inputs.js";
import { checkOptionNames, type RectifiedAttentionOptions } from "./options.js";
import { isBackend, resolveBackend } from "./resolve-backend.js";
import { sharedBackend } from "./shared-backends.js";

export interface RectifiedAttentionResult<Output extends Tensor = Tensor> {
  /** `[batch, heads, tokens, headDim]`, tokens in the order given; rows of invalid text slots are zero. */
  readonly output: Output;
  /** The extras asked for, by name; a mask is `counts` and `indices`. */
  readonly tensors: Readonly<Record<string, Output>>;
  /**
   * Share of visual-by-visual blocks that were computed.
   *
   * Known beforehand where the policy fixes the count of a row. Where probability mass, neighbours or first frames
   * decide, the counts are read back for results on the host; for results on a device only with `extras: ["mask"]`,
   * else it is undefined: nothing waits for the device then.
   */
  readonly density: number | undefined;
  readonly report: RunReport;
}

/** The result for inputs on the host: `data` is an array like the query's (float32 unless it was 16 bit). */
export interface HostResult<Data> extends RectifiedAttentionResult<HostTensor> {
  readonly density: number;
  readonly data: Data;
}

/**
 * Attention over video tokens that computes the blocks that matter and rectifies the rest.
 *
 * Query, key and value are `[batch, heads, tokens, headDim]`, row-major: typed arrays, or tensors. Arrays and host
 * tensors give a result on the host; tensors of a running backend (`options.backend`) one on its device, which the
 * caller disposes. Compiles on every call: to run one shape many times, use `createAttention`.
 *
 * @throws TypeError or RangeError that names the argument (as a rejection).
 * @throws SpaAttnError `BackendUnavailable`, `Unsupported`, `OutOfMemory`, `DeviceLost`, `Aborted`.
 */
export async function rectifiedAttention<Data extends HostArray>(
  query: Data,
  key: HostArray,
  value: HostArray,
  options: RectifiedAttentionOptions,
): Promise<HostResult<Data>>;
export async function rectifiedAttention(
  query: HostTensor,
  key: HostTensor,
  value: HostTensor,
  options?: RectifiedAttentionOptions,
): Promise<HostResult<Float32Array | Uint16Array>>;
export async function rectifiedAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options?: RectifiedAttentionOptions,
): Promise<RectifiedAttentionResult>;
export async function rectifiedAttention(
  query: AttentionInput,
  key: AttentionInput,
  value: AttentionInput,
  options: RectifiedAttentionOptions = {},
): Promise<RectifiedAttentionResult> {
  checkOptionNames(options);
  throwIfAborted(options.signal);
  const inputs = { query, key, value };
  const dtype = dtypeOf("query", query, options.dtype);
  for (const name of ["key", "value"] as const) {
    const other = dtypeOf(name, inputs[name], options.dtype);
    if (other !== dtype) throw new TypeError(`${name} holds ${other}, but query holds ${dtype}`);
  }
  const spec = inferSpec(query, dtype, options);
  const shape = [spec.batch!, spec.heads, spec.visualTokens + spec.textTokens!, spec.headDim] as const;
  for (const name of ["key", "value"] as const) checkLength(name, inputs[name], shape);
  const io = {
    query: asTensor("query", query, dtype, shape),
    key: asTensor("key", key, dtype, shape),
    value: asTensor("value", value, dtype, shape),
  };
  const onHost = Object.values(io).every((tensor) => isHostTensor(tensor));
  const wanted = withCounts(spec, onHost);
  const backend = await backendFor(options);
  const attention = await createAttention(backend, wanted).catch((error) => Promise.reject(inOptionsTerms(error)));
  try {
    const result = await attention.run(io, options);
    return onHost ? await toHost(attention, result, query, options) : await onDevice(attention, result, options);
  } finally {
    attention.dispose();
  }
}

/** Adds the block lists where only they tell the density and the result comes to the host anyway. */
function withCounts(spec: AttentionSpec, onHost: boolean): AttentionSpec {
  if (spec.dense || !onHost) return spec;
  try {
    const { least, most } = estimateDensity(compilePlan(spec));
    return least === most ? spec : { ...spec, extras: [...(spec.extras ?? []), "mask"] };
  } catch (error) {
    throw inOptionsTerms(error);
  }
}

async function backendFor({ backend = "cpu" }: RectifiedAttentionOptions): Promise<Backend> {
  return isBackend(backend) ? backend : sharedBackend(await resolveBackend(backend));
}

/** Attention speaks of `spec.x`; whoever called this function wrote `options.x`. */
function inOptionsTerms(error: unknown): unknown {
  if (error instanceof Error && (error.name === "TypeError" || error.name === "RangeError"))
    error.message = error.message.replaceAll("spec.", "options.");
  return error;
}

async function onDevice(attention: Attention, result: AttentionResult, options: RectifiedAttentionOptions) {
  const { output, tensors, report } = result;
  const kept = { ...tensors };
  const density = await densityOf(attention, tensors);
  if (!options.extras?.includes("mask"))
    for (const name of ["counts", "indices"]) {
      kept[name]?.dispose();
      delete kept[name];
    }
  return { output, tensors: kept, density, report };
}

async function toHost(
  attention: Attention,
  result: AttentionResult,
  query: AttentionInput,
  options: RectifiedAttentionOptions,
): Promise<HostResult<HostArray>> {
  const device = await onDevice(attention, result, options);
  const tensors: Record<string, HostTensor> = {};
  for (const [name, tensor] of Object.entries(device.tensors)) {
    if (isHostTensor(tensor)) tensors[name] = tensor;
    else {
      tensors[name] = await tensor.read();
      tensor.dispose();
    }
  }
  const { output } = tensors;
  return { output, tensors, density: device.density as number, report: device.report, data: likeInput(output, query) };
}

/** The output's elements, as `Float16Array` where the query came as one. */
function likeInput(output: HostTensor, query: AttentionInput): HostArray {
  const data = output.data as Float32Array | Uint16Array;
  if (isTensor(query) || !isFloat16Array(query) || output.dtype !== "f16") return data;
  const Float16 = query.constructor as new (buffer: ArrayBufferLike, offset: number, length: number) => HostArray;
  return new Float16(data.buffer, data.byteOffset, data.length);
}

/** What the policy fixes, else what the counts say where they are: every row lists all valid text blocks as well. */
async function densityOf(attention: Attention, tensors: Readonly<Record<string, Tensor>>): Promise<number | undefined> {
  const { least, most } = estimateDensity(attention.plan);
  if (least === most) return least;
  if (!tensors.counts) return undefined;
  const { batch, heads, visualBlocks: n, textValid, blockSize } = attention.spec.geometry;
  const counts = (await tensors.counts.read()).data;
  let selected = 0;
  for (let i = 0; i < counts.length; i++)
    selected += counts[i] - Math.ceil(textValid[Math.floor(i / (heads * n))] / blockSize);
  return selected / (batch * heads * n * n);
}
