import type { LabInputs } from "./build-inputs.js";
import type { CompareRow } from "./compare.js";
import { notFiniteNotes } from "./finite.js";

/** Grids of fewer blocks give summaries little to stand for. */
const FEW_BLOCKS = 16;

/** What a reader should know before trusting a comparison's rows. */
export function compareWarnings(rows: readonly CompareRow[], inputs: LabInputs): string[] {
  const { query, key, value } = inputs;
  const warnings = notFiniteNotes({ query, key, value });
  const dense = rows.find(({ mode }) => mode === "dense");
  if (dense?.state === "notFinite")
    warnings.push("Dense attention's own output is not finite, so no error can be measured against it.");
  else
    for (const row of rows.filter(({ state }) => state === "notFinite"))
      warnings.push(`The output of ${row.mode} at ${percent(row.dropRate)} dropped is not finite.`);
  if (rows.some(({ state }) => state === "zeroReference"))
    warnings.push("Dense attention's output is zero throughout: errors relative to it have no size.");
  warnings.push(...losses(rows, inputs), ...impossibleTimes(rows));
  return warnings;
}

/** Where a repair does harm, and why that can be. */
function losses(rows: readonly CompareRow[], { spec }: LabInputs): string[] {
  const blocks = Math.ceil(spec.visualTokens / (spec.blockSize ?? 128));
  return rows.flatMap((row) => {
    if (row.mode !== "tail" && row.mode !== "paper") return [];
    const plain = rows.find(({ mode, dropRate }) => mode === "none" && dropRate === row.dropRate);
    if (!plain || !(row.relL2 > plain.relL2)) return [];
    const why =
      blocks < FEW_BLOCKS
        ? `with ${blocks} blocks there is little left to summarise`
        : "the keys inside a block differ more than a few summaries can say (noise does)";
    return [
      `${row.mode} is further off than plain block-sparse attention at ${percent(row.dropRate)} dropped ` +
        `(${row.relL2.toFixed(3)} against ${plain.relL2.toFixed(3)}): ${why}. Use rectify "none" for such inputs.`,
    ];
  });
}

/** A computed block costs what it costs in a dense run; times that say otherwise are those of the clock. */
function impossibleTimes(rows: readonly CompareRow[]): string[] {
  const beyond = rows.filter(({ mode, density, speedup }) => mode !== "dense" && speedup > 1.1 / density);
  if (beyond.length === 0) return [];
  return [
    `Speedups above what the density allows (${beyond.map(({ mode, dropRate }) => `${mode} at ${percent(dropRate)}`).join(", ")}) ` +
      "are noise: the runs are too short to time. Use more tokens, or more rounds (repeats).",
  ];
}

const percent = (share: number): string => `${Math.round(share * 1000) / 10} %`;
