/**
 * `out[n] = Σ_k x[k] w[n, k]` for all rows of `w` `[n, k]`.
 *
 * Four rows at a time: one sum alone would wait for each of its additions.
 */
export function products(x: Float64Array, w: Float64Array, out: Float64Array): void {
  const k = x.length;
  const n = out.length;
  let row = 0;
  for (; row + 4 <= n; row += 4) {
    const at0 = row * k;
    const at1 = at0 + k;
    const at2 = at1 + k;
    const at3 = at2 + k;
    let [sum0, sum1, sum2, sum3] = [0, 0, 0, 0];
    for (let i = 0; i < k; i++) {
      const factor = x[i];
      sum0 += factor * w[at0 + i];
      sum1 += factor * w[at1 + i];
      sum2 += factor * w[at2 + i];
      sum3 += factor * w[at3 + i];
    }
    out[row] = sum0;
    out[row + 1] = sum1;
    out[row + 2] = sum2;
    out[row + 3] = sum3;
  }
  for (; row < n; row++) {
    let sum = 0;
    for (let i = 0; i < k; i++) sum += x[i] * w[row * k + i];
    out[row] = sum;
  }
}
