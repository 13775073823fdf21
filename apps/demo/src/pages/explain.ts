import { html, type TemplateResult } from "lit";
import { controls } from "../components/controls.js";
import type { Draw } from "../components/live-canvas.js";
import "../components/clip-player.js";
import "../components/live-canvas.js";
import { percent } from "../format.js";
import type { App } from "../state/app.js";
import type { ExplainView, InputInfo } from "../worker/protocol.js";
import { blockColours, ranked, rowBars, seriesBars, strataCells, tokenPicture } from "./explain-pictures.js";

interface Step {
  readonly id: string;
  readonly title: string;
  readonly text: (view: ExplainView, info: InputInfo) => unknown;
  readonly picture: (
    app: App,
    view: ExplainView,
    info: InputInfo,
  ) => { draw: Draw; label: string; aspect?: number; legend: string };
}

const sum = (values: ArrayLike<number>, where: (index: number) => boolean = () => true): number => {
  let total = 0;
  for (let i = 0; i < values.length; i++) if (where(i)) total += values[i];
  return total;
};

const STEPS: readonly Step[] = [
  {
    id: "blocks",
    title: "Blocks along a curve",
    text: (
      view,
      info,
    ) => html`The clip is cut into ${info.visualTokens} patches, one token each. A space-filling curve strings them together so that
      ${info.blockSize} tokens in a row are neighbours in space and time: a <em>block</em>. There are ${view.blocks}; the picked patch is in block
      ${view.block}. Attention will be computed, or skipped, for whole pairs of blocks.`,
    picture: (app, view) => ({
      draw: blockColours(app, view),
      label: "The frame with every block in its own colour; the picked block is framed",
      legend: "each colour one block; the picked patch’s block is bright",
    }),
  },
  {
    id: "pooling",
    title: "Pooling",
    text: (
      _,
      info,
    ) => html`To guess which pairs matter without computing them, every block is replaced by its mean: mean query, mean key, mean value.
      This picture does the same to the pixels, ${info.blockSize} patches to one colour. What you can no longer see, the guess cannot see either.`,
    picture: (app, view) => ({
      draw: tokenPicture(app, view),
      label: "The clip with every block replaced by its mean colour",
      legend: "the clip as pooling sees it",
    }),
  },
  {
    id: "implicit",
    title: "Implicit full attention",
    text: (view) => {
      const off = ranked(view.mass.map((mass, i) => Math.abs(mass - view.probabilities[i])))[0];
      const [guess, truth] = [view.probabilities[off], view.mass[off]];
      return html`Mean queries against mean keys give an estimate of <em>full</em> attention, one number per pair of blocks. A mean hides what
        single keys would say: for block ${off} the estimate is <b>${percent(guess)}</b>, the truth <b>${percent(truth)}</b>,
        the largest misjudgement for the picked patch’s block.`;
    },
    picture: (app, view) => ({
      draw: rowBars(app, ranked(view.mass), (i) => ({
        height: view.probabilities[i],
        fill: "--accent",
        mark: view.mass[i],
      })),
      label: "Bars: estimated attention of the picked block on every block. Lines: the exact attention.",
      legend: "bars: estimated, lines: exact; blocks by exact attention",
      aspect: 3,
    }),
  },
  {
    id: "selection",
    title: "Selection",
    text: (
      view,
    ) => html`Only the most promising ${sum(view.paperMask)} of ${view.blocks} blocks are computed exactly. For the picked block they hold
      <b>${percent(sum(view.mass, (i) => view.paperMask[i] === 1))}</b> of its true attention. Plain sparse attention forgets the other
      ${percent(sum(view.mass, (i) => view.paperMask[i] === 0))}, and what it keeps weighs too much.`,
    picture: (app, view) => ({
      draw: rowBars(app, ranked(view.mass), (i) => ({
        height: view.mass[i],
        fill: view.paperMask[i] ? "--accent" : "--mode-none",
      })),
      label: "Exact attention of the picked block on every block; computed blocks are coloured",
      legend: "coloured: computed, grey: skipped",
      aspect: 3,
    }),
  },
  {
    id: "gain",
    title: "Gain: what is worth repairing",
    text: (view) => {
      const skipped = view.blocks - sum(view.paperMask);
      const worth = sum(view.gain, (i) => view.paperMask[i] === 0);
      return html`A skipped block can be stood in for by its mean, if the mean says more than it hides. The gain test compares the two:
        ${worth} of the ${skipped} skipped blocks pass, the others are left out, and their share goes to the computed ones.`;
    },
    picture: (app, view) => ({
      draw: rowBars(
        app,
        ranked(view.probabilities).filter((index) => view.paperMask[index] === 0),
        (index) => ({
          height: Math.sqrt(view.probabilities[index]),
          fill: view.gain[index] ? "--accent" : "--mode-none",
        }),
      ),
      label: "Estimated attention of skipped blocks; those that pass the gain test are coloured",
      legend: "skipped blocks by estimated attention (root); coloured: passes, grey: fails",
      aspect: 3,
    }),
  },
  {
    id: "rectification",
    title: "Rectification, as in the paper",
    text: (view) => html`The result of the computed blocks is scaled by the share they are believed to have, here
      <b>${percent(view.factor[view.block])}</b>, and the means of the skipped blocks that pass are added for the rest. One number and one vector
      for all ${sum(view.blockOf.map((block) => Number(block === view.block)))} tokens of the block: cheap, but the same for every token in it.`,
    picture: (app, view) => ({
      draw: seriesBars(app, view.factor, view.block),
      label: "The scaling factor of every query block; the picked block is coloured",
      legend: "scaling factor of every query block, picked block coloured",
      aspect: 3,
    }),
  },
  {
    id: "tail",
    title: "Tail: summaries inside the softmax",
    text: (
      view,
    ) => html`Tail keeps ${view.strata} summaries of every skipped block, each for keys that resemble one another, inside the <em>same</em>
      softmax: every token weighs them for itself. And it computes exactly where a summary would err most, not where attention is largest: the error
      left unrepaired is ${percent(sum(view.blockError, (i) => view.tailMask[i] === 0) / Math.max(1e-30, sum(view.blockError)))} of what there was.`,
    picture: (app, view) => ({
      draw: strataCells(app, view),
      label: "The picked patch’s block split into summaries, each in its own colour",
      legend: "the picked block, split into its summaries",
    }),
  },
  {
    id: "choice",
    title: "Tail: exact where it counts",
    text: (view) => {
      const error = (row: Uint8Array) => sum(view.blockError, (i) => row[i] === 0);
      const ratio = error(view.paperMask) / Math.max(1e-30, error(view.tailMask));
      return html`Expected error of summarising each block, for the picked block. The paper’s choice of blocks would leave
        <b>${ratio.toFixed(1)}×</b> as much of it as tail’s choice does.`;
    },
    picture: (app, view) => ({
      draw: rowBars(app, ranked(view.blockError), (i) => ({
        height: Math.sqrt(view.blockError[i]),
        fill: view.tailMask[i] ? "--accent" : "--mode-none",
      })),
      label: "Expected error of summarising every block; blocks that tail computes are coloured",
      legend: "expected error (root); coloured: computed exactly, grey: summarised",
      aspect: 3,
    }),
  },
];

