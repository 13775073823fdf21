import { html, nothing, type TemplateResult } from "lit";
import { MODE_NAMES, percent } from "../format.js";
import type { App } from "../state/app.js";
import type { Settings } from "../state/settings.js";

interface Choice<T> {
  readonly value: T;
  readonly label: string;
}

/** One slider with its value in words. */
function slider(
  id: string,
  label: string,
  range: { min: number; max: number; step: number },
  value: number,
  text: string,
  change: (value: number) => void,
): TemplateResult {
  return html`
    <div class="control">
      <label for=${id}>${label}</label><output for=${id}>${text}</output>
      <input
        id=${id}
        type="range"
        min=${range.min}
        max=${range.max}
        step=${range.step}
        .value=${String(value)}
        aria-valuetext=${text}
        @input=${(event: Event) => change(Number((event.target as HTMLInputElement).value))}
      />
    </div>
  `;
}

/** A row of exclusive choices. */
export function choices<T extends string | number | boolean>(
  name: string,
  label: string,
  list: readonly Choice<T>[],
  value: T,
  change: (value: T) => void,
): TemplateResult {
  return html`
    <fieldset class="choices">
      <legend>${label}</legend>
      <div>
        ${list.map(
          (choice) => html`
            <label>
              <input type="radio" name=${name} .checked=${choice.value === value} @change=${() => change(choice.value)} />
              <span>${choice.label}</span>
            </label>
          `,
        )}
      </div>
    </fieldset>
  `;
}

const OFF_ON = [
  { value: false, label: "off" },
  { value: true, label: "on" },
];

const setter =
  (app: App) =>
  <K extends keyof Settings>(key: K) =>
  (value: Settings[K]) =>
    app.set({ [key]: value });

/** Everything that decides which blocks are computed and what happens to the rest. */
export function controls(app: App): TemplateResult {
  const { settings } = app;
  const set = setter(app);
  return html`
    <section class="controls" aria-label="Settings">
      ${slider("drop-rate", "Blocks skipped", { min: 0, max: 0.97, step: 0.01 }, settings.dropRate, percent(settings.dropRate, 0), set("dropRate"))}
      ${choices(
        "mode",
        "Repair, shown in the maps",
        (["none", "paper", "tail"] as const).map((value) => ({
          value,
          label: value === "none" ? "None" : MODE_NAMES[value],
        })),
        settings.mode,
        set("mode"),
      )}
      <details @toggle=${(event: Event) => app.showMore((event.target as HTMLDetailsElement).open)} ?open=${app.moreSettings}>
        <summary>More settings</summary>
        ${app.moreSettings ? more(app) : nothing}
      </details>
    </section>
  `;
}

function more(app: App): TemplateResult {
  const { settings } = app;
  const set = setter(app);
  return html`
        ${slider(
          "cover-mass",
          "At least this much mass",
          { min: 0, max: 0.95, step: 0.05 },
          settings.coverMass,
          settings.coverMass === 0 ? "off" : percent(settings.coverMass, 0),
          set("coverMass"),
        )}
        ${choices(
          "block-size",
          "Block size",
          [
            { value: 64, label: "64" },
            { value: 128, label: "128" },
          ],
          settings.blockSize,
          set("blockSize"),
        )}
        ${choices(
          "curve",
          "Token order",
          [
            { value: "hilbert", label: "Hilbert curve" },
            { value: "raster", label: "raster" },
          ],
          settings.curve,
          set("curve"),
        )}
        ${choices("neighbours", "Always neighbours", OFF_ON, settings.neighbours, set("neighbours"))}
        ${choices(
          "first-frame",
          "Always the first frame",
          [
            { value: "off", label: "off" },
            { value: "sink", label: "as key" },
            { value: "dense", label: "dense" },
          ],
          settings.firstFrame,
          set("firstFrame"),
        )}
        ${choices(
          "strata",
          "Summaries per block (tail)",
          [1, 2, 4, 8].map((value) => ({ value: value as Settings["strata"], label: String(value) })),
          settings.strata,
          set("strata"),
        )}
        ${choices(
          "tokens",
          "Tokens, at most",
          [1024, 2048, 3072, 4096, 8192].map((value) => ({ value, label: value.toLocaleString("en") })),
          settings.tokens,
          set("tokens"),
        )}
        <p class="hint">More tokens look finer and take longer: dense attention grows with their square.</p>
  `;
}
