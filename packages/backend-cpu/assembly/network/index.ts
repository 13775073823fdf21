import * as K from "../../src/network/kernels";
import { dense, packKeys } from "./dense";
import { binary, combine, unary } from "./elementwise";
import { embed, timestep } from "./embed";
import { heads, merge } from "./heads";
import { matmul } from "./matmul";
import { fill, move } from "./move";
import { groupApply, groupSums, norm } from "./norm";
import { convert } from "./numbers";
import { finishMean, mean, sumAbsolute } from "./reduce";

/** Runs one unit of a kernel. Units are short, so none has to be gone on with: always 0. */
export function step(op: i32, job: usize, unit: i32, scratch: usize, from: i32): i32 {
  switch (op) {
    case K.K_MATMUL:
      matmul(job, unit, scratch);
      break;
    case K.K_CONVERT:
      convert(job, unit, scratch);
      break;
    case K.K_NORM:
      norm(job, unit, scratch);
      break;
    case K.K_GROUP_SUMS:
      groupSums(job, unit);
      break;
    case K.K_GROUP_APPLY:
      groupApply(job, unit, scratch);
      break;
    case K.K_HEADS:
      heads(job, unit, scratch);
      break;
    case K.K_MERGE:
      merge(job, unit);
      break;
    case K.K_PACK_KEYS:
      packKeys(job, unit);
      break;
    case K.K_DENSE:
      dense(job, unit, scratch);
      break;
    case K.K_EMBED:
      embed(job, unit, scratch);
      break;
    case K.K_TIMESTEP:
      timestep(job, unit);
      break;
    case K.K_BINARY:
      binary(job, unit);
      break;
    case K.K_UNARY:
      unary(job, unit, scratch);
      break;
    case K.K_COMBINE:
      combine(job, unit);
      break;
    case K.K_SUM_ABSOLUTE:
      sumAbsolute(job, unit);
      break;
    case K.K_MEAN_FINISH:
      finishMean(job);
      break;
    case K.K_MEAN:
      mean(job, unit);
      break;
    case K.K_MOVE:
      move(job, unit);
      break;
    case K.K_FILL:
      fill(job, unit);
      break;
  }
  return 0;
}
