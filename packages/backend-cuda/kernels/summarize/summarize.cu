// Splits a key block into strata and summarises each at the anchors (tail mode). One thread block per key block.
//
// A warp holds 16 rows of the block in registers, each lane D/32 columns of all of them, for the power iterations that find
// the direction of each split. Rows are kept sorted by part, so that a warp belongs to one part of the split.
#include "../common/types.cuh"

struct SummarizeParams {
  const void* key;      // [heads, tokens, d]
  const void* value;    // [heads, tokens, d]
  const float* anchor;  // [heads, groups, d]
  int* order;           // [heads, n * BLOCK], or null
  void* strataKey;      // [heads, groups, u, d], 16 bit
  void* strataValue;    // the same
  float* mass;          // [heads, groups, u]
  float* spread;        // [heads, groups, u, d]
  float* noise;         // [heads, groups, u]
  int tokens, visualTokens, n, groups, strata, steps;
  int local;  // split along the directions of largest variance; else in token order
  float scale;
};

template <typename T, int D>
struct Summary {
  static constexpr int C = D / 32;  // columns per lane
  const SummarizeParams& p;
  T (*key)[D];       // [BLOCK] rows in token order
  T (*value)[D];
  float (*partial)[D];  // [2 * 8]: one row per warp, double-buffered
  float* scores;     // [BLOCK]
  int* slots;        // [BLOCK]: slot to row
  int* fresh;        // [BLOCK]
  int valid, warp, lane;

