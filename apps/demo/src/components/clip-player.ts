import { html } from "lit";
import { fitCanvas } from "../draw/cells.js";
import { crop, paintClip } from "../draw/clip-frame.js";
import { paintPick } from "../draw/mode-picture.js";
import { queuePaint } from "../draw/paint-queue.js";
import type { App } from "../state/app.js";
import { pickToken, tokenPlace } from "../state/pick.js";
import { CanvasView } from "./view.js";

/** The clip, playing; a click or the arrow keys pick the token that is looked at. */
export class ClipPlayer extends CanvasView {
  static override properties = {
    app: { attribute: false },
    info: { attribute: false },
    clip: { attribute: false },
    row: { attribute: false },
  };
  declare app: App;
  #stop: (() => void)[] = [];

  override connectedCallback(): void {
    super.connectedCallback();
    this.#stop = [this.app.playback.listen(() => this.#tick())];
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    for (const stop of this.#stop) stop();
  }

  protected override render(): unknown {
    const { app } = this;
    const { clip, info } = app;
    const box = clip ? crop(clip, info) : { w: 16, h: 9 };
    const grid = info?.grid;
    return html`
      <figure class="player">
        <canvas
          tabindex="0"
          role="application"
          aria-label="Clip. Arrow keys move the picked patch, page up and page down change the frame, space plays."
          style="aspect-ratio: ${box.w} / ${box.h}"
          @pointerdown=${this.#pick}
          @keydown=${this.#key}
        ></canvas>
        <figcaption>
          <button type="button" class="play" aria-pressed=${app.playback.playing} @click=${this.#toggle}>
            ${app.playback.playing ? "Pause" : "Play"}
          </button>
          <input
            type="range"
            min="0"
            step="1"
            aria-label="Frame"
            max=${(grid?.[0] ?? 1) - 1}
            .value=${String(app.playback.frame(grid?.[0] ?? 1))}
            ?disabled=${!grid || grid[0] === 1}
            @input=${(event: Event) => app.playback.show(Number((event.target as HTMLInputElement).value), grid![0])}
          />
          <output class="frame-number"></output>
        </figcaption>
      </figure>
    `;
  }

  override paint(): void {
    const { app } = this;
    const canvas = this.querySelector("canvas");
    if (!canvas || !app.clip) return;
    const { clientWidth: w, clientHeight: h } = canvas;
    const box = { x: 0, y: 0, w, h };
    const context = fitCanvas(canvas, w, h);
    paintClip(context, app.clip, app.info, app.playback.frame(app.clip.frames.length), box);
    const frames = app.info?.grid?.[0] ?? 1;
    const frame = app.playback.frame(frames);
    paintPick(context, app, frame, box);
    const slider = this.querySelector("input")!;
    if (slider.value !== String(frame)) slider.value = String(frame);
    this.querySelector("output")!.textContent = `${frame + 1} / ${frames}`;
  }

  #tick(): void {
    const button = this.querySelector("button.play");
    if (button && (button.getAttribute("aria-pressed") === "true") !== this.app.playback.playing) this.requestUpdate();
    queuePaint(this);
  }

  #toggle = (): void => {
    const { playback } = this.app;
    if (playback.playing) playback.pause();
    else playback.play();
  };

  #pick = (event: PointerEvent): void => {
    const { info, playback } = this.app;
    if (!info?.grid) return;
    const frame = playback.frame(info.grid[0]);
    const bounds = (event.currentTarget as HTMLElement).getBoundingClientRect();
    pickToken(
      this.app,
      frame,
      (event.clientY - bounds.top) / bounds.height,
      (event.clientX - bounds.left) / bounds.width,
    );
  };

  #key = (event: KeyboardEvent): void => {
    const moves: Record<string, [number, number, number]> = {
      ArrowLeft: [0, 0, -1],
      ArrowRight: [0, 0, 1],
      ArrowUp: [0, -1, 0],
      ArrowDown: [0, 1, 0],
      PageUp: [-1, 0, 0],
      PageDown: [1, 0, 0],
    };
    const { app } = this;
    const grid = app.info?.grid;
    if (event.key === " ") this.#toggle();
    else if (event.key in moves && grid) {
      const at = tokenPlace(app.row?.token ?? 0, grid).map((x, axis) =>
        Math.min(grid[axis] - 1, Math.max(0, x + moves[event.key][axis])),
      );
      app.playback.show(at[0], grid[0]);
      pickToken(app, at[0], (at[1] + 0.5) / grid[1], (at[2] + 0.5) / grid[2]);
    } else return;
    event.preventDefault();
  };
}

customElements.define("clip-player", ClipPlayer);
