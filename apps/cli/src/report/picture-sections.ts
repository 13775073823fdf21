import { MODE_NAMES } from "../compare/print-comparison.js";
import { decibels, figure, percent } from "../terminal/format.js";
import type { FilmStrip, FrameSet, HeadReport, InlinePicture, ReportData, SparseMode } from "./data.js";
import { type Html, html, scrolling } from "./html.js";

/** A film as a box whose background moves; frames are stacked in one picture. */
const film = (strip: FilmStrip, label: string, kind = ""): Html =>
  html`<div class="film ${kind}" role="img" aria-label="${label}" style="aspect-ratio:${strip.width}/${strip.height};background-image:url(${strip.url})"></div>`;

/** The frames each mode gives, side by side, and where its error sits. */
export function framesSection(data: ReportData): Html | undefined {
  const { source, frames } = data;
  if (!source || frames.length === 0) return undefined;
  return html`<h2 id="frames">What it does to the picture</h2>
  <p>Values are the clip's own pixels, so every output is a picture: each patch becomes a mixture of the patches it attends to.
  Dense attention blurs too; what counts is how close the others come to it.</p>
  <div data-player data-fps="${data.fps}">
    <div class="player"><button type="button">Play</button>
      <label>frame <input type="range" min="0" max="${source.frames - 1}" value="0" step="1"></label>
      ${frames.length > 1 && html`<label>show <select>${frames.map((set, i) => html`<option value="${i}">${set.label}</option>`)}</select></label>`}</div>
    ${frames.map((set, i) => frameSet(data, set, i))}
  </div>`;
}

const frameSet = (
  data: ReportData,
  set: FrameSet,
  index: number,
): Html => html`<div data-set="${index}"${index > 0 ? html` hidden` : ""}>
  <div class="films">
    <figure>${film(data.source!, "the clip itself")}<figcaption>the clip <span class="soft">(input)</span></figcaption></figure>
    <figure>${film(set.films.dense!, "frames by dense attention")}<figcaption><b class="dense">dense</b></figcaption></figure>
    ${data.modes.map(
      (mode) => html`<figure>${film(set.films[mode]!, `frames by ${MODE_NAMES[mode]} attention`)}
      ${film(set.errors[mode]!, `error of ${MODE_NAMES[mode]} by patch`, "error")}
      <figcaption><b class="${mode}">${MODE_NAMES[mode]}</b> <span class="soft">${decibels({ psnr: set.psnr[mode] ?? null, state: "equal" })} dB</span></figcaption></figure>`,
    )}
  </div>
  <p class="small soft">Below each picture: where its error against dense sits, patch by patch. Decibels are of the pictures shown, against dense.</p>
  <span class="scale">0 <i></i> ${set.top.toPrecision(2)} &nbsp;length of a patch's error, same scale for all</span>
</div>`;

const picture = (image: InlinePicture, label: string, kind = ""): Html =>
  html`<img class="${kind}" src="${image.url}" width="${image.width}" height="${image.height}" alt="${label}">`;

/** Masks of all heads at a glance, then everything about each head. */
export function headsSection(data: ReportData): Html {
  const { heads, modes, blocks } = data;
  const left = data.headCount - heads.length;
  return html`<h2 id="heads">Which blocks each head computes</h2>
  <p>A row is a block of ${data.blockSize} query tokens, a column a block of key tokens, ${blocks} of each, in the order of the
  ${"space-filling curve"}. <b>Filled</b> cells are computed. Heads are sorted by the error of ${MODE_NAMES[modes[0]]} attention, worst first.
  ${left > 0 && html`Maps of the ${left} best heads are left out to keep the page small.`}</p>
  ${sameMasks(heads, modes).map((group) => maskGroup(heads, group))}
  <h2 id="maps">Guessed against true attention</h2>
  <p>To choose blocks without computing them, attention between blocks is guessed from a few numbers per block. Here is the guess beside the truth,
  averaged over the queries of each block: the <b>implicit full attention</b> of the paper from block means, and tail's from four summaries per block.</p>
  <span class="scale">1/10,000 <i></i> 1 &nbsp;of the head's largest block, logarithmic</span>
  ${heads.map((head, i) => headDetails(head, modes, i === 0))}`;
}

/** Modes that choose the same blocks are shown once: paper repairs what plain block-sparse attention selects. */
function sameMasks(heads: readonly HeadReport[], modes: readonly SparseMode[]): SparseMode[][] {
  const groups = new Map<string, SparseMode[]>();
  for (const mode of modes) {
    const masks = heads.map((head) => head.masks[mode]?.url).join();
    groups.set(masks, [...(groups.get(masks) ?? []), mode]);
  }
  return [...groups.values()];
}

function maskGroup(heads: readonly HeadReport[], group: readonly SparseMode[]): Html {
  const names = group.map((mode) => MODE_NAMES[mode]).join(" and ");
  const errors = (head: HeadReport) =>
    group.map(
      (mode, i) => html`${i > 0 && ", "}<span class="${mode}">${percent(head.relL2[mode] ?? Number.NaN)}</span>`,
    );
  return html`<h3 style="margin-top:20px">${names}</h3><div class="maps thumbs">
    ${heads.map(
      (
        head,
      ) => html`<figure class="mask-of">${picture(head.masks[group[0]]!, `blocks computed by head ${head.head}, ${names}`, "mask")}
      <figcaption>head ${head.head} <span class="soft">${head.label}<br>error ${errors(head)}</span></figcaption></figure>`,
    )}</div>`;
}

const headDetails = (
  head: HeadReport,
  modes: readonly SparseMode[],
  open: boolean,
): Html => html`<details${open ? html` open` : ""}>
  <summary>head ${head.head}: ${head.label} <span class="soft small">&ensp;error ${modes.map((mode, i) => html`${i > 0 ? ", " : ""}<span class="${mode}">${MODE_NAMES[mode]} ${percent(head.relL2[mode] ?? Number.NaN)}</span>`)}</span></summary>
  <div class="maps">
    <figure>${picture(head.maps.truth, "true attention between blocks")}<figcaption>true attention</figcaption></figure>
    <figure>${picture(head.maps.implicit, "implicit full attention of the paper")}<figcaption><span class="paper">implicit attention</span> <span class="soft">(paper)</span></figcaption></figure>
    <figure>${picture(head.maps.tail, "attention between blocks as tail estimates it")}<figcaption><span class="tail">summaries</span> <span class="soft">(tail)</span></figcaption></figure>
    <figure>${picture(head.gain, "gain map: blocks whose mean is a fair stand-in", "mask")}<figcaption>gain map <span class="soft">(filled: the paper trusts the block's mean)</span></figcaption></figure>
  </div></details>`;

/** Error of every head shown, in numbers. */
export const headTable = ({ heads, modes }: ReportData): Html =>
  html`<details><summary>Error of every head in numbers</summary>${scrolling(
    "error of every head",
    html`<table>
  <thead><tr><th scope="col">head</th>${modes.map((mode) => html`<th scope="col">${MODE_NAMES[mode]}</th>`)}</tr></thead>
  <tbody>${heads.map((head) => html`<tr><th scope="row">${head.head} <span class="soft">${head.label}</span></th>${modes.map((mode) => html`<td>${figure(head.relL2[mode] ?? Number.NaN, 4)}</td>`)}</tr>`)}</tbody></table>`,
  )}</details>`;
