// Compiles every kernel folder (or those named) into fatbins/ with a manifest. `--check` rebuilds in memory and compares hashes.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = fileURLToPath(new URL(".", import.meta.url));
const FATBINS = join(root, "fatbins");
// One code object per generation, and PTX that newer drivers compile for chips that do not exist yet.
const EVERYWHERE = ["arch=compute_80,code=sm_80", "arch=compute_90,code=sm_90", "arch=compute_80,code=compute_80"];
const AMPERE = ["arch=compute_80,code=sm_80", "arch=compute_80,code=compute_80"];
const HOPPER = ["arch=compute_90a,code=sm_90a"];
const FAST = ["--use_fast_math"];

export const SOURCES = {
  "attend-sm90": { file: "attend-sm90/attend.cu", targets: HOPPER, flags: FAST },
  "attend-sm80": { file: "attend-sm80/attend.cu", targets: AMPERE, flags: FAST },
  pool: { file: "pool/pool.cu", targets: EVERYWHERE, flags: [] },
  summarize: { file: "summarize/summarize.cu", targets: EVERYWHERE, flags: [] },
  products: { file: "estimate/products.cu", targets: EVERYWHERE, flags: [] },
  select: { file: "estimate/select.cu", targets: EVERYWHERE, flags: [] },
  permute: { file: "permute/permute.cu", targets: EVERYWHERE, flags: [] },
  elementwise: { file: "elementwise/elementwise.cu", targets: EVERYWHERE, flags: [] },
  pointwise: { file: "pointwise/pointwise.cu", targets: EVERYWHERE, flags: [] },
  embed: { file: "embed/embed.cu", targets: EVERYWHERE, flags: [] },
  reduce: { file: "reduce/reduce.cu", targets: EVERYWHERE, flags: [] },
  reshape: { file: "reshape/reshape.cu", targets: EVERYWHERE, flags: [] },
  norm: { file: "norm/norm.cu", targets: EVERYWHERE, flags: [] },
  heads: { file: "heads/heads.cu", targets: EVERYWHERE, flags: [] },
  weights: { file: "weights/weights.cu", targets: EVERYWHERE, flags: [] },
  "dense-attention": { file: "dense-attention/dense-attention.cu", targets: EVERYWHERE, flags: [] },
  "gemm-sm80": { file: "gemm-sm80/gemm.cu", targets: EVERYWHERE, flags: [] },
  "gemm-simple": { file: "gemm-simple/gemm.cu", targets: EVERYWHERE, flags: [] },
  "gemm-sm90": { file: "gemm-sm90/gemm.cu", targets: HOPPER, flags: [] },
};

/** The version line of nvcc, or undefined where there is none. */
export function compilerVersion() {
  const { status, stdout } = spawnSync("nvcc", ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.match(/V[\d.]+/)?.[0] : undefined;
}

/** Compiles one kernel folder; returns the fatbin and what the compiler says about every entry point and target. */
export function compile(name) {
  const { file, targets, flags } = SOURCES[name];
  const directory = mkdtempSync(join(tmpdir(), "spaattn-"));
  const out = join(directory, `${name}.fatbin`);
  const args = ["-O3", "-std=c++17", ...flags, "-Xptxas", "-v", "-Xfatbin", "-compress-all", "-compress-mode=size"];
  try {
    const run = spawnSync(
      "nvcc",
      [...args, ...targets.flatMap((target) => ["-gencode", target]), "-fatbin", "-o", out, file],
      { cwd: join(root, "kernels"), encoding: "utf8" },
    );
    if (run.status !== 0) throw new Error(`nvcc failed on ${file}:\n${run.stderr}`);
    return { image: readFileSync(out), resources: resourcesOf(run.stderr), log: run.stderr };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Registers, spills, shared memory and parameter bytes per entry point and target, from the report of ptxas. */
export function resourcesOf(report) {
  const resources = {};
  let entry;
  for (const line of report.split("\n")) {
    const compiling = line.match(/Compiling entry function '(\w+)' for '(\w+)'/);
    if (compiling) entry = (resources[compiling[1]] ??= {})[compiling[2]] = {};
    const spills = line.match(/(\d+) bytes spill stores, (\d+) bytes spill loads/);
    if (spills && entry) entry.spills = Number(spills[1]) + Number(spills[2]);
    const used = line.match(/Used (\d+) registers/);
    if (!used || !entry) continue;
    entry.registers = Number(used[1]);
    entry.sharedBytes = Number(line.match(/(\d+) bytes smem/)?.[1] ?? 0);
    // On sm_80 the parameters follow 352 bytes of the driver's own in constant bank 0.
    const constants = line.match(/(\d+) bytes cmem\[0\]/);
    if (constants) entry.parameterBytes = Number(constants[1]) - 352;
  }
  return resources;
}

/** A hash of everything a module is made from: its source, what that includes, targets and flags. */
export function sourceHash(name) {
  const { file, targets, flags } = SOURCES[name];
  const files = new Map();
  const read = (path) => {
    if (files.has(path)) return;
    const text = readFileSync(join(root, "kernels", path), "utf8").replaceAll("\r\n", "\n");
    files.set(path, text);
    for (const [, included] of text.matchAll(/^\s*#include "([^"]+)"/gm)) read(join(dirname(path), included));
  };
  read(file);
  const parts = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  return hash(JSON.stringify({ targets, flags, parts }));
}

const hash = (image) => createHash("sha256").update(image).digest("hex");

function main(check, names) {
  const compiler = compilerVersion();
  if (!compiler) {
    console.error(
      "nvcc was not found. The compiled kernels in fatbins/ are current; only a change of kernels/ needs CUDA 13.0.",
    );
    process.exit(check ? 0 : 1);
  }
  const manifest = { compiler, modules: {} };
  for (const name of names.length > 0 ? names : Object.keys(SOURCES)) {
    const { image, resources } = compile(name);
    manifest.modules[name] = {
      sha256: hash(image),
      sources: sourceHash(name),
      bytes: image.length,
      entries: resources,
    };
    if (check) continue;
    mkdirSync(FATBINS, { recursive: true });
    writeFileSync(join(FATBINS, `${name}.fatbin`), image);
  }
  if (!check) {
    // Read late: several modules may be built at a time.
    const others = names.length > 0 ? JSON.parse(readFileSync(join(FATBINS, "manifest.json"), "utf8")).modules : {};
    const modules = Object.fromEntries(
      Object.keys(SOURCES).flatMap((name) => {
        const entry = manifest.modules[name] ?? others[name];
        return entry ? [[name, entry]] : [];
      }),
    );
    return writeFileSync(join(FATBINS, "manifest.json"), `${JSON.stringify({ compiler, modules }, null, 1)}\n`);
  }
  const committed = JSON.parse(readFileSync(join(FATBINS, "manifest.json"), "utf8"));
  if (committed.compiler !== compiler)
    return console.warn(`built with nvcc ${committed.compiler}, here is ${compiler}: hashes are not compared`);
  const stale = Object.keys(manifest.modules).filter(
    (name) => committed.modules[name]?.sha256 !== manifest.modules[name].sha256,
  );
  if (stale.length > 0) {
    console.error(`out of date: ${stale.join(", ")} (run: node packages/backend-cuda/build-kernels.mjs)`);
    process.exit(1);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  main(
    args.includes("--check"),
    args.filter((arg) => arg !== "--check"),
  );
}
