// What follows a matrix product before its result is stored, the same for all of them:
// y = residual + gate * act(acc * scale + bias), with gated pairs act(...) * (acc2 * scale2 + bias2).
#pragma once
#include "activation.cuh"

struct Epilogue {
  const void *bias, *bias2, *gate, *residual;
  const float *scale, *scale2;  // of 8-bit weights, one or one per column
  const int* index;             // row of the gate for every row of the result
  void* y;
  int64_t tokens;  // rows per batch item, for the gate
  int n, activation, gateRows, scaleStride, scale2Stride, biasKind, bias2Kind, gateKind, residualKind, yKind;
  int paired;  // a second product multiplies the first
  int wide;    // columns can be read and written eight at a time
};

/** Factors and sums of one column. */
struct Column {
  float scale, bias, scale2, bias2;
};
DEVICE Column column_of(const Epilogue& e, int n) {
  Column c;
  c.scale = e.scale ? __ldg(e.scale + (int64_t)n * e.scaleStride) : 1.f;
  c.bias = e.bias ? load_float(e.bias, n, e.biasKind) : 0.f;
  c.scale2 = e.scale2 ? __ldg(e.scale2 + (int64_t)n * e.scale2Stride) : 1.f;
  c.bias2 = e.bias2 ? load_float(e.bias2, n, e.bias2Kind) : 0.f;
  return c;
}

/** The factors of eight neighbouring columns. */
DEVICE void scale_eight(const float* scale, int stride, int n, float (&v)[8]) {
  if (!scale) return;
#pragma unroll
  for (int j = 0; j < 8; j++) v[j] *= __ldg(scale + (int64_t)(n + j) * stride);
}

/** Where a row of the result and its gate begin. */
struct OutRow {
  int64_t y, gate;
  bool live;
};
DEVICE OutRow row_of(const Epilogue& e, int64_t m, int64_t rows) {
  OutRow r{m * e.n, 0, m < rows};
  if (!e.gate || !r.live) return r;
  const int64_t batch = m < e.tokens ? 0 : m / e.tokens;
  const int64_t at = e.index ? e.index[m] : e.gateRows == 1 ? 0 : m - batch * e.tokens;
  r.gate = (batch * e.gateRows + at) * e.n;
  return r;
}

template <bool FAST>
DEVICE float value_of(const Epilogue& e, const Column& c, float a, float b) {
  const float x = fmaf(a, c.scale, c.bias);
  const float y = e.activation == NONE ? x : FAST ? activate_fast(e.activation, x) : activate(e.activation, x);
  return e.paired ? y * fmaf(b, c.scale2, c.bias2) : y;
}

/** One value of the result. */
template <bool FAST>
DEVICE void finish_one(const Epilogue& e, const OutRow& r, const Column& c, int n, float a, float b) {
  float v = value_of<FAST>(e, c, a, b);
  if (e.gate) v *= load_float(e.gate, r.gate + n, e.gateKind);
  if (e.residual) v += load_float(e.residual, r.y + n, e.residualKind);
  store_value(e.y, r.y + n, e.yKind, v);
}

/** Eight neighbours of the result at a multiple of 8, in place of their products `a` and `b`. */
template <bool FAST>
DEVICE void finish_eight(const Epilogue& e, const OutRow& r, int n, float (&a)[8], float (&b)[8]) {
  float v[8];
  scale_eight(e.scale, e.scaleStride, n, a);
  if (e.bias) {
    load_eight(e.bias, n, e.biasKind, v);
#pragma unroll
    for (int j = 0; j < 8; j++) a[j] += v[j];
  }
  activate_all<FAST, 8>(e.activation, a);
  if (e.paired) {
    scale_eight(e.scale2, e.scale2Stride, n, b);
    if (e.bias2) {
      load_eight(e.bias2, n, e.bias2Kind, v);
#pragma unroll
      for (int j = 0; j < 8; j++) b[j] += v[j];
    }
#pragma unroll
    for (int j = 0; j < 8; j++) a[j] *= b[j];
  }
  if (e.gate) {
    load_eight(e.gate, r.gate + n, e.gateKind, v);
#pragma unroll
    for (int j = 0; j < 8; j++) a[j] *= v[j];
  }
  if (e.residual) {
    load_eight(e.residual, r.y + n, e.residualKind, v);
#pragma unroll
    for (int j = 0; j < 8; j++) a[j] += v[j];
  }
  store_eight(e.y, r.y + n, e.yKind, a);
}

/**
 * The corner of a warp's result that is stored at a time: 16 rows of 32 products, in shared memory, so that it leaves in
 * pieces of 16 bytes and the code for it exists once. Gated pairs: 16 products of each weight.
 */
struct Corner {
  static constexpr int STRIDE = 40, BYTES = 16 * STRIDE * 4;
  float* own;  // of this warp

  /** Columns `8 i` to `8 i + 7` as mma and wgmma leave them: two of each of the rows lane / 4 and lane / 4 + 8. */
  DEVICE void put(int i, float a, float b, float c, float d) {
    const int lane = threadIdx.x % 32;
    float* at = own + lane / 4 * STRIDE + i * 8 + lane % 4 * 2;
    *(float2*)at = make_float2(a, b);
    *(float2*)(at + 8 * STRIDE) = make_float2(c, d);
  }

  DEVICE static void take(const float* at, float (&v)[8]) {
    const float4 x = ((const float4*)at)[0], y = ((const float4*)at)[1];
    v[0] = x.x, v[1] = x.y, v[2] = x.z, v[3] = x.w, v[4] = y.x, v[5] = y.y, v[6] = y.z, v[7] = y.w;
  }

  /** Stores rows `m` on and columns `n` on of the result. */
  DEVICE void store(const Epilogue& e, int64_t m, int64_t rows, int n) {
    __syncwarp();
    const int lane = threadIdx.x % 32, lanes = e.paired ? 2 : 4, column = n + lane % lanes * 8;
#pragma unroll
    for (int half = 0; half < 2; half++) {
      if (e.paired && half > 0) break;
      const int row = lane / lanes + half * 8;
      const OutRow out = row_of(e, m + row, rows);
      if (!out.live || column >= e.n) continue;
      const float* at = own + row * STRIDE + lane % lanes * 8;
      if (e.wide) {
        float a[8], b[8];
        take(at, a);
        take(at + (e.paired ? 16 : 0), b);
        finish_eight<true>(e, out, column, a, b);
      } else {
#pragma unroll 1
        for (int j = 0; j < 8 && column + j < e.n; j++)
          finish_one<true>(e, out, column_of(e, column + j), column + j, at[j], e.paired ? at[16 + j] : 0.f);
      }
    }
    __syncwarp();
  }
};
