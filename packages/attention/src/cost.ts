import { byteLength, byteSize } from "@spaattn/core";
import type { Geometry } from "./geometry.js";
import { levelsFlop } from "./levels/cost.js";
import type { ChooseStep } from "./levels/steps.js";
import type { Plan, PlanStep } from "./plan.js";
import type { AttendStep, EstimateStep, StepKind, SummarizeStep } from "./steps.js";

/** What one step costs, over all heads and batch items. */
export interface StepCost {
  readonly op: StepKind;
  /** Floating-point operations; a multiplication and an addition count as two. */
  readonly flop: number;
  /** Bytes read and written when every tensor is touched once and every query block loads its key blocks once. */
  readonly bytes: number;
}

/** Share of visual-by-visual blocks that are computed, from the policy alone. */
export interface DensityEstimate {
  /** The share the costs are computed with. */
  readonly density: number;
  /** What the policy allows; equal to `density` where it fixes a count. */
  readonly least: number;
  readonly most: number;
}

/** The cost model of beyond.md section 11, for one run of a plan. */
export interface PlanCost extends DensityEstimate {
  readonly steps: readonly StepCost[];
  readonly flop: number;
  readonly bytes: number;
  /** The part of `flop` that finds the blocks and corrects for the others. */
  readonly estimationFlop: number;
  /** The same attention with every block computed. */
  readonly denseFlop: number;
  /** Bytes of intermediate tensors and constants, held while the program lives. */
  readonly workspaceBytes: number;
  /** Bytes of query, key, value and the outputs. */
  readonly ioBytes: number;
  /** Blocks attended by visual rows (text blocks included), and as many as there are; over all heads and batch items. */
  readonly blocks: { readonly computed: number; readonly total: number };
}

export interface PlanCostOptions {
  /** A measured density, in place of the policy's. */
  readonly density?: number;
}

/**
 * Counts what a plan costs without running it.
 *
 * @throws RangeError when `options.density` is not between 0 and 1.
 */
export function planCost(plan: Plan, options: PlanCostOptions = {}): PlanCost {
  const { density: given } = options;
  if (given !== undefined && !(given >= 0 && given <= 1))
    throw new RangeError(`options.density must be between 0 and 1, got ${given}`);
  const estimate = estimateDensity(plan);
  const density = given ?? estimate.density;
  const steps = plan.steps.map((planned) => stepCost(plan, planned, density));
  const bytesOf = (...roles: string[]) =>
    Object.values(plan.tensors).reduce(
      (sum, tensor) => sum + (roles.includes(tensor.role) ? byteLength(tensor) : 0),
      0,
    );
  const sum = (pick: (step: StepCost) => number) => steps.reduce((total, step) => total + pick(step), 0);
  const { batch, heads, visualBlocks: n } = plan.geometry;
  const exact = plan.steps.some(({ step }) => step.op === "attend") ? heads * attendFlop(plan.geometry, density) : 0;
  const text = plan.geometry.textValid.reduce((total, valid) => total + Math.ceil(valid / plan.geometry.blockSize), 0);
  return {
    ...(given === undefined ? estimate : { density, least: density, most: density }),
    steps,
    flop: sum((step) => step.flop),
    bytes: sum((step) => step.bytes),
    estimationFlop: sum((step) => step.flop) - exact,
    denseFlop: heads * attendFlop(plan.geometry, 1),
    workspaceBytes: bytesOf("workspace", "constant"),
    ioBytes: bytesOf("input", "output"),
    blocks: {
      computed: Math.round(batch * heads * n * n * density) + heads * n * text,
      total: batch * heads * n * n + heads * n * text,
    },
  };
}

/** The density a policy leads to: exact where `least` equals `most`, a range where probability mass or forced blocks decide. */
export function estimateDensity(plan: Plan): DensityEstimate {
  const choose = plan.steps.find(({ step }) => step.op === "choose");
  if (choose?.step.op === "choose") return chosenDensity(choose.step);
  // A choice that is given is not known before the run.
  if (plan.tensors.choice) return { density: 1, least: 0, most: 1 };
  const estimate = plan.steps.find(({ step }) => step.op === "estimate");
  if (!estimate) return { density: 1, least: 1, most: 1 };
  const { selection, method } = estimate.step as EstimateStep;
  const n = plan.geometry.visualBlocks;
  // Blocks chosen on the host are not known before the run.
  if (plan.tensors.forced?.role === "input") return { density: 1, least: 0, most: 1 };
  const forced = plan.constants.forced?.data as Uint8Array | undefined;
  const hasText = plan.geometry.textTokens > 0;
  let least = 0;
  let most = 0;
  for (const [head, top] of selection.topBlocks.entries()) {
    const kept = selection.ranked || method === "tail" ? Math.max(top, 1) : 0;
    const open = selection.ranked && selection.coverMass[head] > 0;
    for (let row = 0; row < n; row++) {
      let extra = 0;
      if (forced) for (let column = 0; column < n; column++) extra += forced[row * n + column];
      // A text column that takes part in the ranking may take the place of a visual block.
      least += Math.max(selection.textCompetes && hasText ? kept - 1 : kept, extra);
      most += open ? n : Math.min(n, kept + extra);
    }
  }
  const all = selection.topBlocks.length * n * n;
  return { density: least / all, least: least / all, most: most / all };
}

