import { html, type TemplateResult } from "lit";
import type { App } from "../state/app.js";
import type { Route } from "../state/share.js";
import { nextTheme, theme } from "../state/theme.js";
import type { BackendName } from "../worker/protocol.js";

const PAGES: readonly { readonly route: Route; readonly label: string }[] = [
  { route: "explore", label: "Explore" },
  { route: "explain", label: "Explain" },
  { route: "bench", label: "Benchmark" },
  { route: "check", label: "Check this GPU" },
];

const NAMES: Record<BackendName, string> = { webgpu: "WebGPU", cpu: "WASM" };

/** Name, pages, theme, and the backend switch with the reason where one is missing. */
export function header(app: App): TemplateResult {
  return html`
    <header class="top">
      <a class="brand" href="#/explore" @click=${(event: Event) => follow(event, app, "explore")}>spaattn</a>
      <nav aria-label="Pages">
        ${PAGES.map(
          ({ route, label }) => html`
            <a href="#/${route}" aria-current=${route === app.route ? "page" : "false"} @click=${(event: Event) => follow(event, app, route)}>${label}</a>
          `,
        )}
      </nav>
      <button type="button" class="theme" @click=${() => {
        nextTheme();
        app.say(`Theme: ${theme()}`);
      }}>
        Theme: ${theme()}
      </button>
      ${backendSwitch(app)}
    </header>
  `;
}

function follow(event: Event, app: App, route: Route): void {
  event.preventDefault();
  app.navigate(route);
}

function backendSwitch(app: App): TemplateResult {
  const used = app.info?.backend.name;
  const missing = app.backends.filter(({ available }) => !available);
  return html`
    <div class="backend">
      <fieldset class="choices compact">
        <legend class="visually-hidden">Backend</legend>
        <div>
          ${(["webgpu", "cpu"] as const).map((name) => {
            const status = app.backends.find((it) => it.name === name);
            return html`
              <label title=${status?.text ?? ""}>
                <input
                  type="radio"
                  name="backend"
                  value=${name}
                  .checked=${used === name}
                  ?disabled=${status !== undefined && !status.available}
                  @change=${() => app.set({ backend: name })}
                />
                <span>${NAMES[name]}</span>
              </label>
            `;
          })}
        </div>
      </fieldset>
      <div class="device">
        ${missing.map(
          (status) => html`
            <details class="missing" data-backend=${status.name}>
              <summary>Why no ${NAMES[status.name]}?</summary>
              <p>${status.text} ${status.remedy}</p>
            </details>
          `,
        )}
        ${missing.length === 0 ? (app.info?.backend.device ?? "") : ""}
      </div>
    </div>
  `;
}
