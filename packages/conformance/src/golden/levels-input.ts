import type { AttentionSpec, LevelsOptions, LevelsScope } from "@spaattn/attention";
import { type FloatDType, HostTensor } from "@spaattn/core";
import { videoLayout } from "@spaattn/layout";
import type { CaseInputs } from "../inputs.js";
import { type GoldenFile, Metadata } from "./file.js";

/** One entry of the metadata `variants` of an `rsa-golden-levels/1` file. */
export interface LevelsVariant {
  readonly B: number;
  readonly L: number;
  readonly gamma: number;
  readonly clusters: number | "auto";
  readonly R: number;
  readonly probes: boolean;
  readonly levels: readonly number[];
  readonly scope: LevelsScope;
  readonly set: number;
  readonly budget: number;
}

/** Geometry and inputs of an `rsa-golden-levels/1` file, in curve order. */
export interface LevelsGolden {
  readonly meta: Metadata;
  readonly spec: AttentionSpec;
  readonly inputs: CaseInputs;
  readonly variants: readonly LevelsVariant[];
}

/** @param source the file named by the metadata entry `input` */
export function openLevels(file: GoldenFile, source: GoldenFile, dtype: FloatDType): LevelsGolden {
  const meta = new Metadata(file);
  const from = new Metadata(source);
  const variants = meta.json<LevelsVariant[]>("variants");
  const raster = file.metadata.input_order?.startsWith("raster") ?? false;
  const names = "query" in source.tensors ? ["query", "key", "value"] : ["q", "k", "v"];
  const [batch, heads, tokens, headDim] = from.tensor(names[0]).shape;
  const visualTokens = meta.number("n_visual");
  const blockSize = variants[0].B;
  const grid = meta.json<[number, number, number]>("grid_thw");
  const order = raster ? videoLayout({ grid, blockSize, textTokens: tokens - visualTokens }).order : undefined;
  const [query, key, value] = names.map((name) => alongCurve(from.tensor(name), order).to(dtype));
  const valid = meta.json<number[]>("text_valid");
  return {
    meta,
    spec: {
      batch,
      heads,
      headDim,
      visualTokens,
      textTokens: tokens - visualTokens,
      ...(valid.length > 0 ? { textValid: valid } : {}),
      blockSize,
      dtype,
      outputDtype: dtype,
      rectify: "levels",
    },
    inputs: { query, key, value },
    variants,
  };
}

/** The spec of one variant. */
export function levelsSpec(base: LevelsGolden, variant: LevelsVariant): AttentionSpec {
  const levels: LevelsOptions = {
    budget: variant.budget,
    scope: variant.scope,
    levels: variant.levels,
    depth: variant.L,
    gamma: variant.gamma,
    probes: (variant.probes ? variant.R : 0) as number,
    ...(variant.clusters === "auto" ? {} : { clusters: variant.clusters }),
  };
  return { ...base.spec, levels };
}

function alongCurve(tensor: HostTensor, order: Int32Array | undefined): HostTensor {
  if (!order) return tensor;
  const source = tensor.toFloat32();
  const [batch, heads, tokens, d] = tensor.shape;
  const sorted = new HostTensor("f32", tensor.shape);
  for (let row = 0; row < batch * heads * tokens; row++) {
    const from = (Math.floor(row / tokens) * tokens + order[row % tokens]) * d;
    sorted.data.set(source.subarray(from, from + d), row * d);
  }
  return sorted;
}
