import * as V from "../../src/levels/job-layout";
import { attendLists } from "./attend";
import { cluster } from "./cluster";
import { errors } from "./errors";
import { lists } from "./lists";
import { nodes } from "./nodes";
import { nestedOrder, spreads } from "./order";
import { queryStatistics } from "./query";

/** One unit of a kernel of rectify "levels"; returns where to go on with it, 0 when it is done. */
export function levelsStep(op: i32, job: usize, unit: i32, scratch: usize, from: i32): i32 {
  switch (op) {
    case V.OP_ATTEND_LISTS:
      return attendLists(job, unit, scratch, from);
    case V.OP_CLUSTER:
      cluster(job, scratch);
      break;
    case V.OP_QUERY:
      queryStatistics(job, unit, scratch);
      break;
    case V.OP_SPREADS:
      spreads(job, unit, scratch);
      break;
    case V.OP_NESTED_ORDER:
      nestedOrder(job, unit, scratch);
      break;
    case V.OP_NODES:
      nodes(job, unit, scratch);
      break;
    case V.OP_ERRORS:
      errors(job, unit, scratch);
      break;
    case V.OP_LISTS:
      lists(job, unit);
      break;
  }
  return 0;
}
