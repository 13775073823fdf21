import { HostTensor } from "@spaattn/core";
import type { Capture, ModelAdapter } from "../src/index.js";

/** A small generator (mulberry32), so that captures are the same everywhere. */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What a head looks for: place, content, or neither, and how sharply. It belongs to the layer, not to the input. */
const HEADS = [
  { place: 1, content: 0.2, gain: 1 },
  { place: 0.1, content: 1, gain: 4 },
  { place: 0.05, content: 0.05, gain: 0.5 },
  { place: 0.3, content: 1, gain: 2 },
];

/**
 * A capture of moving soft blobs: content is a sum of smooth fields that drift over time, and each head mixes place and
 * content in its own way. `seed` makes other blobs; the heads stay.
 */
export function syntheticCapture(adapter: ModelAdapter, layer: number, seed: number): Capture {
  const { grid, visualTokens } = adapter.geometry();
  const { heads, headDim: d } = adapter.card;
  const next = random(seed);
  const blobs = Array.from({ length: 12 }, () => Array.from({ length: 6 }, next));
  const colours = blobs.map(() => Array.from({ length: d / 2 }, () => 2 * next() - 1));
  const shape = [1, heads, visualTokens, d];
  const query = new HostTensor("f32", shape);
  const key = new HostTensor("f32", shape);
  const value = new HostTensor("f32", shape);
  const [t, h, w] = grid;
  for (let token = 0; token < visualTokens; token++) {
    const [z, y, x] = [Math.floor(token / (h * w)) / t, (Math.floor(token / w) % h) / h, (token % w) / w];
    const content = new Float64Array(d / 2);
    for (const [b, [bx, by, dx, dy, size, weight]] of blobs.entries()) {
      const distance = (x - bx - 0.4 * (dx - 0.5) * z) ** 2 + (y - by - 0.4 * (dy - 0.5) * z) ** 2;
      const strength = (0.5 + weight) * Math.exp(-distance / (0.01 + 0.06 * size));
      for (let c = 0; c < d / 2; c++) content[c] += strength * colours[b][c];
    }
    for (let head = 0; head < heads; head++) {
      const { place, content: liking, gain } = HEADS[(head + layer) % HEADS.length];
      const at = (head * visualTokens + token) * d;
      for (let c = 0; c < d / 2; c++) {
        const position = [x, y, z][c % 3];
        const wave = Math.sin((1 + Math.floor(c / 3)) * Math.PI * position + c);
        const noise = 0.15 * (2 * next() - 1);
        query.data[at + c] = gain * liking * 2 * content[c] + noise;
        key.data[at + c] = gain * liking * 2 * content[(c + head) % (d / 2)] + noise;
        query.data[at + d / 2 + c] = gain * place * 2 * wave;
        key.data[at + d / 2 + c] = gain * place * 2 * wave;
        value.data[at + c] = content[c] + 0.3 * (2 * next() - 1);
        value.data[at + d / 2 + c] = wave;
      }
    }
  }
  return { name: `seed-${seed}`, query, key, value, grid, tokenOrder: "raster", textTokens: 0, textValid: [0], layer };
}
