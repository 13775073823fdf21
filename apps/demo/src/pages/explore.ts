import { html, nothing, type TemplateResult } from "lit";
import { repeat } from "lit/directives/repeat.js";
import { choices, controls } from "../components/controls.js";
import { headline, resultsTable } from "../components/results.js";
import { saveJson, saveMask, savePng } from "../export/save.js";
import { count, MODE_NAMES } from "../format.js";
import type { App } from "../state/app.js";
import type { PictureKind } from "../state/page.js";
import "../components/block-maps.js";
import "../components/clip-player.js";
import "../components/curve-plot.js";
import "../components/head-strip.js";
import "../components/mode-tile.js";
import "../components/own-files.js";

const KINDS: readonly { readonly value: PictureKind; readonly label: string }[] = [
  { value: "attention", label: "Attention" },
  { value: "difference", label: "Difference to dense" },
  { value: "output", label: "Output" },
  { value: "error", label: "Error" },
];

const EXPLANATIONS: Record<PictureKind, string> = {
  attention: "Where the picked patch looks, one scale for all modes: yellow is most, dark is ten thousand times less.",
  difference: "Orange: looks there more than dense attention does. Blue: less. One scale for all modes.",
  output:
    "What attention makes of the pixels, mean of all heads. The values carried through attention are the clip’s own patches.",
  error: "How far each patch’s output is from dense attention, all heads, one scale for all modes.",
};

/** The first page: the clip, the four modes side by side, and everything that changes them. */
export function explorePage(app: App): TemplateResult {
  return html`
    <section class="intro split">
      <div>
      <h1>Sparse attention, repaired</h1>
      <p class="lead">
        Video models spend most of their time in attention. Computing a fifth of it is fast but breaks the result; rectification repairs it,
        without training. Watch it happen on this clip, computed on your machine.
      </p>
      </div>
      ${headline(app)}
    </section>
    <div class="bench-top">
      <div class="left">
        <clip-player .app=${app} .info=${app.info} .clip=${app.clip} .row=${app.row}></clip-player>
        <p class="hint">
          ${app.info?.grid ? "Click any patch, here or in the pictures. To begin with, the one that plain sparse attention gets most wrong is picked." : app.info ? "This capture has no pixels to show; maps and numbers follow." : "Opening the clip…"}
        </p>
        ${app.stage >= 1 ? controls(app) : nothing}
      </div>
      <section class="right" aria-label="The four modes side by side">
        ${app.stage < 2 || (app.info && !app.info.grid) ? nothing : tiles(app)}
        ${app.stage >= 3 ? resultsTable(app) : nothing}
      </section>
    </div>
    ${app.stage >= 4 ? mapSection(app) : nothing}
    ${app.stage >= 5 ? html`${curveSection(app)} <own-files .app=${app}></own-files> ${saveSection(app)}` : nothing}
  `;
}

function tiles(app: App): TemplateResult {
  return html`
    <div class="tiles-bar">
      ${choices("picture", "Show", KINDS, app.pictureKind, (kind) => app.showPictures(kind))}
      ${app.pictureKind === "attention" || app.pictureKind === "difference" ? headSelect(app) : nothing}
    </div>
    <p class="hint">${EXPLANATIONS[app.pictureKind]}</p>
    <div class="tiles">
      ${repeat(
        ["dense", "none", "paper", "tail"] as const,
        (mode) => mode,
        (mode) => html`<mode-tile .app=${app} .mode=${mode} .version=${app.version}></mode-tile>`,
      )}
    </div>
    <p class="scale" data-kind=${app.pictureKind} aria-hidden="true"><span>less</span><i></i><span>more</span></p>
  `;
}

function headSelect(app: App): TemplateResult {
  return html`
    <label class="select">
      Head
      <select @change=${(event: Event) => app.set({ head: Number((event.target as HTMLSelectElement).value) })}>
        ${(app.info?.heads ?? []).map((label, head) => html`<option value=${head} ?selected=${head === app.settings.head}>${head} ${label}</option>`)}
      </select>
    </label>
  `;
}

function mapSection(app: App): TemplateResult {
  const { info, settings } = app;
  return html`
    <section class="panel" aria-labelledby="map-title">
      <h2 id="map-title">The map: which blocks look at which</h2>
      <p class="hint">
        ${info ? `${info.blocks} blocks of ${info.blockSize} tokens; rows are queries, columns are keys.` : ""} Pick a head; the one with the largest
        error under “${MODE_NAMES[settings.mode]}” is marked.
      </p>
      <head-strip .app=${app} .maps=${app.maps} .version=${app.version}></head-strip>
      <block-maps .app=${app} .maps=${app.maps} .head=${settings.head} .row=${app.row}></block-maps>
    </section>
  `;
}

function curveSection(app: App): TemplateResult {
  return html`
    <section class="panel" aria-labelledby="curve-title">
      <h2 id="curve-title">Error against cost</h2>
      <p class="hint">Each curve is one way to treat skipped blocks, at many drop rates. Lower is better; rings mark the sliders’ position.</p>
      <curve-plot .app=${app} .points=${app.points} .version=${app.version}></curve-plot>
    </section>
  `;
}

function saveSection(app: App): TemplateResult {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(app.link);
      app.say("Link copied.");
    } catch {
      app.say("The link could not be copied; it is in the address bar.");
    }
  };
  const ready = app.maps !== undefined;
  return html`
    <section class="panel" aria-labelledby="save-title">
      <h2 id="save-title">Keep and share</h2>
      <p class="hint">The link holds the settings, never your clip. ${app.info ? `${count(app.info.tokens)} tokens, ${app.info.heads.length} heads of ${app.info.headDim} channels.` : ""}</p>
      <div class="buttons">
        <button type="button" @click=${copy}>Copy link</button>
        <button type="button" ?disabled=${!ready} @click=${() => savePng(app)}>Pictures (PNG)</button>
        <button type="button" ?disabled=${!ready} @click=${() => saveJson(app)}>Numbers (JSON)</button>
        <button type="button" ?disabled=${!ready} @click=${() => saveMask(app)}>Mask (JSON)</button>
      </div>
      <details class="behind">
        <summary>How queries, keys and values are made</summary>
        <ul>${(app.info?.notes ?? []).map((note) => html`<li>${note}</li>`)}</ul>
      </details>
    </section>
  `;
}
