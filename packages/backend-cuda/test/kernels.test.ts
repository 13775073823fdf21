import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile, compilerVersion, type Resources, SOURCES, sourceHash } from "../build-kernels.mjs";
import { MODULES } from "../src/kernels.js";

type Entries = Readonly<Record<string, Readonly<Record<string, Resources>>>>;
interface Manifest {
  readonly compiler: string;
  readonly modules: Readonly<Record<string, { sha256: string; sources: string; bytes: number; entries: Entries }>>;
}

const folder = new URL("../fatbins/", import.meta.url);
const manifest: Manifest = JSON.parse(readFileSync(new URL("manifest.json", folder), "utf8"));
const hash = (data: Uint8Array) => createHash("sha256").update(data).digest("hex");
const compiler = compilerVersion();
if (!compiler) console.warn("SKIPPED compiling the CUDA kernels: nvcc was not found");

/** For unusual types and sizes, and the edges of a convolution: a few bytes outside of their inner loops. */
const MAY_SPILL = new Set([
  "dense_simple",
  "few_rows_any",
  "conv80_bf16",
  "conv80_f16",
  "conv80_bf16_any",
  "conv80_f16_any",
  "gemm80_bf16_any",
  "gemm80_f16_any",
  "heads_eight",
]);
const spilling = (entries: Entries) =>
  Object.entries(entries).flatMap(([name, targets]) =>
    Object.entries(targets).flatMap(([target, { spills }]) =>
      spills === 0 || MAY_SPILL.has(name) ? [] : [`${name} on ${target}`],
    ),
  );

describe("compiled kernels", () => {
  it("are those of the manifest, and small", () => {
    expect(Object.keys(manifest.modules).sort()).toEqual([...MODULES].sort());
    let total = 0;
    for (const name of MODULES) {
      const url = new URL(`${name}.fatbin`, folder);
      expect([name, hash(readFileSync(url))]).toEqual([name, manifest.modules[name].sha256]);
      total += statSync(url).size;
    }
    expect(total).toBeLessThan(2_500_000);
  });

  it.each(Object.keys(SOURCES))("were made from the sources as they are: %s", (name) => {
    // A kernel that changed needs `node build-kernels.mjs NAME`; this needs no compiler to notice.
    expect(sourceHash(name)).toBe(manifest.modules[name].sources);
  });

  it("spill no registers on any target", () => {
    for (const { entries } of Object.values(manifest.modules)) {
      expect(Object.keys(entries).length).toBeGreaterThan(0);
      expect(spilling(entries)).toEqual([]);
    }
  });

  it.skipIf(!compiler).each(Object.keys(SOURCES))(
    "compile from source without spills: %s",
    (name) => {
      const { image, resources, log } = compile(name);
      expect(spilling(resources)).toEqual([]);
      // A serialised matrix product would be slow and silent.
      expect(log).not.toMatch(/wgmma.*serializ/i);
      if (compiler === manifest.compiler) expect(hash(image)).toBe(manifest.modules[name].sha256);
      else console.warn(`built with nvcc ${manifest.compiler}, here is ${compiler}: hashes are not compared`);
    },
    120_000,
  );
});
