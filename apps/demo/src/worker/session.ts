import type { Backend, Extra } from "@spaattn/attention";
import {
  type BlockMass,
  buildInputs,
  type CaptureLike,
  type Clip,
  inputsFromCapture,
  type LabInputs,
  type Mode,
  type ModeRun,
  ROW_EXTRAS,
  runMode,
  trueBlockMass,
} from "@spaattn/lab";
import { selectionOf } from "../state/lab-options.js";
import { inputKey, type Settings, selectionKey } from "../state/settings.js";
import { Backends } from "./backends.js";
import { DemoError } from "./failure.js";
import type { BackendName } from "./protocol.js";
import { Scheduler } from "./scheduler.js";

export type Opened = { readonly name: string } & (
  | { readonly clip: Clip; readonly capture?: undefined }
  | { readonly clip?: undefined; readonly capture: CaptureLike }
);

/** What a task gets to work with. */
export interface Stage {
  readonly settings: Settings;
  readonly name: BackendName;
  readonly backend: Backend;
  readonly inputs: LabInputs;
}

/** What the maps and rows need besides the output; asked for in runs of their own, so that times stay honest. */
const LOOK: Record<Mode, readonly Extra[]> = {
  ...ROW_EXTRAS,
  tail: [...ROW_EXTRAS.tail, "blockMass", "blockError"],
};

/** The opened file, the inputs made of it and the runs on them; anything outdated is dropped. */
export class Session {
  readonly backends = new Backends();
  readonly scheduler = new Scheduler();
  #opened: Opened | undefined;
  #inputs: { key: string; value: LabInputs } | undefined;
  #kept = new Map<string, Promise<unknown>>();
  #keptFor = "";

  open(opened: Opened): void {
    this.#opened = opened;
    this.#inputs = undefined;
    this.#kept.clear();
    this.#keptFor = "";
  }

  get opened(): Opened {
    if (this.#opened) return this.#opened;
    throw new DemoError("UnreadableFile", "No clip is open.", "Open one, or reload the page for the bundled clip.");
  }

  async stage(settings: Settings): Promise<Stage> {
    const inputs = this.#build(settings);
    const name = await this.backends.choose(settings.backend);
    return { settings, name, inputs, backend: await this.backends.get(name) };
  }

  dense(stage: Stage, signal: AbortSignal): Promise<ModeRun> {
    return this.#keep(stage, "dense", () => runMode(stage.backend, stage.inputs, "dense", 0, { signal }));
  }

  /** One timed run, without extras. */
  run(stage: Stage, mode: Mode, signal: AbortSignal): Promise<ModeRun> {
    if (mode === "dense") return this.dense(stage, signal);
    const { settings, backend, inputs } = stage;
    return this.#keep(stage, `${mode} ${selectionKey(settings)}`, () =>
      runMode(backend, inputs, mode, settings.dropRate, { ...selectionOf(settings), signal }),
    );
  }

  /** One run with everything the maps and rows need. */
  look(stage: Stage, mode: Mode, signal: AbortSignal): Promise<ModeRun> {
    if (LOOK[mode].length === 0) return this.run(stage, mode, signal);
    const { settings, backend, inputs } = stage;
    return this.#keep(stage, `look ${mode} ${selectionKey(settings)}`, () =>
      runMode(backend, inputs, mode, settings.dropRate, { ...selectionOf(settings), signal, extras: LOOK[mode] }),
    );
  }

  mass(stage: Stage, signal: AbortSignal): Promise<BlockMass> {
    return this.#keep(stage, "mass", () => trueBlockMass(stage.backend, stage.inputs, { signal }));
  }

  #build(settings: Settings): LabInputs {
    const { clip, capture, name } = this.opened;
    const key = inputKey(settings);
    if (this.#inputs?.key !== key) {
      const value = clip
        ? buildInputs(clip, {
            blockSize: settings.blockSize,
            curve: settings.curve,
            maxTokens: settings.tokens,
            heads: settings.heads,
          })
        : inputsFromCapture({ ...capture!, blockSize: settings.blockSize }, name);
      this.#inputs = { key, value };
    }
    return this.#inputs.value;
  }

  /** Runs once per (backend, inputs, key); only the last two selections are kept, and failures never. */
  #keep<T>(stage: Stage, key: string, make: () => Promise<T>): Promise<T> {
    const owner = `${stage.name} ${inputKey(stage.settings)}`;
    if (owner !== this.#keptFor) {
      this.#kept.clear();
      this.#keptFor = owner;
    }
    const kept = this.#kept.get(key) as Promise<T> | undefined;
    if (kept) return kept;
    const made = make();
    this.#kept.set(key, made);
    made.catch(() => this.#kept.delete(key));
    this.#trim();
    return made;
  }

  #trim(): void {
    const passing = [...this.#kept.keys()].filter((key) => key !== "dense" && key !== "mass");
    for (const key of passing.slice(0, -10)) this.#kept.delete(key);
  }
}
