import { html } from "lit";
import { fitCanvas, paintCells } from "../draw/cells.js";
import { logShare } from "../draw/colour.js";
import { percent } from "../format.js";
import type { App } from "../state/app.js";
import { CanvasView } from "./view.js";

/** A thumbnail of every head's map; the head with the largest error is marked. */
export class HeadStrip extends CanvasView {
  static override properties = { app: { attribute: false }, maps: { attribute: false }, version: { attribute: false } };
  declare app: App;
  #painted: unknown;

  protected override render(): unknown {
    const { app } = this;
    const labels = app.info?.heads ?? [];
    const quality = app.views.get(app.settings.mode)?.heads ?? [];
    const errors = quality.map(({ relL2 }) => relL2);
    const worst = errors.length > 0 ? errors.indexOf(Math.max(...errors)) : -1;
    return html`
      <div class="heads" role="radiogroup" aria-label="Head">
        ${labels.map(
          (label, head) => html`
            <label class="head" ?data-worst=${head === worst}>
              <input
                type="radio"
                name="head"
                .checked=${head === app.settings.head}
                @change=${() => app.set({ head })}
              />
              <canvas aria-hidden="true"></canvas>
              <span>${head} ${label}</span>
              <small>${errors[head] === undefined ? "…" : `error ${percent(errors[head])}`}</small>
              ${head === worst ? html`<em>worst</em>` : ""}
            </label>
          `,
        )}
      </div>
    `;
  }

  override paint(): void {
    const { maps } = this.app;
    const canvases = this.querySelectorAll("canvas");
    const width = canvases[0]?.clientWidth;
    if (!maps || !width) return;
    const state = `${width}`;
    if (this.#painted === maps && this.dataset.width === state) return;
    this.#painted = maps;
    this.dataset.width = state;
    const n = maps.blocks;
    canvases.forEach((canvas, head) => {
      const values = maps.mass.subarray(head * n * n, (head + 1) * n * n);
      if (values.length === 0) return;
      const context = fitCanvas(canvas, width, width);
      let top = 0;
      for (const x of values) top = Math.max(top, x);
      paintCells(context, values, n, n, { x: 0, y: 0, w: width, h: width }, { share: (x) => logShare(x, top) });
    });
  }
}

customElements.define("head-strip", HeadStrip);
