import type { Draw } from "../components/live-canvas.js";
import { type Bar, paintBars } from "../draw/bars.js";
import { paintImage } from "../draw/cells.js";
import { paintClip, paintFrame } from "../draw/clip-frame.js";
import { paintPick } from "../draw/mode-picture.js";
import type { App } from "../state/app.js";
import type { ExplainView } from "../worker/protocol.js";

/** Colours for up to eight strata, apart for colour-blind readers (Okabe and Ito). */
const STRATA = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442", "#999999"];

const channels = (hex: string): [number, number, number] =>
  [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as [number, number, number];

/** Indices from the largest value to the smallest. */
export const ranked = (values: ArrayLike<number>): number[] =>
  Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[b] - values[a]);

const token = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/** Bars in a given order; fills are names of the style sheet's colours. */
export const rowBars =
  (_app: App, order: readonly number[], bar: (index: number) => Bar): Draw =>
  (context, width, height) => {
    const bars = order.map((index) => {
      const made = bar(index);
      return { ...made, fill: token(made.fill) };
    });
    paintBars(context, bars, width, height, token("--ink"));
  };

export const seriesBars = (app: App, values: Float32Array, picked: number): Draw =>
  rowBars(
    app,
    Array.from(values, (_, i) => i),
    (i) => ({ height: values[i], fill: i === picked ? "--accent" : "--mode-none" }),
  );

type CellColour = (token: number) => readonly [number, number, number, number];

/** The clip with a colour laid over each token. */
function overlay(app: App, colour: CellColour): Draw {
  return (context, w, h) => {
    const { clip, info } = app;
    if (!clip || !info?.grid) return;
    const [frames, rows, columns] = info.grid;
    const frame = app.playback.frame(frames);
    const box = { x: 0, y: 0, w, h };
    paintClip(context, clip, info, app.playback.frame(clip.frames.length), box);
    const image = new ImageData(columns, rows);
    for (let i = 0; i < rows * columns; i++) image.data.set(colour(frame * rows * columns + i), i * 4);
    paintImage(context, image, box, false);
    paintPick(context, app, frame, box);
  };
}

/** Every block in its own colour, the picked one bright. */
export const blockColours = (app: App, view: ExplainView): Draw =>
  overlay(app, (index) => {
    const block = view.blockOf[index];
    if (block === view.block) return [255, 255, 255, 200];
    // Neighbouring numbers get colours far apart (golden angle).
    const [r, g, b] = channels(STRATA[Math.floor(block * 2.618) % 7]);
    return [r, g, b, 120];
  });

/** The picked block split into strata, everything else dimmed. */
export const strataCells = (app: App, view: ExplainView): Draw =>
  overlay(app, (index) => {
    if (view.blockOf[index] !== view.block) return [4, 14, 34, 170];
    const [r, g, b] = channels(STRATA[view.stratumOf[index] % STRATA.length]);
    return [r, g, b, 215];
  });

/** The pooled clip. */
export const tokenPicture =
  (app: App, view: ExplainView): Draw =>
  (context, w, h) => {
    if (!view.pooled) return;
    const frame = app.playback.frame(view.pooled.frames);
    paintFrame(context, view.pooled, frame, { x: 0, y: 0, w, h }, false);
    paintPick(context, app, frame, { x: 0, y: 0, w, h });
  };
