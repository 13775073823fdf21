/**
 * Moves elements between strided arrays: transposition, slices, concatenation, padding, repetition. Two inner axes p and
 * q, and outer ones from a table; strides in elements, 0 repeats.
 */
@unmanaged
class MoveJob {
  from: usize;
  to: usize;
  /** Bytes of an element: 1, 2, 4 or 8. */
  bytes: i32;
  p: i32;
  pIn: i32;
  pOut: i32;
  q: i32;
  qIn: i32;
  qOut: i32;
  /** Places of p in one unit. */
  chunk: i32;
  axes: i32;
  /** Three numbers per outer axis, outermost first: size, stride in, stride out. */
  table: usize;
  outer: i32;
  /** Outer places of one unit (1 where p is cut). */
  group: i32;
}

/** Unit: some places of p, of one outer place or of several. */
export function move(job: usize, unit: i32): void {
  const j = changetype<MoveJob>(job);
  const parts = (j.p + j.chunk - 1) / j.chunk;
  const first = (unit / parts) * j.group;
  const end = min(j.outer, first + j.group);
  const p = (unit % parts) * j.chunk;
  const count = min(j.chunk, j.p - p);
  const bytes = <usize>j.bytes;
  for (let place = first; place < end; place++) {
    let from = p * j.pIn, to = p * j.pOut;
    let rest = place;
    for (let axis = j.axes - 1; axis >= 0; axis--) {
      const entry = j.table + <usize>(axis * 12);
      const size = load<i32>(entry);
      const i = rest % size;
      rest /= size;
      from += i * load<i32>(entry, 4);
      to += i * load<i32>(entry, 8);
    }
    plane(j, j.from + <usize>from * bytes, j.to + <usize>to * bytes, count);
  }
}

function plane(j: MoveJob, from: usize, to: usize, count: i32): void {
  const bytes = <usize>j.bytes;
  const pIn = <usize>j.pIn * bytes, pOut = <usize>j.pOut * bytes;
  if (j.qIn == 1 && j.qOut == 1) {
    const run = <usize>j.q * bytes;
    for (let i = 0; i < count; i++, from += pIn, to += pOut) copyRun(from, to, run);
    return;
  }
  const qIn = <usize>j.qIn * bytes, qOut = <usize>j.qOut * bytes;
  let i = 0;
  if (bytes == 4 && j.pIn == 1 && j.qOut == 1)
    for (; i + 4 <= count; i += 4, from += 16, to += pOut * 4) fourLines(from, to, j.q, qIn, pOut);
  for (; i < count; i++, from += pIn, to += pOut) line(from, to, j.q, qIn, qOut, j.bytes);
}

/** Four neighbouring columns become four rows. */
function fourLines(from: usize, to: usize, q: i32, qIn: usize, pOut: usize): void {
  let k = 0;
  for (; k + 4 <= q; k += 4, from += qIn * 4, to += 16) {
    const a = v128.load(from), b = v128.load(from + qIn), c = v128.load(from + qIn * 2), d = v128.load(from + qIn * 3);
    const ab = i32x4.shuffle(a, b, 0, 4, 1, 5), cd = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const AB = i32x4.shuffle(a, b, 2, 6, 3, 7), CD = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(to, i32x4.shuffle(ab, cd, 0, 1, 4, 5));
    v128.store(to + pOut, i32x4.shuffle(ab, cd, 2, 3, 6, 7));
    v128.store(to + pOut * 2, i32x4.shuffle(AB, CD, 0, 1, 4, 5));
    v128.store(to + pOut * 3, i32x4.shuffle(AB, CD, 2, 3, 6, 7));
  }
  for (; k < q; k++, from += qIn, to += 4)
    for (let i: usize = 0; i < 4; i++) store<u32>(to + i * pOut, load<u32>(from + (i << 2)));
}

function line(from: usize, to: usize, q: i32, qIn: usize, qOut: usize, bytes: i32): void {
  if (bytes == 4) for (; q > 0; q--, from += qIn, to += qOut) store<u32>(to, load<u32>(from));
  else if (bytes == 2) for (; q > 0; q--, from += qIn, to += qOut) store<u16>(to, load<u16>(from));
  else if (bytes == 1) for (; q > 0; q--, from += qIn, to += qOut) store<u8>(to, load<u8>(from));
  else for (; q > 0; q--, from += qIn, to += qOut) store<u64>(to, load<u64>(from));
}

/** Short runs are copied word by word: a call costs more than they do. */
@inline function copyRun(from: usize, to: usize, bytes: usize): void {
  if (bytes >= 128) {
    memory.copy(to, from, bytes);
    return;
  }
  const end = to + bytes;
  for (; to + 16 <= end; to += 16, from += 16) v128.store(to, v128.load(from));
  for (; to + 4 <= end; to += 4, from += 4) store<u32>(to, load<u32>(from));
  for (; to < end; to++, from++) store<u8>(to, load<u8>(from));
}

@unmanaged
class FillJob {
  to: usize;
  bytes: i32;
  chunk: i32;
}

/** Unit: a chunk of bytes becomes zero. */
export function fill(job: usize, unit: i32): void {
  const j = changetype<FillJob>(job);
  const first = unit * j.chunk;
  memory.fill(j.to + <usize>first, 0, <usize>min(j.chunk, j.bytes - first));
}
