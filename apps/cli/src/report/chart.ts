import type { CurvePoint } from "@spaattn/lab";
import { MODE_NAMES } from "../compare/print-comparison.js";
import { percent } from "../terminal/format.js";
import type { SparseMode } from "./data.js";
import { type Html, html } from "./html.js";

const WIDTH = 760;
const HEIGHT = 380;
const LEFT = 62;
const RIGHT = 110;
const TOP = 14;
const BOTTOM = 46;
const CURVES: readonly SparseMode[] = ["none", "paper", "tail"];

/** Error against density of all modes: a line each, error on a logarithmic scale. */
export function errorChart(points: readonly CurvePoint[]): Html {
  const shown = points.filter(({ relL2 }) => relL2 > 0 && Number.isFinite(relL2));
  if (points.some(({ relL2 }) => !Number.isFinite(relL2)) && shown.length === 0)
    return html`<p class="soft">No error is a finite number; there is nothing to draw.</p>`;
  if (shown.length === 0)
    return html`<p class="soft">Every point equals dense attention; there is no error to draw.</p>`;
  const [low, high] = decades(shown.map(({ relL2 }) => relL2));
  const right = niceDensity(Math.max(...shown.map(({ density }) => density)));
  const x = (density: number) => LEFT + (density / right) * (WIDTH - LEFT - RIGHT);
  const y = (error: number) =>
    TOP + ((Math.log10(high) - Math.log10(error)) / (Math.log10(high) - Math.log10(low))) * (HEIGHT - TOP - BOTTOM);
  return html`<svg class="chart" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Relative error against density for block-sparse, paper and tail; the table below has the numbers.">
    ${ticksOf(low, high).map(
      (error) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(error)}" y2="${y(error)}" />
      <text x="${LEFT - 8}" y="${y(error) + 4}" text-anchor="end">${String(error)}</text>`,
    )}
    ${[0, 0.25, 0.5, 0.75, 1].map(
      (share) =>
        html`<text x="${x(share * right)}" y="${HEIGHT - BOTTOM + 20}" text-anchor="middle">${percent(share * right, right < 0.4 ? 1 : 0)}</text>`,
    )}
    <text x="${(LEFT + WIDTH - RIGHT) / 2}" y="${HEIGHT - 6}" text-anchor="middle">density: share of blocks computed</text>
    <text x="${LEFT - 46}" y="${(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" transform="rotate(-90 ${LEFT - 46} ${(TOP + HEIGHT - BOTTOM) / 2})">relative L2 error</text>
    ${CURVES.map((mode) => {
      const own = shown.filter((point) => point.mode === mode).sort((a, b) => a.density - b.density);
      if (own.length === 0) return undefined;
      const last = own[own.length - 1];
      return html`<g class="${mode}">
        <polyline class="curve" points="${own.map((point) => `${round(x(point.density))},${round(y(point.relL2))}`).join(" ")}" />
        ${own.map((point) => html`<circle cx="${round(x(point.density))}" cy="${round(y(point.relL2))}" r="4.5"><title>${MODE_NAMES[mode]}: density ${percent(point.density)}, error ${point.relL2.toPrecision(3)}</title></circle>`)}
        <text class="name" x="${x(last.density) + 10}" y="${y(last.relL2) + labelShift(mode, shown)}">${MODE_NAMES[mode]}</text>
      </g>`;
    })}
  </svg>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** Keeps the names of two curves that end close together apart. */
function labelShift(mode: SparseMode, points: readonly CurvePoint[]): number {
  const end = (of: SparseMode) =>
    points
      .filter((point) => point.mode === of)
      .reduce((a, b) => (b.density >= a.density ? b : a), { density: -1, relL2: 0 }).relL2;
  const [none, paper] = [end("none"), end("paper")];
  const close = none > 0 && paper > 0 && Math.abs(Math.log10(none / paper)) < 0.07;
  if (!close || mode === "tail") return 4;
  return (mode === "none") === none >= paper ? -4 : 13;
}

/** The scale's ends: one of 1, 2, 5 below and above the data. */
function decades(errors: readonly number[]): [number, number] {
  const steps = Array.from({ length: 60 }, (_, i) => [1, 2, 5][i % 3] * 10 ** (Math.floor(i / 3) - 15)).map((x) =>
    Number(x.toPrecision(1)),
  );
  const low = [...steps].reverse().find((x) => x <= Math.min(...errors)) ?? steps[0];
  const high = steps.find((x) => x >= Math.max(...errors)) ?? steps[steps.length - 1];
  return low === high ? [low / 10, high] : [low, high];
}

const ticksOf = (low: number, high: number): number[] => {
  const ticks: number[] = [];
  for (let i = -45; i <= 45; i++) {
    const value = Number(([1, 2, 5][((i % 3) + 3) % 3] * 10 ** Math.floor(i / 3)).toPrecision(1));
    if (value >= low && value <= high) ticks.push(value);
  }
  return ticks;
};

const niceDensity = (most: number): number => [0.1, 0.2, 0.4, 0.6, 0.8, 1].find((x) => x >= most) ?? 1;
