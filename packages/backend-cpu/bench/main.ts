import { writeFileSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { canRun } from "../src/wasm/module.js";
import { PEAK_KERNEL } from "./generated/peak.js";
import { measureOperations, type OperationResult, operationLine } from "./operations.js";
import { KERNELS, measureSize, type SizeResult } from "./size.js";
import { line, targetsOf } from "./targets.js";
import { scaling, wanLayer } from "./threads.js";

const HELP = `pnpm bench cpu [flags]: the CPU backend against its targets and its peers, one thread, medians of CPU time.

  --sizes 2048,8192     tokens
  --head-dims 64,128
  --rounds 7            measurements per contender, contenders in turn
  --no-peers            leave onnxruntime, jax-js and tfjs out
  --no-attention        operations of networks alone
  --no-operations       attention alone
  --operations TEXT     operations whose name contains TEXT
  --scaling             two threads against one (wall time: the machine must be idle)
  --layer               a full Wan2.1-1.3B layer at 480p, sparse and dense (minutes)
  --threads N           threads of --layer (default: all)
  --json FILE           everything that was measured`;

const { values: flags } = parseArgs({
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  options: {
    sizes: { type: "string", default: "2048,8192" },
    "head-dims": { type: "string", default: "64,128" },
    rounds: { type: "string", default: "7" },
    "no-peers": { type: "boolean", default: false },
    "no-attention": { type: "boolean", default: false },
    "no-operations": { type: "boolean", default: false },
    operations: { type: "string", default: "" },
    scaling: { type: "boolean", default: false },
    layer: { type: "boolean", default: false },
    threads: { type: "string" },
    json: { type: "string" },
    help: { type: "boolean", default: false },
  },
});
if (flags.help) {
  console.log(HELP);
  process.exit(0);
}

const list = (text: string) => text.split(",").map(Number);
const rounds = Number(flags.rounds);
const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
const bytes = Uint8Array.from(atob(PEAK_KERNEL), (c) => c.charCodeAt(0));
const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
const peak = (passes: number) => (instance.exports.peak as (passes: number, factor: number) => number)(passes, 1);

console.log(`${cpus()[0]?.model.trim()}, Node ${process.version}, load ${loadavg()[0].toFixed(1)}`);
const report: {
  sizes: SizeResult[];
  operations: Record<string, OperationResult[]>;
  scaling?: object;
  layer?: object;
} = { sizes: [], operations: {} };

function print(result: SizeResult): void {
  const { tokens, headDim, ms, spent, agreement, skipped } = result;
  const flops = 4 * tokens * tokens * headDim;
  console.log(`\n${tokens} tokens, head dim ${headDim}, one thread; SIMD128 peak ${result.peak.toFixed(1)} GFLOP/s`);
  for (const [name, time] of Object.entries(ms)) {
    if (name === "peak") continue;
    const dense = !/\d/.test(name) ? `${(flops / time / 1e6).toFixed(1).padStart(6)} GFLOP/s` : "              ";
    const own = spent[name];
    const parts = own
      ? `  (attend ${own.attend.toFixed(2)}, pack ${own.pack.toFixed(2)}, estimate ${own.estimate.toFixed(2)})`
      : agreement[name] === undefined
        ? ""
        : `  (differs from ours by ${agreement[name].toExponential(0)})`;
    const ratio = `${(time / ms["simd dense"]).toFixed(2)} of simd dense`;
    console.log(`  ${name.padEnd(40)} ${time.toFixed(2).padStart(9)} ms ${dense} ${ratio.padEnd(19)}${parts}`);
  }
  for (const reason of skipped) console.log(`  SKIPPED ${reason}`);
  for (const kernel of KERNELS) {
    if (!spent[`${kernel} dense`]) continue;
    console.log(`  ${kernel} kernels:`);
    for (const target of targetsOf(result, kernel)) console.log(line(target));
  }
}

for (const tokens of flags["no-attention"] ? [] : list(flags.sizes))
  for (const headDim of list(flags["head-dims"])) {
    const result = await measureSize(tokens, headDim, { rounds, withPeers: !flags["no-peers"], peak });
    report.sizes.push(result);
    print(result);
  }
for (const kernel of flags["no-operations"] ? [] : KERNELS.filter(canRun)) {
  console.log(`\nOperations of networks, ${kernel} kernels, one thread`);
  const results = await measureOperations(Math.max(rounds, 9), peak, kernel, flags.operations);
  report.operations[kernel] = results;
  for (const result of results) console.log(operationLine(result));
}
if (flags.scaling) {
  const found = await scaling(rounds);
  report.scaling = found;
  console.log(`\nTwo threads (load ${found.load.toFixed(1)}):`);
  console.log(line({ what: "wall time against one thread", target: 1.9, achieved: found.speedup, unit: "x" }));
}
if (flags.layer) {
  console.log("\nWan2.1-1.3B, 480p: 12 heads x 32,760 tokens x 128");
  const ms = await wanLayer(flags.threads ? Number(flags.threads) : undefined, (text) => console.log(text));
  report.layer = ms;
  console.log(
    `  tail ${(ms.dense / ms["tail 80"]).toFixed(2)}x, paper ${(ms.dense / ms["paper 80"]).toFixed(2)}x faster than dense`,
  );
}
if (flags.json) writeFileSync(flags.json, `${JSON.stringify(report, undefined, 2)}\n`);
// Peers keep threads of their own alive.
process.exit(0);
