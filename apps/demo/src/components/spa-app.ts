import { html, type TemplateResult } from "lit";
import { benchPage } from "../pages/bench.js";
import { checkPage } from "../pages/check.js";
import { explainPage } from "../pages/explain.js";
import { explorePage } from "../pages/explore.js";
import type { App } from "../state/app.js";
import type { Route } from "../state/share.js";
import { header } from "./header.js";
import { notice } from "./notice.js";
import { View } from "./view.js";

const PAGES: Record<Route, (app: App) => TemplateResult> = {
  explore: explorePage,
  explain: explainPage,
  bench: benchPage,
  check: checkPage,
};

/** Parts of the first page that are built one after the other. */
const STAGES = 5;

/** The whole page. The static shell of index.html stands in until the first render. */
export class SpaApp extends View {
  #app: App | undefined;

  connect(app: App): void {
    this.replaceChildren();
    this.#app = app;
    app.listen(() => this.requestUpdate());
    // Moving pictures only where they are welcome.
    if (!matchMedia("(prefers-reduced-motion: reduce)").matches) app.playback.play();
    this.requestUpdate();
    const build = (part: number) =>
      requestAnimationFrame(() =>
        setTimeout(() => {
          app.buildMore();
          if (part < STAGES) build(part + 1);
        }),
      );
    build(1);
  }

  protected override shouldUpdate(): boolean {
    return this.#app !== undefined;
  }

  protected override render(): unknown {
    const app = this.#app!;
    return html`
      <a class="skip" href="#main" @click=${this.#skip}>Skip to content</a>
      ${header(app)} ${notice(app)}
      <main id="main" tabindex="-1" aria-busy=${app.busy} data-file=${app.name}>${PAGES[app.route](app)}</main>
      <footer>
        <p>
          Everything on this page is computed on your machine, with no model weights involved; no statement about generated video follows from it. The
          method: <a href="https://arxiv.org/abs/2511.19835">Rectified SpaAttn</a>, and tail, its successor in this library. MIT licence.
        </p>
      </footer>
      <p class="visually-hidden" aria-live="polite" role="status">${app.spoken}</p>
    `;
  }

  #skip = (event: Event): void => {
    event.preventDefault();
    this.querySelector<HTMLElement>("main")?.focus();
  };
}
