import type { Mode } from "@spaattn/lab";
import { html } from "lit";
import { fitCanvas } from "../draw/cells.js";
import { paintMode, paintPick } from "../draw/mode-picture.js";
import { queuePaint } from "../draw/paint-queue.js";
import { decibels, MODE_NAMES, MODE_NOTES, percent, times } from "../format.js";
import type { App } from "../state/app.js";
import { pickToken } from "../state/pick.js";
import { CanvasView } from "./view.js";

const GAP = 3;

/** One mode: the frame that is playing, all frames below, and its numbers. */
export class ModeTile extends CanvasView {
  static override properties = { app: { attribute: false }, mode: {}, version: { attribute: false } };
  declare app: App;
  declare mode: Mode;
  #stop: () => void = () => {};

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stop = this.app.playback.listen(() => queuePaint(this));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop();
  }

  protected override render(): unknown {
    const { app, mode } = this;
    const grid = app.info?.grid ?? [4, 9, 16];
    const view = app.views.get(mode);
    const columns = sheetColumns(grid[0]);
    const sheetRows = Math.ceil(grid[0] / columns);
    return html`
      <article class="tile" data-mode=${mode} ?data-stale=${app.stale.has(mode)}>
        <header>
          <h2>${MODE_NAMES[mode]}</h2>
          <p>${MODE_NOTES[mode]}</p>
        </header>
        <canvas
          class="frame"
          role="img"
          aria-label="${MODE_NAMES[mode]}: ${KIND_WORDS[app.pictureKind]}, current frame"
          style="aspect-ratio: ${grid[2]} / ${grid[1]}"
          @pointerdown=${(event: PointerEvent) => this.#pick(event, app.playback.frame(grid[0]))}
        ></canvas>
        <canvas
          class="sheet"
          role="img"
          aria-label="${MODE_NAMES[mode]}: ${KIND_WORDS[app.pictureKind]}, all ${grid[0]} frames"
          style="aspect-ratio: ${columns * grid[2]} / ${sheetRows * grid[1]}"
          @pointerdown=${this.#pickInSheet}
        ></canvas>
        <dl>
          ${
            mode === "dense"
              ? html`<div><dt>error</dt><dd>none</dd></div><div><dt>computed</dt><dd>100 %</dd></div>`
              : html`
                  <div class="main"><dt>error</dt><dd>${view ? percent(view.row.relL2) : "…"}</dd></div>
                  <div><dt>PSNR</dt><dd>${view ? decibels(view.row) : "…"}</dd></div>
                  <div><dt>computed</dt><dd>${view ? percent(view.row.density, 0) : "…"}</dd></div>
                  <div><dt>speed</dt><dd>${view ? times(view.row.speedup) : "…"}</dd></div>
                `
          }
        </dl>
      </article>
    `;
  }

  override paint(): void {
    const { app, mode } = this;
    const grid = app.info?.grid;
    const frame = this.querySelector<HTMLCanvasElement>("canvas.frame");
    const sheet = this.querySelector<HTMLCanvasElement>("canvas.sheet");
    if (!grid || !frame || !sheet) return;
    const at = app.playback.frame(grid[0]);
    const whole = { x: 0, y: 0, w: frame.clientWidth, h: frame.clientHeight };
    const context = fitCanvas(frame, whole.w, whole.h);
    paintMode(context, app, mode, at, whole);
    paintPick(context, app, at, whole);
    this.#paintSheet(sheet, at, grid[0]);
  }

  #painted: unknown[] = [];

  /** The sheet changes with its data alone; only the frame that marks the current moment follows the playback. */
  #paintSheet(sheet: HTMLCanvasElement, at: number, frames: number): void {
    const { app, mode } = this;
    const state = [
      app.row,
      app.views.get(mode),
      app.views.size,
      app.clip,
      app.pictureKind,
      at,
      sheet.clientWidth,
      app.info,
    ];
    if (state.every((x, i) => x === this.#painted[i])) return;
    this.#painted = state;
    const context = fitCanvas(sheet, sheet.clientWidth, sheet.clientHeight);
    for (let index = 0; index < frames; index++) {
      const box = this.#sheetBox(sheet, index, frames);
      paintMode(context, app, mode, index, box);
      paintPick(context, app, index, box);
      if (index !== at) continue;
      context.lineWidth = 2;
      context.strokeStyle = getComputedStyle(this).getPropertyValue("--accent");
      context.strokeRect(box.x, box.y, box.w, box.h);
    }
  }

  #sheetBox(sheet: HTMLCanvasElement, index: number, frames: number) {
    const columns = sheetColumns(frames);
    const rows = Math.ceil(frames / columns);
    const [w, h] = [sheet.clientWidth / columns, sheet.clientHeight / rows];
    return { x: (index % columns) * w + GAP / 2, y: Math.floor(index / columns) * h + GAP / 2, w: w - GAP, h: h - GAP };
  }

  #pick(event: PointerEvent, frame: number): void {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    pickToken(
      this.app,
      frame,
      (event.clientY - bounds.top) / bounds.height,
      (event.clientX - bounds.left) / bounds.width,
    );
  }

  #pickInSheet = (event: PointerEvent): void => {
    const grid = this.app.info?.grid;
    if (!grid) return;
    const sheet = event.currentTarget as HTMLCanvasElement;
    const bounds = sheet.getBoundingClientRect();
    const [x, y] = [event.clientX - bounds.left, event.clientY - bounds.top];
    for (let index = 0; index < grid[0]; index++) {
      const box = this.#sheetBox(sheet, index, grid[0]);
      if (x < box.x || y < box.y || x >= box.x + box.w || y >= box.y + box.h) continue;
      this.app.playback.show(index, grid[0]);
      pickToken(this.app, index, (y - box.y) / box.h, (x - box.x) / box.w);
    }
  };
}

/** Frames per row of the sheet of all frames. */
const sheetColumns = (frames: number): number => (frames <= 4 ? frames : frames <= 9 ? 3 : 4);

export const KIND_WORDS = {
  attention: "where the picked token attends",
  difference: "difference to dense attention",
  output: "the output as a picture",
  error: "where the output is wrong",
} as const;

customElements.define("mode-tile", ModeTile);
