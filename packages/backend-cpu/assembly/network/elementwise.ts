import { apply } from "./activation";

/** Stores the first `count` (1 to 4) lanes. */
@inline function storeSome(to: usize, v: v128, count: i32): void {
  if (count >= 4) {
    v128.store(to, v);
    return;
  }
  store<f32>(to, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(to, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(to, f32x4.extract_lane(v, 2), 8);
}

/** Rows of `inner` numbers at places that up to eight outer axes give; all f32. */
@unmanaged
class BinaryJob {
  a: usize;
  b: usize;
  y: usize;
  kind: i32;
  inner: i32;
  /** Length of the very last row: one long row is cut into several. */
  last: i32;
  /** 1, or 0 where one number serves the whole row. */
  stepA: i32;
  stepB: i32;
  rows: i32;
  chunk: i32;
  axes: i32;
  /** Three numbers per axis, outermost first: size, stride of a, stride of b. */
  table: usize;
}

@inline function combineTwo(kind: i32, a: v128, b: v128): v128 {
  switch (kind) {
    case 0:
      return f32x4.add(a, b);
    case 1:
      return f32x4.sub(a, b);
    case 2:
      return f32x4.mul(a, b);
    case 3:
      return f32x4.div(a, b);
    case 4:
      return f32x4.max(a, b);
    default:
      return f32x4.min(a, b);
  }
}

@inline function binaryRow(kind: i32, a: usize, b: usize, stepA: i32, stepB: i32, y: usize, count: i32): void {
  const bytes = <usize>count << 2;
  if (stepA && stepB)
    for (let x: usize = 0; x < bytes; x += 16)
      storeSome(y + x, combineTwo(kind, v128.load(a + x), v128.load(b + x)), <i32>(bytes - x) >> 2);
  else if (stepA) {
    const one = v128.load32_splat(b);
    for (let x: usize = 0; x < bytes; x += 16)
      storeSome(y + x, combineTwo(kind, v128.load(a + x), one), <i32>(bytes - x) >> 2);
  } else {
    const one = v128.load32_splat(a);
    for (let x: usize = 0; x < bytes; x += 16) {
      const other = stepB ? v128.load(b + x) : v128.load32_splat(b);
      storeSome(y + x, combineTwo(kind, one, other), <i32>(bytes - x) >> 2);
    }
  }
}

/** Unit: some rows. */
export function binary(job: usize, unit: i32): void {
  const j = changetype<BinaryJob>(job);
  const end = min(j.rows, (unit + 1) * j.chunk);
  for (let row = unit * j.chunk; row < end; row++) {
    let a = j.a, b = j.b;
    let rest = row;
    for (let axis = j.axes - 1; axis >= 0; axis--) {
      const entry = j.table + <usize>(axis * 12);
      const size = load<i32>(entry);
      const i = rest % size;
      rest /= size;
      a += <usize>(i * load<i32>(entry, 4)) << 2;
      b += <usize>(i * load<i32>(entry, 8)) << 2;
    }
    const y = j.y + (<usize>row * <usize>j.inner << 2);
    const count = row == j.rows - 1 ? j.last : j.inner;
    switch (j.kind) {
      case 0:
        binaryRow(0, a, b, j.stepA, j.stepB, y, count);
        break;
      case 1:
        binaryRow(1, a, b, j.stepA, j.stepB, y, count);
        break;
      case 2:
        binaryRow(2, a, b, j.stepA, j.stepB, y, count);
        break;
      case 3:
        binaryRow(3, a, b, j.stepA, j.stepB, y, count);
        break;
      default:
        binaryRow(j.kind, a, b, j.stepA, j.stepB, y, count);
    }
  }
}

@unmanaged
class UnaryJob {
  x: usize;
  y: usize;
  count: i32;
  chunk: i32;
  kind: i32;
  a: f32;
  b: f32;
}

/** Unit: a chunk of numbers. */
export function unary(job: usize, unit: i32, scratch: usize): void {
  const j = changetype<UnaryJob>(job);
  const first = unit * j.chunk;
  const count = min(j.chunk, j.count - first);
  const x = j.x + (<usize>first << 2), y = j.y + (<usize>first << 2);
  const whole = count & ~3;
  apply(j.kind, x, y, whole, j.a, j.b);
  if (whole == count) return;
  const at = <usize>whole << 2;
  apply(j.kind, x + at, scratch, 4, j.a, j.b);
  memory.copy(y + at, scratch, <usize>(count - whole) << 2);
}

@unmanaged
class CombineJob {
  y: usize;
  coefficients: usize;
  terms: i32;
  count: i32;
  chunk: i32;
  /** Addresses of the terms. */
  table: usize;
}

/** Unit: a chunk of numbers, a piece of them at a time through all terms. Terms of coefficient 0 are not read. */
export function combine(job: usize, unit: i32): void {
  const j = changetype<CombineJob>(job);
  const first = unit * j.chunk;
  const end = first + min(j.chunk, j.count - first);
  for (let at = first; at < end; at += 2048) {
    const count = min(2048, end - at);
    const y = j.y + (<usize>at << 2);
    let any = false;
    for (let t = 0; t < j.terms; t++) {
      const c = load<f32>(j.coefficients + (<usize>t << 2));
      if (c == 0) continue;
      addTerm(<usize>load<u32>(j.table + (<usize>t << 2)) + (<usize>at << 2), c, y, count, !any);
      any = true;
    }
    if (!any) memory.fill(y, 0, <usize>count << 2);
  }
}

function addTerm(x: usize, c: f32, y: usize, count: i32, first: bool): void {
  const f = f32x4.splat(c);
  const bytes = <usize>count << 2;
  if (first)
    for (let i: usize = 0; i < bytes; i += 16) storeSome(y + i, f32x4.mul(f, v128.load(x + i)), <i32>(bytes - i) >> 2);
  else
    for (let i: usize = 0; i < bytes; i += 16)
      storeSome(y + i, f32x4.add(v128.load(y + i), f32x4.mul(f, v128.load(x + i))), <i32>(bytes - i) >> 2);
}
