import type { Device, FloatDType } from "@spaattn/core";
import { type T5Config, t5Encoder } from "@spaattn/networks";
import { cleanPrompt } from "../text/clean-prompt.js";
import { encodePadded, type TextTokenizer } from "../tokenizer/tokenizer.js";
import { Network } from "./network.js";
import type { TextFeatures } from "./options.js";
import type { ProgressMeter } from "./progress.js";
import type { WeightStore } from "./weight-store.js";

export interface TextContext {
  readonly device: Device;
  readonly store: WeightStore;
  readonly config: T5Config;
  readonly tokenizer: TextTokenizer;
  readonly dtype: FloatDType;
  readonly memoryLimit?: number;
}

/**
 * The features of a prompt as Wan's transformer takes them.
 *
 * Only the tokens of the text go through the encoder: padding would be masked out there, and its rows replaced by zeros.
 *
 * @param rows tokens at most; longer prompts are cut off
 */
export async function encodeText(
  context: TextContext,
  prompt: string,
  rows: number,
  meter: ProgressMeter,
  signal?: AbortSignal,
): Promise<TextFeatures> {
  const { device, store, config, tokenizer, dtype, memoryLimit } = context;
  const { ids, mask } = encodePadded(tokenizer, cleanPrompt(prompt), rows);
  const count = mask.reduce((sum, one) => sum + one, 0);
  const network = await Network.create(
    device,
    store,
    (g) => g.output("features", t5Encoder(g, config, { ids: g.input("ids", "i32", [1, count]) })),
    { dtype, ...(memoryLimit === undefined ? {} : { memoryLimit }) },
  );
  try {
    await network.set("ids", [1, count], ids.slice(0, count));
    const { options, finish } = meter.begin("text", network.flop, signal);
    await network.run(options);
    finish();
    return { rows: count, values: await network.read("features") };
  } finally {
    network.dispose();
  }
}

/** Features and zero rows, `[rows, width]`. */
export function padFeatures({ rows: count, values }: TextFeatures, rows: number, width: number): Float32Array {
  if (values.length !== count * width || count > rows)
    throw new RangeError(
      `text features must be at most ${rows} rows of ${width} numbers, got ${values.length} in ${count}`,
    );
  const padded = new Float32Array(rows * width);
  padded.set(values);
  return padded;
}
