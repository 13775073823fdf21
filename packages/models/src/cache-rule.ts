import type { Behaviour } from "@spaattn/attention";
import { describeValue } from "@spaattn/core";
import type { CacheCard, Indicator } from "./card.js";
import type { Forward } from "./schedule.js";

export interface StepCacheOptions {
  /**
   * Accumulated change below which the layers are skipped; larger is faster, 0 computes every forward. A number, or a name
   * of `card.thresholds`.
   */
  readonly threshold?: number | string;
  /** False: the fit without the retention window, where one is published. */
  readonly retention?: boolean;
  readonly coefficients?: readonly number[];
}

/** A step cache's numbers, all filled in. */
export interface CacheSettings {
  readonly indicator: Indicator;
  readonly threshold: number;
  readonly coefficients: readonly number[];
  readonly firstSteps: readonly number[];
  readonly lastStep: boolean;
  /**
   * What a fit that predicts less than no change does to the accumulated change: nothing (`ignored`, the corrected
   * behaviour), or it lowers it, so that later changes are skipped as well (`kept`, as the original does).
   */
  readonly negative: "ignored" | "kept";
}

/**
 * The numbers a step cache runs with (docs/models.md#step-cache, docs/corrections.md#no-14).
 *
 * @throws RangeError for a negative threshold, or where no fit without retention is published.
 */
export function cacheSettings(card: CacheCard, behaviour: Behaviour, options: StepCacheOptions = {}): CacheSettings {
  const threshold = thresholdOf(card, options.threshold ?? card.threshold);
  const negative = behaviour === "reference" ? "kept" : "ignored";
  const own = (behaviour === "reference" && card.referenceCoefficients) || card.coefficients;
  if (options.retention === false && !card.lastStep) {
    if (!card.withoutRetention && !options.coefficients)
      throw new RangeError("stepCache.retention: no fit without a retention window is published for this model");
    const { indicator, coefficients } = card.withoutRetention ?? { indicator: "time embedding", coefficients: own };
    return {
      indicator,
      threshold,
      coefficients: options.coefficients ?? coefficients,
      firstSteps: card.firstSteps.map(() => 1),
      lastStep: true,
      negative,
    };
  }
  const { indicator, firstSteps, lastStep } = card;
  return { indicator, threshold, coefficients: options.coefficients ?? own, firstSteps, lastStep, negative };
}

function thresholdOf(card: CacheCard, value: number | string): number {
  if (typeof value === "number" && value >= 0) return value;
  if (typeof value === "string" && Object.hasOwn(card.thresholds, value)) return card.thresholds[value];
  const names = Object.keys(card.thresholds).join(", ");
  throw new RangeError(
    `stepCache.threshold must be a number that is not negative, or ${names}, got ${typeof value === "string" ? value : describeValue(value)}`,
  );
}

/**
 * Decides whether a forward may be skipped. Each expert and each guidance branch has an accumulator of its own; one rule
 * serves one generation.
 */
export class CacheRule {
  readonly #accumulated = new Map<string, number>();

  constructor(
    readonly settings: CacheSettings,
    readonly steps: number,
  ) {}

  /**
   * True when the layers have to be computed.
   *
   * @param change relative change of the indicator since the last call of this branch; undefined when there was none.
   */
  decide(forward: Forward, change: number | undefined): boolean {
    const { threshold, firstSteps, lastStep, coefficients, negative } = this.settings;
    const key = branchKey(forward);
    // Nothing is below a threshold of 0, whatever the sum: it is how one turns skipping off.
    const always =
      threshold === 0 ||
      change === undefined ||
      forward.expertStep < (firstSteps[forward.expert] ?? 0) ||
      (lastStep && forward.step === this.steps - 1);
    const predicted = always ? 0 : polynomial(coefficients, change);
    const increment = negative === "ignored" ? Math.max(0, predicted) : predicted;
    const sum = always ? 0 : (this.#accumulated.get(key) ?? 0) + increment;
    // Written so that a change that is no number is computed.
    const compute = always || !(sum < threshold);
    this.#accumulated.set(key, compute ? 0 : sum);
    return compute;
  }
}

/** What keeps its own memory: each branch of each expert. */
export const branchKey = (forward: Forward): string => `${forward.expert}.${forward.branch}`;

const polynomial = (coefficients: readonly number[], x: number): number =>
  coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
