import type { HostTensor } from "@spaattn/core";
import { type HeadEstimate, restoreHeads, summariseClusters } from "./estimate.js";
import { COLUMN_BIAS, COLUMNS_LISTED, EXACT, LIST_COUNTS, LIST_STRIDE } from "./job-layout.js";
import { tooLarge } from "./memory.js";
import { PHASES } from "./phases.js";
import { columnRows, headBytes, storeTokens } from "./tensors.js";
import type { HeadWindow } from "./window.js";

/** Where the lists of a window's heads are. */
interface Lists {
  readonly at: number;
  readonly bytes: number;
  readonly stride: number;
}

/** `[n]`: nodes that each query block of a choice `[n, n]` lists at most. */
function listLengths(choice: Uint8Array, n: number): Int32Array {
  const lengths = new Int32Array(n);
  for (let at = 0; at < choice.length; at++) if (choice[at] !== EXACT) lengths[Math.floor(at / n)] += 2 ** choice[at];
  return lengths;
}

/**
 * Second pass: lists and attention (levels.md section 5).
 *
 * @param choices `[n, n]` of every head of the window
 * @param kept the first pass left its summaries in place
 */
export async function attendHeads(
  window: HeadWindow,
  estimates: readonly HeadEstimate[],
  choices: readonly Uint8Array[],
  kept: boolean,
  limit: number,
): Promise<void> {
  const { p, heads, memory, progress } = window;
  if (!kept) await restoreHeads(window, estimates);
  const lengths = choices.map((choice) => listLengths(choice, p.n));
  const lists = await placeLists(window, Math.max(1, ...lengths.map((all) => Math.max(...all))), limit);
  try {
    choices.forEach((choice, index) => void window.writeNumbers(window.at(index, "choice"), choice));
    const counts = estimates.map(({ clusters }) => clusters);
    const perBlock = p.geometry.blockSize / 64;
    for (let first = 0; first < Math.max(...counts); first += memory.clusters) {
      const end = first + memory.clusters;
      if (!kept)
        await summariseClusters(window, first, first, (index) => Math.min(memory.clusters, counts[index] - first));
      const rowsOf = (index: number) => {
        const { cluster } = estimates[index];
        return Array.from(cluster.keys()).filter((i) => cluster[i] >= first && cluster[i] < end);
      };
      const part = memory.clusters / p.clusters;
      await window.run(PHASES.lists, part, rowsOf);
      await storeRows(window, lists, rowsOf);
      await window.run(PHASES.attend, part, (index) => {
        const cost = (i: number) => lengths[index][i] + exactBlocks(choices[index], i, p.n) * p.geometry.blockSize;
        const rows = rowsOf(index).sort((a, b) => cost(b) - cost(a) || a - b);
        const tiles = rows.flatMap((i) => Array.from({ length: perBlock }, (_, t) => i * perBlock + t));
        // Text rows are dense, so they come first.
        const text = first === 0 ? Math.ceil(p.geometry.textTokens / 64) : 0;
        return [...Array.from({ length: text }, (_, t) => p.n * perBlock + t), ...tiles];
      });
    }
    await progress.timed("permute", async () => {
      for (const [index, head] of heads.entries()) {
        for (const name of ["counts", "indices", "lse"] as const) await window.store(index, name);
        const { output } = window.p;
        const tensor = headBytes(window.tensors[output.name], head);
        await window.crew.read(window.at(index, "output"), tensor.length, (bytes) =>
          storeTokens(output, window.tensors, head, bytes),
        );
      }
    });
  } finally {
    window.crew.release(lists.at);
  }
}

function exactBlocks(choice: Uint8Array, i: number, n: number): number {
  let count = 0;
  for (let at = i * n; at < (i + 1) * n; at++) if (choice[at] === EXACT) count++;
  return count;
}

/** Makes room for the lists; the caller gives it back. */
async function placeLists(window: HeadWindow, stride: number, limit: number): Promise<Lists> {
  const { p, memory, crew, heads } = window;
  const plane = 4 * p.n * stride;
  const bytes = Math.ceil((4 * p.n + 2 * plane) / 64) * 64;
  const needed = memory.end + heads.length * bytes + 1024;
  if (needed > limit) throw tooLarge(p, needed, limit);
  const first = await crew.claim(needed - memory.end);
  heads.forEach((_, index) => {
    const at = first + index * bytes;
    window.set(index, LIST_STRIDE, stride);
    window.set(index, COLUMNS_LISTED, at);
    window.set(index, COLUMN_BIAS, at + plane);
    window.set(index, LIST_COUNTS, at + 2 * plane);
  });
  return { at: first, bytes, stride };
}

/** The lists as the plan's tensors have them: rows instead of columns, and longer strides. */
async function storeRows(
  window: HeadWindow,
  lists: Lists,
  rowsOf: (index: number) => readonly number[],
): Promise<void> {
  const { p, heads, crew, tensors } = window;
  const wanted = (["rowCounts", "rowIndices", "rowBias"] as const).filter((name) => p.extras.has(name));
  if (wanted.length === 0) return;
  const rows = columnRows(p);
  const { n } = p;
  const plane = 4 * n * lists.stride;
  for (const [index, head] of heads.entries()) {
    let all = new ArrayBuffer(0);
    await crew.read(lists.at + index * lists.bytes, lists.bytes, (bytes) => {
      all = bytes.slice().buffer;
    });
    const counts = new Int32Array(all, 2 * plane, n);
    for (const i of rowsOf(index)) {
      const listed = new Int32Array(all, 4 * i * lists.stride, counts[i]);
      const bias = new Float32Array(all, plane + 4 * i * lists.stride, counts[i]);
      const put = (name: (typeof wanted)[number], at: number, values: ArrayLike<number>) => {
        if (!wanted.includes(name)) return;
        const { data, shape } = tensors[name] as HostTensor<"f32">;
        data.set(values, head * (data.length / (shape[0] * shape[1])) + at);
      };
      const stride = n * 2 ** p.depth;
      put("rowCounts", i, [counts[i]]);
      put(
        "rowIndices",
        i * stride,
        listed.map((column) => rows[column]),
      );
      put("rowBias", i * stride, bias);
    }
  }
}
