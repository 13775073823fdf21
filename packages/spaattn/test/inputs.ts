import { convert } from "@spaattn/core";

/** Deterministic numbers between -1 and 1. */
export function noise(length: number, seed: number): Float32Array {
  let state = seed >>> 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

export const qkv = (length: number) => [noise(length, 1), noise(length, 2), noise(length, 3)] as const;

export const toF16 = (values: Float32Array): Uint16Array => convert(values, "f32", "f16");

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
};
