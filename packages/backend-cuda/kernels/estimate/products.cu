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
  float* logits;                // [heads, n, width]: columns, then text; paper: later weights; tail: later log e
  const float* normaliser;      // tail: [heads, n] log of the sum over a row's exponentials
  float* variance;              // tail: [heads, n, biasStride] tau; the selection turns it into the bias, in place
  float* scores;                // paper: [heads, n, n] unscaled, or null
  float* strataBias;            // tail: [heads, n, columns], or null
  float* logitVariance;         // tail: [heads, n, columns], or null
  uint8_t* gain;                // paper: [heads, n, n], or null
  float* weights;               // tail: [heads, n, columns] softmax weights, or null
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
  // A warp reads one row's 32 columns of the weights at a time: whole lines, and one column per bank of the slice.
  constexpr int ROWS = TILE / 8, WORDS = DEPTH * D / 8 / 256 * (std::is_same_v<V, float> ? 2 : 1);
  constexpr int PER_ROW = std::is_same_v<V, float> ? D / 4 : D / 8;  // 16-byte words of a row of values
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float normaliser[ROWS], w[ROWS];
  uint4 v[WORDS];
#pragma unroll
  for (int i = 0; i < ROWS; i++) {
    const int row = t.first + warp + i * 8;
    normaliser[i] = TEXT && row < t.end ? p.normaliser[(size_t)head * p.n + row] : 0.f;
  }
  auto fetch = [&](int k0) {
#pragma unroll
    for (int i = 0; i < ROWS; i++) {
      const int row = t.first + warp + i * 8;
      const bool live = row < t.end && k0 + lane < end;
      w[i] = live ? weights[(size_t)row * p.width + k0 + lane] : TEXT ? -CUDART_INF_F : 0.f;
    }
#pragma unroll
    for (int i = 0; i < WORDS; i++) {
      const int word = threadIdx.x + i * 256, column = k0 + word / PER_ROW;
      const bool isText = TEXT && column >= p.columns;
      const uint4* at = isText ? (const uint4*)(text + (size_t)(column - p.columns) * D)
                               : (const uint4*)(values + (size_t)column * D);
      v[i] = column < end ? __ldg(at + word % PER_ROW) : make_uint4(0, 0, 0, 0);
    }
  };
  auto put = [&]() {
#pragma unroll
    for (int i = 0; i < ROWS; i++) W.at[lane][warp + i * 8] = TEXT ? expf(w[i] - normaliser[i]) : w[i];
#pragma unroll
    for (int i = 0; i < WORDS; i++) {
      const int word = threadIdx.x + i * 256;
      float4* out = (float4*)X[word / PER_ROW] + word % PER_ROW * (D / 4 / PER_ROW);
      if constexpr (std::is_same_v<V, float>) {
        *out = make_float4(__uint_as_float(v[i].x), __uint_as_float(v[i].y), __uint_as_float(v[i].z), __uint_as_float(v[i].w));
      } else {
        const float2 a = unpack<V>(v[i].x), b = unpack<V>(v[i].y), c = unpack<V>(v[i].z), e = unpack<V>(v[i].w);
        out[0] = make_float4(a.x, a.y, b.x, b.y);
        out[1] = make_float4(c.x, c.y, e.x, e.y);
      }
    }
  };
  float acc[4][4 * WIDE] = {};
  if (begin < end) fetch(begin);
  for (int k0 = begin; k0 < end; k0 += DEPTH) {
    put();
    __syncthreads();
    if (k0 + DEPTH < end) fetch(k0 + DEPTH);
#pragma unroll 8
    for (int k = 0; k < DEPTH; k++) {
      float weight[4];
      four(W, k, tile_row(), weight);
#pragma unroll
      for (int half = 0; half < WIDE; half++) {
        const float4 x = *(const float4*)&X[k][half * 64 + tile_column()];
#pragma unroll
        for (int i = 0; i < 4; i++) {
          acc[i][4 * half] = fmaf(weight[i], x.x, acc[i][4 * half]);
          acc[i][4 * half + 1] = fmaf(weight[i], x.y, acc[i][4 * half + 1]);
          acc[i][4 * half + 2] = fmaf(weight[i], x.z, acc[i][4 * half + 2]);
          acc[i][4 * half + 3] = fmaf(weight[i], x.w, acc[i][4 * half + 3]);
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

/**
 * log e of every stratum, in place of its logit: value noise plus misjudged mass times distance (beyond.md section 6).
 * Logs, because the squares of small weights would underflow and tie.
 */
template <typename T, int D>
__device__ __forceinline__ void stratum_errors(const ProductParams& p) {
  __shared__ Slice A, B;
  const int head = blockIdx.z, colFirst = blockIdx.x * TILE;
  const RowTile t = row_tile(p.n, p.group);
  const size_t rows = (size_t)head * p.n, strata = ((size_t)head * p.groups + t.group) * p.columns;
  float distance[4][4] = {};
  Fetch<float> nextA;
  Fetch<T> nextB;
  auto fetch = [&](int k0) {
    nextA.load(p.out + rows * D, t.first, t.end, D, k0);
    nextB.load((const T*)p.values + strata * D, colFirst, p.columns, D, k0);
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
  PER_TYPE(bf16, D)                                                                  \
  PER_TYPE(f16, D)
#define PER_TYPE(T, D)                                                  \
  PRODUCT(tail_logits_##T##_d##D, (tail_logits<T, D>))                  \
  PRODUCT(text_logits_##T##_d##D, (text_logits<T, D>))                  \
  PRODUCT(expected_value_##T##_d##D, (weighted_values<T, T, D, true>))  \
  PRODUCT(stratum_errors_##T##_d##D, (stratum_errors<T, D>))
PER_WIDTH(128)
PER_WIDTH(64)
