import {
  type AttentionSpec,
  type Backend,
  coverMass,
  firstFrame,
  keptBlocks,
  neighbours,
  type Policy,
  topBlocks,
  union,
} from "@spaattn/core";
import { invertOrder, videoLayout } from "@spaattn/layout";
import { compareExact, compareFloats, type Outcome } from "../check.js";
import { denseMaskOf, evaluate } from "../evaluate.js";
import { type GoldenBase, pickRows, visualNorm } from "./base.js";

interface PaperVariant {
  readonly drop_rate: number;
  readonly p_remain: number;
  readonly top_k: number;
  readonly use_neighbors: boolean;
  readonly out_l2_visual: number;
  readonly sparse_l2_visual: number;
  readonly density: number;
}

export interface GoldenContext {
  readonly backend: Backend;
  readonly tolerance: number;
  readonly report: (tensor: string, outcome: Outcome) => void;
  readonly signal?: AbortSignal;
}

/** Norms of whole outputs are stored to double precision; single rows could be wrong without these noticing. */
const NORM_TOLERANCE = 1e-5;

/** Checks every tensor of an `rsa-golden/1` file with `behaviour: "reference"`. */
export async function checkPaper(base: GoldenBase, context: GoldenContext): Promise<void> {
  checkTables(base, context);
  await checkDense(base, context);
  const variants = base.meta.json<PaperVariant[]>("variants");
  for (const [index, variant] of variants.entries()) {
    const spec = specOf(base, variant);
    await checkVariant(base, spec, variant, index, context);
  }
}

function specOf(base: GoldenBase, variant: PaperVariant): AttentionSpec {
  const parts: Policy[] = [topBlocks({ dropRate: variant.drop_rate }), coverMass(variant.p_remain)];
  if (variant.use_neighbors) parts.push(neighbours());
  if (base.meta.number("first_frame_blocks") > 0) parts.push(firstFrame());
  return { ...base.spec, policy: union(...parts), rectify: "paper", behaviour: "reference" };
}

/** The curve and the neighbour table that `@spaattn/layout` makes for the file's grid. */
function checkTables(base: GoldenBase, { report }: GoldenContext): void {
  const { layout, meta, spec } = base;
  const axisOrder = meta.json<["w" | "h" | "t", "w" | "h" | "t", "w" | "h" | "t"]>("axis_order");
  const ours = videoLayout({
    grid: layout.grid,
    blockSize: layout.blockSize,
    ...(spec.textTokens ? { textTokens: spec.textTokens } : {}),
    axisOrder,
  });
  report("curve_to_linear", compareExact(ours.order, layout.order));
  report("linear_to_curve", compareExact(invertOrder(ours.order), layout.inverse));
  report("block_neighbors", compareExact(ours.neighbours, layout.neighbours, meta.tensor("block_neighbors").shape));
}

async function checkDense(base: GoldenBase, { backend, tolerance, report, signal }: GoldenContext): Promise<void> {
  const results = await evaluate(backend, { ...base.spec, dense: true }, base.inputs, [], signal ? { signal } : {});
  report("dense_out", rowsOutcome(base, results.output, "dense_out", tolerance));
}

const SHARED = {
  q_pool: "queryMean",
  k_pool: "keyMean",
  v_pool: "valueMean",
  q_abs_dev: "queryDeviation",
  k_abs_dev: "keyDeviation",
  pooled_scores: "scores",
  P: "probabilities",
} as const;

async function checkVariant(
  base: GoldenBase,
  spec: AttentionSpec,
  variant: PaperVariant,
  index: number,
  context: GoldenContext,
): Promise<void> {
  const { backend, tolerance, report, signal } = context;
  const { meta } = base;
  const run = signal ? { signal } : {};
  const extras = [...Object.values(SHARED), "gain", "mask", "factor", "compensation"] as const;
  const got = await evaluate(backend, spec, base.inputs, extras, run);
  const floats = (name: string, tensor: keyof typeof got) => {
    const expected = meta.tensor(name);
    report(name, compareFloats(got[tensor].toFloat32(), expected.toFloat32(), tolerance, expected.shape));
  };
  if (index === 0) {
    for (const [stored, ours] of Object.entries(SHARED)) floats(stored, ours);
    report("gapr", compareExact(got.gain.data, meta.tensor("gapr").data, meta.tensor("gapr").shape));
  }
  const kept = keptBlocks(variant.drop_rate, meta.number("img_block_num"), "reference");
  report(`top_k of variant ${index}`, compareExact([kept], [variant.top_k]));
  const mask = meta.tensor(`mask.${index}`);
  report(`mask.${index}`, compareExact(denseMaskOf(got, spec, mask.shape[3]), mask.data, mask.shape));
  floats(`R.${index}`, "factor");
  floats(`comp.${index}`, "compensation");
  report(`out.${index}`, rowsOutcome(base, got.output, `out.${index}`, tolerance));
  report(`norm of out.${index}`, normOutcome(base, got.output, variant.out_l2_visual, tolerance));

  const sparse = await evaluate(backend, { ...spec, rectify: "none" }, base.inputs, [], run);
  report(`sparse_out.${index}`, rowsOutcome(base, sparse.output, `sparse_out.${index}`, tolerance, base.visualRows));
  report(`norm of sparse_out.${index}`, normOutcome(base, sparse.output, variant.sparse_l2_visual, tolerance));
}

type Full = Parameters<typeof pickRows>[0];

function rowsOutcome(base: GoldenBase, full: Full, name: string, tolerance: number, count = base.rows.length): Outcome {
  const expected = base.meta.tensor(name);
  return compareFloats(pickRows(full, base.rows.slice(0, count)).data, expected.toFloat32(), tolerance, expected.shape);
}

function normOutcome(base: GoldenBase, full: Full, expected: number, tolerance: number): Outcome {
  return compareFloats([visualNorm(full, base.spec.visualTokens)], [expected], Math.max(NORM_TOLERANCE, tolerance));
}
