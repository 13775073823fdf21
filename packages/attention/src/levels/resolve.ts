import { integer, oneOf } from "../check.js";
import type { Geometry } from "../geometry.js";
import type { Policy } from "../policy.js";
import { flatten, perHead } from "../policy-parts.js";
import type { LevelsOptions, ResolvedLevels } from "./options.js";

const NAMES: readonly string[] = [
  ...["budget", "scope", "tolerance", "refresh", "levels", "depth", "gamma", "steps", "clusters", "probes"],
  ...["weight", "search", "hMax", "tauMax", "mMin"],
];

/**
 * Checks `spec.levels` and fills in the defaults.
 *
 * @throws TypeError or RangeError that names the field.
 */
export function resolveLevels(options: LevelsOptions, geometry: Geometry, policy: Policy): ResolvedLevels {
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw new TypeError(`spec.levels must be an object, got ${String(options)}`);
  for (const name of Object.keys(options))
    if (!NAMES.includes(name)) throw new TypeError(`spec.levels.${name} is no option (there are ${NAMES.join(", ")})`);
  const { blockSize, visualBlocks: n } = geometry;
  const deepest = Math.log2(blockSize);
  const { scope = "call", refresh = 1, depth = deepest - 2, gamma = 0.5, steps = 8, probes = 4 } = options;
  const { weight = "absolute", search = "exact", hMax = 1, tauMax = 6, mMin = 1e-3, tolerance } = options;
  const clusters = options.clusters ?? Math.min(16, Math.ceil(n / 4));
  oneOf("levels.scope", scope, ["call", "head", "row"]);
  oneOf("levels.weight", weight, ["absolute", "relative"]);
  oneOf("levels.search", search, ["exact", "histogram"]);
  integer("levels.refresh", refresh, 1);
  integer("levels.depth", depth, 0);
  integer("levels.steps", steps, 1);
  integer("levels.clusters", clusters, 1);
  oneOf("levels.probes", probes, [0, 1, 2, 4, 8, 16]);
  if (depth > deepest)
    throw new RangeError(`spec.levels.depth must be at most ${deepest} with blocks of ${blockSize}, got ${depth}`);
  for (const [name, value] of Object.entries({ gamma, hMax, tauMax, mMin }))
    if (!(value >= 0)) throw new RangeError(`spec.levels.${name} must not be negative, got ${String(value)}`);
  checkTolerance(tolerance);
  if (tolerance !== undefined && options.budget !== undefined)
    throw new RangeError(
      "spec.levels.tolerance and spec.levels.budget exclude each other: one of them decides the cost",
    );
  return {
    budgets: budgetsOf(options.budget, policy, geometry),
    scope,
    ...(tolerance === undefined ? {} : { tolerance }),
    refresh,
    levels: levelList(options.levels, depth),
    depth,
    gamma,
    steps,
    clusters: Math.min(clusters, n),
    probes,
    weight,
    search,
    hMax,
    tauMax,
    mMin,
  };
}

function checkTolerance(tolerance: LevelsOptions["tolerance"]): void {
  if (tolerance === undefined) return;
  const relative = typeof tolerance === "object" && tolerance !== null;
  const value = relative ? tolerance.relative : tolerance;
  if (!(typeof value === "number" && value > 0 && value < Number.POSITIVE_INFINITY))
    throw new RangeError(
      `spec.levels.tolerance${relative ? ".relative" : ""} must be a positive number, got ${String(value)}`,
    );
}

function levelList(levels: readonly number[] | undefined, depth: number): readonly number[] {
  if (levels === undefined) return Array.from({ length: depth + 1 }, (_, level) => level);
  if (!Array.isArray(levels) || levels.length === 0)
    throw new RangeError("spec.levels.levels must list at least one level");
  levels.forEach((level: unknown, at) => {
    integer(`levels.levels[${at}]`, level, 0);
    if ((level as number) > depth)
      throw new RangeError(`spec.levels.levels[${at}] must be at most the depth of ${depth}, got ${String(level)}`);
  });
  return [...new Set(levels)].sort((a, b) => a - b);
}

/** The budget as given, or what the uniform tail of the policy's drop rate would cost (levels.md section 4). */
function budgetsOf(budget: number | undefined, policy: Policy, { heads, blockSize }: Geometry): readonly number[] {
  const rates = new Array<number>(heads).fill(1);
  for (const part of flatten(policy)) {
    if (part.kind === "coverMass" && perHead(part.mass, heads, "coverMass").some((mass) => mass > 0))
      throw new RangeError(
        'spec.policy: coverMass has no counterpart with rectify "levels"; ask for a quality with levels.tolerance',
      );
    if (part.kind === "host")
      throw new TypeError(
        'spec.policy: a host function cannot choose with rectify "levels"; use always() or neighbours()',
      );
    if (part.kind === "topBlocks")
      perHead(part.dropRate, heads, "dropRate").forEach((rate, h) => {
        rates[h] = Math.min(rates[h], rate);
      });
  }
  if (budget === undefined) return rates.map((rate) => 1 - rate + (rate * 4) / blockSize);
  if (!(typeof budget === "number" && budget > 0 && budget <= 1))
    throw new RangeError(`spec.levels.budget must be above 0 and at most 1, got ${String(budget)}`);
  return rates.fill(budget);
}
