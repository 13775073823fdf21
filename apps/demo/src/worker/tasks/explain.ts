import type { LabInputs, ModeRun } from "@spaattn/lab";
import type { Settings } from "../../state/settings.js";
import type { ExplainView, PictureFrames } from "../protocol.js";
import type { Stage } from "../session.js";
import { PRIORITY, type TaskContext } from "./context.js";
import { square, visualMask } from "./maps.js";
import { pickedToken } from "./row.js";

/** What each step of the method does with the picked token's query block. */
export async function explain(settings: Settings, context: TaskContext): Promise<void> {
  const { session, signal, emit } = context;
  await session.scheduler.turn(PRIORITY.explain, signal, async () => {
    const stage = await session.stage(settings);
    const paper = await session.look(stage, "paper", signal);
    const tail = await session.look(stage, "tail", signal);
    const exact = await session.mass(stage, signal);
    const mass = square(exact.data, stage.inputs.spec.heads, exact.blocks, exact.columns);
    const token = await pickedToken(stage, context);
    emit({ kind: "explain", view: explainView(stage, token, paper, tail, mass) });
  });
}

function explainView(
  { inputs, settings }: Stage,
  token: number,
  paper: ModeRun,
  tail: ModeRun,
  mass: Float32Array,
): ExplainView {
  const { heads, visualTokens, blockSize = 128, layout } = inputs.spec;
  const n = Math.ceil(visualTokens / blockSize);
  const head = Math.min(settings.head, heads - 1);
  const inverse = layout?.inverse;
  const blockOf = Int32Array.from({ length: visualTokens }, (_, i) =>
    Math.floor((inverse ? inverse[i] : i) / blockSize),
  );
  const block = blockOf[token];
  /** Row of the query block in a `[heads, n, n]` array. */
  const rowOf = <T extends Float32Array | Uint8Array>(values: T): T => {
    const start = (head * n + block) * n;
    return values.slice(start, start + n) as T;
  };
  const probabilities = paper.tensors.probabilities;
  const pooled = pooledPicture(inputs, blockOf, n);
  return {
    head,
    token,
    block,
    blocks: n,
    blockOf,
    ...(pooled ? { pooled } : {}),
    probabilities: rowOf(square(probabilities.toFloat32(), heads, n, probabilities.shape[3])),
    mass: rowOf(mass),
    paperMask: rowOf(visualMask(paper, inputs, n)),
    gain: rowOf(paper.tensors.gain.data as Uint8Array),
    factor: paper.tensors.factor.toFloat32().slice(head * n, (head + 1) * n),
    blockError: rowOf(tail.tensors.blockError.toFloat32()),
    tailMask: rowOf(visualMask(tail, inputs, n)),
    stratumOf: strataOfTokens(tail, inputs, head, settings.strata),
    strata: settings.strata,
  };
}

/** `[tokens]` raster: which stratum of its block each token belongs to, for one head. */
function strataOfTokens(tail: ModeRun, inputs: LabInputs, head: number, strata: number): Int32Array {
  const { visualTokens, blockSize = 128, layout } = inputs.spec;
  const slots = Math.ceil(visualTokens / blockSize) * blockSize;
  const order = tail.tensors.order.data.subarray(head * slots, (head + 1) * slots);
  const out = new Int32Array(visualTokens);
  for (let slot = 0; slot < slots; slot++) {
    const position = order[slot];
    if (position >= visualTokens) continue;
    out[layout ? layout.order[position] : position] = Math.floor(((slot % blockSize) * strata) / blockSize);
  }
  return out;
}

/** One pixel per token with the mean colour of its block: what pooling leaves of the clip. */
function pooledPicture(inputs: LabInputs, blockOf: Int32Array, n: number): PictureFrames | undefined {
  const { patches } = inputs;
  if (!patches) return undefined;
  const { grid, channels, data, mean, deviation } = patches;
  const sums = new Float64Array(n * 3);
  const counts = new Float64Array(n);
  for (let token = 0; token < blockOf.length; token++) {
    const block = blockOf[token];
    counts[block]++;
    for (let i = 0; i < channels; i++) sums[block * 3 + (i % 3)] += (data[token * channels + i] * 3) / channels;
  }
  const rgba = new Uint8ClampedArray(blockOf.length * 4);
  for (let token = 0; token < blockOf.length; token++) {
    const block = blockOf[token];
    for (let c = 0; c < 3; c++) rgba[token * 4 + c] = (sums[block * 3 + c] / counts[block]) * deviation[c] + mean[c];
    rgba[token * 4 + 3] = 255;
  }
  return { frames: grid[0], height: grid[1], width: grid[2], rgba };
}
