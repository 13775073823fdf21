import type { HeadErrors } from "@spaattn/attention";
import * as V from "./job-layout.js";
import { PHASES } from "./phases.js";
import { blocksPerUnit } from "./scratch.js";
import { columnRows, storeNodes } from "./tensors.js";
import type { HeadWindow } from "./window.js";

/** Small tensors of a head that the second pass needs. */
const STATE = ["cluster", "anchor", "querySpread", "order"] as const;
const NODES = ["nodeKey", "nodeValue", "nodeSpread", "nodeMass", "nodeNoise"] as const;

/** What the first pass found out about one head. */
export interface HeadEstimate {
  /** `[n]` */
  readonly cluster: Int32Array;
  readonly clusters: number;
  readonly state: readonly Uint8Array[];
  /** `[L + 1, n, n]`; empty where the choice is given */
  readonly error: Float32Array;
  /** Mean squared length of the outputs, where it is wanted. */
  readonly power: number;
}

/** First pass: everything up to the error estimates (levels.md sections 2 and 3). */
export async function estimateHeads(window: HeadWindow): Promise<HeadEstimate[]> {
  const { p, progress, heads } = window;
  await progress.timed("permute", () => window.load());
  for (const name of ["pack", "pool", "cluster", "query", "spreads", "order"] as const) await window.run(PHASES[name]);
  const found = await Promise.all(heads.map((_, index) => readClusters(window, index)));
  const wantsNodes = NODES.some((name) => p.extras.has(name));
  const units = writeMembers(window, found);
  if (p.choose || wantsNodes)
    for (let first = 0; first < p.clusters; first += window.memory.clusters) {
      // One cluster after the other: the estimate finds its nodes in the cache.
      for (let c = first; c < Math.min(p.clusters, first + window.memory.clusters); c++) {
        await summariseClusters(window, first, c, (index) => Number(wantsNodes || c < found[index].clusters));
        if (p.choose) await window.run(PHASES.errors, 1 / p.clusters, (index) => units[index][c]);
      }
      if (wantsNodes) await storeAllNodes(window, first);
    }
  const estimates: HeadEstimate[] = [];
  for (const [index, { cluster, clusters }] of found.entries()) {
    for (const name of ["queryMean", "cluster", "anchor", "querySpread", "probe", "probeCount", "order"] as const)
      await window.store(index, name);
    for (const name of ["levelError", "momentError", "probeError", "outputPower"] as const)
      if (p.choose) await window.store(index, name);
    const state = await Promise.all(STATE.map((slot) => window.read(index, slot)));
    const floats = async (slot: "levelError" | "outputPower") =>
      p.choose && window.memory.offsets.has(slot)
        ? new Float32Array((await window.read(index, slot)).buffer)
        : new Float32Array(0);
    const power = await floats("outputPower");
    estimates.push({
      ...{ cluster, clusters, state },
      error: await floats("levelError"),
      power: power.reduce((sum, x) => sum + x, 0) / Math.max(1, power.length),
    });
  }
  return estimates;
}

/** Brings the tensors of the first pass back that the second one needs. */
export async function restoreHeads(window: HeadWindow, estimates: readonly HeadEstimate[]): Promise<void> {
  await window.progress.timed("permute", async () => {
    await window.load();
    estimates.forEach(({ state }, index) => {
      STATE.forEach((slot, i) => void window.writeNumbers(window.at(index, slot), state[i]));
    });
  });
  writeMembers(window, estimates);
  await window.run(PHASES.pack);
}

/**
 * Summarises all nodes at a few anchors.
 *
 * @param held the first cluster that is held
 * @param first the first to work on
 * @param count how many, for each head of the window
 */
export async function summariseClusters(
  window: HeadWindow,
  held: number,
  first: number,
  count: (index: number) => number,
): Promise<void> {
  let most = 0;
  window.heads.forEach((_, index) => {
    const own = Math.max(0, count(index));
    most = Math.max(most, own);
    window.set(index, V.CLUSTER_FIRST, held);
    window.set(index, V.WORK_FIRST, first);
    window.set(index, V.WORK_COUNT, own);
  });
  await window.run(PHASES.nodes, most / window.p.clusters);
}

async function readClusters(window: HeadWindow, index: number) {
  const all = new Int32Array((await window.read(index, "cluster")).buffer);
  const { n } = window.p;
  return { cluster: all.subarray(0, n), clusters: all[n] };
}

async function storeAllNodes(window: HeadWindow, first: number): Promise<void> {
  const { p, heads, memory, tensors } = window;
  const rows = columnRows(p);
  const count = Math.min(memory.clusters, p.clusters - first);
  for (const name of NODES) {
    if (!p.extras.has(name)) continue;
    for (const [index, head] of heads.entries()) {
      const all = new Float32Array((await window.read(index, name, count)).buffer);
      const size = all.length / count;
      for (let c = 0; c < count; c++)
        storeNodes(tensors[name], head, first + c, rows, all.subarray(c * size, (c + 1) * size));
    }
  }
}

/** Lists the query blocks of every cluster; returns the units of the estimate, `[head][cluster]`. */
export function writeMembers(window: HeadWindow, found: readonly { readonly cluster: Int32Array }[]): number[][][] {
  const { p } = window;
  const most = blocksPerUnit(p);
  return found.map(({ cluster }, index) => {
    const members: number[] = [];
    const entries: number[] = [];
    const starts = [0];
    const units = Array.from({ length: p.clusters }, (_, c) => {
      const own = Array.from(cluster.keys()).filter((i) => cluster[i] === c);
      const first = entries.length;
      for (let at = 0; at < own.length; at += most)
        entries.push((members.length + at) | (Math.min(most, own.length - at) << 16));
      members.push(...own);
      starts.push(members.length);
      return Array.from({ length: entries.length - first }, (__, u) => first + u);
    });
    window.writeNumbers(window.at(index, "members"), Int32Array.from(members));
    window.writeNumbers(window.at(index, "starts"), Int32Array.from(starts));
    window.writeNumbers(window.at(index, "units"), Int32Array.from(entries));
    return units;
  });
}

/** The estimates as the choice takes them. */
export const headErrors = (
  { error, power }: HeadEstimate,
  relative: boolean,
  forced: Uint8Array | undefined,
): HeadErrors => ({ error, forced, unit: relative ? power || 1 : 1 });
