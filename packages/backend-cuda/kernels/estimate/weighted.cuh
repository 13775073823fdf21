// Weights times values: the paper's compensation, and the expected value of tail mode.
#pragma once
#include "params.cuh"
#include "product.cuh"

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
  auto put = [&](int first) {
#pragma unroll
    for (int i = 0; i < ROWS; i++) W.at[lane][warp + i * 8] = TEXT ? expf(w[i] - normaliser[i]) : w[i];
#pragma unroll
    for (int i = 0; i < WORDS; i++) {
      const int word = threadIdx.x + i * 256;
      float4* out = (float4*)X[word / PER_ROW] + word % PER_ROW * (D / 4 / PER_ROW);
      if constexpr (std::is_same_v<V, float>) {
        *out = make_float4(__uint_as_float(v[i].x), __uint_as_float(v[i].y), __uint_as_float(v[i].z), __uint_as_float(v[i].w));
      } else {
        // Strata and text need not have the same type.
        const bool isText = TEXT && first + word / PER_ROW >= p.columns;
        auto wide = [&](uint32_t raw) { return isText ? unpack<T>(raw) : unpack<V>(raw); };
        const float2 a = wide(v[i].x), b = wide(v[i].y), c = wide(v[i].z), e = wide(v[i].w);
        out[0] = make_float4(a.x, a.y, b.x, b.y);
        out[1] = make_float4(c.x, c.y, e.x, e.y);
      }
    }
  };
  float acc[4][4 * WIDE] = {};
  if (begin < end) fetch(begin);
  for (int k0 = begin; k0 < end; k0 += DEPTH) {
    put(k0);
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
