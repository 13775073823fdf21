import { html } from "lit";
import { fitCanvas, paintCells } from "../draw/cells.js";
import { logShare } from "../draw/colour.js";
import type { App } from "../state/app.js";
import { type MapView, placeMap, revealCell, wholeMap, zoomMap } from "../state/map-view.js";
import type { BlockMaps as Maps } from "../worker/protocol.js";
import { type Cell, KINDS, type Kind, readout, rowTable, TITLES } from "./map-words.js";
import { CanvasView } from "./view.js";

/** Four maps of one head, with one zoom and one cursor for all. */
export class BlockMaps extends CanvasView {
  static override properties = {
    app: { attribute: false },
    maps: { attribute: false },
    head: { attribute: false },
    row: { attribute: false },
    view: { state: true },
    cell: { state: true },
  };
  declare app: App;
  declare maps: Maps | undefined;
  declare head: number;
  declare view: MapView | undefined;
  declare cell: Cell;
  #drag: { x: number; y: number; view: MapView } | undefined;

  constructor() {
    super();
    this.cell = { row: 0, column: 0 };
  }

  protected override willUpdate(): void {
    const { maps } = this;
    if (!maps) return;
    const fits =
      this.view && this.view.row + this.view.size <= maps.blocks && this.view.column + this.view.size <= maps.blocks;
    if (!fits || (this.view!.size > 4 && this.#blocks !== maps.blocks)) this.view = wholeMap(maps.blocks);
    this.#blocks = maps.blocks;
    this.#followPick();
    const last = maps.blocks - 1;
    if (this.cell.row > last || this.cell.column > last)
      this.cell = { row: Math.min(last, this.cell.row), column: Math.min(last, this.cell.column) };
  }
  #blocks = 0;
  #followed = -1;

  /** A newly picked patch brings the cursor to its query block. */
  #followPick(): void {
    const { row, info } = this.app;
    if (!row || !info?.inverse || !this.maps || row.token === this.#followed) return;
    this.#followed = row.token;
    const block = Math.min(this.maps.blocks - 1, Math.floor(info.inverse[row.token] / info.blockSize));
    this.cell = { row: block, column: block };
  }

  protected override render(): unknown {
    const { maps } = this;
    const { row } = this.cell;
    if (!maps) return html`<p class="pending">The maps follow when all modes are computed…</p>`;
    return html`
      <div
        class="maps"
        tabindex="0"
        role="application"
        aria-label="Block maps. Arrow keys move the cursor, plus and minus zoom, 0 shows everything."
        aria-describedby="map-readout"
        @keydown=${this.#key}
      >
        ${KINDS.map(
          (kind) => html`
            <figure>
              <figcaption>${TITLES[kind]}</figcaption>
              <canvas
                data-kind=${kind}
                role="img"
                aria-label="${TITLES[kind]} of every pair of blocks"
                @pointermove=${this.#move}
                @pointerdown=${this.#down}
                @pointerup=${this.#up}
                @dblclick=${(event: PointerEvent) => this.#zoom(0.5, this.#cellAt(event))}
              ></canvas>
            </figure>
          `,
        )}
      </div>
      <div class="map-bar">
        <p id="map-readout" class="readout">${this.#readout()}</p>
        <div class="buttons">
          <button type="button" @click=${() => this.#zoom(0.5)}>Zoom in</button>
          <button type="button" @click=${() => this.#zoom(2)}>Zoom out</button>
          <button type="button" @click=${() => (this.view = wholeMap(maps.blocks))}>All</button>
        </div>
      </div>
      ${rowTable(maps, this.head, row)}
    `;
  }

  #readout(): string {
    return readout(this.maps!, this.head, this.cell);
  }

  override paint(): void {
    const { maps, view } = this;
    if (!maps || !view) return;
    const n = maps.blocks;
    const start = Math.min(this.head, maps.heads - 1) * n * n;
    let top = 0;
    for (let i = start; i < start + n * n; i++) top = Math.max(top, maps.mass[i], maps.probabilities[i]);
    for (const canvas of this.querySelectorAll<HTMLCanvasElement>("canvas[data-kind]")) {
      const kind = canvas.dataset.kind as Kind;
      const w = canvas.clientWidth;
      if (w === 0) continue;
      const context = fitCanvas(canvas, w, w);
      const window = new Float32Array(view.size * view.size);
      for (let r = 0; r < view.size; r++)
        for (let c = 0; c < view.size; c++)
          window[r * view.size + c] = maps[kind][start + (view.row + r) * n + view.column + c];
      const share = kind === "mass" || kind === "probabilities" ? (x: number) => logShare(x, top) : (x: number) => x;
      paintCells(context, window, view.size, view.size, { x: 0, y: 0, w, h: w }, { share });
      this.#paintCursor(context, w / view.size, w);
    }
  }

  #paintCursor(context: CanvasRenderingContext2D, step: number, w: number): void {
    const { row, column } = this.cell;
    const [x, y] = [(column - this.view!.column) * step, (row - this.view!.row) * step];
    context.fillStyle = "rgb(255 255 255 / 0.18)";
    context.fillRect(0, y, w, step);
    context.fillRect(x, 0, step, w);
    context.lineWidth = 3;
    context.strokeStyle = "#000";
    context.strokeRect(x, y, step, step);
    context.lineWidth = 1.5;
    context.strokeStyle = "#fff";
    context.strokeRect(x, y, step, step);
  }

  #cellAt(event: PointerEvent): Cell {
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const view = this.view!;
    const cell = (offset: number, first: number) =>
      first + Math.min(view.size - 1, Math.max(0, Math.floor((offset / bounds.width) * view.size)));
    return { row: cell(event.clientY - bounds.top, view.row), column: cell(event.clientX - bounds.left, view.column) };
  }

  #move = (event: PointerEvent): void => {
    if (!this.view) return;
    if (this.#drag) {
      const { width } = (event.currentTarget as HTMLElement).getBoundingClientRect();
      const { x, y, view } = this.#drag;
      const shift = (pixels: number) => Math.round((pixels / width) * view.size);
      this.view = placeMap(
        { ...view, row: view.row - shift(event.clientY - y), column: view.column - shift(event.clientX - x) },
        this.maps!.blocks,
      );
      return;
    }
    const cell = this.#cellAt(event);
    if (cell.row !== this.cell.row || cell.column !== this.cell.column) this.cell = cell;
  };

  #down = (event: PointerEvent): void => {
    this.cell = this.#cellAt(event);
    if (event.pointerType === "touch" || this.view!.size === this.maps!.blocks) return;
    (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
    this.#drag = { x: event.clientX, y: event.clientY, view: this.view! };
  };

  #up = (): void => {
    this.#drag = undefined;
  };

  #zoom(factor: number, at: Cell = this.cell): void {
    this.view = zoomMap(this.view!, this.maps!.blocks, factor, at.row, at.column);
  }

  #key = (event: KeyboardEvent): void => {
    const moves: Record<string, [number, number]> = {
      ArrowUp: [-1, 0],
      ArrowDown: [1, 0],
      ArrowLeft: [0, -1],
      ArrowRight: [0, 1],
    };
    const { maps } = this;
    if (!maps || !this.view) return;
    const last = maps.blocks - 1;
    if (event.key in moves) {
      const [down, right] = moves[event.key];
      const jump = event.shiftKey ? 8 : 1;
      const to = (value: number) => Math.min(last, Math.max(0, value));
      this.cell = { row: to(this.cell.row + down * jump), column: to(this.cell.column + right * jump) };
      this.view = revealCell(this.view, maps.blocks, this.cell.row, this.cell.column);
      this.app.say(this.#readout());
    } else if (event.key === "+" || event.key === "=") this.#zoom(0.5);
    else if (event.key === "-") this.#zoom(2);
    else if (event.key === "0") this.view = wholeMap(maps.blocks);
    else return;
    event.preventDefault();
  };
}

customElements.define("block-maps", BlockMaps);
