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
  // Four independent sums: one alone would wait for every addition.
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const whole = width & ~3;
  for (let ch = 0; ch < whole; ch += 4) {
    s0 += x[i + ch] * y[j + ch];
    s1 += x[i + ch + 1] * y[j + ch + 1];
    s2 += x[i + ch + 2] * y[j + ch + 2];
    s3 += x[i + ch + 3] * y[j + ch + 3];
  }
  for (let ch = whole; ch < width; ch++) s0 += x[i + ch] * y[j + ch];
  return s0 + s1 + (s2 + s3);
}

/** `[rows of x, rows of y]`: every row of `x` times every row of `y`. */
export function rowProducts(x: Float64Array, y: Float64Array, width: number): Float64Array {
  const rows = x.length / width;
  const columns = y.length / width;
  const products = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) products[i * columns + j] = dot(x, i, y, j, width);
  return products;
}
