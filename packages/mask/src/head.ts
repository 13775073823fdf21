/**
 * The visual tokens of one head: how many, how wide, how they are cut into blocks.
 *
 * All functions here work on one (batch item, head) at a time, on row-major `Float64Array` matrices.
 */
export interface HeadShape {
  /** N */
  readonly visualTokens: number;
  /** d */
  readonly headDim: number;
  /** B */
  readonly blockSize: number;
}

/** n = ceil(N / B) */
export const blockCount = ({ visualTokens, blockSize }: HeadShape): number => Math.ceil(visualTokens / blockSize);

/** `[n]` valid tokens of every block: B, but for a partly filled last one. */
export function validTokens(shape: HeadShape): Float64Array {
  const { visualTokens, blockSize } = shape;
  return Float64Array.from({ length: blockCount(shape) }, (_, block) =>
    Math.min(blockSize, visualTokens - block * blockSize),
  );
}

/** Row `a` of `x` times row `b` of `y`, both `width` wide. */
export function dot(x: Float64Array, a: number, y: Float64Array, b: number, width: number): number {
  const i = a * width;
  const j = b * width;
  // Two independent sums: one alone would wait for every addition.
  let even = 0;
  let odd = 0;
  let ch = 0;
  for (; ch + 1 < width; ch += 2) {
    even += x[i + ch] * y[j + ch];
    odd += x[i + ch + 1] * y[j + ch + 1];
  }
  return ch < width ? even + odd + x[i + ch] * y[j + ch] : even + odd;
}

/** `[rows of x, rows of y]`: every row of `x` times every row of `y`. */
export function rowProducts(x: Float64Array, y: Float64Array, width: number): Float64Array {
  const rows = x.length / width;
  const columns = y.length / width;
  const products = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) products[i * columns + j] = dot(x, i, y, j, width);
  return products;
}
