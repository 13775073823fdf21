import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { HostTensor } from "@spaattn/core";
import { withSafetensors } from "@spaattn/weights/node";

const GOLDEN = fileURLToPath(new URL("../../../../shared/golden/diffusion/", import.meta.url));

/** A path among the golden files beside the repository; skips the test loudly where it is missing. */
export function golden(ctx: { skip(reason: string): void }, path: string): string {
  const full = join(GOLDEN, path);
  if (existsSync(full)) return full;
  console.warn(`SKIPPED: ${path} is expected in ../shared/golden/diffusion`);
  ctx.skip("golden files are missing");
  return "";
}

export interface GoldenTensors {
  readonly tensors: ReadonlyMap<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Everything in a golden file. */
export async function readGolden(path: string): Promise<GoldenTensors> {
  return withSafetensors(path, async (file) => {
    const tensors = new Map<string, HostTensor>();
    for (const name of file.names) tensors.set(name, await file.tensor(name));
    return { tensors, metadata: file.metadata };
  });
}

/** Largest difference over the largest expected magnitude; NaN counts as infinite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  let difference = 0;
  let scale = 0;
  for (let i = 0; i < expected.length; i++) {
    const d = Math.abs(actual[i] - expected[i]);
    difference = Number.isNaN(d) ? Number.POSITIVE_INFINITY : Math.max(difference, d);
    scale = Math.max(scale, Math.abs(expected[i]));
  }
  return scale === 0 ? difference : difference / scale;
}
