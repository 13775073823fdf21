import { html } from "lit";
import { fitCanvas } from "../draw/cells.js";
import { queuePaint } from "../draw/paint-queue.js";
import type { Playback } from "../state/playback.js";
import { CanvasView } from "./view.js";

export type Draw = (context: CanvasRenderingContext2D, width: number, height: number) => void;

/** A canvas that draws itself with a function, again on every tick when a playback is given. */
export class LiveCanvas extends CanvasView {
  static override properties = {
    label: {},
    aspect: { type: Number },
    draw: { attribute: false },
    playback: { attribute: false },
  };
  declare label: string;
  /** Width over height. */
  declare aspect: number;
  declare draw: Draw;
  declare playback: Playback | undefined;
  #stop: (() => void) | undefined;

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stop = this.playback?.listen(() => queuePaint(this));
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#stop?.();
  }

  protected override render(): unknown {
    return html`<canvas role="img" aria-label=${this.label} style="aspect-ratio: ${this.aspect}"></canvas>`;
  }

  override paint(): void {
    const canvas = this.querySelector("canvas");
    if (!canvas || canvas.clientWidth === 0) return;
    const { clientWidth: w, clientHeight: h } = canvas;
    this.draw(fitCanvas(canvas, w, h), w, h);
  }
}

customElements.define("live-canvas", LiveCanvas);
