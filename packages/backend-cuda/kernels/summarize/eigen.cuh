// The two directions that strata "eigen" splits along, shared by all blocks of a head (docs/tail.md#strata).
#pragma once
#include "../common/types.cuh"

struct EigenParams {
  const void* query;       // [heads, tokens, d]
  const void* key;
  const float* keyMean;    // [heads, n, d]
  float* moments;          // [splits, heads, 2, d, d]: of keys about their block's mean, of queries
  float* directions;       // [heads, 2, d]
  int heads, tokens, visualTokens, n, stride, splits;
};

/** Sums of outer products over every stride-th token (strata "eigen"). blockIdx: split, head, keys or queries. */
template <typename T, int D>
__device__ __forceinline__ void eigen_moments(const EigenParams& p) {
  constexpr int SIDE = D / 16, ROWS = 32;
  __shared__ float rows[ROWS][D];
  const int split = blockIdx.x, head = blockIdx.y, queries = blockIdx.z;
  const int samples = (p.visualTokens + p.stride - 1) / p.stride, per = (samples + p.splits - 1) / p.splits;
  const int begin = split * per, end = min(begin + per, samples);
  const int a = threadIdx.x / 16 * SIDE, b = threadIdx.x % 16 * SIDE;
  const T* source = (const T*)(queries ? p.query : p.key) + (size_t)head * p.tokens * D;
  float sum[SIDE][SIDE] = {};
  for (int i0 = begin; i0 < end; i0 += ROWS) {
    for (int i = threadIdx.x; i < ROWS * D; i += 256) {
      const int token = (i0 + i / D) * p.stride, column = i % D;
      float x = 0;
      if (i0 + i / D < end) {
        x = to_float(source[(size_t)token * D + column]);
        if (!queries) x -= p.keyMean[((size_t)head * p.n + token / BLOCK) * D + column];
      }
      rows[i / D][column] = x;
    }
    __syncthreads();
    for (int r = 0; r < ROWS; r++)
#pragma unroll
      for (int i = 0; i < SIDE; i++)
#pragma unroll
        for (int j = 0; j < SIDE; j++) sum[i][j] = fmaf(rows[r][a + i], rows[r][b + j], sum[i][j]);
    __syncthreads();
  }
  float* out = p.moments + (((size_t)split * p.heads + head) * 2 + queries) * D * D;
#pragma unroll
  for (int i = 0; i < SIDE; i++)
#pragma unroll
    for (int j = 0; j < SIDE; j++) out[(a + i) * D + b + j] = sum[i][j] / samples;
}

/** The two leading directions of M W, by 8 joint power iterations (docs/tail.md#strata). One thread per channel. */
template <int D>
__device__ __forceinline__ void eigen_directions(const EigenParams& p) {
  __shared__ float vectors[4][D];
  __shared__ float sums[8];
  const int head = blockIdx.x, i = threadIdx.x;
  const float* W = p.moments + (size_t)head * 2 * D * D;
  const float* M = W + D * D;
  // Both matrices are symmetric: column i is row i, and neighbouring threads read neighbouring numbers.
  auto apply = [&](const float* matrix, const float* v) {
    float sum = 0;
    for (int k = 0; k < D; k++) sum = fmaf(matrix[k * D + i], v[k], sum);
    return sum;
  };
  auto total = [&](float v) {
    v = warp_sum(v);
    __syncthreads();
    if (i % 32 == 0) sums[i / 32] = v;
    __syncthreads();
    v = 0;
    for (int k = 0; k < D / 32; k++) v += sums[k];
    return v;
  };
  auto unit = [&](float v) { return v / fmaxf(sqrtf(total(v * v)), 1e-30f); };
  float w1 = cosf((float)i), w2 = sinf((float)i);
  for (int step = 0; step < 8; step++) {
    vectors[0][i] = w1, vectors[1][i] = w2;
    __syncthreads();
    vectors[2][i] = apply(W, vectors[0]), vectors[3][i] = apply(W, vectors[1]);
    __syncthreads();
    w1 = unit(apply(M, vectors[2]));
    w2 = apply(M, vectors[3]);
    vectors[0][i] = w1;
    __syncthreads();
    const float weighted = apply(W, vectors[0]);
    const float along = total(weighted * w2), own = total(weighted * w1);
    w2 = unit(own > 0 ? w2 - along / own * w1 : w2);
    __syncthreads();
  }
  p.directions[(head * 2) * D + i] = w1;
  p.directions[(head * 2 + 1) * D + i] = w2;
}
