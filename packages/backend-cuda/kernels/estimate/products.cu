// The matrix products of the estimate: logits with gain test (paper) or bias (tail), text logits, weighted values, distances.
#include "params.cuh"
#include "product.cuh"
#include "weighted.cuh"

/** sum_k A[i, k] B[j, k] for up to three pairs of matrices. */
template <int D, bool SECOND, bool CROSS, typename S>
__device__ __forceinline__ void dot(const float* a1, const float* a2, const S* b1, const float* b2, int rowFirst,
                                    int rowEnd, int colFirst, int colEnd, float (&xx)[4][4], float (&yx)[4][4],
                                    float (&xy)[4][4]) {
  __shared__ Slice A1, B1, A2, B2;
  Fetch<float> nextA1, nextA2, nextB2;
  Fetch<S> nextB1;
  auto fetch = [&](int k0) {
    nextA1.load(a1, rowFirst, rowEnd, D, k0);
    nextB1.load(b1, colFirst, colEnd, D, k0);
    if (SECOND) {
      nextA2.load(a2, rowFirst, rowEnd, D, k0);
      nextB2.load(b2, colFirst, colEnd, D, k0);
    }
  };
  fetch(0);
  for (int k0 = 0; k0 < D; k0 += DEPTH) {
    nextA1.store(A1);
    nextB1.store(B1);
    if (SECOND) {
      nextA2.store(A2);
      nextB2.store(B2);
    }
    __syncthreads();
    if (k0 + DEPTH < D) fetch(k0 + DEPTH);
#pragma unroll 8
    for (int k = 0; k < DEPTH; k++) {
      float x[4], y[4], z[4], w[4];
      four(A1, k, tile_row(), x);
      four(B1, k, tile_column(), y);
      if (SECOND) {
        four(A2, k, tile_row(), z);
        four(B2, k, tile_column(), w);
      }
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
          xx[i][j] = fmaf(x[i], y[j], xx[i][j]);
          if (SECOND && CROSS) {  // Dq . k and q . Dk
            yx[i][j] = fmaf(z[i], y[j], yx[i][j]);
            xy[i][j] = fmaf(x[i], w[j], xy[i][j]);
          } else if (SECOND) {  // rho . kappa
            yx[i][j] = fmaf(z[i], w[j], yx[i][j]);
          }
        }
    }
    __syncthreads();
  }
}

/** Pooled logits with the log of the block's weight, and the gain test (docs/method.md#implicit-attention and docs/method.md#gain). */
template <int D, bool GAIN>
__device__ __forceinline__ void paper_logits(const ProductParams& p) {
  const int head = blockIdx.z, colFirst = blockIdx.x * TILE;
  const RowTile t = row_tile(p.n, p.n);
  const size_t base = (size_t)head * p.n * D;
  float score[4][4] = {}, left[4][4] = {}, right[4][4] = {};
  dot<D, GAIN, true>(p.queryMean + base, p.querySecond + base, (const float*)p.keys + base, p.keySecond + base, t.first,
                     t.end, colFirst, p.n, score, left, right);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      const int row = t.first + tile_row() + i, column = colFirst + tile_column() + j;
      if (row >= t.end || column >= p.n) continue;
      const size_t at = (size_t)head * p.n + row;
      const int count = p.uniform ? BLOCK : min(BLOCK, p.visualTokens - column * BLOCK);
      p.logits[at * p.width + column] = p.scale * score[i][j] + logf((float)count);
      if (p.scores) p.scores[at * p.n + column] = score[i][j];
      if (GAIN) p.gain[at * p.n + column] = fabsf(score[i][j]) > fabsf(left[i][j]) + fabsf(right[i][j]);
    }
}

/** Logits of the strata with the uncapped shift, their biases and variances (docs/tail.md#bias and docs/tail.md#selection). */
template <typename T, int D>
__device__ __forceinline__ void tail_logits(const ProductParams& p) {
  const int head = blockIdx.z, colFirst = blockIdx.x * TILE;
  const RowTile t = row_tile(p.n, p.group);
  const size_t rows = (size_t)head * p.n, strata = ((size_t)head * p.groups + t.group) * p.columns;
  float score[4][4] = {}, tau[4][4] = {}, unused[4][4];
  dot<D, true, false>(p.queryMean + rows * D, p.querySecond + rows * D, (const T*)p.keys + strata * D,
                      p.keySecond + strata * D, t.first, t.end, colFirst, p.columns, score, tau, unused);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      const int row = t.first + tile_row() + i, u = colFirst + tile_column() + j;
      if (row >= t.end || u >= p.columns) continue;
      const float variance = p.scale * p.scale * tau[i][j], m = p.mass[strata + u];
      const float h = shift(variance, m, p.mMin);
      const size_t at = rows + row;
      p.logits[at * p.width + u] = p.scale * score[i][j] + m + h;
      p.variance[at * p.biasStride + u] = variance;
      if (p.strataBias) p.strataBias[at * p.columns + u] = m + fminf(h, p.hMax);
      if (p.logitVariance) p.logitVariance[at * p.columns + u] = variance;
    }
}

