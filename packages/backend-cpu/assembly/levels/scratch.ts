import * as V from "../../src/levels/job-layout";
import * as L from "../../src/job-layout";
import { int, rowBytes } from "../job";
import { blockColumns } from "./tree";

/*
 * What the estimate keeps of each of its query blocks. The same sums are in src/levels/scratch.ts.
 */

/** Columns of all key blocks, padded. */
@inline export function paddedColumns(job: usize): usize {
  return <usize>((int(job, L.VISUAL_BLOCKS) * blockColumns(job) + 31) & ~15);
}

@inline export function paddedText(job: usize): usize {
  return <usize>((int(job, L.TEXT_VALID) + 31) & ~15);
}

/** Probe slots: an even number, so that probes go in pairs. */
@inline export function probeSlots(job: usize): i32 {
  return (int(job, V.PARTS) + 1) & ~1;
}

/** Logits, then weights of the probes, a row of columns each. */
@inline export function probeWeights(job: usize, block: usize, r: i32): usize {
  return block + <usize>r * (paddedColumns(job) << 2);
}

/** Logits, then weights of the mean query. */
@inline export function meanWeights(job: usize, block: usize): usize {
  return probeWeights(job, block, probeSlots(job));
}

/** Room for the products of one key block's columns, and four more. */
@inline export function products(job: usize, block: usize): usize {
  return probeWeights(job, block, probeSlots(job) + 1);
}

/** Logits and weights of the text: of each probe, of the mean query, and room for a copy. */
@inline export function textWeights(job: usize, block: usize, r: i32): usize {
  return probeWeights(job, block, probeSlots(job) + 2) + <usize>r * (paddedText(job) << 2);
}

/** Scaled probes, the lengths of the outputs, the outputs of each level: rows of headDim. */
@inline export function rowSlot(job: usize, block: usize, index: i32): usize {
  return textWeights(job, block, probeSlots(job) + 2) + <usize>index * rowBytes(job);
}

/** Squared length of each level's output. */
@inline export function outputLengths(job: usize, block: usize): usize {
  return rowSlot(job, block, probeSlots(job));
}

@inline export function outputRow(job: usize, block: usize, level: i32): usize {
  return rowSlot(job, block, probeSlots(job) + 1 + level);
}

/** 16 projected channels of each probe's output. */
@inline export function probeOutput(job: usize, block: usize, r: i32): usize {
  return rowSlot(job, block, probeSlots(job) + 3 + int(job, V.DEPTH)) + <usize>r * 64;
}

/** What the leaves of a key block weigh for a probe: 16 sums and the weight, 80 bytes. */
@inline export function leafSums(job: usize, block: usize, r: i32, j: i32): usize {
  return probeOutput(job, block, probeSlots(job)) + <usize>(r * int(job, L.VISUAL_BLOCKS) + j) * 80;
}

/** Bytes of one query block. */
@inline export function estimateBytes(job: usize): usize {
  return leafSums(job, 0, probeSlots(job), 0);
}
