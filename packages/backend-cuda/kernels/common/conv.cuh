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

/** Element of `x` (or of the history, then `past` is set) that row and tap meet; -1 for a zero. */
DEVICE int64_t conv_place(const ConvShape& s, const ConvRow& r, int tap, bool& past) {
  past = false;
  if (r.batch < 0) return -1;
  const int plane = s.kh * s.kw, dt = tap / plane, dh = tap % plane / s.kw, dw = tap % s.kw;
  int t = r.t + dt, h = r.h + dh, w = r.w + dw;
  if (s.replicate) {
    t = max(t, -s.past);
    h = min(max(h, 0), s.h - 1);
    w = min(max(w, 0), s.w - 1);
  } else if (t < -s.past || h < 0 || h >= s.h || w < 0 || w >= s.w)
    return -1;
  if (t < 0) {
    past = true;
    return (((int64_t)r.batch * s.past + t + s.past) * s.h + h) * s.w + w;
  }
  return (((int64_t)r.batch * s.t + t) * s.h + h) * s.w + w;
}
