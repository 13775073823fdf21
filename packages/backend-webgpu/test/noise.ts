/** Reproducible values in about [-2, 2]. */
export function noise(length: number, seed = 1): Float32Array<ArrayBuffer> {
  let state = seed;
  return Float32Array.from({ length }, () => {
    let sum = -2;
    for (let k = 0; k < 4; k++) {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      sum += state / 4_294_967_296;
    }
    return 1.7 * sum;
  });
}
