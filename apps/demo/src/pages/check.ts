import { html, nothing, type TemplateResult } from "lit";
import type { App } from "../state/app.js";
import type { CheckLine } from "../worker/protocol.js";
import { backendButtons, progress } from "./report.js";

const WORDS: Record<CheckLine["status"], string> = { passed: "passed", failed: "FAILED", skipped: "skipped" };

/** Runs the conformance cases here and shows each result. */
export function checkPage(app: App): TemplateResult {
  const report = app.check;
  const lines = report?.lines ?? [];
  const number = (status: CheckLine["status"]) => lines.filter((line) => line.status === status).length;
  return html`
    <section class="intro">
      <h1>Check this GPU</h1>
      <p class="lead">
        Runs the library’s conformance cases on this machine: every tensor of every step is compared with a 64-bit reference computed beside it.
        Drivers do have bugs; this finds the ones that matter here.
      </p>
    </section>
    <section class="panel" aria-label="Conformance">
      ${backendButtons(app, "check", report?.running ?? false, (backend) => app.runCheck(backend))}
      ${
        report
          ? html`
              ${progress(report.share, report.running, "Checking")}
              <p class="verdict" data-failed=${number("failed")} data-passed=${number("passed")} data-running=${String(report.running)}>
                <b>${number("passed")} passed</b>, ${number("failed")} failed, ${number("skipped")} skipped
              </p>
            `
          : nothing
      }
      ${
        lines.length > 0
          ? html`
              <div class="scroll" tabindex="0" role="region" aria-label="Cases">
                <table class="results cases">
                  <caption>Failed cases come first</caption>
                  <thead><tr><th scope="col">Case</th><th scope="col">Result</th><th scope="col">Detail</th></tr></thead>
                  <tbody>
                    ${[...lines]
                      .sort((a, b) => Number(b.status === "failed") - Number(a.status === "failed"))
                      .map(
                        (line) =>
                          html`<tr data-status=${line.status}><th scope="row">${line.name}</th><td>${WORDS[line.status]}</td><td>${line.detail}</td></tr>`,
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
