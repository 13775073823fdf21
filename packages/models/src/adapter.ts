import { type AttentionSpec, type Backend, type Extra, type Policy, policyFrom, topBlocks } from "@spaattn/attention";
import type { TypedArray } from "@spaattn/core";
import { type VideoLayout, videoLayout } from "@spaattn/layout";
import { alongCurve } from "./along-curve.js";
import { type CacheSettings, cacheSettings } from "./cache-rule.js";
import { expertCount, type ModelCard, type VideoSize } from "./card.js";
import { type AdapterOptions, resolveOptions, type Settings } from "./options.js";
import { presetMismatch } from "./preset.js";
import { type RotaryTable, rotaryTable } from "./rotary.js";
import type { Branch, Schedule } from "./schedule.js";
import { Session } from "./session.js";
import { type VideoGeometry, videoGeometry } from "./size.js";

/** Which attention call of a generation. */
export interface AttentionCall {
  /** Attention layer of the transformer that runs in this step, from 0. */
  readonly layer: number;
  /** Denoising step, from 0. */
  readonly step: number;
  /** Default `conditional`; both branches attend alike. */
  readonly branch?: Branch;
  readonly size?: Partial<VideoSize>;
  /** Valid text tokens per batch item; default all slots. */
  readonly textValid?: number | readonly number[];
  readonly extras?: readonly Extra[];
}

/**
 * A model, ready to say what each attention call of a generation should do.
 *
 * It holds no state: sessions count, and the same call always gives the same spec.
 */
export class ModelAdapter {
  readonly settings: Settings;
  readonly #layouts = new Map<string, VideoLayout>();

  /** @throws RangeError that names the option. */
  constructor(card: ModelCard, options: AdapterOptions = {}) {
    this.settings = resolveOptions(card, options);
    if (this.settings.preset) this.#checkPreset(this.geometry());
  }

  get card(): ModelCard {
    return this.settings.card;
  }

  get name(): string {
    return this.card.name;
  }

  get schedule(): Schedule {
    return this.settings.schedule;
  }

  /** The numbers of the step cache. */
  get stepCache(): CacheSettings {
    return cacheSettings(this.card.stepCache, this.settings.behaviour, this.settings.stepCache);
  }

  /** From pixels to tokens. @throws RangeError with the nearest valid sizes. */
  geometry(size: Partial<VideoSize> = {}): VideoGeometry {
    return videoGeometry(this.card, { ...this.settings.size, ...size }, this.settings.behaviour);
  }

  /** Token order, neighbours and first-frame blocks; made once per grid. */
  layout(size: Partial<VideoSize> = {}): VideoLayout {
    const { grid } = this.geometry(size);
    const key = grid.join("x");
    const { blockSize, textTokens } = this.settings;
    const made =
      this.#layouts.get(key) ??
      videoLayout({ grid, blockSize, textTokens, text: this.card.text?.order ?? "behind", axisOrder: ["w", "h", "t"] });
    this.#layouts.set(key, made);
    return made;
  }

  /** Rotary factors of the visual tokens, in curve order or row-major. */
  rotary(size: Partial<VideoSize> = {}, order: "curve" | "raster" = "curve"): RotaryTable {
    const table = rotaryTable(this.card.rotary, this.geometry(size).grid);
    if (order === "raster") return table;
    return { cos: this.alongCurve(table.cos, size), sin: this.alongCurve(table.sin, size), pairs: table.pairs };
  }

  /** A row-major `[visualTokens, channels]` table in curve order: modulation per token, or anything else like it. */
  alongCurve<T extends TypedArray>(table: T, size: Partial<VideoSize> = {}): T {
    return alongCurve(table, this.layout(size).curveToLinear);
  }

  /** True when a call computes every block. */
  isDense(call: Pick<AttentionCall, "layer" | "step">): boolean {
    this.#check(call);
    const { denseSteps, denseLayers } = this.schedule;
    return !this.settings.sparse || denseLayers.includes(call.layer) || denseSteps.includes(call.step);
  }

  /**
   * The attention call of a layer and step. Tensors are in the model's own sequence (`tokenOrder: "raster"`), or
   * already along the curve with text behind.
   *
   * @throws RangeError for a layer, step or branch the model does not have, or a calibrated preset of another grid.
   */
  attention(call: AttentionCall): AttentionSpec {
    const { card, settings } = this;
    const dense = this.isDense(call);
    const geometry = this.geometry(call.size);
    if (settings.preset) this.#checkPreset(geometry);
    return {
      batch: settings.batch,
      heads: card.heads,
      headDim: card.headDim,
      visualTokens: geometry.visualTokens,
      textTokens: settings.textTokens,
      ...(call.textValid === undefined ? {} : { textValid: call.textValid }),
      blockSize: settings.blockSize,
      dtype: settings.dtype,
      dense,
      policy: this.policy(this.globalLayer(call)),
      rectify: settings.rectify,
      ...(settings.tail ? { tail: settings.tail } : {}),
      ...(settings.levels ? { levels: settings.levels } : {}),
      behaviour: settings.behaviour,
      layout: this.layout(call.size),
      tokenOrder: settings.tokenOrder,
      ...(call.extras ? { extras: call.extras } : {}),
    };
  }

  /** The layer counted through both transformers of a two-expert model (algorithm.md section 8.0, "layer counting"). */
  globalLayer(call: Pick<AttentionCall, "layer" | "step">): number {
    return call.layer + (call.step < this.schedule.switchStep ? 0 : this.card.layers);
  }

  /** The policy of a layer, counted through both transformers. */
  policy(globalLayer: number): Policy {
    const { policy, preset, dropRate, coverMass, neighbours, firstFrame } = this.settings;
    if (policy) return policy;
    if (preset) return topBlocks(preset.layers[globalLayer] ?? preset.otherLayers);
    return policyFrom({ dropRate, coverMass, neighbours, firstFrame });
  }

  /** One generation. With a backend it has a step cache. */
  session(options: { backend?: Backend; size?: Partial<VideoSize> } = {}): Session {
    return new Session(this, options);
  }

  #check(call: Pick<AttentionCall, "layer" | "step"> & { branch?: Branch }): void {
    const { card, schedule } = this;
    const below = (name: string, value: number, end: number) => {
      if (!Number.isSafeInteger(value) || value < 0 || value >= end)
        throw new RangeError(`${name} must be an integer from 0 to ${end - 1} for ${card.title}, got ${value}`);
    };
    below("layer", call.layer, card.layers);
    below("step", call.step, schedule.steps);
    if (call.branch !== undefined && !schedule.branches.includes(call.branch))
      throw new RangeError(
        `branch must be ${schedule.branches.join(" or ")} for ${card.title}, got ${String(call.branch)}`,
      );
  }

  #checkPreset({ grid }: VideoGeometry): void {
    const { preset, card, blockSize, rectify } = this.settings;
    const reason = preset && presetMismatch(preset, { card, grid, blockSize, rectify });
    if (reason) throw new RangeError(`preset does not fit: ${reason}`);
    const layers = card.layers * expertCount(card);
    for (const layer of Object.keys(preset?.layers ?? {}))
      if (!(Number(layer) < layers)) throw new RangeError(`preset does not fit: it names layer ${layer} of ${layers}`);
  }
}
