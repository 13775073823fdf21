// How a key block is split into strata and what is computed of them.
//
// A warp holds 16 rows of the block in registers, each lane D/32 columns of all of them, for the power iterations that find
// the direction of each split. Rows are kept sorted by part, so that a warp belongs to one part of the split.
#pragma once
#include "../common/types.cuh"

struct SummarizeParams {
  const void* key;      // [heads, tokens, d]
  const void* value;    // [heads, tokens, d]
  const float* anchor;  // [heads, groups, d]
  const float* directions;  // [heads, 2, d] of the two levels of the split (strata "eigen"), or null: each part its own
  int* order;           // [heads, n * BLOCK], or null
  void* strataKey;      // [heads, groups, u, d], 16 bit
  void* strataValue;    // the same in f16, whose finer steps matter where values cancel; clamped to its range
  float* mass;          // [heads, groups, u]
  float* spread;        // [heads, groups, u, d]
  float* noise;         // [heads, groups, u]
  int tokens, visualTokens, n, groups, strata, steps;
  int split;  // split along a direction; else in token order
  float scale;
};

__device__ __forceinline__ float clamp_f16(float x) { return fminf(fmaxf(x, -65504.f), 65504.f); }

template <typename T, int D>
struct Summary {
  static constexpr int C = D / 32;  // columns per lane
  const SummarizeParams& p;
  T (*key)[D];       // [BLOCK] rows in token order
  T (*value)[D];
  float (*partial)[D];  // [2 * 8]: one row per warp, double-buffered
  float* scores;     // [BLOCK]
  int* slots;        // [BLOCK]: slot to row
  int* lower;        // [8]: slots of each warp that go to the lower half
  int valid, warp, lane;

  /** This lane's columns of a row of 16-bit elements. */
  __device__ void columns_of(const T (*rows)[D], int row, float (&out)[C]) const {
    const uint32_t* words = (const uint32_t*)rows[row] + lane * (C / 2);
    uint32_t raw[C / 2];
    if constexpr (C == 4) {
      const uint2 both = *(const uint2*)words;
      raw[0] = both.x, raw[1] = both.y;
    } else {
      raw[0] = words[0];
    }
#pragma unroll
    for (int c = 0; c < C; c += 2) {
      const float2 v = unpack<T>(raw[c / 2]);
      out[c] = v.x, out[c + 1] = v.y;
    }
  }

  /** Sums a per-lane column vector over the warps of this warp's part. */
  __device__ void reduce_part(float (&v)[C], int warps, int buffer) {
    using Vector = std::conditional_t<C == 4, float4, float2>;
    Vector* own = (Vector*)partial[buffer * 8 + warp] + lane;
    if constexpr (C == 4)
      *own = make_float4(v[0], v[1], v[2], v[3]);
    else
      *own = make_float2(v[0], v[1]);
    __syncthreads();
    const int first = warp / warps * warps;
#pragma unroll
    for (int c = 0; c < C; c++) v[c] = 0;
    for (int w = first; w < first + warps; w++) {
      const Vector other = ((const Vector*)partial[buffer * 8 + w])[lane];
      v[0] += other.x, v[1] += other.y;
      if constexpr (C == 4) v[2] += other.z, v[3] += other.w;
    }
  }

  /**
   * y = x w for the warp's 16 rows, in every lane. Halving the rows with the lanes that hold their sums takes 16 exchanges,
   * handing the results round another 16; reducing row by row would take 80.
   */
  __device__ void project(const float (&x)[16][C], const float (&w)[C], float (&y)[16]) {
    float part[16];
#pragma unroll
    for (int r = 0; r < 16; r++) {
      part[r] = 0;
#pragma unroll
      for (int c = 0; c < C; c++) part[r] = fmaf(x[r][c], w[c], part[r]);
    }
#pragma unroll
    for (int half = 8; half; half /= 2) {
      const bool upper = lane & (2 * half);
#pragma unroll
      for (int i = 0; i < half; i++) {
        const float sent = upper ? part[i] : part[i + half];
        part[i] = (upper ? part[i + half] : part[i]) + __shfl_xor_sync(~0u, sent, 2 * half);
      }
    }
    const float own = part[0] + __shfl_xor_sync(~0u, part[0], 1);
#pragma unroll
    for (int r = 0; r < 16; r++) y[r] = __shfl_sync(~0u, own, 2 * r);
  }

