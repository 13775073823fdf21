import { html, nothing, type TemplateResult } from "lit";
import { count, MODE_NAMES, milliseconds, percent, times } from "../format.js";
import type { App } from "../state/app.js";
import { backendButtons, progress } from "./report.js";

/** How this machine's modes compare with dense attention, on growing numbers of tokens. */
export function benchPage(app: App): TemplateResult {
  const report = app.bench;
  const most = Math.max(1, ...(report?.lines ?? []).map(({ speedup }) => speedup));
  return html`
    <section class="intro">
      <h1>Benchmark of this machine</h1>
      <p class="lead">
        Every mode against dense attention of the same backend, 80 % of the blocks skipped, 8 heads of 64 channels, blocks of 128. Medians of
        three interleaved runs after a warm-up.
      </p>
    </section>
    <section class="panel" aria-label="Benchmark">
      ${backendButtons(app, "bench", report?.running ?? false, (backend) => app.runBench(backend))}
      ${report ? progress(report.share, report.running, "Measuring") : nothing}
      ${
        report && report.lines.length > 0
          ? html`
              <div class="scroll" tabindex="0" role="region" aria-label="Measurements">
                <table class="results">
                  <caption>Ratios to dense attention; longer bars are faster</caption>
                  <thead>
                    <tr>
                      <th scope="col">Tokens</th><th scope="col" class="name">Mode</th><th scope="col">Time</th><th scope="col">Speed</th>
                      <th scope="col" class="wide">Speed over dense</th><th scope="col">Estimation</th><th scope="col">Computed</th><th scope="col">Error</th>
                    </tr>
                  </thead>
                  <tbody>
                    ${report.lines.map(
                      (line) => html`
                        <tr data-mode=${line.mode}>
                          <td>${count(line.tokens)}</td>
                          <th scope="row">${MODE_NAMES[line.mode]}</th>
                          <td>${milliseconds(line.ms)}${line.mode === "dense" ? ` (${line.gflops.toFixed(0)} GFLOP/s)` : ""}</td>
                          <td title="smallest and largest of the rounds">${times(line.speedup)}${line.mode === "dense" ? "" : ` (${line.range.map((x) => x.toFixed(2)).join("–")})`}</td>
                          <td class="wide"><div class="stages" aria-hidden="true"><span data-op="attend" style="width: ${(100 * line.speedup) / most}%"></span></div></td>
                          <td>${line.mode === "dense" ? "–" : percent(line.estimationShare)}</td>
                          <td>${percent(line.density)}</td>
                          <td>${line.mode === "dense" ? "–" : percent(line.relL2)}</td>
                        </tr>
                      `,
                    )}
                  </tbody>
                </table>
              </div>
            `
          : nothing
      }
    </section>
  `;
}
