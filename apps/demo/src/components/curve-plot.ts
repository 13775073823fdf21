import type { CurvePoint } from "@spaattn/lab";
import { html } from "lit";
import type uPlot from "uplot";
import { MODE_NAMES, percent } from "../format.js";
import type { App } from "../state/app.js";
import { View } from "./view.js";

const SERIES: readonly CurvePoint["mode"][] = ["none", "paper", "tail"];
const STYLE = {
  none: { dash: [2, 4], token: "--mode-none" },
  paper: { dash: [8, 4], token: "--mode-paper" },
  tail: { dash: [], token: "--accent" },
  levels: { dash: [12, 3, 2, 3], token: "--accent" },
};

/** Error against density for all modes, with the current setting as a ring on each curve. */
export class CurvePlot extends View {
  static override properties = {
    app: { attribute: false },
    points: { attribute: false },
    version: { attribute: false },
  };
  declare app: App;
  declare points: readonly CurvePoint[];
  #plot: uPlot | undefined;
  #drawn: readonly CurvePoint[] | undefined;
  #observer: ResizeObserver | undefined;
  #scheme = matchMedia("(prefers-color-scheme: dark)");

  protected override render(): unknown {
    const points = sorted(this.points);
    return html`
      <div class="plot" role="img" aria-label="Error against the share of blocks computed, a falling curve for each mode. The table below has the numbers."></div>
      <details class="behind">
        <summary>The curve as a table</summary>
        <table>
          <caption>Relative error by mode and density</caption>
          <thead><tr><th scope="col">Mode</th><th scope="col">Skipped</th><th scope="col">Computed</th><th scope="col">Error</th></tr></thead>
          <tbody>
            ${points.map(
              (point) => html`
                <tr><th scope="row">${MODE_NAMES[point.mode]}</th><td>${percent(point.dropRate, 0)}</td><td>${percent(point.density)}</td><td>${percent(point.relL2, 2)}</td></tr>
              `,
            )}
          </tbody>
        </table>
      </details>
    `;
  }

  override firstUpdated(): void {
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(this.querySelector(".plot")!);
    this.#scheme.addEventListener("change", this.#rebuild);
    addEventListener("themechange", this.#rebuild);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.#observer?.disconnect();
    this.#scheme.removeEventListener("change", this.#rebuild);
    removeEventListener("themechange", this.#rebuild);
    this.#plot?.destroy();
    this.#plot = undefined;
  }

  override updated(): void {
    if (!this.#plot) {
      if (this.points.length > 0) void this.#build();
    } else if (this.#drawn !== this.points) {
      this.#drawn = this.points;
      this.#plot.setData(table(this.points));
    } else this.#plot.redraw(false);
  }

  #rebuild = (): void => {
    this.#plot?.destroy();
    this.#plot = undefined;
    void this.#build();
  };

  #resize(): void {
    const box = this.querySelector<HTMLElement>(".plot");
    if (box && this.#plot) this.#plot.setSize({ width: box.clientWidth, height: 260 });
  }

  #building = false;

  /** The plot library is loaded when the first curve is about to be shown. */
  async #build(): Promise<void> {
    if (this.#building) return;
    this.#building = true;
    const { default: Plot } = await import("uplot");
    this.#building = false;
    const box = this.querySelector<HTMLElement>(".plot");
    if (!box || this.#plot || !this.isConnected) return;
    const colour = (token: string) => getComputedStyle(this).getPropertyValue(token).trim();
    const axis = {
      stroke: colour("--muted"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    const share = (_: unknown, values: number[]) => values.map((x) => `${Math.round(x * 100)} %`);
    const options: uPlot.Options = {
      width: box.clientWidth,
      height: 260,
      cursor: { drag: { x: false, y: false } },
      legend: { live: false },
      scales: {
        x: { time: false, range: [0, 0.75] },
        y: { range: (_, __, most) => [0, Math.max(0.1, (most ?? 0) * 1.1)] },
      },
      axes: [
        { ...axis, values: share, label: "blocks computed", labelFont: axis.font, labelSize: 20 },
        { ...axis, values: share, size: 48, label: "error", labelFont: axis.font, labelSize: 18 },
      ],
      series: [
        { label: "computed" },
        ...SERIES.map((mode) => ({
          label: MODE_NAMES[mode],
          stroke: colour(STYLE[mode].token),
          dash: STYLE[mode].dash,
          width: 2,
          spanGaps: true,
          points: { show: true, size: 5 },
        })),
      ],
      hooks: { draw: [(plot) => this.#drawCurrent(plot, colour)] },
    };
    this.#drawn = this.points;
    this.#plot = new Plot(options, table(this.points), box);
  }

  /** A ring where the sliders stand. */
  #drawCurrent(plot: uPlot, colour: (token: string) => string): void {
    for (const mode of SERIES) {
      const row = this.app.views.get(mode)?.row;
      if (!row) continue;
      const { ctx } = plot;
      ctx.beginPath();
      ctx.arc(
        plot.valToPos(row.density, "x", true),
        plot.valToPos(row.relL2, "y", true),
        6 * devicePixelRatio,
        0,
        2 * Math.PI,
      );
      ctx.setLineDash([]);
      ctx.fillStyle = colour("--surface");
      ctx.fill();
      ctx.lineWidth = 2.5 * devicePixelRatio;
      ctx.strokeStyle = colour(STYLE[mode].token);
      ctx.stroke();
    }
  }
}

const sorted = (points: readonly CurvePoint[]) =>
  [...points].sort((a, b) => SERIES.indexOf(a.mode) - SERIES.indexOf(b.mode) || a.density - b.density);

/** uPlot's columns: all densities ascending, then one column of errors per mode. */
function table(points: readonly CurvePoint[]): uPlot.AlignedData {
  const ordered = [...points].sort((a, b) => a.density - b.density);
  const column = (mode: CurvePoint["mode"]) => ordered.map((point) => (point.mode === mode ? point.relL2 : null));
  return [ordered.map(({ density }) => density), ...SERIES.map(column)] as uPlot.AlignedData;
}

customElements.define("curve-plot", CurvePlot);