  /** Splits every part of `size` slots in two, along the direction given or else along its own. */
  __device__ void split(int size, const float* direction) {
    float x[16][C], w[C], y[16];
#pragma unroll
    for (int r = 0; r < 16; r++) {
      columns_of(key, slots[warp * 16 + r], x[r]);  // rows of padding were loaded as zeros
    }
    if (direction) {
#pragma unroll
      for (int c = 0; c < C; c++) w[c] = direction[lane * C + c];
    } else {
      center(x, size);
      iterate(x, w, size / 16);
    }
    const float sign = orient(w);
    project(x, w, y);
#pragma unroll
    for (int r = 0; r < 16; r++)
      if (lane == 0) scores[warp * 16 + r] = slots[warp * 16 + r] < valid ? y[r] * sign : CUDART_INF_F;
    __syncthreads();
    halve(size);
  }

  /** Subtracts the mean of the part's valid rows; rows of padding stay zero. */
  __device__ void center(float (&x)[16][C], int size) {
    float sum[C] = {}, count = size;
    const int warps = size / 16, first = warp / warps * size;
#pragma unroll
    for (int r = 0; r < 16; r++)
#pragma unroll
      for (int c = 0; c < C; c++) sum[c] += x[r][c];
    if (valid < BLOCK) {
      count = 0;
      for (int i = first; i < first + size; i++) count += slots[i] < valid;
    }
    reduce_part(sum, warps, 0);
#pragma unroll
    for (int r = 0; r < 16; r++)
      if (slots[warp * 16 + r] < valid)
#pragma unroll
        for (int c = 0; c < C; c++) x[r][c] -= sum[c] / count;
  }

  /** Power iterations from a fixed start. */
  __device__ void iterate(const float (&x)[16][C], float (&w)[C], int warps) {
#pragma unroll
    for (int c = 0; c < C; c++) w[c] = cosf((float)(lane * C + c));
#pragma unroll 1
    for (int step = 0; step < p.steps; step++) {
      float next[C] = {}, y[16], norm = 0;
      project(x, w, y);
#pragma unroll
      for (int r = 0; r < 16; r++)
#pragma unroll
        for (int c = 0; c < C; c++) next[c] = fmaf(x[r][c], y[r], next[c]);
      reduce_part(next, warps, (step + 1) & 1);
#pragma unroll
      for (int c = 0; c < C; c++) norm = fmaf(next[c], next[c], norm);
      norm = 1.f / fmaxf(sqrtf(warp_sum(norm)), 1e-30f);
#pragma unroll
      for (int c = 0; c < C; c++) w[c] = next[c] * norm;
    }
  }

  /** -1 when the component of largest magnitude (the first of equals) is negative. */
  __device__ float orient(const float (&w)[C]) {
    float best = -1, sign = 1;
#pragma unroll
    for (int c = 0; c < C; c++)
      if (fabsf(w[c]) > best) best = fabsf(w[c]), sign = w[c] < 0 ? -1.f : 1.f;
    const float top = warp_max(best);
    const uint32_t owners = __ballot_sync(~0u, best == top);
    return __shfl_sync(~0u, sign, __ffs(owners) - 1);
  }

