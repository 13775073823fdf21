import type { AttentionSpec } from "@spaattn/attention";
import { HostTensor, type Value } from "@spaattn/core";
import type { Builder } from "@spaattn/nn";
import { type Probe, rowsUnless } from "./probe.js";
import { rotaryTables, wanAxes } from "./rotary.js";
import type { WanConfig } from "./wan-config.js";
import { embedImage, embedText, embedTime, head, modulation, patches, unpatched } from "./wan-ends.js";

export interface WanInputs {
  /** `[batch, channels, frames, height, width]`, channels slowest as in files. */
  readonly latents: Value;
  /** Time steps from 0 to 1000, f32 `[batch, rows]`; more than one row with `index`. */
  readonly timestep: Value;
  /** The row of every token, i32 `[batch, tokens]` (TI2V: some tokens are at 0). */
  readonly index?: Value;
  /** Text features `[batch, rows, textDim]`. All rows take part: padding rows are zeros. */
  readonly text: Value;
  /** Image features `[batch, rows, imageDim]`; those of two images behind each other. */
  readonly image?: Value;
}

export interface WanOptions {
  /** The self-attention of a layer; undefined (or no function): dense. */
  readonly attention?: (layer: number) => Partial<AttentionSpec> | undefined;
  /** A curve through the tokens of the grid, i32: attention sees them in this order. */
  readonly order?: Int32Array;
  readonly probe?: Probe;
}

/** What all blocks share. */
interface Context {
  readonly config: WanConfig;
  readonly time: Value;
  readonly index: Value | undefined;
  readonly text: Value;
  readonly image: Value | undefined;
  readonly rotary: { readonly kind: "interleaved"; readonly cos: Value; readonly sin: Value };
  readonly order: Value | undefined;
  readonly options: WanOptions;
}

/**
 * Wan's transformer: noisy latents, time step and text to velocity `[batch, outChannels, frames, height, width]`.
 *
 * docs/networks.md, section 3. Segments: `embed`, `block N`, `head`.
 *
 * @throws RangeError for latents the patches do not divide, or a grid beyond the rotary table
 */
export function wanTransformer(g: Builder, config: WanConfig, inputs: WanInputs, options: WanOptions = {}): Value {
  const { probe } = options;
  const grid = gridOf(config, inputs.latents);
  const {
    x: tokens,
    time,
    last,
    ...rest
  } = g.segment("embed", () => {
    const x = patches(g, config, inputs.latents, grid);
    const { time, last } = embedTime(g, config, inputs.timestep, probe);
    const text = embedText(g, config, inputs.text, probe);
    const image = inputs.image && embedImage(g, config, inputs.image, probe);
    return { x, time, last, text, image };
  });
  probe?.("patch_embedding", tokens);
  const { cos, sin, tokens: count, half } = rotaryTables(grid, wanAxes(config.headDim));
  const table = (values: Float32Array) => g.constant(new HostTensor("f32", [count, half], values));
  const context: Context = {
    config,
    time,
    index: inputs.index,
    ...rest,
    rotary: { kind: "interleaved", cos: table(cos), sin: table(sin) },
    order: options.order && g.constant(new HostTensor("i32", [count], options.order)),
    options,
  };
  let x = tokens;
  for (let layer = 0; layer < config.layers; layer++)
    x = g.segment(`block ${layer}`, () => block(g, x, context, layer));
  return g.segment("head", () => unpatched(g, config, head(g, config, x, last, inputs.index, probe), grid));
}