/** Logits of the single text keys, behind the columns of the blocks or strata. */
template <typename T, int D>
__device__ __forceinline__ void text_logits(const ProductParams& p) {
  const int head = blockIdx.z, colFirst = blockIdx.x * TILE, valid = p.textValid[head];
  const RowTile t = row_tile(p.n, p.n);
  float score[4][4] = {}, unused[4][4];
  dot<D, false, false>(p.queryMean + (size_t)head * p.n * D, (const float*)nullptr,
                       (const T*)p.textKey + ((size_t)head * p.tokens + p.visualTokens) * D, (const float*)nullptr,
                       t.first, t.end, colFirst, valid, score, unused, unused);
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      const int row = t.first + tile_row() + i, column = colFirst + tile_column() + j;
      if (row >= t.end || column >= p.width - p.columns) continue;
      p.logits[((size_t)head * p.n + row) * p.width + p.columns + column] =
          column < valid ? p.scale * score[i][j] : -CUDART_INF_F;
    }
}

/**
 * log e of every stratum, in place of its logit: value noise plus misjudged mass times distance (docs/tail.md#selection).
 * Logs, because the squares of small weights would underflow and tie.
 */
template <int D>
__device__ __forceinline__ void stratum_errors(const ProductParams& p) {
  __shared__ Slice A, B;
  const int head = blockIdx.z, colFirst = blockIdx.x * TILE;
  const RowTile t = row_tile(p.n, p.group);
  const size_t rows = (size_t)head * p.n, strata = ((size_t)head * p.groups + t.group) * p.columns;
  float distance[4][4] = {};
  Fetch<float> nextA;
  Fetch<f16> nextB;
  auto fetch = [&](int k0) {
    nextA.load(p.out + rows * D, t.first, t.end, D, k0);
    nextB.load((const f16*)p.values + strata * D, colFirst, p.columns, D, k0);
  };
  fetch(0);
  for (int k0 = 0; k0 < D; k0 += DEPTH) {
    nextA.store(A);
    nextB.store(B);
    __syncthreads();
    if (k0 + DEPTH < D) fetch(k0 + DEPTH);
#pragma unroll 8
    for (int k = 0; k < DEPTH; k++) {
      float x[4], y[4];
      four(A, k, tile_row(), x);
      four(B, k, tile_column(), y);
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) {
          const float gap = x[i] - y[j];
          distance[i][j] = fmaf(gap, gap, distance[i][j]);
        }
    }
    __syncthreads();
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 4; j++) {
      const int row = t.first + tile_row() + i, u = colFirst + tile_column() + j;
      if (row >= t.end || u >= p.columns) continue;
      float& logit = p.logits[(rows + row) * p.width + u];
      const float tau = fminf(p.variance[(rows + row) * p.biasStride + u], p.tauMax);
      const float logWeight = logit - p.normaliser[rows + row];
      if (p.weights) p.weights[(rows + row) * p.columns + u] = expf(logWeight);
      logit = 2 * logWeight + logf(tau * p.noise[strata + u] + 0.25f * tau * tau * distance[i][j]);
    }
}

struct SumParams {
  const float* parts;  // [splits, count]
  float* out;          // [count]; may be the first of the parts
  int count, splits;
};
/** Adds the splits of the weighted values, always in the same order. */
extern "C" __global__ void sum_splits(const __grid_constant__ SumParams p) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= p.count) return;
  float sum = 0;
  for (int s = 0; s < p.splits; s++) sum += p.parts[(size_t)s * p.count + i];
  p.out[i] = sum;
}

#define PRODUCT(name, body) \
  extern "C" __global__ void __launch_bounds__(256, 2) name(const __grid_constant__ ProductParams p) { body(p); }
#define PER_WIDTH(D)                                                                 \
  PRODUCT(paper_logits_d##D, (paper_logits<D, false>))                               \
  PRODUCT(paper_logits_gain_d##D, (paper_logits<D, true>))                           \
  PRODUCT(compensation_d##D, (weighted_values<float, bf16, D, false>))               \
  PRODUCT(stratum_errors_d##D, (stratum_errors<D>))                                  \
  PER_TYPE(bf16, D)                                                                  \
  PER_TYPE(f16, D)
#define PER_TYPE(T, D)                                                  \
  PRODUCT(tail_logits_##T##_d##D, (tail_logits<T, D>))                  \
  PRODUCT(text_logits_##T##_d##D, (text_logits<T, D>))                  \
  PRODUCT(expected_value_##T##_d##D, (weighted_values<f16, T, D, true>))
PER_WIDTH(128)
PER_WIDTH(64)
