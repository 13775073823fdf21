import { chooseLevels, type RunOptions, type StepTiming } from "@spaattn/attention";
import { throwIfAborted } from "@spaattn/core";
import type { Crew } from "../crew/crew.js";
import { Progress } from "../progress.js";
import { attendHeads } from "./attend.js";
import { estimateHeads, type HeadEstimate, headErrors } from "./estimate.js";
import { type LevelsMemory, placeMemory, planMemory } from "./memory.js";
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
  crews: readonly Crew[],
  limit: number,
  options: RunOptions,
): Promise<StepTiming[]> {
  const all = p.geometry.batch * p.geometry.heads;
  const memory = planMemory(p, crews[0].threads, limit, Math.ceil(all / crews.length));
  const count = Math.ceil(all / memory.heads);
  const usable = crews.slice(0, Math.max(1, Math.min(count, Math.floor(limit / memory.end))));
  const progress = new Progress({ phases: Object.values(PHASES) }, count, options);
  const places = new Map<Crew, LevelsMemory>();
  try {
    for (const crew of usable) places.set(crew, placeMemory(memory, await crew.claim(memory.end)));
    const windows = Array.from({ length: count }, (_, w) => {
      const heads = Array.from(
        { length: Math.min(memory.heads, all - w * memory.heads) },
        (_, i) => w * memory.heads + i,
      );
      const crew = usable[w % usable.length];
      return new HeadWindow(p, tensors, crew, places.get(crew)!, heads, progress);
    });
    // Nothing was overwritten where every crew had one window with all of its clusters.
    const kept = p.choose !== undefined && count <= usable.length && memory.clusters >= p.clusters;
    await runWindows(p, tensors, windows, usable, progress, { kept, limit, options });
    return progress.timings();
  } finally {
    for (const [crew, { scratchAt }] of places) crew.release(scratchAt);
  }
}

async function runWindows(
  p: LevelsParameters,
  tensors: HostTensors,
  windows: readonly HeadWindow[],
  crews: readonly Crew[],
  progress: Progress,
  { kept, limit, options }: { kept: boolean; limit: number; options: RunOptions },
): Promise<void> {
  const estimates: HeadEstimate[][] = [];
  await eachWindow(windows, crews, async (window, w) => {
    estimates[w] = await estimateHeads(window);
  });
  let choices: Uint8Array[] = [];
  await progress.timed("choose", async () => {
    choices = choose(p, tensors, estimates.flat());
  });
  throwIfAborted(options.signal);
  const perWindow = windows[0].heads.length;
  await eachWindow(windows, crews, async (window, w) => {
    const first = w * perWindow;
    await attendHeads(window, estimates[w], choices.slice(first, first + window.heads.length), kept, limit);
  });
}

/** Windows of one crew one after the other, crews side by side. */
async function eachWindow(
  windows: readonly HeadWindow[],
  crews: readonly Crew[],
  work: (window: HeadWindow, w: number) => Promise<void>,
): Promise<void> {
  const serve = async (crew: Crew) => {
    for (const [w, window] of windows.entries()) if (window.crew === crew) await work(window, w);
  };
  const served = await Promise.allSettled(crews.map(serve));
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