function block(g: Builder, x: Value, context: Context, layer: number): Value {
  const { config, index, options } = context;
  const { dim, ffnDim, eps } = config;
  const name = `blocks.${layer}`;
  const probe = options.probe && ((part: string, value: Value) => options.probe?.(`block${layer}.${part}`, value));
  const [shift1, scale1, gate1, shift2, scale2, gate2] = modulation(g, `${name}.scale_shift_table`, context.time, 6);
  const modulated = (shift: Value, scale: Value) =>
    ({ kind: "layer", eps, shift, scale, ...(index && { index }) }) as const;

  const a = g.norm(x, modulated(shift1, scale1));
  probe?.("attn1_in", a);
  const attended = selfAttention(g, a, context, layer, probe);
  const out1 = g.linearWeights(`${name}.attn1.to_out.0`, dim, dim);
  probe?.("attn1_out", g.linear(attended, out1));
  x = g.linear(attended, out1, {
    gate: gate1,
    residual: x,
    ...(index && { index }),
  });

  const b = g.norm(x, {
    kind: "layer",
    eps,
    weight: g.weight(`${name}.norm2.weight`, [dim]),
    bias: g.weight(`${name}.norm2.bias`, [dim]),
  });
  probe?.("attn2_in", b);
  const crossed = crossAttention(g, b, context, `${name}.attn2`, probe);
  const out2 = g.linearWeights(`${name}.attn2.to_out.0`, dim, dim);
  probe?.("attn2_out", g.linear(crossed, out2));
  x = g.linear(crossed, out2, { residual: x });

  const up = g.linearWeights(`${name}.ffn.net.0.proj`, ffnDim, dim);
  const down = g.linearWeights(`${name}.ffn.net.2`, dim, ffnDim);
  const middle = x;
  x = rowsUnless(options.probe, g, middle, () => {
    const c = g.norm(middle, modulated(shift2, scale2));
    probe?.("ffn_in", c);
    const hidden = g.linear(c, up, { activation: "gelu-tanh" });
    probe?.("ffn_out", g.linear(hidden, down));
    return g.linear(hidden, down, { gate: gate2, residual: middle, ...(index && { index }) });
  });
  probe?.("out", x);
  return x;
}

function selfAttention(g: Builder, x: Value, context: Context, layer: number, probe: Probe | undefined): Value {
  const { config, rotary, order, options } = context;
  const name = `blocks.${layer}.attn1`;
  const turned = { rotary, ...(order && { order }) };
  const query = project(g, config, x, `${name}.to_q`, `${name}.norm_q`, turned);
  const key = project(g, config, x, `${name}.to_k`, `${name}.norm_k`, turned);
  const value = project(g, config, x, `${name}.to_v`, undefined, order && { order });
  const spec = options.attention?.(layer);
  const output = spec ? g.attention(query, key, value, spec) : g.denseAttention(query, key, value);
  for (const [part, heads] of Object.entries({ q: query, k: key, v: value, o: output }))
    probe?.(`attn1.${part}`, heads);
  return g.merge(output, order ? { order } : {}).y;
}

/** Text, and image features through a softmax of their own; the same queries for both. */
function crossAttention(
  g: Builder,
  x: Value,
  { config, text, image }: Context,
  name: string,
  probe: Probe | undefined,
): Value {
  const query = project(g, config, x, `${name}.to_q`, `${name}.norm_q`);
  const attend = (to: Value, k: string, norm: string, v: string, part: string) => {
    const key = project(g, config, to, `${name}.${k}`, `${name}.${norm}`);
    const value = project(g, config, to, `${name}.${v}`, undefined);
    const output = g.denseAttention(query, key, value);
    for (const [role, heads] of Object.entries({ q: query, k: key, v: value, o: output }))
      probe?.(`${part}.${role}`, heads);
    return g.merge(output).y;
  };
  const read = attend(text, "to_k", "norm_k", "to_v", "attn2");
  return image ? g.add(attend(image, "add_k_proj", "norm_added_k", "add_v_proj", "attn2_img"), read) : read;
}

/** A linear layer split into heads, normalised over all heads together. */
function project(
  g: Builder,
  { dim, heads, eps }: WanConfig,
  x: Value,
  name: string,
  norm: string | undefined,
  how: { readonly rotary?: Context["rotary"]; readonly order?: Value } = {},
): Value {
  const weight = norm && g.weight(`${norm}.weight`, [dim]);
  const by = weight && ({ kind: "rms", across: true, eps, weight } as const);
  return g.heads(g.linear(x, g.linearWeights(name, dim, dim)), { heads, ...(by && { norm: by }), ...how });
}

function gridOf({ patch, maxPositions, inChannels }: WanConfig, { shape }: Value): [number, number, number] {
  const [, channels, ...sizes] = shape;
  if (shape.length !== 5 || channels !== inChannels)
    throw new RangeError(
      `latents must have shape [batch, ${inChannels}, frames, height, width], got [${shape.join(", ")}]`,
    );
  const grid = sizes.map((size, i) => size / patch[i]);
  grid.forEach((size, i) => {
    if (!Number.isInteger(size))
      throw new RangeError(`latents [${shape.join(", ")}] are not divided by patches [${patch.join(", ")}]`);
    if (size > maxPositions)
      throw new RangeError(`axis ${i} of the token grid has ${size} positions, the model knows ${maxPositions}`);
  });
  return grid as [number, number, number];
}
