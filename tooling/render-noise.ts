/** A colour, components from 0 to 255 (more while light is added up). */
export type Rgb = readonly [number, number, number];

export const clamp = (x: number, low = 0, high = 1): number => Math.min(high, Math.max(low, x));

export const add = (a: Rgb, b: Rgb): Rgb => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];

export const scale = (a: Rgb, by: number): Rgb => [a[0] * by, a[1] * by, a[2] * by];

export const mix = (a: Rgb, b: Rgb, share: number): Rgb => add(scale(a, 1 - share), scale(b, share));

/** 0 at `from`, 1 at `to` (which may be smaller), smooth between. */
export function smooth(from: number, to: number, x: number): number {
  const t = clamp((x - from) / (to - from));
  return t * t * (3 - 2 * t);
}

/** A number between 0 and 1 for an integer cell. */
export function hash(x: number, y: number, seed: number): number {
  let h = Math.imul(x | 0, 0x27d4eb2d) ^ Math.imul(y | 0, 0x165667b1) ^ Math.imul(seed, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return ((h ^ (h >>> 16)) >>> 0) / 4294967296;
}

/** Value noise between 0 and 1. */
export function noise(x: number, y: number, seed: number): number {
  const [cx, cy] = [Math.floor(x), Math.floor(y)];
  const [u, v] = [smooth(0, 1, x - cx), smooth(0, 1, y - cy)];
  const top = hash(cx, cy, seed) * (1 - u) + hash(cx + 1, cy, seed) * u;
  const bottom = hash(cx, cy + 1, seed) * (1 - u) + hash(cx + 1, cy + 1, seed) * u;
  return top * (1 - v) + bottom * v;
}

/** Octaves of noise, each of half the size and weight; between 0 and 1. */
export function fbm(x: number, y: number, octaves: number, seed: number): number {
  let [sum, weight, total] = [0, 1, 0];
  for (let octave = 0; octave < octaves; octave++) {
    sum += weight * noise(x * 2 ** octave, y * 2 ** octave, seed + octave);
    total += weight;
    weight /= 2;
  }
  return sum / total;
}
