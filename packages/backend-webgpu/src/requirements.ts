import { type AttentionSpec, resolveSpec } from "@spaattn/attention";
import { byteSize } from "@spaattn/core";
import { MATRIX_FEATURE } from "./matrix.js";

const OPTIONAL_FEATURES = ["shader-f16", "timestamp-query", "subgroups", MATRIX_FEATURE];

/** The optional features the kernels profit from, of those the adapter has: pass them to `requestDevice`. */
export const requiredFeatures = (adapter: Pick<GPUAdapter, "features">): GPUFeatureName[] =>
  OPTIONAL_FEATURES.filter((name) => adapter.features.has(name)) as GPUFeatureName[];

/**
 * The limits to request for a spec (for anything, without one): as much as the kernels can use and the adapter has.
 *
 * Every kernel also works with the limits every WebGPU device has, only with more and smaller pieces.
 */
export function requiredLimits(
  adapter: { readonly limits: GPUSupportedLimits },
  spec?: AttentionSpec,
): Record<string, number> {
  const { limits } = adapter;
  const bytes = spec ? tensorBytes(spec) : Number.POSITIVE_INFINITY;
  const atLeast = (name: keyof GPUSupportedLimits, floor: number, wanted: number) =>
    Math.max(Math.min(limits[name] as number, wanted), Math.min(floor, limits[name] as number));
  return {
    maxBufferSize: atLeast("maxBufferSize", 268_435_456, bytes),
    maxStorageBufferBindingSize: atLeast("maxStorageBufferBindingSize", 134_217_728, Math.min(bytes, 2 ** 32 - 4)),
    maxComputeWorkgroupStorageSize: atLeast("maxComputeWorkgroupStorageSize", 16_384, 49_152),
    maxStorageBuffersPerShaderStage: atLeast("maxStorageBuffersPerShaderStage", 8, 10),
  };
}

/** Bytes of the largest tensor of a spec's plan, to the precision limits need. */
function tensorBytes(spec: AttentionSpec): number {
  const { geometry, dtype, rectify, tail, dense } = resolveSpec(spec);
  const { batch, heads, tokens, headDim, visualBlocks: n } = geometry;
  const rows = batch * heads * tokens * headDim * Math.max(4, byteSize(dtype));
  const perPair = dense ? 0 : rectify === "tail" ? tail.strataPerBlock * 4 : 4;
  return Math.max(rows, batch * heads * n * n * perPair);
}
