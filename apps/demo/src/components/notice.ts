import { html, nothing, type TemplateResult } from "lit";
import type { App } from "../state/app.js";

const TITLES: Record<string, string> = {
  ClipTooLarge: "This clip is too large",
  UnreadableFile: "This file could not be opened",
  MalformedFile: "This file could not be opened",
  OutOfMemory: "Out of memory",
  DeviceLost: "The graphics device was lost",
  BackendUnavailable: "This backend is not available",
  Link: "Part of the link was not understood",
};

/** What went wrong, in a visitor's words, with a way out. */
export function notice(app: App): TemplateResult | typeof nothing {
  if (!app.notice) return nothing;
  const { failure, action } = app.notice;
  const perform = () => {
    app.tell(undefined);
    action?.run();
  };
  return html`
    <div class="notice" role="alert" data-code=${failure.code}>
      <div>
        <strong>${TITLES[failure.code] ?? "That did not work"}</strong>
        <p>${failure.message} ${failure.remedy}</p>
      </div>
      ${action ? html`<button type="button" class="primary" @click=${perform}>${action.label}</button>` : nothing}
      <button type="button" @click=${() => app.tell(undefined)}>Close</button>
    </div>
  `;
}
