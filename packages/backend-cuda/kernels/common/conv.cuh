// A convolution as a matrix product: row m is a position of the result, column k the channel of a tap, taps slowest.
#pragma once
#include "values.cuh"

struct ConvShape {
  const void* x;        // [batch, t, h, w, ci]
  const void* history;  // [batch, past, h, w, ci], or null
  int64_t rows;
  int ci, t, h, w, past, front;
  int kt, kh, kw, st, sh, sw, top, left, replicate;
  int ot, oh, ow;  // of the result
  int depth;       // taps * ci
};

/** A position of the result: its batch item and the first place that its kernel covers. */
struct ConvRow {
  int batch, t, h, w;  // batch < 0: no row
};
DEVICE ConvRow conv_row(const ConvShape& s, int64_t m) {
  if (m >= s.rows) return {-1, 0, 0, 0};
  const int w = (int)(m % s.ow);
  int64_t rest = m / s.ow;
  const int h = (int)(rest % s.oh);
  rest /= s.oh;
  const int t = (int)(rest % s.ot);
  return {(int)(rest / s.ot), t * s.st - s.front, h * s.sh - s.top, w * s.sw - s.left};
}

/** A tap and a channel: column k of the product, taken apart once and then moved on. */
struct ConvColumn {
  int t, h, w, c;
  bool live;
  DEVICE ConvColumn(const ConvShape& s, int k) : live(k < s.depth) {
    const int tap = k / s.ci, plane = s.kh * s.kw;
    c = k - tap * s.ci;
    t = tap / plane, h = tap % plane / s.kw, w = tap % s.kw;
  }
  /** `by` columns further. */
  DEVICE void advance(const ConvShape& s, int by) {
    c += by;
    while (c >= s.ci) {
      c -= s.ci;
      if (++w < s.kw) continue;
      w = 0;
      if (++h < s.kh) continue;
      h = 0;
      if (++t >= s.kt) live = false;
    }
  }
};

/** Place (in elements / ci) of `x`, or of the history, then `past` is set, that row and tap meet; -1 for a zero. */
DEVICE int64_t conv_place(const ConvShape& s, const ConvRow& r, const ConvColumn& k, bool& past) {
  past = false;
  if (r.batch < 0 || !k.live) return -1;
  int t = r.t + k.t, h = r.h + k.h, w = r.w + k.w;
  if (s.replicate) {
    t = max(t, -s.past);
    h = min(max(h, 0), s.h - 1);
    w = min(max(w, 0), s.w - 1);
  } else if (t < -s.past || (unsigned)h >= (unsigned)s.h || (unsigned)w >= (unsigned)s.w)
    return -1;
  if (t < 0) {
    past = true;
    return (((int64_t)r.batch * s.past + t + s.past) * s.h + h) * s.w + w;
  }
  return (((int64_t)r.batch * s.t + t) * s.h + h) * s.w + w;
}
