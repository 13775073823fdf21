import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { Backend } from "@spaattn/attention";
import type { Check } from "@spaattn/conformance";
import { type Device, throwIfAborted } from "@spaattn/core";
import type { GoldenProgress } from "./golden.js";

/** A folder of golden files of diffusion models, and the cases in it. */
export interface DiffusionGolden {
  readonly root: string;
  /** Sub-folders; the empty name stands for files in the folder itself. */
  readonly cases: readonly string[];
}

const COMPONENTS = ["", "transformer", "transformer_2", "vae", "text_encoder", "text_encoder_2", "image_encoder"];
const FILES = ["golden.safetensors", "pipeline_golden.safetensors", "golden.json"];

/** True for a folder that holds one case: golden files beside, or in the sub-folders of, a model. */
const isCase = (folder: string): boolean =>
  [...COMPONENTS, "tokenizer", "tokenizer_2"].some((part) =>
    FILES.some((file) => existsSync(join(folder, part, file))),
  );

/** Recognises a folder of cases, or one case; undefined for anything else. */
export function diffusionGolden(folder: string, filter = ""): DiffusionGolden | undefined {
  if (!existsSync(folder) || !statSync(folder).isDirectory()) return undefined;
  if (isCase(folder)) return { root: dirname(resolve(folder)), cases: [basename(resolve(folder))] };
  const cases = readdirSync(folder)
    .filter((name) => isCase(join(folder, name)))
    .sort();
  if (existsSync(join(folder, "torch-randn.json"))) cases.push("");
  if (cases.length === 0) return undefined;
  return { root: folder, cases: cases.filter((name) => (name || "torch-randn").includes(filter)) };
}

/** Checks all cases, one after the other. */
export async function verifyDiffusion(
  backend: Backend,
  { root, cases }: DiffusionGolden,
  progress: GoldenProgress,
): Promise<Check[]> {
  const skipped = `the backend ${backend.name} runs attention alone, no networks`;
  if (!isDevice(backend)) return cases.map((name) => ({ ...check(name, "networks"), ok: true, skipped }));
  const { verifyGolden } = await import("@spaattn/diffusion/verify");
  const { directoryFolder } = await import("@spaattn/weights/node");
  const { signal } = progress;
  const checks: Check[] = [];
  for (const [i, name] of cases.entries()) {
    progress.onFile(name || "torch-randn", i / cases.length);
    for await (const { name: tensor, ok, error, limit, note } of verifyGolden(directoryFolder(root), name, {
      device: backend,
      signal,
    })) {
      throwIfAborted(signal);
      const outcome =
        ok && note !== undefined
          ? { skipped: note }
          : { maxError: error, tolerance: limit, ...(note === undefined ? {} : { note }) };
      checks.push({ ...check(name || "torch-randn", tensor), ok, ...outcome });
      progress.onChecks(checks.slice(-1));
    }
  }
  return checks;
}

const check = (name: string, tensor: string) => ({ suite: "golden", case: name, tensor }) as const;

/** Backends that run networks compile plans too. */
const isDevice = (backend: Backend): backend is Backend & Device => "compile" in backend && "write" in backend;