/** A walk through the method where every picture is made of the visitor's own clip, settings and picked patch. */
export function explainPage(app: App): TemplateResult {
  const { explain, info, clip } = app;
  return html`
    <section class="intro">
      <h1>How the repair works</h1>
      <p class="lead">Eight steps, each shown on the clip, the settings and the patch you picked. Pick another patch, and every picture follows.</p>
    </section>
    ${
      info?.grid && clip
        ? html`
            <div class="walk">
              <aside><clip-player .app=${app} .info=${info} .clip=${clip} .row=${app.row}></clip-player>${controls(app)}</aside>
              <ol class="steps">
                ${explain ? STEPS.map((step) => section(step, app, explain, info)) : html`<li class="pending">Computing the pictures…</li>`}
              </ol>
            </div>
          `
        : html`<p class="pending">${info ? "The walk needs a clip; a capture has no pixels to show." : "Opening the clip…"}</p>`
    }
  `;
}

function section(step: Step, app: App, view: ExplainView, info: InputInfo): TemplateResult {
  const [, rows, columns] = info.grid!;
  const { draw, label, legend, aspect = columns / rows } = step.picture(app, view, info);
  return html`
    <li id=${step.id}>
      <h2>${step.title}</h2>
      <p>${step.text(view, info)}</p>
      <figure>
        <live-canvas .label=${label} .aspect=${aspect} .draw=${draw} .playback=${app.playback}></live-canvas>
        <figcaption>${legend}</figcaption>
      </figure>
    </li>
  `;
}
