import type { AttentionSpec, TokenLayout } from "@spaattn/attention";
import { checkFields, describeValue, HostTensor } from "@spaattn/core";
import { videoLayout } from "@spaattn/layout";
import type { Clip } from "./clip.js";
import { type Head, makeHeads, project } from "./heads.js";
import { chooseGrid, cutPatches, type Patches, type PatchSize } from "./patches.js";
import { rotaryPairs, rotate } from "./rotary.js";

/** Query, key and value with all that is needed to run and to look at them. */
export interface LabInputs {
  readonly name: string;
  /** `[batch, heads, tokens, headDim]`, in attention (curve) order. */
  readonly query: HostTensor;
  readonly key: HostTensor;
  readonly value: HostTensor;
  /** The part of an attention spec that the inputs fix. */
  readonly spec: Pick<
    AttentionSpec,
    "batch" | "heads" | "headDim" | "visualTokens" | "textTokens" | "textValid" | "blockSize" | "dtype" | "scale"
  > & {
    readonly layout?: TokenLayout;
    readonly tokenOrder: "curve";
  };
  /** What each head is, for labels. */
  readonly heads: readonly string[];
  /** How the inputs came to be, in sentences for the reader. */
  readonly notes: readonly string[];
  /** Of a capture: where in which model it was made, as far as it says. */
  readonly source?: {
    readonly model?: string;
    readonly layer?: number;
    readonly grid?: readonly [number, number, number];
  };
  /** Present when the values are pixels: how to turn an output back into frames. */
  readonly patches?: Patches;
}

export interface BuildOptions {
  /** 64 (default, patches of 1x4x4 pixels) or 128 (2x4x4). */
  readonly headDim?: 64 | 128;
  /** Default 8. */
  readonly heads?: number;
  /** Default 8192. */
  readonly maxTokens?: number;
  readonly blockSize?: number;
  readonly curve?: "hilbert" | "raster";
  /** Default 7. */
  readonly seed?: number;
}

const PATCHES: Record<64 | 128, PatchSize> = { 64: [1, 4, 4], 128: [2, 4, 4] };

/**
 * Builds attention inputs from a clip, honestly and without a model: 3-D patches, fixed seeded projections of several
 * kinds, QK-norm, 3-axis rotary embedding, curve order. Values carry the patch pixels, so an output is a picture.
 *
 * @throws RangeError when the clip or an option is out of range.
 */
export function buildInputs(clip: Clip, options: BuildOptions = {}): LabInputs {
  checkFields("options", options, ["headDim", "heads", "maxTokens", "blockSize", "curve", "seed"]);
  const { headDim = 64, heads: count = 8, maxTokens = 8192, blockSize = 128, curve = "hilbert", seed = 7 } = options;
  if (!(headDim in PATCHES)) throw new RangeError(`headDim must be 64 or 128, got ${describeValue(headDim)}`);
  if (!Number.isSafeInteger(count) || count < 1)
    throw new RangeError(`heads must be a positive integer, got ${describeValue(count)}`);
  if (!Number.isSafeInteger(maxTokens) || maxTokens < blockSize)
    throw new RangeError(`maxTokens must be an integer of at least ${blockSize}, got ${describeValue(maxTokens)}`);
  if (!Number.isSafeInteger(seed)) throw new RangeError(`seed must be an integer, got ${describeValue(seed)}`);
  const patch = PATCHES[headDim];
  const patches = cutPatches(padFrames(clip, patch[0]), chooseGrid(clip, patch, maxTokens), patch);
  const layout = videoLayout({ grid: patches.grid, blockSize, curve });
  const heads = makeHeads(count, headDim, patches.channels, seed);
  const tensors = projectAll(patches, heads, headDim, layout);
  const [t, h, w] = patches.grid;
  const { size } = patches;
  return {
    name: clip.name ?? "clip",
    ...tensors,
    spec: {
      batch: 1,
      heads: count,
      headDim,
      visualTokens: t * h * w,
      blockSize,
      dtype: "f32",
      layout,
      tokenOrder: "curve",
    },
    heads: heads.map(({ kind, gain }) => `${kind} ×${gain}`),
    notes: [
      `${size.frames} of ${framesOf(clip)} at ${size.width}x${size.height} pixels, cut into ${patch.join("x")} patches: ` +
        `${t}x${h}x${w} = ${t * h * w} tokens in ${curve === "hilbert" ? "Hilbert-curve" : "raster"} order, blocks of ${blockSize}.`,
      `${count} heads (local, spatial, temporal and global in turn) with fixed random projections of the patches (seed ${seed}), ` +
        "normalised queries and keys, and a 3-axis rotary embedding. No model weights are involved, so no statement about generated video follows.",
      "Values are the patch pixels, so an output can be looked at as frames.",
      ...(clip.notes ?? []),
    ],
    patches,
  };
}

/** `512 frames`, or `the first 512 of 3000 frames`: what was left in the file is part of what is shown. */
function framesOf({ frames, totalFrames = frames }: Clip): string {
  return totalFrames > frames ? `the first ${frames} of ${totalFrames} frames` : `${frames} frames`;
}

/** A clip shorter than one patch is held on its last frame. */
function padFrames(clip: Clip, frames: number): Clip {
  if (clip.frames >= frames) return clip;
  const bytes = clip.data.length / clip.frames;
  const data = new Uint8Array(bytes * frames);
  data.set(clip.data);
  for (let t = clip.frames; t < frames; t++) data.set(clip.data.subarray(-bytes), t * bytes);
  return { ...clip, frames, data };
}

function projectAll(patches: Patches, heads: readonly Head[], headDim: number, layout: TokenLayout) {
  const { grid, channels, data } = patches;
  const tokens = layout.order.length;
  const shape = [1, heads.length, tokens, headDim];
  const [query, key, value] = [0, 1, 2].map(() => new HostTensor("f32", shape));
  const pairs = rotaryPairs(headDim);
  const area = grid[1] * grid[2];
  for (const [h, head] of heads.entries())
    for (let position = 0; position < tokens; position++) {
      const token = layout.order[position];
      const patch = data.subarray(token * channels, (token + 1) * channels);
      const offset = (h * tokens + position) * headDim;
      const at = [Math.floor(token / area), Math.floor((token % area) / grid[2]), token % grid[2]];
      project(head.queryWeights, head, patch, query.data, offset);
      project(head.keyWeights, head, patch, key.data, offset);
      rotate(query.data, offset, at, pairs);
      rotate(key.data, offset, at, pairs);
      value.data.set(patch, offset);
    }
  return { query, key, value };
}
