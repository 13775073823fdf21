// pnpm bench cpu|webgpu|cuda [flags]: runs packages/backend-*/bench/main.ts on the sources, nothing has to be built.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const [name, ...flags] = process.argv.slice(2);
const entry = fileURLToPath(new URL(`../packages/backend-${name}/bench/main.ts`, import.meta.url));
if (!name || name.startsWith("-") || !existsSync(entry)) {
  console.log("pnpm bench cpu|webgpu|cuda [flags]\n\nEach prints its own flags with --help.");
  process.exit(name === "--help" || name === "-h" ? 0 : 1);
}
// Relaxed SIMD is behind a flag in Node 20; benchmarks want to see it.
const relaxed = Number(process.versions.node.split(".")[0]) < 22 ? ["--experimental-wasm-relaxed-simd"] : [];
const node = [...relaxed, "--conditions=@spaattn/source", "--import", "tsx"];
const { status } = spawnSync(process.execPath, [...node, entry, ...flags], { stdio: "inherit" });
process.exit(status ?? 1);
