import { checkShare, LEVELS_OPTIONS, TAIL_DEFAULTS } from "@spaattn/attention";
import { checkFields, checkFlag, describeValue } from "@spaattn/core";

const SELECTION = ["coverMass", "neighbours", "firstFrame", "tail", "levels", "headRates"];
const WORK = ["signal", "onProgress"];
const SPARSE = ["none", "paper", "tail", "levels"];

/** @throws TypeError or RangeError that names the option of `compare`. */
export function checkCompareOptions(options: unknown): void {
  checkFields("options", options, ["modes", "dropRates", "budgets", "repeats", ...SELECTION, ...WORK]);
  checkLists(options as Readonly<Record<string, unknown>>);
  const { repeats } = options as { repeats?: unknown };
  if (repeats !== undefined && !(Number.isSafeInteger(repeats) && (repeats as number) > 0))
    throw new RangeError(`options.repeats must be a positive integer, got ${describeValue(repeats)}`);
}

/** @throws TypeError or RangeError that names the option of `errorCurve`. */
export function checkCurveOptions(options: unknown): void {
  checkFields("options", options, ["modes", "dropRates", "budgets", "onPoint", "repeats", ...SELECTION, ...WORK]);
  checkLists(options as Readonly<Record<string, unknown>>);
}

function checkLists({ modes, dropRates, budgets, ...selection }: Readonly<Record<string, unknown>>): void {
  if (modes !== undefined) {
    if (!Array.isArray(modes)) throw new TypeError(`options.modes must be a list, got ${describeValue(modes)}`);
    for (const [i, mode] of modes.entries())
      if (!(SPARSE as readonly unknown[]).includes(mode))
        throw new RangeError(`options.modes[${i}] must be ${SPARSE.join(" or ")}, got ${describeValue(mode)}`);
  }
  if (dropRates !== undefined) {
    if (!Array.isArray(dropRates) || dropRates.length === 0)
      throw new TypeError(`options.dropRates must list at least one rate, got ${describeValue(dropRates)}`);
    checkShare("options.dropRates", dropRates);
  }
  if (budgets !== undefined) {
    if (!Array.isArray(budgets)) throw new TypeError(`options.budgets must be a list, got ${describeValue(budgets)}`);
    if (budgets.length > 0) checkShare("options.budgets", budgets);
  }
  checkSelection(selection);
}

function checkSelection({
  coverMass,
  neighbours,
  firstFrame,
  tail,
  levels,
  headRates,
}: Readonly<Record<string, unknown>>): void {
  if (coverMass !== undefined) checkShare("options.coverMass", coverMass);
  if (headRates !== undefined) checkShare("options.headRates", headRates);
  checkFlag("options.neighbours", neighbours);
  if (firstFrame !== undefined && firstFrame !== false && firstFrame !== "sink" && firstFrame !== "dense")
    throw new RangeError(`options.firstFrame must be "sink", "dense" or false, got ${describeValue(firstFrame)}`);
  if (tail !== undefined) checkFields("options.tail", tail, Object.keys(TAIL_DEFAULTS));
  if (levels !== undefined) checkFields("options.levels", levels, LEVELS_OPTIONS);
}
