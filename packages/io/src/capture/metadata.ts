import { malformed } from "@spaattn/weights";
import { type CaptureInfo, DEFAULT_AXIS_ORDER } from "./capture.js";

/** Names other tools give to the same facts. */
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  grid: ["grid_thw"],
  text_tokens: ["n_text"],
  scale: ["softmax_scale"],
  model: ["adapter"],
};

// The bytes are all there; what whoever wrote them said about them is not right.
const WRONG = { remedy: "Write the capture again with other metadata; docs/capture-format.md says what each may be." };

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** Reads the facts of a capture from the metadata of its file. */
export class CaptureMetadata {
  constructor(
    readonly metadata: Readonly<Record<string, string>>,
    readonly what: string,
  ) {}

  info(batch: number): CaptureInfo {
    const textTokens = this.#count("text_tokens") ?? 0;
    const grid = this.#json<CaptureInfo["grid"]>("grid", isGrid, "three positive integers [t, h, w]");
    const scale = this.#json<number>("scale", Number.isFinite, "a finite number");
    const blockSize = this.#json<number>("block_size", isBlockSize, "64 or 128");
    const layer = this.#count("layer");
    const step = this.#count("step");
    const model = this.#text("model");
    return {
      tokenOrder: this.#tokenOrder(grid !== undefined),
      axisOrder:
        this.#json<CaptureInfo["axisOrder"]>("axis_order", isAxisOrder, 'a permutation of "w", "h", "t"') ??
        DEFAULT_AXIS_ORDER,
      textTokens,
      textValid: this.#textValid(batch, textTokens),
      ...(grid && { grid }),
      ...(scale !== undefined && { scale }),
      ...(blockSize !== undefined && { blockSize }),
      ...(model !== undefined && { model }),
      ...(layer !== undefined && { layer }),
      ...(step !== undefined && { step }),
    };
  }

  #text(name: string): string | undefined {
    for (const key of [name, ...(ALIASES[name] ?? [])])
      if (Object.hasOwn(this.metadata, key)) return this.metadata[key];
    return undefined;
  }

  #json<T>(name: string, check: (value: unknown) => boolean, wanted: string): T | undefined {
    const text = this.#text(name);
    if (text === undefined) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      value = undefined;
    }
    if (!check(value)) malformed(this.what, `metadata ${name} must be ${wanted}, got ${JSON.stringify(text)}`, WRONG);
    return value as T;
  }

  #count(name: string): number | undefined {
    return this.#json<number>(name, isCount, "a non-negative integer");
  }

  #tokenOrder(hasGrid: boolean): "raster" | "curve" {
    const order = this.#text("token_order");
    if (order === "raster" || order === "curve") return order;
    if (order !== undefined)
      malformed(this.what, `metadata token_order must be raster or curve, got "${order}"`, WRONG);
    // Files of version 1 always say; those of other tools hold attention's own order.
    if (hasGrid && this.#text("format") === CAPTURE_FORMAT)
      malformed(this.what, "metadata token_order is missing", WRONG);
    return "curve";
  }

  #textValid(batch: number, textTokens: number): readonly number[] {
    const valid = this.#json<number | number[]>(
      "text_valid",
      (value) => isCount(value) || (Array.isArray(value) && value.every(isCount)),
      "a list of non-negative integers",
    );
    // Without text the list may be empty.
    if (valid === undefined || (typeof valid === "object" && valid.length === 0 && textTokens === 0))
      return new Array<number>(batch).fill(textTokens);
    return typeof valid === "number" ? new Array<number>(batch).fill(valid) : valid;
  }
}

export const CAPTURE_FORMAT = "spaattn-capture/1";

const isGrid = (value: unknown) =>
  Array.isArray(value) && value.length === 3 && value.every((x) => isCount(x) && x > 0);
const isBlockSize = (value: unknown) => value === 64 || value === 128;
const isAxisOrder = (value: unknown) => Array.isArray(value) && [...value].sort().join() === "h,t,w";

/** The metadata of a capture file. */
export function captureMetadata(info: CaptureInfo): Record<string, string> {
  const facts: Record<string, unknown> = {
    grid: info.grid,
    text_tokens: info.textTokens,
    text_valid: info.textValid,
    axis_order: info.axisOrder,
    scale: info.scale,
    block_size: info.blockSize,
    layer: info.layer,
    step: info.step,
  };
  const metadata: Record<string, string> = { format: CAPTURE_FORMAT, token_order: info.tokenOrder };
  for (const [name, value] of Object.entries(facts)) if (value !== undefined) metadata[name] = JSON.stringify(value);
  if (info.model !== undefined) metadata.model = info.model;
  return metadata;
}
