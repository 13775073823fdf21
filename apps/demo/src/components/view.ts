import { LitElement } from "lit";

/** A component without a shadow root: the page's one style sheet applies, and labels may point anywhere. */
export class View extends LitElement {
  protected override createRenderRoot(): HTMLElement {
    return this;
  }
}

/** A canvas that repaints when its size on the page changes. */
export abstract class CanvasView extends View {
  #observer: ResizeObserver | undefined;

  protected abstract paint(): void;

  override firstUpdated(): void {
    this.#observer = new ResizeObserver(() => this.paint());
    for (const canvas of this.querySelectorAll("canvas")) this.#observer.observe(canvas);
  }

  override updated(): void {
    this.paint();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
  }
}
