import type { Mode } from "@spaattn/lab";
import type { App } from "../state/app.js";
import type { RowView } from "../worker/protocol.js";
import { type Box, paintCells } from "./cells.js";
import { paintClip, paintFrame } from "./clip-frame.js";
import { logShare, signedShare } from "./colour.js";

interface Scale {
  /** Largest dense weight. */
  readonly top: number;
  /** Largest difference of any mode to dense. */
  readonly range: number;
}

const scales = new WeakMap<RowView, Scale>();

/** One scale for all modes, from dense attention. */
export function scaleOf(row: RowView): Scale {
  let scale = scales.get(row);
  if (!scale) {
    const { dense, ...others } = row.rows;
    let [top, range] = [0, 0];
    for (let i = 0; i < (dense?.length ?? 0); i++) {
      top = Math.max(top, dense![i]);
      for (const other of Object.values(others)) range = Math.max(range, Math.abs(other[i] - dense![i]));
    }
    scale = { top, range };
    scales.set(row, scale);
  }
  return scale;
}

/** The largest token error of the rectified modes: the top of the error scale. */
export function errorTop(app: App): number {
  let top = 0;
  for (const mode of ["none", "paper", "tail"] as const)
    for (const x of app.views.get(mode)?.errors ?? []) top = Math.max(top, x);
  return top;
}

/** Paints what the page shows of one mode for token frame `frame` (of the grid) into a box. */
export function paintMode(context: CanvasRenderingContext2D, app: App, mode: Mode, frame: number, box: Box): void {
  const { info, row, clip, pictureKind } = app;
  const view = app.views.get(mode);
  if (!info?.grid) return;
  const [frames, rows, columns] = info.grid;
  const slice = (values: Float32Array) => values.subarray(frame * rows * columns, (frame + 1) * rows * columns);
  if (pictureKind === "output") {
    if (view?.picture)
      paintFrame(
        context,
        view.picture,
        Math.min(view.picture.frames - 1, Math.floor((frame * view.picture.frames) / frames)),
        box,
      );
    return;
  }
  if (pictureKind === "error") {
    const top = errorTop(app);
    if (view)
      paintCells(context, slice(view.errors), rows, columns, box, {
        share: (x) => (top > 0 ? Math.min(1, x / top) : 0),
      });
    return;
  }
  if (clip) paintClip(context, clip, info, Math.floor(((frame + 0.5) * clip.frames.length) / frames), box);
  context.fillStyle = "rgb(4 14 34 / 0.62)";
  context.fillRect(box.x, box.y, box.w, box.h);
  const weights = row?.rows[mode];
  const dense = row?.rows.dense;
  if (!weights || !dense || weights.length !== frames * rows * columns) return;
  const { top, range } = scaleOf(row);
  if (pictureKind === "attention") {
    paintCells(context, slice(weights), rows, columns, box, { share: (x) => logShare(x, top), veil: 0 });
    return;
  }
  const reference = slice(dense);
  paintCells(context, slice(weights), rows, columns, box, {
    share: (x, i) => signedShare(x - reference[i], range),
    diverging: true,
    veil: 0,
  });
}

/** Draws a frame around the picked token's cell. */
export function paintPick(context: CanvasRenderingContext2D, app: App, frame: number, box: Box): void {
  const { info } = app;
  const token = app.row?.token ?? -1;
  if (!info?.grid || token < 0) return;
  const [, rows, columns] = info.grid;
  if (Math.floor(token / (rows * columns)) !== frame) return;
  const [y, x] = [Math.floor((token % (rows * columns)) / columns), token % columns];
  const [w, h] = [box.w / columns, box.h / rows];
  const size = Math.max(5, w);
  const [left, top] = [box.x + (x + 0.5) * w - size / 2, box.y + (y + 0.5) * h - size / 2];
  context.lineWidth = 3;
  context.strokeStyle = "#000";
  context.strokeRect(left, top, size, Math.max(5, h));
  context.lineWidth = 1.5;
  context.strokeStyle = "#fff";
  context.strokeRect(left, top, size, Math.max(5, h));
}
