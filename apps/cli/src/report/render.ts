import { busyNote } from "../compare/machine.js";
import { percent } from "../terminal/format.js";
import { errorChart } from "./chart.js";
import type { ReportData } from "./data.js";
import { html, raw, scrolling } from "./html.js";
import { framesSection, headsSection, headTable } from "./picture-sections.js";
import { allRows, cards, curveTable, finding, timeBars } from "./sections.js";
import { SCRIPT, STYLE } from "./style.js";

/** One HTML page that holds everything it shows: no other file, no network. */
export function renderReport(data: ReportData): string {
  const title = `${data.name}: sparse attention compared`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="spaattn ${data.version}">
<title>${title}</title>
<style>${raw(STYLE)}</style>
</head>
<body>
<header>
  <h1>Sparse attention on ${data.name}</h1>
  <p class="soft">Attention over video tokens is slow because every token looks at every other. Sparse attention computes only the blocks of that table that matter.
  This page shows what that breaks on one input, and how well two ways of repairing it work. Pictures are at ${percent(data.dropRate, 0)} of the blocks dropped.</p>
</header>
<main>
  <h2 id="result">The result</h2>
  ${finding(data)}
  ${data.warnings.map((warning) => html`<p><b>Note:</b> ${warning}</p>`)}
  ${cards(data)}
  ${framesSection(data)}
  <h2 id="curve">Error against density</h2>
  <p>Fewer computed blocks cost less and err more. Lower is better; a curve further down reaches the same quality with fewer blocks.</p>
  ${scrolling("chart of error against density", errorChart(data.curve))}
  ${curveTable(data)}
  <h2 id="time">Where the time goes</h2>
  <p>Measured on ${data.backend}: ${data.machine.processor}, ${data.machine.threads} threads, Node ${data.machine.node}. ${busyNote(data.machine)}</p>
  ${timeBars(data)}
  ${headsSection(data)}
  ${headTable(data)}
  <h2 id="numbers">All numbers</h2>
  ${allRows(data)}
  <h2 id="inputs">How query, key and value came to be</h2>
  ${data.notes.map((note) => html`<p>${note}</p>`)}
  <h2 id="words">Words</h2>
  <p><b>Density</b> is the share of visual-by-visual blocks that are computed. <b>Relative L2</b> is the length of the difference to dense attention's output over the length of that output.
  <b>PSNR</b> compares pixel values; higher is better, 40 dB is hard to see. <b>Speedup</b> is dense time over this time, on this machine. A <b>head</b> is one of several attentions that run side by side, each looking for something else.</p>
</main>
<footer>Made by spaattn ${data.version} from <code>${data.input}</code> on ${data.made.toISOString().slice(0, 16).replace("T", " ")} UTC. MIT licence. This page is complete in itself and loads nothing.</footer>
<script>${raw(SCRIPT)}</script>
</body>
</html>
`.text;
}
