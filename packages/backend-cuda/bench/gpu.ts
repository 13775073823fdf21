// Everything about networks that only a GPU can show, in one command: conformance, the matrix products against cuBLASLt, the
// memory-bound operations against a copy, and what a replay costs the host.
// node --conditions=@spaattn/source --import tsx bench/gpu.ts [--only gemm,bandwidth,heavy,replay,conformance,attention] [--seconds 60]
import { parseArgs } from "node:util";
import type { CudaBackend } from "../src/backend.js";
import { cuda } from "../src/index.js";
import { checkBandwidth } from "./gpu/bandwidth.js";
import { checkAttention, checkConformance } from "./gpu/conformance.js";
import { checkGemm } from "./gpu/gemm.js";
import { checkHeavy } from "./gpu/heavy.js";
import { checkReplay } from "./gpu/replay.js";

export interface Section {
  readonly backend: CudaBackend;
  /** Says that something is wrong. */
  readonly fail: (text: string) => void;
  /** Seconds a section may take where it has no natural end. */
  readonly seconds: number;
}

const SECTIONS: Readonly<Record<string, (section: Section) => Promise<void>>> = {
  gemm: checkGemm,
  bandwidth: checkBandwidth,
  heavy: checkHeavy,
  replay: checkReplay,
  conformance: checkConformance,
  attention: checkAttention,
};

const { values: options } = parseArgs({
  options: { only: { type: "string" }, seconds: { type: "string", default: "600" }, blas: { type: "string" } },
});
const wanted = options.only?.split(",") ?? Object.keys(SECTIONS);
let failures = 0;
const backend = await cuda.create(options.blas === undefined ? {} : { blas: options.blas });
console.log(JSON.stringify(await cuda.probe()));
for (const name of wanted) {
  const begin = performance.now();
  const fail = (text: string) => {
    failures++;
    console.log(`FAILED ${name}: ${text}`);
  };
  try {
    await SECTIONS[name]({ backend, fail, seconds: Number(options.seconds) });
  } catch (error) {
    fail(error instanceof Error ? `${error.stack}` : String(error));
  }
  console.log(`${name}: ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}
console.log(failures === 0 ? "gpu: all ok" : `gpu: ${failures} failures`);
process.exit(failures === 0 ? 0 : 1);
