import type { TypedArray } from "@spaattn/core";
import type { Comparison, LabInputs, ModeRun } from "@spaattn/lab";
import type { BlockMaps } from "./collect.js";
import type { HeadReport, SparseMode } from "./data.js";
import { flagPicture, map, maskPicture } from "./pictures.js";

/** Maps of more heads make a page of many megabytes. */
const MOST_CELLS = 4_000_000;
const MOST_HEADS = 48;

/** The maps and errors of every head, worst first (by plain block-sparse attention, or the first mode there is). */
export function collectHeads(
  inputs: LabInputs,
  comparison: Comparison,
  shown: readonly ModeRun[],
  maps: BlockMaps,
): HeadReport[] {
  const { blocks } = maps.truth;
  const count = comparison.headQuality[0].length;
  const quality = shown.map((run) => comparison.headQuality[comparison.runs.indexOf(run)]);
  const order = Array.from({ length: count }, (_, head) => head).sort(
    // Heads whose figures are none come first.
    (a, b) =>
      rank(quality[0][b].relL2) === rank(quality[0][a].relL2)
        ? a - b
        : rank(quality[0][b].relL2) - rank(quality[0][a].relL2),
  );
  const most = Math.max(1, Math.min(MOST_HEADS, Math.floor(MOST_CELLS / (blocks * blocks))));
  return order.slice(0, most).map((head) => {
    const perMode = <T>(value: (run: ModeRun, i: number) => T) =>
      Object.fromEntries(shown.map((run, i) => [run.mode, value(run, i)])) as Record<SparseMode, T>;
    return {
      head,
      label: inputs.heads[head % inputs.heads.length],
      relL2: perMode((_, i) => quality[i][head].relL2),
      maps: headMaps(maps, head),
      masks: perMode((run) => maskPicture(run.mask!, head, blocks)),
      gain: flagPicture(plane(maps.gain.data, head, blocks, blocks), blocks),
    };
  });
}

const rank = (error: number): number => (Number.isFinite(error) ? error : Number.MAX_VALUE);

const plane = (data: TypedArray, head: number, rows: number, columns: number) =>
  data.subarray(head * rows * columns, (head + 1) * rows * columns);

/** Truth and estimates in one colour scale; the text column, where there is one, is left out. */
function headMaps({ truth, implicit, tail }: BlockMaps, head: number) {
  const { blocks, columns } = truth;
  const visual = (data: TypedArray, width: number) => {
    const cells = new Float32Array(blocks * blocks);
    const source = plane(data, head, blocks, width);
    for (let row = 0; row < blocks; row++) cells.set(source.subarray(row * width, row * width + blocks), row * blocks);
    return cells;
  };
  const exact = visual(truth.data, columns);
  const range = [0, exact.reduce((top, x) => Math.max(top, x), 0)] as const;
  const draw = (cells: Float32Array) => map(cells, blocks, blocks, { range, scale: "log" });
  return {
    truth: draw(exact),
    implicit: draw(visual(implicit.data, implicit.shape[3])),
    tail: draw(visual(tail.data, blocks)),
  };
}