  /** Sums a per-lane column vector over the warps of this warp's part. */
  __device__ void reduce_part(float (&v)[C], int warps, int buffer) {
#pragma unroll
    for (int c = 0; c < C; c++) partial[buffer * 8 + warp][lane * C + c] = v[c];
    __syncthreads();
    const int first = warp / warps * warps;
#pragma unroll
    for (int c = 0; c < C; c++) v[c] = 0;
    for (int w = first; w < first + warps; w++)
#pragma unroll
      for (int c = 0; c < C; c++) v[c] += partial[buffer * 8 + w][lane * C + c];
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

  /** Splits every part of `size` slots in two along its own direction. */
  __device__ void split(int size) {
    const int warps = size / 16;
    float x[16][C], w[C], sum[C] = {};
    float count = 0;
#pragma unroll
    for (int r = 0; r < 16; r++) {
      const int row = slots[warp * 16 + r];
      const bool live = row < valid;
#pragma unroll
      for (int c = 0; c < C; c++) sum[c] += x[r][c] = live ? to_float(key[row][lane * C + c]) : 0.f;
    }
    const int first = warp / warps * size;
    for (int i = first; i < first + size; i++) count += slots[i] < valid;
    reduce_part(sum, warps, 0);
#pragma unroll
    for (int r = 0; r < 16; r++)
      if (slots[warp * 16 + r] < valid)
#pragma unroll
        for (int c = 0; c < C; c++) x[r][c] -= sum[c] / count;
#pragma unroll
    for (int c = 0; c < C; c++) w[c] = cosf((float)(lane * C + c));
    for (int step = 0; step < p.steps; step++) {
      float next[C] = {}, y[16];
      project(x, w, y);
#pragma unroll
      for (int r = 0; r < 16; r++)
#pragma unroll
        for (int c = 0; c < C; c++) next[c] = fmaf(x[r][c], y[r], next[c]);
      reduce_part(next, warps, (step + 1) & 1);
      float norm = 0;
#pragma unroll
      for (int c = 0; c < C; c++) norm = fmaf(next[c], next[c], norm);
      norm = 1.f / fmaxf(sqrtf(warp_sum(norm)), 1e-30f);
#pragma unroll
      for (int c = 0; c < C; c++) w[c] = next[c] * norm;
    }
    const float sign = orient(w);
    float y[16];
    project(x, w, y);
#pragma unroll
    for (int r = 0; r < 16; r++)
      if (lane == 0) scores[warp * 16 + r] = slots[warp * 16 + r] < valid ? y[r] * sign : CUDART_INF_F;
    __syncthreads();
    halve(size);
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

  /** Puts the lower half of each part's scores first; both halves stay in token order, which is their order by slot. */
  __device__ void halve(int size) {
    const int slot = threadIdx.x;
    int rank = 0, low = 0;
    const int first = slot / size * size;
    if (slot < BLOCK) {
      const float own = scores[slot];
      for (int i = first; i < first + size; i++) rank += scores[i] < own || (scores[i] == own && i < slot);
      fresh[slot] = rank < size / 2;
    }
    __syncthreads();
    int row = 0;
    if (slot < BLOCK) {
      for (int i = first; i < slot; i++) low += fresh[i];
      row = slots[slot];
      low = rank < size / 2 ? first + low : first + size / 2 + (slot - first - low);
    }
    __syncthreads();
    if (slot < BLOCK) slots[low] = row;
    __syncthreads();
  }

  /** Logits at one anchor, and with them softmax weights inside every stratum. */
  __device__ void weigh(const float* anchor, float* logMass) {
    float a[C];
#pragma unroll
    for (int c = 0; c < C; c++) a[c] = anchor[lane * C + c] * p.scale;
    for (int r = 0; r < 16; r++) {
      const int row = slots[warp * 16 + r];
      float z = 0;
      if (row < valid)
#pragma unroll
        for (int c = 0; c < C; c++) z = fmaf(a[c], to_float(key[row][lane * C + c]), z);
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

  /** Weighted mean and second moment about it of two columns over the rows of a stratum. */
  __device__ void moments(const T (*rows)[D], int u, int column, float2& mean, float2& square) {
    const int size = BLOCK / p.strata;
    mean = square = make_float2(0, 0);
    for (int i = u * size; i < (u + 1) * size; i++) {
      const float2 x = pair(rows, slots[i], column);
      mean.x = fmaf(scores[i], x.x, mean.x), mean.y = fmaf(scores[i], x.y, mean.y);
    }
    for (int i = u * size; i < (u + 1) * size; i++) {
      const float2 x = pair(rows, slots[i], column);
      const float a = x.x - mean.x, b = x.y - mean.y;
      square.x = fmaf(scores[i], a * a, square.x), square.y = fmaf(scores[i], b * b, square.y);
    }
  }
  __device__ float2 pair(const T (*rows)[D], int row, int column) {
    return unpack<T>(*(const uint32_t*)&rows[row][column]);
  }
};

template <typename T, int D>
__device__ __forceinline__ void summarize(const SummarizeParams& p) {
  extern __shared__ __align__(16) uint8_t smem[];
  const int block = blockIdx.x, head = blockIdx.y, u0 = block * p.strata, all = p.n * p.strata;
  T* keys = (T*)smem;
  T* values = keys + BLOCK * D;
  float* partial = (float*)(values + BLOCK * D);
  float* scores = partial + 16 * D;
  int* slots = (int*)(scores + BLOCK);
  int* fresh = slots + BLOCK;
  float* logMass = (float*)(fresh + BLOCK);   // [strata]
  float* tangent = logMass + p.strata;        // [strata]
  float* noise = tangent + p.strata;          // [strata]
  Summary<T, D> s{p, (T(*)[D])keys, (T(*)[D])values, (float(*)[D])partial, scores, slots, fresh,
                  min(BLOCK, p.visualTokens - block * BLOCK), (int)threadIdx.x / 32, (int)threadIdx.x % 32};
  const size_t base = ((size_t)head * p.tokens + block * BLOCK) * D;
  for (int i = threadIdx.x; i < BLOCK * D / 8; i += 256) {
    const bool live = i * 8 / D < s.valid;
    const uint4 zero = make_uint4(0, 0, 0, 0);
    ((uint4*)keys)[i] = live ? __ldg((const uint4*)((const T*)p.key + base) + i) : zero;
    ((uint4*)values)[i] = live ? __ldg((const uint4*)((const T*)p.value + base) + i) : zero;
  }
  if (threadIdx.x < BLOCK) slots[threadIdx.x] = threadIdx.x;
  __syncthreads();
  if (p.local)
    for (int size = BLOCK; size > BLOCK / p.strata; size /= 2) s.split(size);
  if (p.order && threadIdx.x < BLOCK)
    p.order[((size_t)head * p.n + block) * BLOCK + threadIdx.x] = block * BLOCK + slots[threadIdx.x];

  for (int group = 0; group < p.groups; group++) {
    const float* anchor = p.anchor + ((size_t)head * p.groups + group) * D;
    for (int u = threadIdx.x; u < p.strata; u += 256) tangent[u] = noise[u] = 0;
    s.weigh(anchor, logMass);
    const size_t row0 = ((size_t)head * p.groups + group) * all + u0;
    for (int i = threadIdx.x; i < p.strata * D / 2; i += 256) {
      const int u = i / (D / 2), column = i % (D / 2) * 2;
      float2 mean, square;
      s.moments(s.key, u, column, mean, square);
      const uint32_t stored = pack<T>(mean.x, mean.y);
      ((uint32_t*)p.strataKey)[((row0 + u) * D + column) / 2] = stored;
      ((float2*)p.spread)[((row0 + u) * D + column) / 2] = square;
      // The offset is taken from the stored key, so that the tangent stays exact at the anchor.
      const float2 rounded = unpack<T>(stored);
      const float dot = warp_sum(anchor[column] * rounded.x + anchor[column + 1] * rounded.y);
      s.moments(s.value, u, column, mean, square);
      ((uint32_t*)p.strataValue)[((row0 + u) * D + column) / 2] = pack<T>(mean.x, mean.y);
      const float around = warp_sum(square.x + square.y);
      if (s.lane == 0) atomicAdd(&tangent[u], dot), atomicAdd(&noise[u], around);
    }
    __syncthreads();
    for (int u = threadIdx.x; u < p.strata; u += 256) {
      p.mass[row0 + u] = logMass[u] == -CUDART_INF_F ? logMass[u] : logMass[u] - p.scale * tangent[u];
      p.noise[row0 + u] = noise[u];
    }
    __syncthreads();
  }
}

#define SUMMARIZE(name, T, D)                                                                                       \
  extern "C" __global__ void __launch_bounds__(256, 2) summarize_##name(const __grid_constant__ SummarizeParams p) { \
    summarize<T, D>(p);                                                                                             \
  }
SUMMARIZE(bf16_d128, bf16, 128)
SUMMARIZE(bf16_d64, bf16, 64)
SUMMARIZE(f16_d128, f16, 128)
SUMMARIZE(f16_d64, f16, 64)
