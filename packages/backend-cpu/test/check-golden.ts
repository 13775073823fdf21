import {
  type AttentionSpec,
  type Backend,
  coverMass,
  createAttention,
  firstFrame,
  HostTensor,
  maskToDense,
  neighbours,
  type Policy,
  type TokenLayout,
  topBlocks,
  union,
} from "@spaattn/core";
import type { GoldenFile } from "./golden.js";

export interface Difference {
  readonly what: string;
  /** Largest difference relative to the largest magnitude of the tensor; for masks the number of wrong entries. */
  readonly error: number;
}

/** Largest |a - b| over largest |b|; equal infinities do not differ. */
export function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let difference = a.length === b.length ? 0 : Infinity;
  let magnitude = 1e-30;
  for (let i = 0; i < b.length; i++) {
    if (a[i] === b[i]) continue;
    const d = Math.abs(a[i] - b[i]);
    difference = Math.max(difference, Number.isNaN(d) ? Infinity : d);
  }
  for (let i = 0; i < b.length; i++) if (Number.isFinite(b[i])) magnitude = Math.max(magnitude, Math.abs(b[i]));
  return difference / magnitude;
}

const mismatches = (a: ArrayLike<number>, b: ArrayLike<number>) => {
  let count = Math.abs(a.length - b.length);
  for (let i = 0; i < b.length; i++) if (a[i] !== b[i]) count++;
  return count;
};

function setUp(base: GoldenFile) {
  const number = (key: string) => Number(base.metadata[key]);
  const list = (key: string) => JSON.parse(base.metadata[key]) as number[];
  const grid = list("grid_thw") as [number, number, number];
  const [N, T, n] = [number("n_visual"), number("n_text"), number("n_visual_blocks")];
  const identity = Int32Array.from({ length: N + T }, (_, i) => i);
  const layout: TokenLayout = {
    grid,
    blockSize: 128,
    order: identity,
    inverse: identity,
    neighbours: base.ints("block_neighbors") as Uint8Array,
    firstFrameBlocks: new Int32Array(0),
  };
  const shape = base.raw("q").shape;
  const [batch, heads, , headDim] = shape;
  const valid = list("text_valid");
  const spec: AttentionSpec = {
    batch,
    heads,
    headDim,
    visualTokens: N,
    textTokens: T,
    textValid: valid.length > 0 ? valid : 0,
    layout,
    tokenOrder: "curve",
    dtype: "f16",
    outputDtype: "f32",
  };
  const tensor = (key: string) => new HostTensor("f16", shape, new Uint16Array(base.raw(key).bytes.buffer));
  const io = { query: tensor("q"), key: tensor("k"), value: tensor("v") };
  return { spec, io, n, rows: base.ints("rows"), wan: base.metadata.adapter.startsWith("wan") };
}

type Ready = ReturnType<typeof setUp>;

async function outputs(backend: Backend, ready: Ready, spec: AttentionSpec, fused: boolean) {
  const attention = await createAttention(backend, spec, { fused });
  const { tensors } = await attention.run(ready.io);
  const data: Record<string, ArrayLike<number>> = {};
  for (const [name, tensor] of Object.entries(tensors)) data[name] = (await tensor.read()).data;
  const { geometry } = attention.spec;
  const { batch, heads, tokens, headDim: d } = geometry;
  const rows = new Float32Array(batch * heads * ready.rows.length * d);
  let at = 0;
  for (let head = 0; head < batch * heads; head++)
    for (const row of ready.rows) for (let x = 0; x < d; x++) rows[at++] = data.output[(head * tokens + row) * d + x];
  const stride = tensors.indices ? tensors.indices.shape[3] : 0;
  const mask = (columns: number) =>
    maskToDense({ counts: data.counts, indices: data.indices, stride }, geometry, columns);
  attention.dispose();
  return { data, rows, mask, geometry };
}

