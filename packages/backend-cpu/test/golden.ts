import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The golden files beside the repository; tests skip loudly without them. */
export const GOLDEN_DIRECTORY = fileURLToPath(new URL("../../../../shared/golden/", import.meta.url));

export interface GoldenFile {
  readonly metadata: Readonly<Record<string, string>>;
  f32(name: string): Float32Array;
  ints(name: string): Int32Array | Uint8Array;
  raw(name: string): { dtype: string; shape: number[]; bytes: Uint8Array };
  has(name: string): boolean;
}

export const goldenCases = (): string[] =>
  existsSync(GOLDEN_DIRECTORY)
    ? readdirSync(GOLDEN_DIRECTORY)
        .filter((name) => name.endsWith(".tail.safetensors"))
        .map((name) => name.replace(".tail.safetensors", ""))
    : [];

export function readGolden(name: string): GoldenFile {
  const file = readFileSync(`${GOLDEN_DIRECTORY}${name}.safetensors`);
  const headerBytes = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.subarray(8, 8 + headerBytes).toString());
  const raw = (key: string) => {
    const entry = header[key];
    if (!entry) throw new Error(`${name} has no ${key}`);
    const [from, to] = entry.data_offsets;
    return { ...entry, bytes: new Uint8Array(file.subarray(8 + headerBytes + from, 8 + headerBytes + to)) };
  };
  return {
    metadata: header.__metadata__,
    has: (key) => key in header,
    raw,
    f32: (key) => new Float32Array(raw(key).bytes.buffer),
    ints(key) {
      const { dtype, bytes } = raw(key);
      return dtype === "I32" ? new Int32Array(bytes.buffer) : bytes;
    },
  };
}
