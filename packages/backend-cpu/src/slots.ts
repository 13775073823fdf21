import { byteSize, type DType } from "@spaattn/core";
import * as L from "./job-layout.js";
import type { Parameters } from "./parameters.js";

/** One tensor of a job: where its pointer is, what it holds for one head. */
export interface Slot {
  readonly field: number;
  /** `qkv` and `out` follow the spec. */
  readonly dtype: "f32" | "i32" | "u8" | "qkv" | "out";
  /** Shape without batch and heads. */
  readonly shape: (p: Parameters) => readonly number[];
  /** What a leading index of the shape stands for, where heads may be cut into row ranges. */
  readonly rows?: "token" | "block";
  /** Holds the anchor groups of the current window only. */
  readonly grouped?: boolean;
}

const tokens = (p: Parameters) => [p.geometry.tokens, p.geometry.headDim];
const perBlock = (p: Parameters) => [p.n, p.geometry.headDim];
const pairs = (p: Parameters) => [p.n, p.n];
const strata = (p: Parameters) => [p.n, p.strata];
const summary = (p: Parameters) => [p.groups, p.strata, p.geometry.headDim];
const summaries = (p: Parameters) => [p.groups, p.strata];
const paddedStrata = (p: Parameters) => Math.ceil(p.strata / L.TILE_COLUMNS) * L.TILE_COLUMNS;
const panels = (p: Parameters) => [p.geometry.blocks, p.geometry.blockSize, p.geometry.headDim];
const strataPanels = (p: Parameters) => [p.groups, paddedStrata(p), p.geometry.headDim];

const f32 = (field: number, shape: Slot["shape"], more: Partial<Slot> = {}): Slot => ({
  field,
  dtype: "f32",
  shape,
  ...more,
});
const BLOCK = { rows: "block" } as const;
const GROUPED = { grouped: true } as const;

/** Every tensor a kernel knows, under the name the plan's steps use for it; internal ones last. */
export const SLOTS = {
  query: { field: L.QUERY, dtype: "qkv", shape: tokens },
  key: { field: L.KEY, dtype: "qkv", shape: tokens },
  value: { field: L.VALUE, dtype: "qkv", shape: tokens },
  queryMean: f32(L.QUERY_MEAN, perBlock),
  keyMean: f32(L.KEY_MEAN, perBlock),
  valueMean: f32(L.VALUE_MEAN, perBlock),
  queryDeviation: f32(L.QUERY_DEVIATION, perBlock),
  keyDeviation: f32(L.KEY_DEVIATION, perBlock),
  anchor: f32(L.ANCHOR, (p) => [p.groups, p.geometry.headDim]),
  querySpread: f32(L.QUERY_SPREAD, perBlock),
  order: { field: L.ORDER, dtype: "i32", shape: (p) => [p.n * p.geometry.blockSize] },
  strataKey: f32(L.STRATA_KEY, summary, GROUPED),
  strataValue: f32(L.STRATA_VALUE, summary, GROUPED),
  strataMass: f32(L.STRATA_MASS, summaries, GROUPED),
  strataSpread: f32(L.STRATA_SPREAD, summary, GROUPED),
  strataNoise: f32(L.STRATA_NOISE, summaries, GROUPED),
  counts: { field: L.COUNTS, dtype: "i32", shape: (p) => [p.n], ...BLOCK },
  indices: { field: L.INDICES, dtype: "i32", shape: (p) => [p.n, p.stride], ...BLOCK },
  factor: f32(L.FACTOR, (p) => [p.n], BLOCK),
  compensation: f32(L.COMPENSATION, perBlock, BLOCK),
  scores: f32(L.SCORES, pairs, BLOCK),
  probabilities: f32(L.PROBABILITIES, (p) => [p.n, p.columns], BLOCK),
  gain: { field: L.GAIN, dtype: "u8", shape: pairs, ...BLOCK },
  bias: f32(L.BIAS, strata, BLOCK),
  strataBias: f32(L.STRATA_BIAS, strata, BLOCK),
  logitVariance: f32(L.LOGIT_VARIANCE, strata, BLOCK),
  blockError: f32(L.BLOCK_ERROR, pairs, BLOCK),
  blockMass: f32(L.BLOCK_MASS, pairs, BLOCK),
  forced: { field: L.FORCED, dtype: "u8", shape: pairs },
  output: { field: L.OUTPUT, dtype: "out", shape: tokens, rows: "token" },
  lse: f32(L.LSE, (p) => [p.geometry.tokens], { rows: "token" }),
  keyPanels: f32(L.KEY_PANELS, panels),
  valuePanels: f32(L.VALUE_PANELS, panels),
  strataKeyPanels: f32(L.STRATA_KEY_PANELS, strataPanels, GROUPED),
  strataValuePanels: f32(L.STRATA_VALUE_PANELS, strataPanels, GROUPED),
  eigenSamples: f32(L.EIGEN_SAMPLES, (p) => [2 * p.samples, p.geometry.headDim]),
  eigenAxes: f32(L.EIGEN_AXES, (p) => [2, p.geometry.headDim]),
} as const satisfies Record<string, Slot>;

export type SlotName = keyof typeof SLOTS;

export const isSlotName = (name: string): name is SlotName => Object.hasOwn(SLOTS, name);

/** The element type a slot's tensor has under these parameters. */
export function slotDType(slot: Slot, p: Parameters): DType {
  return slot.dtype === "qkv" ? p.dtype : slot.dtype === "out" ? p.outputDtype : slot.dtype;
}

/** Bytes of one head; grouped slots for all groups. */
export function slotBytes(slot: Slot, p: Parameters): number {
  return slot.shape(p).reduce((product, size) => product * size, 1) * byteSize(slotDType(slot, p));
}
