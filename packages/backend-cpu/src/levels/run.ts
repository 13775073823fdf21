import { chooseLevels, type RunOptions, type StepTiming } from "@spaattn/attention";
import { throwIfAborted } from "@spaattn/core";
import type { Device } from "../device/device.js";
import { Progress } from "../progress.js";
import { attendHeads } from "./attend.js";
import { estimateHeads, type HeadEstimate, headErrors } from "./estimate.js";
import { planMemory } from "./memory.js";
import type { LevelsParameters } from "./parameters.js";
import { PHASES } from "./phases.js";
import { type HostTensors, headBytes } from "./tensors.js";
import { HeadWindow } from "./window.js";

/**
 * Runs a plan of rectify "levels": estimates all heads, chooses with the budget they share, and attends. Heads that fit
 * stay in the kernels' memory in between; others are brought in again and summarised anew.
 */
export async function runLevels(
  p: LevelsParameters,
  tensors: HostTensors,
  devices: readonly Device[],
  limit: number,
  options: RunOptions,
): Promise<StepTiming[]> {
  const all = p.geometry.batch * p.geometry.heads;
  const memory = planMemory(p, devices[0].threads, limit, Math.ceil(all / devices.length));
  const count = Math.ceil(all / memory.heads);
  const usable = devices.slice(0, Math.max(1, Math.min(count, Math.floor(limit / memory.end))));
  const progress = new Progress({ phases: Object.values(PHASES) }, count, options);
  const windows = Array.from({ length: count }, (_, w) => {
    const heads = Array.from(
      { length: Math.min(memory.heads, all - w * memory.heads) },
      (_, i) => w * memory.heads + i,
    );
    return new HeadWindow(p, tensors, usable[w % usable.length], memory, heads, progress);
  });
  // Nothing was overwritten where every device had one window with all of its clusters.
  const kept = p.choose !== undefined && count <= usable.length && memory.clusters >= p.clusters;
  const estimates: HeadEstimate[][] = [];
  await eachWindow(windows, usable, async (window, w) => {
    estimates[w] = await estimateHeads(window);
  });
  let choices: Uint8Array[] = [];
  await progress.timed("choose", async () => {
    choices = choose(p, tensors, estimates.flat());
  });
  throwIfAborted(options.signal);
  await eachWindow(windows, usable, async (window, w) => {
    const first = w * memory.heads;
    await attendHeads(window, estimates[w], choices.slice(first, first + window.heads.length), kept, limit);
  });
  return progress.timings();
}

/** Windows of one device one after the other, devices side by side. */
async function eachWindow(
  windows: readonly HeadWindow[],
  devices: readonly Device[],
  work: (window: HeadWindow, w: number) => Promise<void>,
): Promise<void> {
  const serve = async (device: Device) => {
    for (const [w, window] of windows.entries()) if (window.device === device) await work(window, w);
  };
  const served = await Promise.allSettled(devices.map(serve));
  for (const result of served) if (result.status === "rejected") throw result.reason;
}

/** `[n, n]` for every head of the call, a batch item at a time (levels.md section 4). */
function choose(p: LevelsParameters, tensors: HostTensors, estimates: readonly HeadEstimate[]): Uint8Array[] {
  const { n, geometry, extras } = p;
  if (!p.choose) return estimates.map((_, head) => headBytes(tensors[p.choice!], head));
  const { heads, batch, blockSize } = geometry;
  const { weight, tolerance } = p.choose;
  const forced = p.forced === undefined ? undefined : (tensors[p.forced].data as Uint8Array);
  const choices: Uint8Array[] = [];
  for (let item = 0; item < batch; item++) {
    const own = estimates.slice(item * heads, (item + 1) * heads);
    const size = weight === "relative" ? 1 : own.reduce((sum, { power }) => sum + power, 0) / heads;
    const { choice, multiplier } = chooseLevels(
      own.map((estimate) => headErrors(estimate, weight === "relative", forced)),
      {
        ...p.choose,
        blocks: n,
        blockSize,
        multiplier: typeof tolerance === "object" ? tolerance.relative * size : tolerance,
      },
    );
    for (let h = 0; h < heads; h++) {
      const head = item * heads + h;
      const part = choice.subarray(h * n * n, (h + 1) * n * n);
      choices.push(part);
      if (extras.has("choice")) headBytes(tensors.choice, head).set(part);
      if (extras.has("multiplier"))
        (tensors.multiplier.data as Float32Array).set(multiplier.subarray(h * n, (h + 1) * n), head * n);
    }
  }
  return choices;
}
