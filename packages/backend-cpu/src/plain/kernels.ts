import * as L from "../job-layout.js";
import { attend } from "./attend.js";
import { eigen } from "./eigen.js";
import { estimatePaper } from "./estimate-paper.js";
import { estimateTail } from "./estimate-tail.js";
import { type Heap, Job } from "./heap.js";
import { pack, packStrata } from "./pack.js";
import { anchor, pool, spread } from "./pool.js";
import { strata } from "./strata.js";
import { summarize } from "./summarize.js";

type Kernel = (job: Job, unit: number, scratch: number) => void;

const KERNELS: Readonly<Record<number, Kernel>> = {
  [L.OP_PACK]: pack,
  [L.OP_POOL]: pool,
  [L.OP_ANCHOR]: anchor,
  [L.OP_SPREAD]: spread,
  [L.OP_EIGEN]: eigen,
  [L.OP_STRATA]: strata,
  [L.OP_SUMMARIZE]: summarize,
  [L.OP_PACK_STRATA]: packStrata,
  [L.OP_ESTIMATE_PAPER]: estimatePaper,
  [L.OP_ESTIMATE_TAIL]: estimateTail,
};

/** The kernels in plain TypeScript, for engines without WASM SIMD; same call as the compiled ones. */
export const plainKernels =
  (heap: Heap) =>
  (op: number, at: number, unit: number, scratch: number, from: number): number => {
    const job = new Job(heap, at);
    if (op === L.OP_ATTEND) return attend(job, unit, scratch, from);
    KERNELS[op](job, unit, scratch);
    return 0;
  };
