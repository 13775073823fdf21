import { html, type TemplateResult } from "lit";
import type { App } from "../state/app.js";
import type { BackendName } from "../worker/protocol.js";

const NAMES: Record<BackendName, string> = { webgpu: "WebGPU", cpu: "WASM" };

/** One start button per backend, the reason where one is missing, and a way to stop. */
export function backendButtons(
  app: App,
  kind: "bench" | "check",
  running: boolean,
  start: (backend: BackendName) => void,
): TemplateResult {
  return html`
    <div class="buttons">
      ${app.backends.map(
        ({ name, available, text, remedy }) => html`
          <span class="start">
            <button type="button" class="primary" data-backend=${name} ?disabled=${!available || running || !app.ready} @click=${() => start(name)}>
              ${kind === "bench" ? "Measure" : "Check"} ${NAMES[name]}
            </button>
            <small>${available ? text : `${text} ${remedy}`}</small>
          </span>
        `,
      )}
      ${running ? html`<button type="button" @click=${() => app.cancel(kind)}>Stop</button>` : ""}
    </div>
  `;
}

export const progress = (share: number, running: boolean, what: string): TemplateResult => html`
  <p class="progress-line">
    <progress max="1" .value=${running ? share : 1} aria-label=${what}></progress>
    <span>${running ? `${what}: ${Math.round(share * 100)} %` : "Finished."}</span>
  </p>
`;
