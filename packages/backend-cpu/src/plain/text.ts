import * as L from "../job-layout.js";
import type { Job } from "./heap.js";

/** Logits of the valid text keys against one pooled query, written to `out` (docs/method.md#implicit-attention). */
export function textLogits(job: Job, query: number, out: number): void {
  const { heap, headDim: d, blockSize: B, visualBlocks: n } = job;
  const { f32 } = heap;
  const scale = job.float(L.SCALE);
  const panels = job.words(L.KEY_PANELS) + n * B * d;
  for (let m = 0; m < job.int(L.TEXT_VALID); m++) {
    const key = panels + (m >> 4) * 16 * d + (m & 15);
    let sum = 0;
    for (let x = 0; x < d; x++) sum += f32[query + x] * f32[key + x * 16];
    f32[out + m] = scale * sum;
  }
}

/** out[x] += sum weight[m] v[N + m][x] over the valid text tokens. */
export function addTextValues(job: Job, weights: number, out: number): void {
  const { heap, headDim: d, blockSize: B, visualBlocks: n } = job;
  const { f32 } = heap;
  const panels = job.words(L.VALUE_PANELS) + n * B * d;
  for (let m = 0; m < job.int(L.TEXT_VALID); m++) {
    const block = panels + Math.floor(m / B) * B * d;
    for (let x = 0; x < d; x++)
      f32[out + x] += f32[weights + m] * f32[block + (x >> 4) * 16 * B + (m % B) * 16 + (x & 15)];
  }
}
