import { type Clip, type Comparison, decodeFrames, type LabInputs, type ModeRun, tokenErrors } from "@spaattn/lab";
import type { FilmStrip, FrameSet, SparseMode } from "./data.js";
import { filmOfClip, filmOfTokens } from "./pictures.js";

/** The frames of all heads together and of the worst heads; none for captures, whose values are no pixels. */
export function collectFrames(inputs: LabInputs, comparison: Comparison, shown: readonly ModeRun[]): FrameSet[] {
  if (!inputs.patches) return [];
  const quality = shown.map((run) => comparison.headQuality[comparison.runs.indexOf(run)]);
  // The head that plain block-sparse attention hurts most, and the one that the last mode (tail) does.
  const worst = [quality[0], quality[quality.length - 1]].map((heads) =>
    heads.reduce((at, { relL2 }, head) => (relL2 > heads[at].relL2 ? head : at), 0),
  );
  const one = comparison.headQuality[0].length === 1;
  return [
    frameSet(inputs, comparison, shown, "mean", one ? "the one head" : "all heads, averaged"),
    ...(one
      ? []
      : [...new Set(worst)].map((head) =>
          frameSet(inputs, comparison, shown, head, `head ${head} alone: ${inputs.heads[head]}`),
        )),
  ];
}

/** The clip as it was cut into patches: every head's values are its pixels. */
export const sourceFilm = (inputs: LabInputs): FilmStrip | undefined =>
  inputs.patches && filmOfClip(decodeFrames(inputs.value, inputs, 0));

function frameSet(
  inputs: LabInputs,
  comparison: Comparison,
  shown: readonly ModeRun[],
  head: number | "mean",
  label: string,
): FrameSet {
  const dense = decodeFrames(comparison.dense.output, inputs, head);
  const errors = shown.map((run) =>
    tokenErrors(run.output, comparison.dense.output, inputs, head === "mean" ? "all" : head),
  );
  const top = Math.max(...errors.map((values) => quantile(values, 0.995)), 1e-12);
  const clips = shown.map((run) => decodeFrames(run.output, inputs, head));
  const perMode = <T>(value: (i: number) => T) =>
    Object.fromEntries(shown.map((run, i) => [run.mode, value(i)])) as Record<SparseMode, T>;
  return {
    label,
    films: { dense: filmOfClip(dense), ...perMode((i) => filmOfClip(clips[i])) },
    errors: perMode((i) => filmOfTokens(errors[i], inputs.patches!.grid, [0, top])),
    psnr: perMode((i) => framePsnr(clips[i], dense)),
    top,
  };
}

/** Of the pictures on the page themselves, bytes against bytes. */
function framePsnr(a: Clip, b: Clip): number | null {
  let squares = 0;
  for (let i = 0; i < a.data.length; i++) squares += (a.data[i] - b.data[i]) ** 2;
  return squares === 0 ? null : 10 * Math.log10((255 * 255 * a.data.length) / squares);
}

function quantile(values: Float32Array, share: number): number {
  const sorted = Float32Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}
