import { makeGeometry, maskToDense } from "@spaattn/attention";
import type { LabInputs, ModeRun } from "@spaattn/lab";
import type { BlockMaps } from "../protocol.js";
import type { Stage } from "../session.js";
import type { TaskContext } from "./context.js";

/** Block maps of all heads (batch item 0): estimated mass, mask, gain test and exact mass. */
export async function emitMaps(stage: Stage, context: TaskContext): Promise<void> {
  const maps = await blockMaps(stage, context);
  const { probabilities, mask, gain, mass } = maps;
  context.emit({ kind: "maps", maps }, [probabilities.buffer, mask.buffer, gain.buffer, mass.buffer]);
}

async function blockMaps(stage: Stage, { session, signal }: TaskContext): Promise<BlockMaps> {
  const { inputs, settings } = stage;
  const paper = await session.look(stage, "paper", signal);
  const chosen =
    settings.mode === "tail"
      ? await session.look(stage, "tail", signal)
      : await session.run(stage, settings.mode, signal);
  const exact = await session.mass(stage, signal);
  const { heads } = inputs.spec;
  const n = exact.blocks;
  const estimate = settings.mode === "tail" ? chosen.tensors.blockMass : paper.tensors.probabilities;
  return {
    heads,
    blocks: n,
    mode: settings.mode,
    probabilities: square(estimate.toFloat32(), heads, n, estimate.shape[3]),
    mask: visualMask(chosen, inputs, n),
    gain: Uint8Array.from(paper.tensors.gain.data.subarray(0, heads * n * n)),
    mass: square(exact.data, heads, n, exact.columns),
  };
}

/** `[heads, n, n]` of `[heads, n, columns]`: the text column, where there is one, is left out. */
export function square(values: Float32Array, heads: number, n: number, columns: number): Float32Array {
  if (columns === n) return values.slice(0, heads * n * n);
  const out = new Float32Array(heads * n * n);
  for (let row = 0; row < heads * n; row++) out.set(values.subarray(row * columns, row * columns + n), row * n);
  return out;
}

/** `[heads, n, n]` 0/1 of a run's block lists. */
export function visualMask(run: ModeRun, inputs: LabInputs, n: number): Uint8Array {
  const { heads, headDim, visualTokens, textTokens = 0, blockSize = 128 } = inputs.spec;
  const geometry = makeGeometry({ batch: 1, heads, headDim, visualTokens, textTokens, blockSize });
  return maskToDense(run.mask!, geometry, n);
}