/** With levels the budget counts the summaries too; a tolerance leaves the cost open. */
function chosenDensity({ budgets, tolerance }: ChooseStep): DensityEstimate {
  if (tolerance !== undefined) return { density: 1, least: 0, most: 1 };
  const density = budgets.reduce((sum, budget) => sum + Math.min(1, budget), 0) / budgets.length;
  return { density, least: 0, most: density };
}

function stepCost(plan: Plan, planned: PlanStep, density: number): StepCost {
  const { step } = planned;
  const touched = [...Object.values(planned.in), ...Object.values(planned.out)];
  let bytes = touched.reduce((sum, name) => sum + byteLength(plan.tensors[name]), 0);
  const { geometry } = plan;
  const { heads } = geometry;
  if (step.op === "attend") {
    // Keys and values are loaded once per query block, not once per step.
    const keys = geometry.textValid.reduce((sum, valid) => sum + density * geometry.visualTokens + valid, 0);
    const width = 2 * geometry.headDim * byteSize(plan.tensors[planned.in.key].dtype);
    bytes += heads * geometry.visualBlocks * keys * width;
    return { op: step.op, flop: heads * (attendFlop(geometry, density) + rectifyFlop(geometry, step)), bytes };
  }
  const flop =
    step.op === "pool"
      ? poolFlop(geometry, planned)
      : step.op === "summarize"
        ? summarizeFlop(geometry, step)
        : step.op === "estimate"
          ? estimateFlop(geometry, planned, step)
          : levelsFlop(plan, step);
  return { op: step.op, flop: geometry.batch * heads * flop, bytes };
}

/** Two products of `headDim` per query-key pair, over the batch; text rows are dense. */
function attendFlop(geometry: Geometry, density: number): number {
  const { visualTokens: N, headDim: d, textValid } = geometry;
  return textValid.reduce((sum, valid) => sum + 4 * d * (N * (density * N + valid) + valid * (N + valid)), 0);
}

/** Pseudo-tiles of every stratum (tail), or `R * o + E` (paper). */
function rectifyFlop(geometry: Geometry, step: AttendStep): number {
  const { batch, visualTokens: N, visualBlocks: n, headDim: d } = geometry;
  if (step.rectify === "tail") return batch * 4 * d * N * n * step.strataPerBlock;
  return step.rectify === "paper" ? batch * 2 * d * N : 0;
}

function poolFlop({ visualTokens: N, headDim: d }: Geometry, planned: PlanStep): number {
  // A mean adds; deviations and spreads subtract, take a magnitude or square, and add.
  const operations = (role: string) => (role.endsWith("Deviation") || role === "querySpread" ? 3 : 1);
  return Object.keys(planned.out).reduce((sum, role) => sum + operations(role) * N * d, 0);
}

function summarizeFlop(geometry: Geometry, step: SummarizeStep): number {
  const groups = Math.ceil(geometry.visualBlocks / step.group);
  return splitFlop(geometry, step) + 8 * geometry.visualTokens * geometry.headDim * groups;
}

/** Finding the strata (beyond.md section 3). */
function splitFlop({ visualTokens: N, headDim: d }: Geometry, step: SummarizeStep): number {
  const levels = Math.log2(step.strataPerBlock);
  if (step.strata === "contiguous") return 0;
  if (step.strata === "local") return 4 * N * d * levels * step.steps;
  const samples = Math.ceil(N / Math.max(1, Math.floor(N / 8192)));
  return 4 * samples * d * d + 2 * N * d * levels;
}

function estimateFlop(geometry: Geometry, planned: PlanStep, step: EstimateStep): number {
  const { batch, visualBlocks: n, headDim: d, textValid } = geometry;
  const text = (2 * n * d * textValid.reduce((sum, valid) => sum + valid, 0)) / batch;
  if (step.method === "tail") return 8 * n * n * step.strataPerBlock * d + 2 * text;
  const gain = planned.in.queryDeviation ? 4 * n * n * d : 0;
  const compensation = planned.out.compensation ? 2 * n * n * d : 0;
  return 2 * n * n * d + gain + compensation + text;
}
