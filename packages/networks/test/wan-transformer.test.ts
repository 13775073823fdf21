import { HostTensor } from "@spaattn/core";
import { describe, expect, it } from "vitest";
import { rotaryTables, type WanInputs, wanAxes, wanConfig, wanTransformer } from "../src/index.js";
import { expectClose, type GoldenModel, goldenModel, permute, run, tensor } from "./helpers.js";

const LIMIT = 2e-5;

/** Text features with the zero rows that files leave out. */
function paddedText({ golden, metadata }: GoldenModel): HostTensor {
  const whole = golden.get("encoder_hidden_states");
  if (whole) return whole;
  const rows = tensor(golden, "encoder_hidden_states_rows");
  const [batch, count, width] = rows.shape;
  const length = Number(metadata.text_len);
  const padded = new HostTensor("f32", [batch, length, width]);
  for (let item = 0; item < batch; item++)
    (padded.data as Float32Array).set(
      rows.toFloat32().subarray(item * count * width, (item + 1) * count * width),
      item * length * width,
    );
  return padded;
}

/** The different time steps of a batch, and which of them each token has. */
function timesteps({ golden }: GoldenModel): { timestep: HostTensor; index?: HostTensor } {
  const all = tensor(golden, "timestep");
  const [batch, tokens] = all.shape;
  if (tokens === undefined) return { timestep: tensor(golden, "timestep", [batch, 1]) };
  const values = all.toFloat32();
  const rows = Array.from({ length: batch }, (_, item) => [
    ...new Set(values.subarray(item * tokens, (item + 1) * tokens)),
  ]);
  const count = Math.max(...rows.map(({ length }) => length));
  const timestep = Float32Array.from(rows.flatMap((row) => Array.from({ length: count }, (_, i) => row[i] ?? 0)));
  const index = Int32Array.from(values, (value, i) => rows[Math.floor(i / tokens)].indexOf(value));
  return {
    timestep: new HostTensor("f32", [batch, count], timestep),
    index: new HostTensor("i32", [batch, tokens], index),
  };
}

/** The row of `[batch, rows, width]` that every token has. */
function perToken(rows: HostTensor, index: HostTensor): Float32Array {
  const [, count, width] = [rows.shape[0], rows.shape[1], rows.shape[rows.shape.length - 1]];
  const [, tokens] = index.shape;
  const values = rows.toFloat32();
  return Float32Array.from({ length: index.length * width }, (_, i) => {
    const token = Math.floor(i / width);
    return values[(Math.floor(token / tokens) * count + (index.data as Int32Array)[token]) * width + (i % width)];
  });
}

describe("Wan's transformer on the oracle", () => {
  it.for(["wan_t2v", "wan_i2v", "wan_flf", "wan_ti2v"])("%s: output and every intermediate", async (path, ctx) => {
    const model = await goldenModel(ctx, `${path}/transformer`);
    const { golden, weights } = model;
    const config = wanConfig(model.config);
    const latents = tensor(golden, "hidden_states");
    const { timestep, index } = timesteps(model);
    const features = golden.get("encoder_hidden_states_image");
    // Those of two images stand behind each other in one batch item.
    const rows = features && [latents.shape[0], (features.shape[0] / latents.shape[0]) * features.shape[1]];
    const image = features && tensor(golden, "encoder_hidden_states_image", [...(rows ?? []), features.shape[2]]);
    const inputs = { latents, timestep, text: paddedText(model), ...(index && { index }), ...(image && { image }) };
    const seen = await run(weights, inputs, (g, input, probe) => {
      const values = Object.fromEntries(Object.keys(inputs).map((name) => [name, input(name)]));
      return { output: wanTransformer(g, config, values as unknown as WanInputs, { probe }) };
    });

    const grid = JSON.parse(model.metadata.grid_thw) as [number, number, number];
    const { cos, sin } = rotaryTables(grid, wanAxes(config.headDim));
    const twice = (half: Float32Array) => Float32Array.from({ length: 2 * half.length }, (_, i) => half[i >> 1]);
    for (const [name, expected] of golden) {
      if (/^(timestep|.*hidden_states.*)$/.test(name)) continue;
      const source = name.endsWith("_rows") ? name.slice(0, -"_rows".length) : name;
      const actual = seen.get(source);
      if (name === "rope_cos") expectClose(name, twice(cos), expected, LIMIT);
      else if (name === "rope_sin") expectClose(name, twice(sin), expected, LIMIT);
      else if (!actual) expect(`${name} is shown to the probe`).toBe("");
      else if (name === "patch_embedding") expectClose(name, permute(actual, [0, 2, 1]), expected, LIMIT);
      else if (name === "temb" && index) expectClose(name, perToken(actual, index), expected, LIMIT);
      else expectClose(name, actual, expected, LIMIT);
    }
    expect([...golden.keys()]).toEqual(expect.arrayContaining(["output", "block0.attn1.q", "block1.out", "rope_cos"]));
  });
});
