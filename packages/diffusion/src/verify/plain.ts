import { HostTensor } from "@spaattn/core";
import { openWeights, readJson, scaledWeights } from "@spaattn/weights";
import { imageToClip, imageToPlanes } from "../image/preprocess.js";
import { resize } from "../image/resize.js";
import { TorchRandom } from "../random/torch-random.js";
import { loadTokenizer } from "../tokenizer/load.js";
import { encodePadded } from "../tokenizer/tokenizer.js";
import { compare, exactly, type GoldenCheck } from "./check.js";
import type { GoldenFile, VerifyContext } from "./context.js";

/** Every storage type, converted. */
export async function* verifyDTypes(
  { folder }: VerifyContext,
  { tensors: golden }: GoldenFile,
): AsyncGenerator<GoldenCheck> {
  const weights = scaledWeights(await openWeights(folder, { stem: "types" }));
  for (const [name, expected] of golden) {
    if (name.endsWith("_finite")) continue;
    const finite = golden.get(`${name}_finite`)?.data;
    const values = (await weights.read(name)).toFloat32();
    const wrong = values.findIndex((value, i) =>
      finite && !finite[i] ? Number.isFinite(value) : value !== (expected.data as Float32Array)[i],
    );
    yield exactly(name, wrong < 0 && values.length === expected.length, `element ${wrong} is ${values[wrong]}`);
  }
  await weights.close();
}

/** Pictures: bytes exactly, planes closely. */
export async function* verifyImageOps(_: VerifyContext, { tensors: golden }: GoldenFile): AsyncGenerator<GoldenCheck> {
  const { shape, data } = golden.get("source") as HostTensor;
  const source = { width: shape[1], height: shape[0], data: data as Uint8Array };
  for (const [name, expected] of golden) {
    const [height, width] = expected.shape;
    if (name.startsWith("bicubic_") || name.startsWith("lanczos_")) {
      const filter = name.startsWith("bicubic") ? "bicubic" : "lanczos";
      const bytes = resize(source, width, height, filter).data;
      yield exactly(
        name,
        bytes.every((byte, i) => byte === (expected.data as Uint8Array)[i]),
      );
    } else if (name.startsWith("vae_preprocess_"))
      yield compare(name, imageToPlanes(source, expected.shape[3], expected.shape[2]), expected, 1e-6);
    else if (name.startsWith("clip_pixel_values_"))
      yield compare(name, imageToClip(source, expected.shape[2]), expected, 1e-6);
  }
}

interface TokenCase {
  readonly text: string;
  readonly ids: readonly number[];
  readonly padded_ids?: readonly number[];
  readonly mask?: readonly number[];
}

/** A tokenizer: the ids of all texts, exactly. */
export async function* verifyTokenizer({ folder }: VerifyContext): AsyncGenerator<GoldenCheck> {
  const same = (a: ArrayLike<number>, b: readonly number[]) => a.length === b.length && b.every((id, i) => a[i] === id);
  const plain = await readJson(folder, "golden.json");
  if (plain) {
    const tokenizer = await loadTokenizer(folder, ".");
    for (const { text, ids, padded_ids, mask } of plain.cases as TokenCase[]) {
      yield exactly(`ids of ${JSON.stringify(text)}`, same(tokenizer.encode(text), ids));
      if (!padded_ids || !mask) continue;
      const padded = encodePadded(tokenizer, text, plain.max_length as number);
      yield exactly(`padded ids of ${JSON.stringify(text)}`, same(padded.ids, padded_ids) && same(padded.mask, mask));
    }
  }
  const pieces = await readJson(folder, "golden_spm.json");
  if (!pieces) return;
  // The library's own ids: what is read where spiece.model is alone.
  const hidden = {
    name: folder.name,
    open: async (path: string) => (path.endsWith(".json") ? undefined : folder.open(path)),
  };
  const tokenizer = await loadTokenizer(hidden, ".");
  for (const { text, ids } of pieces.cases as TokenCase[])
    yield exactly(`SentencePiece ids of ${JSON.stringify(text)}`, same(tokenizer.encode(text), ids));
}

/** Torch's random numbers on the CPU. Entries `cpu.SEED.KIND`; those of CUDA are another generator's. */
export function* verifyRandom(all: Readonly<Record<string, unknown>>): Generator<GoldenCheck> {
  for (const [key, value] of Object.entries(all)) {
    const [device, seed, kind, part] = key.split(".");
    if (device !== "cpu") continue;
    const random = new TorchRandom(BigInt(seed));
    const numbers = value as number[];
    if (kind === "big") {
      if (part === "at") yield* verifyMany(key, random, value as [number, number][]);
    } else if (kind === "two") {
      if (part === "b") random.normal((all[`cpu.${seed}.two.a`] as number[]).length);
      yield close(key, random.normal(numbers.length), numbers);
    } else if (kind === "bf16")
      yield exactly(
        key,
        random.normal(numbers.length, "bf16").every((x, i) => x === numbers[i]),
      );
    else yield close(key, random.normal(Number(kind)).subarray(0, numbers.length), numbers);
  }
}

function* verifyMany(key: string, random: TorchRandom, pairs: readonly [number, number][]): Generator<GoldenCheck> {
  const drawn = random.normal(pairs[pairs.length - 1][0] + 1);
  yield close(key, pairs.map(([i]) => drawn[i]), pairs.map(([, x]) => x)); // biome-ignore format: one line
}

function close(name: string, actual: ArrayLike<number>, expected: readonly number[]): GoldenCheck {
  return compare(name, actual, new HostTensor("f32", [expected.length], Float32Array.from(expected)), 1e-6);
}
