import { LitElement } from "lit";
import { queuePaint } from "../draw/paint-queue.js";

/** A component without a shadow root: the page's one style sheet applies, and labels may point anywhere. */
export class View extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}

/** A canvas that repaints when its size on the page changes. */
export abstract class CanvasView extends View {
  #observer: ResizeObserver | undefined;

  /** Called through the paint queue. */
  abstract paint(): void;

  override firstUpdated(): void {
    this.#observer = new ResizeObserver(() => queuePaint(this));
    for (const canvas of this.querySelectorAll("canvas")) this.#observer.observe(canvas);
  }

  override updated(): void {
    queuePaint(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
  }
}
