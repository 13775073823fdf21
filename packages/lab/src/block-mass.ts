import { type Backend, createAttention } from "@spaattn/attention";
import { HostTensor, throwIfAborted } from "@spaattn/core";
import type { LabInputs } from "./build-inputs.js";
import { fitInputs } from "./fit-inputs.js";
import type { WorkOptions } from "./run-mode.js";

/** True attention mass between blocks: `[batch, heads, n, columns]`, row i averaged over the queries of block i. */
export interface BlockMass {
  readonly data: Float32Array;
  readonly blocks: number;
  /** n, or n + 1 with all text keys as the last column. */
  readonly columns: number;
}

/**
 * The exact share of attention that every query block gives to every key block.
 *
 * No attention matrix is built: values are replaced by indicators of the key blocks, so that dense attention itself
 * returns the masses, headDim blocks per run.
 */
export async function trueBlockMass(
  backend: Backend,
  inputs: LabInputs,
  options: WorkOptions = {},
): Promise<BlockMass> {
  const { heads, headDim, visualTokens, textTokens = 0, blockSize = 128, batch = 1 } = inputs.spec;
  const tokens = visualTokens + textTokens;
  const blocks = Math.ceil(visualTokens / blockSize);
  const columns = textTokens > 0 ? blocks + 1 : blocks;
  const columnOf = (token: number) => (token < visualTokens ? Math.floor(token / blockSize) : blocks);
  const data = new Float32Array(batch * heads * blocks * columns);
  const { query, key, spec } = fitInputs(backend, inputs);
  const { dtype = "f32" } = spec;
  const value = new HostTensor("f32", query.shape);
  const passes = Math.ceil(columns / headDim);
  const attention = await createAttention(backend, { ...spec, dense: true });
  try {
    for (let pass = 0; pass < passes; pass++) {
      throwIfAborted(options.signal);
      indicators(value, pass * headDim, columnOf);
      const { output } = await attention.run(
        { query, key, value: dtype === "f32" ? value : value.to(dtype) },
        {
          ...(options.signal ? { signal: options.signal } : {}),
          onProgress: (done) => options.onProgress?.((pass + done) / passes, "true block mass"),
        },
      );
      const rows = await output.read();
      output.dispose();
      const masses = rows.toFloat32();
      for (let bh = 0; bh < batch * heads; bh++)
        for (let token = 0; token < visualTokens; token++) {
          const block = Math.floor(token / blockSize);
          const size = Math.min(blockSize, visualTokens - block * blockSize);
          const to = (bh * blocks + block) * columns + pass * headDim;
          const from = (bh * tokens + token) * headDim;
          for (let i = 0; i < headDim && pass * headDim + i < columns; i++) data[to + i] += masses[from + i] / size;
        }
    }
  } finally {
    attention.dispose();
  }
  return { data, blocks, columns };
}

/** Writes 1 into channel `column - first` of every token whose column falls into `[first, first + headDim)`. */
function indicators(value: HostTensor<"f32">, first: number, columnOf: (token: number) => number): void {
  const [batch, heads, tokens, headDim] = value.shape;
  value.data.fill(0);
  for (let row = 0; row < batch * heads * tokens; row++) {
    const channel = columnOf(row % tokens) - first;
    if (channel >= 0 && channel < headDim) value.data[row * headDim + channel] = 1;
  }
}
