// The matrix products of the estimate: logits with gain test (paper) or bias (tail), text logits, weighted values, distances.
#include "product.cuh"

struct ProductParams {
  const float* queryMean;       // [heads, n, d]
  const float* querySecond;     // [heads, n, d]: queryDeviation (paper) or querySpread (tail)
  const void* keys;             // paper: keyMean [heads, n, d] f32; tail: strataKey [heads, groups, u, d] 16 bit
  const float* keySecond;       // [.., d]: keyDeviation (paper), null without gain test; strataSpread (tail)
  const float* mass;            // tail: [heads, groups, u]
  const float* noise;           // tail: [heads, groups, u]
  const void* values;           // paper: valueMean f32; tail: strataValue 16 bit
  const void* textKey;          // [heads, tokens, d], 16 bit
  const void* textValue;
  const int* textValid;         // [heads]
  float* logits;                // [heads, n, width]: columns, then text; later weights
  float* variance;              // tail: [heads, n, width] capped tau, later e
  float* bias;                  // tail: [heads, n, biasStride]
  float* scores;                // paper: [heads, n, n] unscaled, or null
  float* strataBias;            // tail: [heads, n, columns], or null
  float* logitVariance;         // tail: [heads, n, columns], or null
  uint8_t* gain;                // paper: [heads, n, n], or null
  float* out;                   // weighted values: [splits, heads, n, d]
  int heads, n, columns, width, biasStride, tokens, visualTokens, group, groups, splits;
  int uniform;                  // paper: every block weighs the same
  float scale, hMax, tauMax, mMin;
};

