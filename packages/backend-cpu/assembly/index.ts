import * as L from "../src/job-layout";
import * as V from "../src/levels/job-layout";
import { attend } from "./attend";
import { levelsStep } from "./levels/step";
import { eigen } from "./eigen";
import { estimatePaper } from "./estimate-paper";
import { estimateTail } from "./estimate-tail";
import { pack, packStrata } from "./pack";
import { anchor, pool, spread } from "./pool";
import { strata } from "./strata";
import { summarize } from "./summarize";

/** Runs one unit of a kernel; returns where to go on with it, 0 when it is done. */
export function step(op: i32, job: usize, unit: i32, scratch: usize, from: i32): i32 {
  if (op >= V.OP_CLUSTER) return levelsStep(op, job, unit, scratch, from);
  switch (op) {
    case L.OP_ATTEND:
      return attend(job, unit, scratch, from);
    case L.OP_PACK:
      pack(job, unit, scratch);
      break;
    case L.OP_POOL:
      pool(job, unit, scratch);
      break;
    case L.OP_ANCHOR:
      anchor(job, unit);
      break;
    case L.OP_SPREAD:
      spread(job, unit, scratch);
      break;
    case L.OP_EIGEN:
      eigen(job, scratch);
      break;
    case L.OP_STRATA:
      strata(job, unit, scratch);
      break;
    case L.OP_SUMMARIZE:
      summarize(job, unit, scratch);
      break;
    case L.OP_PACK_STRATA:
      packStrata(job, unit);
      break;
    case L.OP_ESTIMATE_PAPER:
      estimatePaper(job, unit, scratch);
      break;
    case L.OP_ESTIMATE_TAIL:
      estimateTail(job, unit, scratch);
      break;
  }
  return 0;
}
