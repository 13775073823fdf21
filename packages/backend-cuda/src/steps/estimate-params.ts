import type { EstimateStep } from "@spaattn/attention";
import type { Handle } from "../driver/driver.js";
import { type Argument, Params } from "../params.js";
import type { Site, View, Views } from "../site.js";
import { biasStride } from "./convert.js";

// The order of the pointers in ProductParams.
const PRODUCT_INPUTS = [
  "queryMean",
  "querySecond",
  "keys",
  "keySecond",
  "mass",
  "noise",
  "values",
  "textKey",
  "textValue",
] as const;
const PRODUCT_OUTPUTS = [
  "logits",
  "normaliser",
  "variance",
  "scores",
  "strataBias",
  "logitVariance",
  "gain",
  "weights",
  "out",
] as const;

export interface Product {
  /** By role, in this site's heads. */
  readonly inputs: Readonly<Partial<Record<(typeof PRODUCT_INPUTS)[number], Handle | undefined>>>;
  readonly outputs: Readonly<Partial<Record<(typeof PRODUCT_OUTPUTS)[number], Handle | undefined>>>;
  readonly columns: number;
  readonly group: number;
  readonly splits: number;
  readonly uniform?: boolean;
  readonly limits?: readonly [number, number, number];
}

/** ProductParams of products.cu. */
export function productParams(site: Site, p: Product): Argument {
  const { visualBlocks: n, tokens, visualTokens, textTokens, scale } = site.geometry;
  const strata = p.columns;
  return new Params()
    .pointers(...PRODUCT_INPUTS.map((role) => p.inputs[role]), site.textValid)
    .pointers(...PRODUCT_OUTPUTS.map((role) => p.outputs[role]))
    .ints(site.heads, n, strata, strata + textTokens, biasStride(strata), tokens, visualTokens, p.group)
    .ints(Math.ceil(n / p.group), p.splits, p.uniform ?? false)
    .floats(scale, ...(p.limits ?? [0, 0, 0]))
    .bytes();
}

export interface Selecting {
  readonly kernel: "paper_select" | "tail_select";
  readonly step: EstimateStep;
  readonly columns: number;
  readonly logits: View;
  readonly weights?: View | undefined;
  readonly normaliser?: View;
  readonly gain?: View | undefined;
  readonly bias?: View;
  readonly sharedBytes: number;
}

/** SelectParams of select.cu. */
export function selectParams(site: Site, s: Selecting, inputs: Views, outputs: Views): Argument {
  const { visualBlocks: n, textTokens } = site.geometry;
  const { selection, stride } = s.step;
  const { group, hMax, mMin } = s.step.method === "tail" ? s.step : { group: n, hMax: 0, mMin: 0 };
  const { indices, forced } = outputs.indices ? { indices: outputs.indices, forced: inputs.forced } : neverNull();
  return new Params()
    .pointers(site.at(s.logits), site.at(s.gain), site.at(forced), site.textValid)
    .pointers(site.perHead("topBlocks", (_, head) => selection.topBlocks[head]))
    .pointers(site.perHead("coverMass", (_, head) => selection.coverMass[head], "f32"))
    .pointers(site.at(outputs.counts), indices.native ? site.at(indices) : undefined)
    .pointers(indices.native ? undefined : site.at(indices))
    .pointers(site.at(outputs.factor), site.at(outputs.probabilities), site.at(s.bias))
    .pointers(site.at(outputs.blockError), site.at(outputs.blockMass))
    .pointers(site.at(s.weights), site.at(s.normaliser), site.at(inputs.strataMass))
    .ints(site.heads, n, s.columns, s.columns + textTokens, biasStride(s.columns), textTokens, stride, s.columns / n)
    .ints(selection.ranked, selection.textCompetes, forced !== undefined && forced.perHead > 0)
    .ints(group, Math.ceil(n / group))
    .floats(hMax, mMin)
    .bytes();
}
export const neverNull = (): never => {
  throw new TypeError("estimate needs an output named indices");
};
