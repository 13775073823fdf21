import { checkPolicy, checkShare, type LevelsOptions, TAIL_DEFAULTS } from "@spaattn/attention";
import { checkFields, checkFlag, describeValue } from "@spaattn/core";
import type { AdapterOptions } from "./options.js";

const oneOf =
  (...allowed: readonly unknown[]) =>
  (path: string, value: unknown): void => {
    if (!allowed.includes(value))
      throw new RangeError(`${path} must be ${allowed.map(describeValue).join(" or ")}, got ${describeValue(value)}`);
  };

const fields =
  (...known: readonly string[]) =>
  (path: string, value: unknown): void =>
    checkFields(path, value, known);

function list(path: string, value: unknown): void {
  if (!Array.isArray(value)) throw new TypeError(`${path} must be a list of numbers, got ${describeValue(value)}`);
}

function numbers(path: string, value: unknown): void {
  list(path, value);
  for (const [i, x] of (value as unknown[]).entries())
    if (!Number.isFinite(x)) throw new RangeError(`${path}[${i}] must be a number, got ${describeValue(x)}`);
}

function share(path: string, value: unknown): void {
  if (typeof value !== "number") throw new TypeError(`${path} must be between 0 and 1, got ${describeValue(value)}`);
  checkShare(path, value);
}

function preset(path: string, value: unknown): void {
  if (typeof value === "string" || (typeof value === "object" && value !== null)) return;
  throw new TypeError(
    `${path} must be "quality", "balanced", "fast" or a calibrated preset, got ${describeValue(value)}`,
  );
}

const LEVELS: readonly (keyof LevelsOptions)[] = [
  ...(["budget", "scope", "tolerance", "refresh", "levels", "depth"] as const),
  ...(["gamma", "steps", "clusters", "probes", "weight"] as const),
];

/** What each option must be; those with `undefined` are checked where they are used. */
const CHECKS: Record<keyof AdapterOptions, ((path: string, value: unknown) => void) | undefined> = {
  size: fields("frames", "height", "width"),
  preset,
  dropRate: share,
  coverMass: share,
  neighbours: checkFlag,
  firstFrame: oneOf(false, "sink", "dense"),
  policy: checkPolicy,
  rectify: oneOf("none", "paper", "tail", "levels"),
  tail: fields(...Object.keys(TAIL_DEFAULTS)),
  levels: (path, value) => checkFields(path, value, LEVELS),
  behaviour: oneOf("corrected", "reference"),
  sparse: checkFlag,
  blockSize: oneOf(64, 128),
  dtype: oneOf("f32", "f16", "bf16"),
  tokenOrder: oneOf("raster", "curve"),
  textTokens(path, value) {
    if (!Number.isSafeInteger(value) || (value as number) < 0)
      throw new RangeError(`${path} must be a non-negative integer, got ${describeValue(value)}`);
  },
  denseLayers: list,
  denseSteps(path, value) {
    if (typeof value !== "number") list(path, value);
  },
  steps: undefined,
  guidance: checkFlag,
  switchStep: undefined,
  timesteps: numbers,
  stepCache(path, value) {
    checkFields(path, value, ["threshold", "retention", "coefficients"]);
    const { retention, coefficients } = value as { retention?: unknown; coefficients?: unknown };
    checkFlag(`${path}.retention`, retention);
    if (coefficients !== undefined) numbers(`${path}.coefficients`, coefficients);
  },
  architecture: fields("layers", "heads", "headDim", "rotary"),
};

/**
 * Checks the whole tree of a model's options.
 *
 * @throws TypeError or RangeError that names the option by its path, and its value.
 */
export function checkAdapterOptions(options: unknown): asserts options is AdapterOptions {
  checkFields("options", options, Object.keys(CHECKS));
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (value === null) throw new TypeError(`${name} must not be null; leave it out for its default`);
    CHECKS[name as keyof AdapterOptions]?.(name, value);
  }
}
