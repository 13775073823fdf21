import { byteSize, type DType } from "@spaattn/core";
import * as L from "../job-layout.js";
import * as V from "./job-layout.js";
import type { LevelsParameters } from "./parameters.js";

/** One tensor of a job: where its pointer is, what it holds for one head. */
export interface LevelsSlot {
  readonly field: number;
  readonly dtype: "f32" | "i32" | "u8" | "qkv" | "out";
  /** Without batch and heads; of tensors that hold nodes, for one cluster. */
  readonly shape: (p: LevelsParameters) => readonly number[];
  /** Holds the clusters of the current window only. */
  readonly nodes?: boolean;
  /** Present only where the extra of this name is wanted, or always. */
  readonly extra?: string;
}

const tokens = ({ geometry: g }: LevelsParameters) => [g.tokens, g.headDim];
const perBlock = ({ n, geometry }: LevelsParameters) => [n, geometry.headDim];
const planes = ({ n, depth }: LevelsParameters) => [depth + 1, n, n];
const columns = ({ n, columns: c }: LevelsParameters) => [n * c];
const rows = ({ n, columns: c, geometry }: LevelsParameters) => [n * c, geometry.headDim];
const panels = ({ geometry: g }: LevelsParameters) => [g.blocks, g.blockSize, g.headDim];
const parts = ({ probes }: LevelsParameters) => Math.max(1, probes);

const f32 = (field: number, shape: LevelsSlot["shape"], more: Partial<LevelsSlot> = {}): LevelsSlot => ({
  field,
  dtype: "f32",
  shape,
  ...more,
});
const NODES = { nodes: true } as const;

/** The tensors of one head. Lists are apart: their size is known once there is a choice. */
export const LEVELS_SLOTS = {
  query: { field: L.QUERY, dtype: "qkv", shape: tokens },
  key: { field: L.KEY, dtype: "qkv", shape: tokens },
  value: { field: L.VALUE, dtype: "qkv", shape: tokens },
  keyPanels: f32(L.KEY_PANELS, panels),
  valuePanels: f32(L.VALUE_PANELS, panels),
  queryMean: f32(L.QUERY_MEAN, perBlock),
  cluster: { field: V.CLUSTER, dtype: "i32", shape: ({ n }) => [n + 1] },
  anchor: f32(L.ANCHOR, ({ clusters, geometry }) => [clusters, geometry.headDim]),
  querySpread: f32(L.QUERY_SPREAD, perBlock),
  probe: f32(V.PROBE, (p) => [p.n, parts(p), p.geometry.headDim]),
  probeCount: { field: V.PROBE_COUNT, dtype: "i32", shape: ({ n }) => [n] },
  probeShare: f32(V.PROBE_SHARE, (p) => [p.n, parts(p)]),
  spreads: f32(V.SPREADS, ({ n }) => [n, 2]),
  order: { field: L.ORDER, dtype: "i32", shape: ({ n, geometry }) => [n * geometry.blockSize] },
  nodeKey: f32(V.NODE_KEY, rows, NODES),
  nodeValue: f32(V.NODE_VALUE, rows, NODES),
  nodeSpread: f32(V.NODE_SPREAD, rows, { ...NODES, extra: "nodeSpread" }),
  nodeMass: f32(V.NODE_MASS, columns, NODES),
  nodeNoise: f32(V.NODE_NOISE, columns, NODES),
  nodeSquare: f32(V.NODE_SQUARE, columns, NODES),
  nodeProjected: f32(V.NODE_PROJECTED, ({ n, columns: c }) => [n * c, V.PROJECTED], NODES),
  projection: f32(V.PROJECTION, ({ geometry }) => [geometry.headDim, V.PROJECTED]),
  levelError: f32(V.LEVEL_ERROR, planes),
  momentError: f32(V.MOMENT_ERROR, planes, { extra: "momentError" }),
  probeError: f32(V.PROBE_ERROR, planes, { extra: "probeError" }),
  outputPower: f32(V.OUTPUT_POWER, ({ n }) => [n], { extra: "outputPower" }),
  choice: { field: V.CHOICE, dtype: "u8", shape: ({ n }) => [n, n] },
  tokenProjected: f32(V.TOKEN_PROJECTED, ({ n, geometry }) => [n * geometry.blockSize, V.PROJECTED]),
  variance: f32(V.VARIANCE, ({ n, columns: c }) => [n, n * c]),
  members: { field: V.MEMBERS, dtype: "i32", shape: ({ n }) => [n] },
  starts: { field: V.MEMBER_START, dtype: "i32", shape: ({ clusters }) => [clusters + 1] },
  units: { field: V.ESTIMATE_UNITS, dtype: "i32", shape: ({ n }) => [n] },
  counts: { field: L.COUNTS, dtype: "i32", shape: ({ n }) => [n] },
  indices: { field: L.INDICES, dtype: "i32", shape: ({ n, geometry }) => [n, geometry.blocks] },
  output: { field: L.OUTPUT, dtype: "out", shape: tokens },
  lse: f32(L.LSE, ({ geometry }) => [geometry.tokens], { extra: "lse" }),
} as const satisfies Record<string, LevelsSlot>;

export type LevelsSlotName = keyof typeof LEVELS_SLOTS;

export const slotDType = ({ dtype }: LevelsSlot, p: LevelsParameters): DType =>
  dtype === "qkv" ? p.dtype : dtype === "out" ? p.outputDtype : dtype;

/** Bytes of one head; of nodes, for `clusters` clusters. */
export const slotBytes = (slot: LevelsSlot, p: LevelsParameters, clusters: number): number =>
  slot.shape(p).reduce((product, size) => product * size, slot.nodes ? clusters : 1) * byteSize(slotDType(slot, p));

/** The slots a run needs: the output power where somebody asks for it, other extras where they are wanted. */
export function slotsOf(p: LevelsParameters): LevelsSlotName[] {
  const { choose, extras } = p;
  const power = choose !== undefined && (choose.weight === "relative" || typeof choose.tolerance === "object");
  return (Object.keys(LEVELS_SLOTS) as LevelsSlotName[]).filter((name) => {
    const { extra }: LevelsSlot = LEVELS_SLOTS[name];
    return extra === undefined || extras.has(extra) || (name === "outputPower" && power);
  });
}
