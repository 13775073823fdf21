import type { CompareRow, Mode } from "@spaattn/lab";
import { MODE_NAMES } from "../compare/print-comparison.js";
import { decibels, milliseconds, percent, times } from "../terminal/format.js";
import type { ReportData } from "./data.js";
import { type Html, html, scrolling } from "./html.js";

const EXPLAINED: Readonly<Record<Mode, string>> = {
  dense: "Every token attends to every token.",
  none: "Only the blocks that matter; the rest is forgotten.",
  paper: "The result is rescaled; reliable skipped blocks add their mean.",
  tail: "Skipped blocks stay in the softmax as summaries.",
  levels: "Every block is exact, or 1 to 32 summaries, as its estimated error asks for.",
};

/** The rows at the drop rate of the pictures, dense first. */
const mainRows = (data: ReportData): readonly CompareRow[] =>
  data.rows.filter((row) => row.mode === "dense" || row.dropRate === data.dropRate);

/** The one sentence to remember. */
export function finding(data: ReportData): Html {
  const of = (mode: Mode) => mainRows(data).find((row) => row.mode === mode);
  const [none, tail] = [of("none"), of("tail")];
  const best = tail ?? of("paper") ?? none;
  if (!best || best.relL2 === 0)
    return html`<p>At ${percent(data.dropRate, 0)} dropped nothing is left out here: the result equals dense attention.</p>`;
  const gain =
    none && none !== best
      ? html` Plain block-sparse attention is <b class="none">${percent(none.relL2)}</b> off with as many blocks.`
      : "";
  return html`<p>With <b>${percent(best.density, 0)}</b> of the blocks computed, <b class="${best.mode}">${MODE_NAMES[best.mode]}</b> comes within
    <b class="${best.mode}">${percent(best.relL2)}</b> of dense attention.${gain}</p>`;
}

export const cards = (data: ReportData): Html => html`<div class="cards">
  ${mainRows(data).map(
    (row) => html`<section class="card ${row.mode}" aria-label="${MODE_NAMES[row.mode]}">
      <h3>${MODE_NAMES[row.mode]}</h3>
      <p class="soft small">${EXPLAINED[row.mode]}</p>
      <div class="figure">${row.mode === "dense" ? "exact" : percent(row.relL2)}</div>
      <p class="soft small">${row.mode === "dense" ? "what the others are measured against" : "error against dense (relative L2)"}</p>
      <dl><dt>blocks computed</dt><dd>${percent(row.density)}</dd>
      ${row.mode === "dense" ? "" : html`<dt>PSNR</dt><dd>${decibels(row.psnr)} dB</dd>`}
      <dt>time</dt><dd>${milliseconds(row.ms)}</dd>
      ${row.mode === "dense" ? "" : html`<dt>faster than dense</dt><dd>${times(row.speedup)}</dd>`}</dl>
    </section>`,
  )}
</div>`;

/** All rows, as printed on the terminal. */
export const allRows = (data: ReportData): Html =>
  html`${scrolling(
    "all numbers",
    html`<table>
  <thead><tr><th scope="col">mode</th><th scope="col">dropped</th><th scope="col">density</th><th scope="col">relative L2</th><th scope="col">cosine</th><th scope="col">PSNR dB</th><th scope="col">time</th><th scope="col">speedup</th><th scope="col">estimation</th></tr></thead>
  <tbody>${data.rows.map(
    (
      row,
    ) => html`<tr><th scope="row" class="${row.mode}">${MODE_NAMES[row.mode]}</th><td>${row.mode === "dense" ? "" : percent(row.dropRate, 0)}</td><td>${percent(row.density)}</td>
    <td>${row.relL2.toFixed(4)}</td><td>${row.cosine.toFixed(5)}</td><td>${decibels(row.psnr)}</td><td>${milliseconds(row.ms)}</td><td>${times(row.speedup)}</td><td>${percent(row.estimationShare)}</td></tr>`,
  )}</tbody></table>`,
  )}`;

/** Where the time goes, as shares of dense attention's time. */
export function timeBars(data: ReportData): Html {
  const rows = mainRows(data);
  const longest = Math.max(...rows.map(({ ms }) => ms));
  return html`<div class="bars">
    ${rows.map((row) => {
      const estimation = (row.estimationShare * row.ms) / longest;
      const rest = row.ms / longest - estimation;
      return html`<span class="${row.mode}"><b class="${row.mode}">${MODE_NAMES[row.mode]}</b></span>
      <span class="bar" role="img" aria-label="${percent(row.ms / longest, 0)} of the longest time, ${percent(row.estimationShare, 0)} of it estimation"><i class="estimate" style="width:${(estimation * 100).toFixed(2)}%"></i><i class="attend" style="width:${(rest * 100).toFixed(2)}%"></i></span>
      <span>${milliseconds(row.ms)}</span>`;
    })}
  </div>
  <p class="small soft"><span class="key" style="background:var(--paper)"></span>estimation: pooling, summaries, choosing blocks
  &emsp;<span class="key" style="background:var(--soft)"></span>attending</p>`;
}

export const curveTable = (data: ReportData): Html =>
  html`<details><summary>The numbers of the chart</summary>${scrolling(
    "numbers of the chart",
    html`<table>
  <thead><tr><th scope="col">mode</th><th scope="col">dropped</th><th scope="col">density</th><th scope="col">relative L2</th></tr></thead>
  <tbody>${[...data.curve]
    .sort((a, b) => a.mode.localeCompare(b.mode) || a.density - b.density)
    .map(
      (point) =>
        html`<tr><th scope="row" class="${point.mode}">${MODE_NAMES[point.mode]}</th><td>${percent(point.dropRate, 0)}</td><td>${percent(point.density)}</td><td>${point.relL2.toFixed(4)}</td></tr>`,
    )}</tbody></table>`,
  )}</details>`;
