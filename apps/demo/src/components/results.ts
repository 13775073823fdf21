import type { Mode } from "@spaattn/lab";
import { html, nothing, type TemplateResult } from "lit";
import { decibels, MODE_NAMES, milliseconds, percent, times } from "../format.js";
import type { App } from "../state/app.js";
import type { ModeView } from "../worker/protocol.js";

const MODES: readonly Mode[] = ["dense", "none", "paper", "tail"];

/** A number with its exact value for machines (and for tests). */
const exact = (name: string, value: number | null, text: string): TemplateResult =>
  html`<data data-name=${name} value=${value ?? ""}>${text}</data>`;

const STEP_WORDS: Record<string, string> = {
  permute: "reorder",
  pool: "pool",
  summarize: "summarise",
  estimate: "choose",
  attend: "attend",
};

/** Where the time goes, drawn to one scale for all modes. */
function stageBar(view: ModeView, longest: number): TemplateResult {
  const words = view.steps.map(({ op, ms }) => `${STEP_WORDS[op]} ${milliseconds(ms)}`).join(", ");
  return html`
    <div class="stages" role="img" aria-label=${words} title=${words}>
      ${view.steps.map(({ op, ms }) => html`<span data-op=${op} style="width: ${(100 * ms) / longest}%"></span>`)}
    </div>
  `;
}

/** One line per mode: quality, cost, and where the time goes. */
export function resultsTable(app: App): TemplateResult {
  const views = MODES.map((mode) => app.views.get(mode));
  const longest = Math.max(1e-9, ...views.map((view) => view?.steps.reduce((sum, { ms }) => sum + ms, 0) ?? 0));
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label="Results">
      <table class="results">
        <caption>
          Against dense attention, all heads together
        </caption>
        <thead>
          <tr>
            <th scope="col">Mode</th>
            <th scope="col">Error</th>
            <th scope="col">PSNR</th>
            <th scope="col">Computed</th>
            <th scope="col">Time</th>
            <th scope="col">Speed</th>
            <th scope="col" class="wide">
              Time per stage
              <span class="legend"><i data-op="estimate"></i>choose and summarise <i data-op="attend"></i>attend</span>
            </th>
          </tr>
        </thead>
        <tbody>
          ${MODES.map((mode, i) => {
            const view = views[i];
            const row = view?.row;
            return html`
              <tr data-mode=${mode} ?data-stale=${app.stale.has(mode)}>
                <th scope="row">${MODE_NAMES[mode]}</th>
                ${
                  row
                    ? html`
                        <td>${exact("relL2", row.relL2, percent(row.relL2, 2))}</td>
                        <td>${exact("psnr", row.psnr, decibels(row))}</td>
                        <td>${exact("density", row.density, percent(row.density))}</td>
                        <td>${exact("ms", row.ms, milliseconds(row.ms))}</td>
                        <td>${exact("speedup", row.speedup, times(row.speedup))}</td>
                        <td class="wide">${stageBar(view, longest)}</td>
                      `
                    : html`<td colspan="6" class="pending">computing…</td>`
                }
              </tr>
            `;
          })}
        </tbody>
      </table>
    </div>
  `;
}

/** The one sentence a visitor should leave with, in live numbers. */
export function headline(app: App): TemplateResult {
  const [dense, none, paper, tail] = MODES.map((mode) => app.views.get(mode)?.row);
  if (!dense || !none || !paper || !tail) return html`<p class="headline">Computing attention on your machine…</p>`;
  // One value that is none makes every figure one.
  if ([dense, none, paper, tail].some(({ state }) => state === "notFinite"))
    return html`<p class="headline">
      An output holds values that are <b>not finite</b> (NaN or infinite), so no error can be measured. Check the capture: one such value in query,
      key or value is enough.
    </p>`;
  const factor = none.relL2 / tail.relL2;
  return html`
    <p class="headline">
      Skipping <b>${percent(1 - none.density, 0)}</b> of attention puts the result off by <b>${percent(none.relL2)}</b>. With the paper’s repair it
      is off by <b>${percent(paper.relL2)}</b>, with tail by <b class="good">${percent(tail.relL2)}</b>${
        Number.isFinite(factor) && factor > 1.05 ? html`: <b class="good">${times(factor)}</b> closer` : nothing
      }. Dense takes ${milliseconds(dense.ms)}, plain sparse ${milliseconds(none.ms)}, tail ${milliseconds(tail.ms)}.
    </p>
  `;
}
