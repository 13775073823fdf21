import { HostTensor } from "@spaattn/core";
import { rotaryTables, type WanInputs, wanAxes, wanConfig, wanTransformer } from "@spaattn/networks";
import { compare, exactly, type GoldenCheck, permute, tensor } from "./check.js";
import { type GoldenFile, limitFor, readConfig, show, type VerifyContext, withStore } from "./context.js";

/** Wan's transformer: its output and every intermediate of the golden file. */
export async function* verifyTransformer(context: VerifyContext, file: GoldenFile): AsyncGenerator<GoldenCheck> {
  const { tensors: golden, metadata } = file;
  const config = wanConfig(await readConfig(context.folder));
  const limit = limitFor(context, 2e-5);
  const latents = tensor(golden, "hidden_states");
  const { timestep, index } = timesteps(file);
  const image = imageFeatures(file, latents.shape[0]);
  const inputs = { latents, timestep, text: paddedText(file), ...(index && { index }), ...(image && { image }) };
  const shown = await withStore(context, (store) =>
    show(context, store, inputs, (g, input, probe) => {
      const values = Object.fromEntries(Object.keys(inputs).map((name) => [name, input(name)]));
      return { output: wanTransformer(g, config, values as unknown as WanInputs, { probe }) };
    }),
  );
  const { cos, sin } = rotaryTables(JSON.parse(metadata.grid_thw), wanAxes(config.headDim));
  const twice = (half: Float32Array) => Float32Array.from({ length: 2 * half.length }, (_, i) => half[i >> 1]);
  for (const [name, expected] of golden) {
    if (/^(timestep|.*hidden_states.*)$/.test(name)) continue;
    const actual = shown.get(name.replace(/_rows$/, ""));
    if (name === "rope_cos") yield compare(name, twice(cos), expected, limit);
    else if (name === "rope_sin") yield compare(name, twice(sin), expected, limit);
    else if (!actual) yield exactly(name, false, "the network does not show this value");
    else if (name === "patch_embedding") yield compare(name, permute(actual, [0, 2, 1]), expected, limit);
    else if (name === "temb" && index) yield compare(name, perToken(actual, index), expected, limit);
    else yield compare(name, actual, expected, limit);
  }
}

/** Text features with the zero rows that files leave out. */
function paddedText({ tensors, metadata }: GoldenFile): HostTensor {
  if (tensors.has("encoder_hidden_states")) return tensor(tensors, "encoder_hidden_states");
  const rows = tensor(tensors, "encoder_hidden_states_rows");
  const [batch, count, width] = rows.shape;
  const length = Number(metadata.text_len);
  const data = new Float32Array(batch * length * width);
  for (let item = 0; item < batch; item++)
    data.set(rows.toFloat32().subarray(item * count * width, (item + 1) * count * width), item * length * width);
  return new HostTensor("f32", [batch, length, width], data);
}

/** Those of two images stand behind each other in one batch item. */
function imageFeatures({ tensors }: GoldenFile, batch: number): HostTensor | undefined {
  const found = tensors.get("encoder_hidden_states_image");
  if (!found) return undefined;
  const [images, rows, width] = found.shape;
  return tensor(tensors, "encoder_hidden_states_image", [batch, (images / batch) * rows, width]);
}

/** The different time steps of a batch, and which of them each token has. */
function timesteps({ tensors }: GoldenFile): { timestep: HostTensor; index?: HostTensor } {
  const all = tensor(tensors, "timestep");
  const [batch, tokens] = all.shape;
  if (tokens === undefined) return { timestep: tensor(tensors, "timestep", [batch, 1]) };
  const values = all.toFloat32();
  const rows = Array.from({ length: batch }, (_, i) => [...new Set(values.subarray(i * tokens, (i + 1) * tokens))]);
  const count = Math.max(...rows.map(({ length }) => length));
  const timestep = Float32Array.from(rows.flatMap((row) => Array.from({ length: count }, (_, i) => row[i] ?? 0)));
  const index = Int32Array.from(values, (value, i) => rows[Math.floor(i / tokens)].indexOf(value));
  return {
    timestep: new HostTensor("f32", [batch, count], timestep),
    index: new HostTensor("i32", [batch, tokens], index),
  };
}

/** The row of `[batch, rows, 1, width]` that every token has. */
function perToken(rows: HostTensor, index: HostTensor): Float32Array {
  const [, count] = rows.shape;
  const width = rows.shape[rows.shape.length - 1];
  const [, tokens] = index.shape;
  const values = rows.toFloat32();
  return Float32Array.from({ length: index.length * width }, (_, i) => {
    const token = Math.floor(i / width);
    return values[(Math.floor(token / tokens) * count + (index.data as Int32Array)[token]) * width + (i % width)];
  });
}
