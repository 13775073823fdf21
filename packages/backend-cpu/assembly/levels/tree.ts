import * as V from "../../src/levels/job-layout";
import { int } from "../job";

/** Columns of one key block: `2^(L+1)`. */
@inline export function blockColumns(job: usize): i32 {
  return 2 << int(job, V.DEPTH);
}

/** The first column of a level within its block. */
@inline export function levelColumn(depth: i32, level: i32): i32 {
  return (2 << depth) - (2 << level);
}
