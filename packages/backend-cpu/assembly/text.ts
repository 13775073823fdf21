import * as L from "../src/job-layout";
import { at, float, int, rowBytes } from "./job";
import { madd } from "./math";

/** Logits of the valid text keys against one pooled query (docs/method.md#implicit-attention); whole panels of 16 are written. */
export function textLogits(job: usize, query: usize, out: usize): void {
  const row = rowBytes(job);
  const scale = f32x4.splat(float(job, L.SCALE));
  const text = int(job, L.TEXT_VALID);
  let key = at(job, L.KEY_PANELS) + <usize>(int(job, L.VISUAL_BLOCKS) * int(job, L.BLOCK_SIZE)) * row;
  for (let m = 0; m < text; m += 16, out += 64) {
    let a = f32x4.splat(0), b = f32x4.splat(0), c = f32x4.splat(0), d = f32x4.splat(0);
    for (let x: usize = 0; x < row; x += 4, key += 64) {
      const q = v128.load32_splat(query + x);
      a = madd(q, v128.load(key), a);
      b = madd(q, v128.load(key, 16), b);
      c = madd(q, v128.load(key, 32), c);
      d = madd(q, v128.load(key, 48), d);
    }
    v128.store(out, f32x4.mul(a, scale));
    v128.store(out, f32x4.mul(b, scale), 16);
    v128.store(out, f32x4.mul(c, scale), 32);
    v128.store(out, f32x4.mul(d, scale), 48);
  }
}

/** out += sum weight[m] v[N + m] over the valid text tokens. */
export function addTextValues(job: usize, weights: usize, out: usize): void {
  const row = rowBytes(job);
  const size = int(job, L.BLOCK_SIZE);
  const text = int(job, L.TEXT_VALID);
  const first = at(job, L.VALUE_PANELS) + <usize>(int(job, L.VISUAL_BLOCKS) * size) * row;
  for (let m = 0; m < text; m++) {
    const w = v128.load32_splat(weights + (<usize>m << 2));
    let from = first + <usize>((m / size) * size) * row + (<usize>(m % size) << 6);
    for (let x: usize = 0; x < row; x += 64, from += <usize>size << 6)
      for (let y: usize = 0; y < 64; y += 16)
        v128.store(out + x + y, madd(w, v128.load(from + y), v128.load(out + x + y)));
  }
}