/** Every stored quantity of the paper's method, in reference behaviour. */
export async function checkPaper(backend: Backend, base: GoldenFile, fused = true): Promise<Difference[]> {
  const ready = setUp(base);
  const found: Difference[] = [];
  const dense = await outputs(backend, ready, { ...ready.spec, dense: true }, fused);
  found.push({ what: "dense_out", error: relative(dense.rows, base.f32("dense_out")) });
  for (const [v, variant] of (JSON.parse(base.metadata.variants) as Record<string, number>[]).entries()) {
    const parts: Policy[] = [topBlocks({ dropRate: variant.drop_rate }), coverMass(variant.p_remain)];
    if (variant.use_neighbors) parts.push(neighbours());
    if (ready.wan) parts.push(firstFrame());
    const { data, rows, mask } = await outputs(
      backend,
      ready,
      {
        ...ready.spec,
        policy: union(...parts),
        rectify: "paper",
        behaviour: "reference",
        extras: [
          "mask",
          "queryMean",
          "keyMean",
          "valueMean",
          "queryDeviation",
          "keyDeviation",
          "scores",
          "probabilities",
          "gain",
          "factor",
          "compensation",
        ],
      },
      fused,
    );
    const float = (what: string, name: string) =>
      found.push({ what: `${what} (${v})`, error: relative(data[name], base.f32(what)) });
    float("q_pool", "queryMean");
    float("k_pool", "keyMean");
    float("v_pool", "valueMean");
    float("q_abs_dev", "queryDeviation");
    float("k_abs_dev", "keyDeviation");
    float("pooled_scores", "scores");
    float("P", "probabilities");
    float(`R.${v}`, "factor");
    float(`comp.${v}`, "compensation");
    found.push({ what: `gapr (${v})`, error: mismatches(data.gain, base.ints("gapr")) });
    const stored = base.raw(`mask.${v}`).shape[3];
    found.push({ what: `mask.${v}`, error: mismatches(mask(stored), base.ints(`mask.${v}`)) });
    found.push({ what: `out.${v}`, error: relative(rows, base.f32(`out.${v}`)) });
  }
  return found;
}

/** Every stored quantity of tail mode. */
export async function checkTail(
  backend: Backend,
  base: GoldenFile,
  golden: GoldenFile,
  fused = true,
): Promise<Difference[]> {
  const ready = setUp(base);
  const found: Difference[] = [];
  for (const [v, variant] of (JSON.parse(golden.metadata.variants) as Record<string, never>[]).entries()) {
    const { drop_rate, p, strata, G, set, neighbors } = variant as Record<string, never>;
    const parts: Policy[] = [topBlocks({ dropRate: drop_rate })];
    if ((p as number) > 0) parts.push(coverMass(p));
    if (neighbors) parts.push(neighbours());
    const { data, rows, mask } = await outputs(
      backend,
      ready,
      {
        ...ready.spec,
        policy: union(...parts),
        rectify: "tail",
        tail: { strata, group: G },
        extras: [
          "mask",
          "order",
          "strataKey",
          "strataValue",
          "strataMass",
          "strataNoise",
          "logitVariance",
          "strataBias",
          "blockError",
          "blockMass",
        ],
      },
      fused,
    );
    const float = (key: string, name: string) =>
      found.push({ what: `${key}.${set} (${v})`, error: relative(data[name], golden.f32(`${key}.${set}`)) });
    if (golden.has(`order.${strata}`))
      found.push({ what: `order.${strata} (${v})`, error: mismatches(data.order, golden.ints(`order.${strata}`)) });
    float("m", "strataMass");
    float("kt", "strataKey");
    float("vt", "strataValue");
    float("nu", "strataNoise");
    float("tau", "logitVariance");
    float("b", "strataBias");
    float("E", "blockError");
    float("mass", "blockMass");
    found.push({ what: `mask.${v}`, error: mismatches(mask(ready.n), golden.ints(`mask.${v}`)) });
    found.push({ what: `out.${v}`, error: relative(rows, golden.f32(`out.${v}`)) });
  }
  return found;
}
