import { type Backend, resolveSpec, unsupportedReason } from "@spaattn/attention";
import type { FloatDType } from "@spaattn/core";
import { isSpaAttnError } from "@spaattn/core";
import { reference } from "@spaattn/reference";
import type { Check, Outcome } from "../check.js";
import { compareWithOracle } from "../run-case.js";
import { openBase } from "./base.js";
import { checkCurves } from "./curve.js";
import { formatOf, type GoldenFile, Metadata } from "./file.js";
import { checkLevels } from "./levels.js";
import { openLevels } from "./levels-input.js";
import { checkPaper } from "./paper.js";
import { checkTail } from "./tail.js";

export interface GoldenOptions {
  /** Allowed error relative to a tensor's largest magnitude; default 1e-5, for f16 3e-3. */
  readonly tolerance?: number;
  readonly signal?: AbortSignal;
  /** Finds another file of the same set by name; tail files need their base. */
  readonly open: (name: string) => Promise<GoldenFile>;
}

/**
 * Checks one golden file, whatever its kind, on a backend.
 *
 * The stored inputs are exact in float16. A backend with f32 (or f16) is compared with the stored tensors; one that
 * has neither runs the rounded inputs against the oracle.
 */
export async function runGolden(backend: Backend, file: GoldenFile, options: GoldenOptions): Promise<Check[]> {
  const checks: Check[] = [];
  const format = formatOf(file);
  const suite = format === "rsa-curve/1" ? "curve" : "golden";
  const report = (tensor: string, outcome: Outcome) => checks.push({ suite, case: file.name, tensor, ...outcome });
  try {
    if (format === undefined) throw new RangeError(`format "${file.metadata.format ?? ""}" is none of ours`);
    if (format === "rsa-curve/1") checkCurves(file, report);
    else if (format === "rsa-golden-levels/1") await checkLevelsFile(backend, file, options, report);
    else await checkCase(backend, file, options, report);
  } catch (error) {
    if (isSpaAttnError(error, "Aborted")) throw error;
    report("file", { ok: false, note: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
  return checks;
}

async function checkLevelsFile(
  backend: Backend,
  file: GoldenFile,
  options: GoldenOptions,
  report: (tensor: string, outcome: Outcome) => void,
): Promise<void> {
  const { dtypes, accumulate } = backend.capabilities;
  const dtype = dtypes.includes("f32") ? "f32" : "f16";
  const source = await options.open(new Metadata(file).text("input"));
  const base = openLevels(file, source, dtype);
  const reason = unsupportedReason(backend.capabilities, resolveSpec(base.spec));
  if (reason) return report("all", { ok: true, skipped: `${backend.name} has no ${reason}` });
  const least = dtype === "f16" ? 3e-3 : accumulate === "f64" ? 1e-5 : 1e-3;
  const tolerance = Math.max(least, options.tolerance ?? 0);
  await checkLevels(base, { backend, tolerance, report, ...(options.signal ? { signal: options.signal } : {}) });
}

async function checkCase(
  backend: Backend,
  file: GoldenFile,
  options: GoldenOptions,
  report: (tensor: string, outcome: Outcome) => void,
): Promise<void> {
  const tail = formatOf(file) === "rsa-golden-tail/1";
  const source = tail ? await options.open(file.metadata.base) : file;
  const { dtypes } = backend.capabilities;
  const dtype: FloatDType | undefined = dtypes.includes("f32") ? "f32" : dtypes.includes("f16") ? "f16" : undefined;
  const { signal } = options;
  if (!dtype) return onRoundedInputs(backend, source, options, report);
  const tolerance = options.tolerance ?? (dtype === "f32" ? 1e-5 : 3e-3);
  const context = { backend, tolerance, report, ...(signal ? { signal } : {}) };
  const base = openBase(source, dtype);
  await (tail ? checkTail(file, base, context) : checkPaper(base, context));
}

/** For bfloat16 alone: the inputs are rounded once more, so the oracle has to be asked again. */
async function onRoundedInputs(
  backend: Backend,
  source: GoldenFile,
  options: GoldenOptions,
  report: (tensor: string, outcome: Outcome) => void,
): Promise<void> {
  const base = openBase(source, "bf16");
  const oracle = await reference.create();
  const { drop_rate: dropRate } = new Metadata(source).json<{ drop_rate: number }[]>("variants")[0];
  for (const rectify of ["paper", "tail"] as const)
    await compareWithOracle(
      backend,
      { ...base.spec, rectify, policy: { kind: "topBlocks", dropRate } },
      base.inputs,
      { oracle, dtype: "bf16", ...(options.signal ? { signal: options.signal } : {}) },
      (tensor, outcome) => report(`${rectify} ${tensor}`, outcome),
    );
}
