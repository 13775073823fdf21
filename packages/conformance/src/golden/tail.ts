import { type AttentionSpec, lowerPolicy, policyFrom, resolveSpec, type Strata } from "@spaattn/attention";
import type { HostTensor } from "@spaattn/core";
import { compareExact, compareFloats } from "../check.js";
import { denseMaskOf, evaluate, type HostResults } from "../evaluate.js";
import { checkStrata } from "../strata.js";
import { type GoldenBase, pickRows } from "./base.js";
import { compareRounded, norm, relativeError, share } from "./figures.js";
import { type GoldenFile, Metadata } from "./file.js";
import type { GoldenContext } from "./paper.js";

interface TailVariant {
  readonly drop_rate: number;
  readonly p: number;
  readonly neighbors: boolean;
  readonly strata: Strata;
  readonly c: number;
  readonly G: number | "all";
  readonly set: string;
  readonly top_k: number;
  readonly density: number;
  readonly out_l2_visual: number;
  readonly errors: { readonly tail: number };
}

interface TailParameters {
  readonly h_max: number;
  readonly tau_max: number;
  readonly m_min: number;
  readonly steps: number;
}

/** Stored tensors of a set, and the extras they are compared with. */
const SHARED = {
  m: "strataMass",
  kt: "strataKey",
  vt: "strataValue",
  nu: "strataNoise",
  tau: "logitVariance",
  b: "strataBias",
  mass: "blockMass",
} as const;

/** Estimated errors are squares of small differences: golden/README.md allows them ten times the tolerance. */
const ERROR_FACTOR = 10;

/** Cuts closer than this may fall either way in float32; all stored ones are clearer. */
const STRATA_MARGIN = 1e-6;

/** Checks every tensor of an `rsa-golden-tail/1` file on the inputs of its base file (beyond.md section 13). */
export async function checkTail(file: GoldenFile, base: GoldenBase, context: GoldenContext): Promise<void> {
  const { backend, signal } = context;
  const meta = new Metadata(file);
  const seen = new Set<string>();
  const dense = await evaluate(backend, { ...base.spec, dense: true }, base.inputs, [], signal ? { signal } : {});
  for (const [index, variant] of meta.json<TailVariant[]>("variants").entries()) {
    const spec = specOf(base, meta, variant);
    const extras = [...Object.values(SHARED), "blockError", "mask", "order"] as const;
    const got = await evaluate(backend, spec, base.inputs, extras, signal ? { signal } : {});
    if (!seen.has(variant.set)) {
      seen.add(variant.set);
      checkSet(got, spec, meta, variant, base, context);
    }
    checkOutput({ got, dense: dense.output }, spec, meta, variant, index, base, context);
  }
}

function specOf(base: GoldenBase, meta: Metadata, variant: TailVariant): AttentionSpec {
  const parameters = meta.json<TailParameters>("params");
  return {
    ...base.spec,
    policy: policyFrom({ dropRate: variant.drop_rate, coverMass: variant.p, neighbours: variant.neighbors }),
    rectify: "tail",
    tail: {
      strata: variant.strata,
      strataPerBlock: variant.c,
      group: variant.G,
      steps: parameters.steps,
      hMax: parameters.h_max,
      tauMax: parameters.tau_max,
      mMin: parameters.m_min,
    },
  };
}

function checkSet(
  got: HostResults,
  spec: AttentionSpec,
  meta: Metadata,
  variant: TailVariant,
  base: GoldenBase,
  context: GoldenContext,
): void {
  const { report, tolerance, backend } = context;
  const { set, strata } = variant;
  if (`order.${strata}` in meta.file.tensors) {
    const expected = meta.tensor(`order.${strata}`);
    const margin = backend.capabilities.accumulate === "f64" ? 0 : STRATA_MARGIN;
    report(`order.${strata}`, checkStrata({ spec, inputs: base.inputs, got: got.order, expected, margin }).outcome);
  }
  for (const [stored, ours] of Object.entries(SHARED)) {
    const expected = meta.tensor(`${stored}.${set}`);
    report(`${stored}.${set}`, compareFloats(got[ours].toFloat32(), expected.toFloat32(), tolerance, expected.shape));
  }
  const expected = meta.tensor(`E.${set}`);
  const outcome = compareFloats(
    got.blockError.toFloat32(),
    expected.toFloat32(),
    tolerance * ERROR_FACTOR,
    expected.shape,
  );
  report(`E.${set}`, outcome);
}

function checkOutput(
  { got, dense }: { got: HostResults; dense: HostTensor },
  spec: AttentionSpec,
  meta: Metadata,
  variant: TailVariant,
  index: number,
  base: GoldenBase,
  { report, tolerance }: GoldenContext,
): void {
  const mask = meta.tensor(`mask.${index}`);
  report(`mask.${index}`, compareExact(denseMaskOf(got, spec, mask.shape[3]), mask.data, mask.shape));
  const expected = meta.tensor(`out.${index}`);
  const rows = pickRows(got.output, base.rows);
  report(`out.${index}`, compareFloats(rows.data, expected.toFloat32(), tolerance, expected.shape));
  const visual = { start: 0, end: base.spec.visualTokens };
  const whole = compareFloats([norm(got.output, visual)], [variant.out_l2_visual], Math.max(1e-5, tolerance));
  report(`norm of out.${index}`, whole);
  const error = relativeError(got.output, dense, visual);
  report(`error of out.${index}`, compareRounded(error, variant.errors.tail, 5, tolerance));
  report(`density of mask.${index}`, compareRounded(share(denseMaskOf(got, spec)), variant.density, 4, 0));
  const top = lowerPolicy(spec.policy!, {
    geometry: resolveSpec(spec).geometry,
    layout: base.layout,
    behaviour: "corrected",
    rectify: "tail",
  });
  report(`top_k of variant ${index}`, compareExact([top.topBlocks[0]], [variant.top_k]));
}
