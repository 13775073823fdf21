import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of golden files beside the repository; not part of it. */
const GOLDEN = fileURLToPath(new URL("../../../../shared/golden/", import.meta.url));

export interface CurveEntry {
  readonly key: string;
  readonly grid_thw: [number, number, number];
  readonly axis_order: string;
  readonly block_sizes: readonly number[];
}

/** Says loudly why a test is skipped; true when the file is missing. */
export function missing(name: string, ctx: { skip(reason: string): void }): boolean {
  if (existsSync(GOLDEN + name)) return false;
  console.warn(`SKIPPED: ${name} is not there (golden files are expected in ../shared/golden)`);
  ctx.skip(`${name} is missing`);
  return true;
}

export const readJson = <T>(name: string): T => JSON.parse(readFileSync(GOLDEN + name, "utf8"));

/** The integer tensors of a safetensors file, and its metadata. */
export function readTables(name: string): {
  metadata: Record<string, string>;
  tensor(name: string): Int32Array | Uint8Array;
} {
  const file = readFileSync(GOLDEN + name);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, start));
  return {
    metadata: header.__metadata__,
    tensor(key) {
      const { dtype, data_offsets } = header[key];
      const [from, to] = data_offsets.map((offset: number) => start + offset);
      const bytes = Uint8Array.from(file.subarray(from, to));
      return dtype === "U8" ? bytes : new Int32Array(bytes.buffer);
    },
  };
}
