// pnpm bench webgpu --onnx: in Node, against onnxruntime-web
// pnpm bench webgpu --browser [--software] [--tokens 1024]: the same in Chromium
// pnpm bench webgpu [--only network,attention] [--sizes 4096,16384,32768] [--head-dims 64,128] [--dtypes f32,f16] [--heads 8] [--runs 3] [--json file]
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { webgpu } from "@spaattn/backend-webgpu";
import type { FloatDType } from "@spaattn/core";
import { measure, type Row } from "./measure.js";
import { measureCopy, measureNetwork, type NetworkRow } from "./network.js";
import { measurePeak } from "./peak.js";

if (process.argv.includes("--help")) {
  console.log(
    "pnpm bench webgpu [--only network,attention] [--sizes 4096,16384] [--head-dims 64,128] [--dtypes f32,f16] [--heads 8] [--runs 3] [--json FILE]\n" +
      'pnpm bench webgpu --onnx [--sizes 1024,4096] [--head-dims 64,128] [--dtypes f32,f16] [--heads 8] [--dawn "..."] [--json FILE]\n' +
      "pnpm bench webgpu --browser [--software] [--tokens 1024] [--heads 2] [--head-dim 64]",
  );
  process.exit();
}
if (process.argv.includes("--onnx")) await import("./onnx-node.js");
if (process.argv.includes("--browser")) {
  await import("./browser.js");
  process.exit();
}

const { values: flags } = parseArgs({
  // `pnpm bench webgpu --json x` may hand the separator on.
  args: process.argv.slice(2).filter((argument) => argument !== "--"),
  allowPositionals: true,
  options: {
    sizes: { type: "string" },
    "head-dims": { type: "string", default: "64,128" },
    dtypes: { type: "string", default: "f32,f16" },
    heads: { type: "string" },
    runs: { type: "string" },
    json: { type: "string" },
    dawn: { type: "string" },
    only: { type: "string", default: "network,attention" },
  },
});
const list = (text: string) => text.split(",").map(Number);
const percent = (share: number) => `${(100 * share).toFixed(1)} %`;

const backend = await webgpu.create(flags.dawn ? { dawn: flags.dawn.split(" ") } : {});
const { device } = backend;
// Software drivers get sizes they can finish.
const sizes = list(flags.sizes ?? (device.software ? "1024,2048" : "4096,16384,32768"));
const heads = Number(flags.heads ?? (device.software ? 1 : 8));
const runs = Number(flags.runs ?? (device.software ? 1 : 3));
const peak = await measurePeak(backend.gpuDevice, device.software);
console.log(`${device.label}${device.software ? " (software)" : ""}: f32 FMA peak ${(peak / 1e9).toFixed(0)} GFLOP/s`);
const parts = flags.only.split(",");
const network: NetworkRow[] = [];
if (parts.includes("network")) {
  const copy = await measureCopy(backend);
  console.log(`copy bandwidth ${(copy / 1e9).toFixed(0)} GB/s`);
  for await (const row of measureNetwork(backend, flags.dtypes.split(",") as FloatDType[], peak, copy)) {
    network.push(row);
    const unit = row.of === "copy" ? "GB/s" : "GFLOP/s";
    console.log(
      `${row.name.padEnd(48)} ${row.dtype.padEnd(5)} ${row.ms.toFixed(3).padStart(9)} ms ${row.rate.toFixed(0).padStart(8)} ${unit.padEnd(8)} ` +
        `${percent(row.share).padStart(8)} of the ${row.of}  ${row.kernel}`,
    );
  }
  if (flags.json)
    writeFileSync(flags.json, JSON.stringify({ device: device.label, peak, copy, network }, undefined, 2));
}
if (!parts.includes("attention")) {
  backend.dispose();
  process.exit();
}
console.log("tokens  d    type  dense GFLOP/s  of peak   sparse rate  estimate   tail adds  tail speed-up");

const rows: Row[] = [];
for (const headDim of list(flags["head-dims"]))
  for (const dtype of flags.dtypes.split(",") as FloatDType[])
    for (const tokens of sizes) {
      const row = await measure(backend, { tokens, headDim, heads, dtype }, peak, runs);
      rows.push(row);
      const { denseGflops, shareOfPeak, sparseEfficiency, estimateShare, tailOverhead, speedup } = row;
      console.log(
        `${String(tokens).padEnd(7)} ${String(headDim).padEnd(4)} ${dtype.padEnd(5)} ${denseGflops.toFixed(0).padEnd(14)} ` +
          `${percent(shareOfPeak).padEnd(9)} ${percent(sparseEfficiency).padEnd(12)} ${percent(estimateShare).padEnd(10)} ` +
          `${percent(tailOverhead).padEnd(10)} ${speedup.toFixed(2)}x`,
      );
      if (flags.json)
        writeFileSync(flags.json, JSON.stringify({ device: device.label, peak, network, rows }, undefined, 2));
    }
backend.dispose();
