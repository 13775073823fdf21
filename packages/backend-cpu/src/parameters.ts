import type { AttendStep, EstimateStep, Geometry, PoolStep, Step, SummarizeStep } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import * as L from "./job-layout.js";

/** What the steps of one piece of work say, gathered, with every size derived. */
export interface Parameters {
  readonly geometry: Geometry;
  readonly dtype: FloatDType;
  readonly outputDtype: FloatDType;
  readonly pool?: PoolStep;
  readonly summarize?: SummarizeStep;
  readonly estimate?: EstimateStep;
  readonly attend?: AttendStep;
  /** Visual blocks. */
  readonly n: number;
  /** Query blocks per anchor, and number of groups. */
  readonly group: number;
  readonly groups: number;
  readonly strataPerBlock: number;
  /** Strata of all visual blocks. */
  readonly strata: number;
  readonly stride: number;
  /** Columns of the probabilities. */
  readonly columns: number;
  /** Tokens the shared directions of strata "eigen" are found on. */
  readonly samples: number;
}

export function makeParameters(
  geometry: Geometry,
  steps: readonly Step[],
  dtype: FloatDType,
  outputDtype: FloatDType,
): Parameters {
  const of = <K extends Step["op"]>(op: K) => steps.find((step) => step.op === op) as Extract<Step, { op: K }>;
  const [pool, summarize, estimate, attend] = [of("pool"), of("summarize"), of("estimate"), of("attend")];
  const { visualBlocks: n, visualTokens: N, textTokens } = geometry;
  const tail = estimate?.method === "tail" ? estimate : undefined;
  const group = summarize?.group ?? tail?.group ?? attend?.group ?? pool?.group ?? n;
  const strataPerBlock = summarize?.strataPerBlock ?? tail?.strataPerBlock ?? attend?.strataPerBlock ?? 1;
  return {
    geometry,
    dtype,
    outputDtype,
    pool,
    summarize,
    estimate,
    attend,
    n,
    group,
    groups: Math.ceil(n / group),
    strataPerBlock,
    strata: n * strataPerBlock,
    stride: estimate?.stride ?? attend?.stride ?? 0,
    columns: textTokens > 0 ? n + 1 : n,
    samples: Math.ceil(N / Math.max(1, Math.floor(N / 8192))),
  };
}

const DTYPES: Readonly<Record<FloatDType, number>> = { f32: 0, f16: 1, bf16: 2 };
const STRATA = { local: 0, eigen: 1, contiguous: 2 } as const;
/** Levels have a program of their own. */
const RECTIFY = { none: 0, paper: 1, tail: 2, levels: 0 } as const;

/** Writes the fields of one head's job that are no pointers; `groupFirst` and `groupCount` as the window has them. */
export function writeJob(
  view: DataView,
  p: Parameters,
  item: number,
  head: number,
  groupFirst: number,
  groupCount: number,
): void {
  const { geometry: g, pool, summarize, estimate, attend } = p;
  const int = (field: number, value: number) => view.setInt32(field, value, true);
  const float = (field: number, value: number) => view.setFloat32(field, value, true);
  int(L.BLOCK_SIZE, g.blockSize);
  int(L.HEAD_DIM, g.headDim);
  int(L.VISUAL, g.visualTokens);
  int(L.TOKENS, g.tokens);
  int(L.VISUAL_BLOCKS, g.visualBlocks);
  int(L.TEXT_VALID, g.textValid[item]);
  int(L.TEXT_BLOCKS, Math.ceil(g.textValid[item] / g.blockSize));
  int(L.DTYPE, DTYPES[p.dtype]);
  int(L.OUT_DTYPE, DTYPES[p.outputDtype]);
  float(L.SCALE, g.scale);
  int(L.ZERO_PADDING, pool?.padding === "zero" ? 1 : 0);
  int(L.GROUP, p.group);
  int(L.GROUP_FIRST, groupFirst);
  int(L.GROUP_COUNT, groupCount);
  int(L.STRATA_PER_BLOCK, p.strataPerBlock);
  int(L.STRIDE, p.stride);
  int(L.COLUMNS, p.columns);
  if (summarize) {
    int(L.STRATA_KIND, STRATA[summarize.strata]);
    int(L.POWER_STEPS, summarize.steps);
  }
  if (estimate) {
    const { ranked, topBlocks, coverMass, textCompetes } = estimate.selection;
    int(L.RANKED, ranked ? 1 : 0);
    int(L.TOP_BLOCKS, topBlocks[head]);
    float(L.COVER_MASS, coverMass[head]);
    int(L.TEXT_COMPETES, textCompetes ? 1 : 0);
    if (estimate.method === "paper") int(L.UNIFORM_WEIGHTS, estimate.weights === "uniform" ? 1 : 0);
    else {
      float(L.H_MAX, Math.min(estimate.hMax, 3e38));
      float(L.TAU_MAX, Math.min(estimate.tauMax, 3e38));
      float(L.M_MIN, estimate.mMin);
    }
  }
  if (attend) {
    int(L.DENSE, attend.dense ? 1 : 0);
    int(L.RECTIFY, RECTIFY[attend.rectify]);
  }
}
