// Matrix products without matrix units, for float32 and for mixed types: 64 by 64 tiles for matrices and convolutions, and a
// warp per column for few rows, where reading the weights is all the work.
#include "../common/conv.cuh"
#include "../common/epilogue.cuh"

struct LinearSource {
  const void* x;
  int64_t rows;
  int depth, pad;
};
template <typename Source>
struct SimpleParams {
  Source source;
  const void *w, *w2;
  int xKind, historyKind, wKind, w2Kind;
  Epilogue e;
};

constexpr int TILE = 64, DEEP = 16;

DEVICE float element(const SimpleParams<LinearSource>& p, int64_t m, int k) {
  return m < p.source.rows && k < p.source.depth ? load_float(p.source.x, m * p.source.depth + k, p.xKind) : 0.f;
}
DEVICE float element(const SimpleParams<ConvShape>& p, int64_t m, int k) {
  const ConvShape& s = p.source;
  const ConvColumn column(s, k);
  bool past;
  const int64_t place = conv_place(s, conv_row(s, m), column, past);
  if (place < 0) return 0.f;
  return load_float(past ? s.history : s.x, place * s.ci + column.c, past ? p.historyKind : p.xKind);
}
/** Place of column `k` of output channel `n`: weights of convolutions are [co, ci, taps]. */
DEVICE int64_t weight_place(const LinearSource& s, int n, int k) { return (int64_t)n * s.depth + k; }
DEVICE int64_t weight_place(const ConvShape& s, int n, int k) {
  const int taps = s.depth / s.ci;
  return ((int64_t)n * s.ci + k % s.ci) * taps + k / s.ci;
}

template <typename Source>
DEVICE void simple(const SimpleParams<Source>& p) {
  __shared__ float a[DEEP][TILE + 4], b[2][DEEP][TILE + 4];
  const int64_t m0 = (int64_t)blockIdx.x * TILE;
  const int n0 = blockIdx.y * TILE, tx = threadIdx.x % 16, ty = threadIdx.x / 16;
  float acc[2][4][4] = {};
  for (int k0 = 0; k0 < p.source.depth; k0 += DEEP) {
    for (int i = threadIdx.x; i < TILE * DEEP; i += 256) {
      const int k = i % DEEP, r = i / DEEP;
      a[k][r] = element(p, m0 + r, k0 + k);
      const bool live = n0 + r < p.e.n && k0 + k < p.source.depth;
      b[0][k][r] = live ? load_value(p.w, weight_place(p.source, n0 + r, k0 + k), p.wKind) : 0.f;
      if (p.e.paired) b[1][k][r] = live ? load_value(p.w2, weight_place(p.source, n0 + r, k0 + k), p.w2Kind) : 0.f;
    }
    __syncthreads();
#pragma unroll
    for (int k = 0; k < DEEP; k++) {
      const float4 x = *(const float4*)&a[k][ty * 4], y = *(const float4*)&b[0][k][tx * 4];
      const float xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) acc[0][i][j] = fmaf(xs[i], ys[j], acc[0][i][j]);
      if (p.e.paired) {
        const float4 z = *(const float4*)&b[1][k][tx * 4];
        const float zs[4] = {z.x, z.y, z.z, z.w};
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
          for (int j = 0; j < 4; j++) acc[1][i][j] = fmaf(xs[i], zs[j], acc[1][i][j]);
      }
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const OutRow row = row_of(p.e, m0 + ty * 4 + i, p.source.rows);
#pragma unroll
    for (int j = 0; j < 4; j++) {
      const int n = n0 + tx * 4 + j;
      if (row.live && n < p.e.n) finish_one<false>(p.e, row, column_of(p.e, n), n, acc[0][i][j], acc[1][i][j]);
    }
  }
}
extern "C" __global__ void __launch_bounds__(256) gemm_simple(const __grid_constant__ SimpleParams<LinearSource> p) {
  simple(p);
}
extern "C" __global__ void __launch_bounds__(256) conv_simple(const __grid_constant__ SimpleParams<ConvShape> p) {
  simple(p);
}

/** A warp per column and up to `ROWS` rows; `N` values of k at a time. Weights are floats of any size. */
template <int ROWS, int N>
DEVICE void few_rows(const SimpleParams<LinearSource>& p) {
  const int n = blockIdx.x * 8 + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (n >= p.e.n) return;
  const int64_t base = (int64_t)n * p.source.depth;
  const int rows = (int)p.source.rows, pieces = p.source.depth / N;
  float acc[ROWS] = {}, acc2[ROWS] = {};
#pragma unroll 2
  for (int i = lane; i < pieces; i += 32) {
    float w[N], w2[N];
    load_any<N>(p.w, base + i * N, p.wKind, w);
    if (p.e.paired) load_any<N>(p.w2, base + i * N, p.w2Kind, w2);
#pragma unroll
    for (int m = 0; m < ROWS; m++) {
      if (m >= rows) break;
      float x[N];
      load_some<N>(p.source.x, (int64_t)m * p.source.depth + i * N, p.xKind, x);
#pragma unroll
      for (int j = 0; j < N; j++) acc[m] = fmaf(x[j], w[j], acc[m]);
      if (p.e.paired) {
#pragma unroll
        for (int j = 0; j < N; j++) acc2[m] = fmaf(x[j], w2[j], acc2[m]);
      }
    }
  }
#pragma unroll
  for (int m = 0; m < ROWS; m++) {
    if (m >= rows) break;
    const float a = warp_sum(acc[m]), b = p.e.paired ? warp_sum(acc2[m]) : 0.f;
    if (lane == 0) finish_one<false>(p.e, row_of(p.e, m, rows), column_of(p.e, n), n, a, b);
  }
}
#define FEW(name, ROWS, N)                                                                                                   \
  extern "C" __global__ void __launch_bounds__(256) few_rows_##name(const __grid_constant__ SimpleParams<LinearSource> p) { \
    few_rows<ROWS, N>(p);                                                                                                    \
  }
FEW(one, 1, 8)
FEW(eight, 8, 8)
FEW(any, 8, 1)
