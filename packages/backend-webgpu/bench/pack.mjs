// Packs the benchmark and the conformance cases into one folder that runs on a bare Linux machine with a GPU:
//   node packages/backend-webgpu/bench/pack.mjs OUT     and there:   sh OUT/run.sh RESULTS
// It holds Node, Dawn, the Vulkan loader and one bundled script; nothing has to be installed.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? "out/webgpu-pack");
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "webgpu"), { recursive: true });

// esbuild comes with tsup.
const require = createRequire(realpathSync(join(here, "../../../node_modules/tsup/package.json")));
const { build } = require("esbuild");
await build({
  entryPoints: {
    bench: join(here, "main.ts"),
    conformance: join(here, "conformance.ts"),
    onnx: join(here, "onnx-node.ts"),
  },
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20",
  conditions: ["@spaattn/source"],
  external: ["webgpu", "onnxruntime-web", "./browser.js", "./onnx-node.js"],
});

const dawn = dirname(realpathSync(join(here, "../node_modules/webgpu/package.json")));
execFileSync("tar", ["-cJf", join(out, "dawn.tar.xz"), "-C", dawn, "package.json", "index.js", "dist/linux-x64"]);
const ort = realpathSync(join(here, "../node_modules/onnxruntime-web"));
const asyncify = ["mjs", "wasm"].map((ending) => `dist/ort-wasm-simd-threaded.asyncify.${ending}`);
const ortFiles = ["package.json", "dist/ort.webgpu.bundle.min.mjs", "dist/ort.webgpu.min.js", ...asyncify];
execFileSync("tar", ["-cJf", join(out, "ort.tar.xz"), "-C", ort, ...ortFiles]);
execFileSync("tar", ["-cJf", join(out, "node.tar.xz"), "-C", dirname(process.execPath), "node"]);
rmSync(join(out, "webgpu"), { recursive: true });
execFileSync("apt-get", ["download", "libvulkan1"], { cwd: out, stdio: ["ignore", "ignore", "inherit"] });

writeFileSync(
  join(out, "run.sh"),
  `#!/bin/sh
# sh run.sh RESULTS: unpacks beside itself, runs conformance and the benchmark, leaves JSON and logs in RESULTS.
here=$(cd "$(dirname "$0")" && pwd)
results=$1
work=$(mktemp -d)
mkdir -p "$results" "$work/node_modules/webgpu" "$work/node_modules/onnxruntime-web"
unpack() { tar -xJf "$1" -C "$2" || python3 -m tarfile -e "$1" "$2"; }
unpack "$here/node.tar.xz" "$work"
unpack "$here/dawn.tar.xz" "$work/node_modules/webgpu"
unpack "$here/ort.tar.xz" "$work/node_modules/onnxruntime-web"
for deb in "$here"/*.deb; do dpkg-deb -x "$deb" "$work/loader"; done
cp "$here"/*.mjs "$work"
export LD_LIBRARY_PATH="$work/loader/usr/lib/x86_64-linux-gnu:$LD_LIBRARY_PATH"
export XDG_RUNTIME_DIR="$work"
cd "$work"
./node bench.mjs --dawn backend=vulkan --json "$results/bench.json" $BENCH_FLAGS 2>&1 | tee "$results/bench.log"
./node onnx.mjs --dawn backend=vulkan --json "$results/onnx.json" $ONNX_FLAGS 2>&1 | tee "$results/onnx.log"
./node conformance.mjs "$results/conformance.json" "$CONFORMANCE_FILTER" 2>&1 | tee "$results/conformance.log"
`,
);
console.log(`${out}: ${readdirSync(out).join(", ")}`);