  /**
   * Puts the lower half of each part's scores first; both halves stay in token order, which is their order by slot.
   * Two threads rank a slot, each against half of the part.
   */
  __device__ void halve(int size) {
    const int slot = threadIdx.x / 2, first = slot / size * size, row = slots[slot];
    const float own = scores[slot];
    int rank = 0;
    for (int i = first + threadIdx.x % 2 * 4; i < first + size; i += 8) {
      const float4 other = *(const float4*)&scores[i];
      rank += other.x < own || (other.x == own && i < slot);
      rank += other.y < own || (other.y == own && i + 1 < slot);
      rank += other.z < own || (other.z == own && i + 2 < slot);
      rank += other.w < own || (other.w == own && i + 3 < slot);
    }
    rank += __shfl_xor_sync(~0u, rank, 1);
    const bool low = rank < size / 2;
    const uint32_t lows = __ballot_sync(~0u, low && threadIdx.x % 2 == 0);
    if (lane == 0) lower[warp] = __popc(lows);
    __syncthreads();
    // A warp holds 16 slots, and a part at least that many.
    int before = __popc(lows & ((1u << lane) - 1));
    for (int w = first / 16; w < warp; w++) before += lower[w];
    if (threadIdx.x % 2 == 0) slots[low ? first + before : first + size / 2 + (slot - first - before)] = row;
    __syncthreads();
  }

  /** Logits at one anchor, and with them softmax weights inside every stratum. */
  __device__ void weigh(const float* anchor, float* logMass) {
    float a[C];
#pragma unroll
    for (int c = 0; c < C; c++) a[c] = anchor[lane * C + c] * p.scale;
#pragma unroll 4
    for (int r = 0; r < 16; r++) {
      const int row = slots[warp * 16 + r];
      float z = 0, k[C];
      columns_of(key, row, k);
#pragma unroll
      for (int c = 0; c < C; c++) z = fmaf(a[c], k[c], z);
      z = warp_sum(z);
      if (lane == 0) scores[warp * 16 + r] = row < valid ? z : -CUDART_INF_F;
    }
    __syncthreads();
    const int size = BLOCK / p.strata;
    for (int u = warp; u < p.strata; u += 8) {
      float top = -CUDART_INF_F, sum = 0;
      for (int i = lane; i < size; i += 32) top = fmaxf(top, scores[u * size + i]);
      top = warp_max(top);
      if (top == -CUDART_INF_F) {
        if (lane == 0) logMass[u] = top;
        for (int i = lane; i < size; i += 32) scores[u * size + i] = 0;
        continue;
      }
      for (int i = lane; i < size; i += 32) sum += expf(scores[u * size + i] - top);
      sum = warp_sum(sum);
      const float share = 1.f / sum;
      for (int i = lane; i < size; i += 32) scores[u * size + i] = expf(scores[u * size + i] - top) * share;
      if (lane == 0) logMass[u] = top + logf(sum);
    }
    __syncthreads();
  }

  /** Weighted mean and second moment about it of two columns over the rows of a stratum; sums start at its first row. */
  __device__ void moments(const T (*rows)[D], int u, int column, float2& mean, float2& square) {
    const int size = BLOCK / p.strata, first = u * size;
    const float2 origin = pair(rows, slots[first], column);
    float weight = 0;
    mean = square = make_float2(0, 0);
#pragma unroll 8
    for (int i = first; i < first + size; i++) {
      const float2 x = pair(rows, slots[i], column);
      const float w = scores[i], a = x.x - origin.x, b = x.y - origin.y;
      weight += w;
      mean.x = fmaf(w, a, mean.x), mean.y = fmaf(w, b, mean.y);
      square.x = fmaf(w * a, a, square.x), square.y = fmaf(w * b, b, square.y);
    }
    square.x = fmaxf(square.x - mean.x * mean.x, 0.f), square.y = fmaxf(square.y - mean.y * mean.y, 0.f);
    mean.x = fmaf(weight, origin.x, mean.x), mean.y = fmaf(weight, origin.y, mean.y);
  }
  __device__ float2 pair(const T (*rows)[D], int row, int column) {
    return unpack<T>(*(const uint32_t*)&rows[row][column]);
  }
};
