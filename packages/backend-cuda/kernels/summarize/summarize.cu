// Splits a key block into strata and summarises each at the anchors (tail mode). One thread block per key block.
//
// A warp holds 16 rows of the block in registers, each lane D/32 columns of all of them, for the power iterations that find
// the direction of each split. Rows are kept sorted by part, so that a warp belongs to one part of the split.
#include "../common/types.cuh"

struct SummarizeParams {
  const void* key;      // [heads, tokens, d]
  const void* value;    // [heads, tokens, d]
  const float* anchor;  // [heads, groups, d]
  const float* directions;  // [heads, 2, d] of the two levels of the split (strata "eigen"), or null: each part its own
  int* order;           // [heads, n * BLOCK], or null
  void* strataKey;      // [heads, groups, u, d], 16 bit
  void* strataValue;    // the same
  float* mass;          // [heads, groups, u]
  float* spread;        // [heads, groups, u, d]
  float* noise;         // [heads, groups, u]
  int tokens, visualTokens, n, groups, strata, steps;
  int split;  // split along a direction; else in token order
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

template <typename T, int D>
__device__ __forceinline__ void summarize(const SummarizeParams& p) {
  extern __shared__ __align__(16) uint8_t smem[];
  const int block = blockIdx.x, head = blockIdx.y, u0 = block * p.strata, all = p.n * p.strata;
  T* keys = (T*)smem;
  T* values = keys + BLOCK * D;
  float* partial = (float*)(values + BLOCK * D);
  float* scores = partial + 16 * D;
  int* slots = (int*)(scores + BLOCK);
  int* lower = slots + BLOCK;
  float* logMass = (float*)(lower + 8);       // [strata]
  float* tangent = logMass + p.strata;        // [strata]
  float* noise = tangent + p.strata;          // [strata]
  Summary<T, D> s{p, (T(*)[D])keys, (T(*)[D])values, (float(*)[D])partial, scores, slots, lower,
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
  if (p.split)
    for (int size = BLOCK, level = 0; size > BLOCK / p.strata; size /= 2, level++)
      s.split(size, p.directions ? p.directions + (head * 2 + level) * D : nullptr);
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

/** The two leading directions of M W, by 8 joint power iterations (beyond.md section 3). One thread per channel. */
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

#define EIGEN(name, T, D)                                                                                        \
  extern "C" __global__ void __launch_bounds__(256) eigen_moments_##name(const __grid_constant__ EigenParams p) { \
    eigen_moments<T, D>(p);                                                                                      \
  }
EIGEN(bf16_d128, bf16, 128)
EIGEN(bf16_d64, bf16, 64)
EIGEN(f16_d128, f16, 128)
EIGEN(f16_d64, f16, 64)
extern "C" __global__ void eigen_directions_d128(const __grid_constant__ EigenParams p) { eigen_directions<128>(p); }
extern "C" __global__ void eigen_directions_d64(const __grid_constant__ EigenParams p) { eigen_directions<64>(p); }

#define SUMMARIZE(name, T, D)                                                                                       \
  extern "C" __global__ void __launch_bounds__(256, 2) summarize_##name(const __grid_constant__ SummarizeParams p) { \
    summarize<T, D>(p);                                                                                             \
  }
SUMMARIZE(bf16_d128, bf16, 128)
SUMMARIZE(bf16_d64, bf16, 64)
SUMMARIZE(f16_d128, f16, 128)
SUMMARIZE(f16_d64, f16, 64)
