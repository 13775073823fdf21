import { type AttentionSpec, type Backend, keptBlocks, policyFrom } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import { invertOrder, videoLayout } from "@spaattn/layout";
import { compareExact, compareFloats, type Outcome } from "../check.js";
import { denseMaskOf, evaluate, type HostResults } from "../evaluate.js";
import { type GoldenBase, pickRows } from "./base.js";
import { compareRounded, norm, relativeError, scaledRows, share } from "./figures.js";

interface PaperVariant {
  readonly drop_rate: number;
  readonly p_remain: number;
  readonly top_k: number;
  readonly use_neighbors: boolean;
  readonly out_l2_visual: number;
  readonly sparse_l2_visual: number;
  /** Per batch item; absent without text. */
  readonly out_l2_text?: readonly number[];
  readonly density: number;
  readonly R_mean: number;
  readonly err_sparse: number;
  readonly err_R_only: number;
  readonly err_R_comp: number;
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
  const dense = await checkDense(base, context);
  const variants = base.meta.json<PaperVariant[]>("variants");
  for (const [index, variant] of variants.entries()) {
    const spec = specOf(base, variant);
    await checkVariant(base, spec, variant, index, dense, context);
  }
}

function specOf(base: GoldenBase, variant: PaperVariant): AttentionSpec {
  const policy = policyFrom({
    dropRate: variant.drop_rate,
    coverMass: variant.p_remain,
    neighbours: variant.use_neighbors,
    firstFrame: base.meta.number("first_frame_blocks") > 0 && "sink",
  });
  return { ...base.spec, policy, rectify: "paper", behaviour: "reference" };
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
  // The original's first-frame rule exists in the Wan adapters only: floor(n / t) blocks (algorithm.md section 4).
  const first = meta.file.metadata.adapter.startsWith("wan")
    ? Math.floor(meta.number("n_visual_blocks") / layout.grid[0])
    : 0;
  report("first_frame_blocks", compareExact([first], [meta.number("first_frame_blocks")]));
  report("block_neighbors", compareExact(ours.neighbours, layout.neighbours, meta.tensor("block_neighbors").shape));
}

async function checkDense(
  base: GoldenBase,
  { backend, tolerance, report, signal }: GoldenContext,
): Promise<HostTensor> {
  const results = await evaluate(backend, { ...base.spec, dense: true }, base.inputs, [], signal ? { signal } : {});
  report("dense_out", rowsOutcome(base, results.output, "dense_out", tolerance));
  return results.output;
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
  dense: HostTensor,
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
  checkFigures(base, variant, index, { got, sparse: sparse.output, dense }, context);
}

/** Figures over all rows, stored or not: norms of text rows, density, mean factor, errors against dense. */
function checkFigures(
  base: GoldenBase,
  variant: PaperVariant,
  index: number,
  { got, sparse, dense }: { got: HostResults; sparse: HostTensor; dense: HostTensor },
  { report, tolerance }: GoldenContext,
): void {
  const { visualTokens, textTokens = 0, blockSize = 128 } = base.spec;
  const visual = { start: 0, end: visualTokens };
  variant.out_l2_text?.forEach((expected, item) => {
    const text = norm(got.output, { start: visualTokens, end: visualTokens + textTokens }, item);
    report(`norm of the text in out.${index}, item ${item}`, compareFloats([text], [expected], tolerance));
  });
  const rounded = (name: string, value: number, expected: number) =>
    report(`${name} of variant ${index}`, compareRounded(value, expected, 6, tolerance));
  rounded("density", share(denseMaskOf(got, base.spec)), variant.density);
  const factors = got.factor.toFloat32();
  rounded("mean R", factors.reduce((sum, x) => sum + x, 0) / factors.length, variant.R_mean);
  rounded("error of sparse_out", relativeError(sparse, dense, visual), variant.err_sparse);
  const scaled = scaledRows(sparse, got.factor, visualTokens, blockSize);
  rounded("error with R alone", relativeError(scaled, dense, visual), variant.err_R_only);
  rounded("error of out", relativeError(got.output, dense, visual), variant.err_R_comp);
}

function rowsOutcome(
  base: GoldenBase,
  full: HostTensor,
  name: string,
  tolerance: number,
  count = base.rows.length,
): Outcome {
  const expected = base.meta.tensor(name);
  return compareFloats(pickRows(full, base.rows.slice(0, count)).data, expected.toFloat32(), tolerance, expected.shape);
}

function normOutcome(base: GoldenBase, full: HostTensor, expected: number, tolerance: number): Outcome {
  return compareFloats(
    [norm(full, { start: 0, end: base.spec.visualTokens })],
    [expected],
    Math.max(NORM_TOLERANCE, tolerance),
  );
}