/** sum_k A[i, k] B[j, k] for up to three pairs of matrices. */
template <int D, bool SECOND, bool CROSS, typename S>
__device__ __forceinline__ void dot(const float* a1, const float* a2, const S* b1, const float* b2, int rowFirst,
                                    int rowEnd, int colFirst, int colEnd, float (&xx)[4][4], float (&yx)[4][4],
                                    float (&xy)[4][4]) {
  __shared__ Slice A1, B1, A2, B2;
  for (int k0 = 0; k0 < D; k0 += DEPTH) {
    load_slice(A1, a1, rowFirst, rowEnd, D, k0);
    load_slice(B1, b1, colFirst, colEnd, D, k0);
    if (SECOND) {
      load_slice(A2, a2, rowFirst, rowEnd, D, k0);
      load_slice(B2, b2, colFirst, colEnd, D, k0);
    }
    __syncthreads();
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

/** Pooled logits with the log of the block's weight, and the gain test (algorithm.md sections 3 and 5). */
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

/** Logits of the strata with the uncapped shift, their biases and variances (beyond.md sections 5 and 6). */
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
      const float variance = p.scale * p.scale * tau[i][j], m = p.mass[strata + u], floor = fmaxf(m, p.mMin);
      const bool empty = m == -CUDART_INF_F;
      const float h = empty ? 0.f : variance <= 2 * floor ? variance / 2 : sqrtf(2 * floor * variance) - floor;
      const size_t at = rows + row;
      p.logits[at * p.width + u] = p.scale * score[i][j] + m + h;
      p.variance[at * p.width + u] = fminf(variance, p.tauMax);
      p.bias[at * p.biasStride + u] = m + fminf(h, p.hMax);
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

/** out = weights x values; blockIdx.x is the split of the columns. Tail weighs the text values too. */
template <typename V, typename T, int D, bool TEXT>
__device__ __forceinline__ void weighted_values(const ProductParams& p) {
  constexpr int WIDE = D / 64;
  __shared__ Slice W;
  __shared__ float X[DEPTH][D];
  const int head = blockIdx.z, group = TEXT ? p.group : p.n;
  const RowTile t = row_tile(p.n, group);
  const int columns = p.columns + (TEXT ? p.textValid[head] : 0);
  const int per = ((columns + p.splits - 1) / p.splits + DEPTH - 1) / DEPTH * DEPTH;
  const int begin = blockIdx.x * per, end = min(begin + per, columns);
  const float* weights = p.logits + (size_t)head * p.n * p.width;
  const V* values = (const V*)p.values + ((size_t)head * (TEXT ? p.groups : 1) + (TEXT ? t.group : 0)) * p.columns * D;
  const T* text = (const T*)p.textValue + ((size_t)head * p.tokens + p.visualTokens) * D;
  float acc[4][4 * WIDE] = {};
  for (int k0 = begin; k0 < end; k0 += DEPTH) {
    const int row = threadIdx.x % TILE, k = threadIdx.x / TILE * 8;
    for (int i = 0; i < 8; i++)
      W.at[k + i][row] =
          t.first + row < t.end && k0 + k + i < end ? weights[(size_t)(t.first + row) * p.width + k0 + k + i] : 0.f;
    for (int i = threadIdx.x; i < DEPTH * D / 2; i += 256) {
      const int r = i / (D / 2), c = i % (D / 2) * 2, column = k0 + r;
      float2 v = make_float2(0, 0);
      if (column < end) {
        if (column >= p.columns)
          v = unpack<T>(__ldg((const uint32_t*)(text + (size_t)(column - p.columns) * D + c)));
        else if constexpr (std::is_same_v<V, float>)
          v = __ldg((const float2*)(values + (size_t)column * D + c));
        else
          v = unpack<V>(__ldg((const uint32_t*)(values + (size_t)column * D + c)));
      }
      X[r][c] = v.x, X[r][c + 1] = v.y;
    }
    __syncthreads();
#pragma unroll 8
    for (int k = 0; k < DEPTH; k++) {
      float w[4];
      four(W, k, tile_row(), w);
#pragma unroll
      for (int half = 0; half < WIDE; half++) {
        const float4 v = *(const float4*)&X[k][half * 64 + tile_column()];
#pragma unroll
        for (int i = 0; i < 4; i++) {
          acc[i][4 * half] = fmaf(w[i], v.x, acc[i][4 * half]);
          acc[i][4 * half + 1] = fmaf(w[i], v.y, acc[i][4 * half + 1]);
          acc[i][4 * half + 2] = fmaf(w[i], v.z, acc[i][4 * half + 2]);
          acc[i][4 * half + 3] = fmaf(w[i], v.w, acc[i][4 * half + 3]);
        }
      }
    }
    __syncthreads();
  }
  float* out = p.out + ((size_t)blockIdx.x * p.heads + head) * p.n * D;
#pragma unroll
  for (int i = 0; i < 4; i++) {
    const int row = t.first + tile_row() + i;
    if (row >= t.end) continue;
#pragma unroll
    for (int half = 0; half < WIDE; half++)
      *(float4*)(out + (size_t)row * D + half * 64 + tile_column()) =
          make_float4(acc[i][4 * half], acc[i][4 * half + 1], acc[i][4 * half + 2], acc[i][4 * half + 3]);
  }
}

/** e of every stratum, in place of the variance: value noise plus misjudged mass times distance (beyond.md section 6). */
template <typename T, int D>
__device__ __forceinline__ void stratum_errors(const ProductParams& p) {
  __shared__ Slice A, B;
  const int head = blockIdx.z, colFirst = blockIdx.x * TILE;
  const RowTile t = row_tile(p.n, p.group);
  const size_t rows = (size_t)head * p.n, strata = ((size_t)head * p.groups + t.group) * p.columns;
  float distance[4][4] = {};
  for (int k0 = 0; k0 < D; k0 += DEPTH) {
    load_slice(A, p.out + rows * D, t.first, t.end, D, k0);
    load_slice(B, (const T*)p.values + strata * D, colFirst, p.columns, D, k0);
    __syncthreads();
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
      const size_t at = (rows + row) * p.width + u;
      const float tau = p.variance[at], w = p.logits[at];
      p.variance[at] = w * w * (tau * p.noise[strata + u] + 0.25f * tau * tau * distance[i][j]);
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
  PER_TYPE(bf16, D)                                                                  \
  PER_TYPE(f16, D)
#define PER_TYPE(T, D)                                                  \
  PRODUCT(tail_logits_##T##_d##D, (tail_logits<T, D>))                  \
  PRODUCT(text_logits_##T##_d##D, (text_logits<T, D>))                  \
  PRODUCT(expected_value_##T##_d##D, (weighted_values<T, T, D, true>))  \
  PRODUCT(stratum_errors_##T##_d##D, (stratum_errors<T, D>))
PER_WIDTH(128)
PER_WIDTH(64)
