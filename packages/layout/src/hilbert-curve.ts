import { type AxisOrder, resolveAxisOrder } from "./axis-order.js";
import { type Grid, tokenCount } from "./grid.js";

/** Integer half towards minus infinity, made even where the curve needs to come back to the same side. */
function half(length: number): number {
  const floor = Math.floor(length / 2);
  return floor % 2 !== 0 && Math.abs(length) > 2 ? floor + Math.sign(length) : floor;
}

/**
 * The generalised 3-D Hilbert curve of a grid (docs/method.md#curve): `table[step]` is the row-major index
 * `(z * h + y) * w + x` of the cell visited at that step (the `curve_to_linear` of section 7.2).
 *
 * Any grid works; the curve starts at the origin and visits every cell once. Linear time.
 *
 * @param grid `[t, h, w]`
 * @throws RangeError when an axis is not a positive integer, or `axisOrder` is no permutation.
 */
export function hilbertCurve(grid: Grid, axisOrder: AxisOrder = ["w", "h", "t"]): Int32Array {
  const table = new Int32Array(tokenCount(grid));
  const [t, h, w] = grid;
  const length = { w, h, t };
  const stride = { w: 1, h: w, t: w * h };
  const [major, middle, minor] = resolveAxisOrder(axisOrder, grid);
  new CurveWalk(table).box(
    0,
    length[major],
    stride[major],
    length[middle],
    stride[middle],
    length[minor],
    stride[minor],
  );
  return table;
}

/**
 * The recursion. A vector of the specification is a signed length along one axis; since cells are row-major, the axis
 * is its stride and every point is one number.
 */
class CurveWalk {
  #step = 0;

  constructor(readonly table: Int32Array) {}

  /** Visits the box at `origin` spanned by `a`, `b`, `c` cells (signed) along the strides `sa`, `sb`, `sc`. */
  box(origin: number, a: number, sa: number, b: number, sb: number, c: number, sc: number): void {
    const [W, H, D] = [Math.abs(a), Math.abs(b), Math.abs(c)];
    if (H === 1 && D === 1) this.#line(origin, W, Math.sign(a) * sa);
    else if (W === 1 && D === 1) this.#line(origin, H, Math.sign(b) * sb);
    else if (W === 1 && H === 1) this.#line(origin, D, Math.sign(c) * sc);
    // A sub-box is empty where an axis of length 1 was halved.
    else if (W * H * D > 0) this.#split(origin, a, sa, b, sb, c, sc);
  }

  #split(origin: number, a: number, sa: number, b: number, sb: number, c: number, sc: number): void {
    const [W, H, D] = [Math.abs(a), Math.abs(b), Math.abs(c)];
    const [a2, b2, c2] = [half(a), half(b), half(c)];
    // The last cell along each axis, and the last cell of each first half.
    const farA = (a - Math.sign(a)) * sa;
    const farC = (c - Math.sign(c)) * sc;
    const endB2 = (b2 - Math.sign(b)) * sb;
    const endC2 = (c2 - Math.sign(c)) * sc;

    if (2 * W > 3 * H && 2 * W > 3 * D) {
      this.box(origin, a2, sa, b, sb, c, sc);
      this.box(origin + a2 * sa, a - a2, sa, b, sb, c, sc);
    } else if (3 * H > 4 * D) {
      this.box(origin, b2, sb, c, sc, a2, sa);
      this.box(origin + b2 * sb, a, sa, b - b2, sb, c, sc);
      this.box(origin + farA + endB2, -b2, sb, c, sc, a2 - a, sa);
    } else if (3 * D > 4 * H) {
      this.box(origin, c2, sc, a2, sa, b, sb);
      this.box(origin + c2 * sc, a, sa, b, sb, c - c2, sc);
      this.box(origin + farA + endC2, -c2, sc, a2 - a, sa, b, sb);
    } else {
      this.box(origin, b2, sb, c2, sc, a2, sa);
      this.box(origin + b2 * sb, c, sc, a2, sa, b - b2, sb);
      this.box(origin + endB2 + farC, a, sa, -b2, sb, c2 - c, sc);
      this.box(origin + farA + b2 * sb + farC, -c, sc, a2 - a, sa, b - b2, sb);
      this.box(origin + farA + endB2, -b2, sb, c2, sc, a2 - a, sa);
    }
  }

  #line(origin: number, cells: number, stride: number): void {
    for (let i = 0; i < cells; i++) this.table[this.#step++] = origin + i * stride;
  }
}
