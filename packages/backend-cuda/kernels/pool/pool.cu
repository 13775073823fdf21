// Per-block statistics of the visual tokens: means, mean absolute deviations, query variance, and the anchors of tail mode.
// One pass over query, key and value; a block stays in registers between the mean and the deviations.
#include "../common/types.cuh"

struct PoolParams {
  const void* tokens[3];  // query, key, value: [heads, tokens, d]
  float* mean[3];         // [heads, n, d], each may be null
  float* deviation[3];    // mean |x - mean|, null where not wanted
  float* variance[3];     // mean (x - mean)^2, null where not wanted
  int tokenCount, visualTokens, n;
  int zeroPadding;  // the last block is filled up with zero rows, which count
};

template <typename T, int D>
__device__ __forceinline__ void pool(const PoolParams& p) {
  constexpr int CHUNKS = D / 8, GROUPS = 256 / CHUNKS, ROWS = BLOCK / GROUPS;
  __shared__ float partial[GROUPS][D];
  __shared__ float total[D];
  const int which = blockIdx.z, block = blockIdx.x, head = blockIdx.y;
  if (!p.mean[which] && !p.deviation[which] && !p.variance[which]) return;
  const int chunk = threadIdx.x % CHUNKS, group = threadIdx.x / CHUNKS;
  const int valid = min(BLOCK, p.visualTokens - block * BLOCK);
  const float share = 1.f / (p.zeroPadding ? BLOCK : valid);
  const T* base = (const T*)p.tokens[which] + ((size_t)head * p.tokenCount + block * BLOCK) * D + chunk * 8;
  uint4 raw[ROWS];
#pragma unroll
  for (int r = 0; r < ROWS; r++) {
    const int row = group + r * GROUPS;
    raw[r] = row < valid ? __ldg((const uint4*)(base + (size_t)row * D)) : make_uint4(0, 0, 0, 0);
  }
  auto element = [&](int r, int i) {
    const uint32_t word = (&raw[r].x)[i / 2];
    const float2 v = unpack<T>(word);
    return i % 2 ? v.y : v.x;
  };
  // Sums f(row element) over all rows; every thread gets the result of its 8 columns.
  auto reduce = [&](auto f, float (&out)[8]) {
    float own[8] = {};
#pragma unroll
    for (int r = 0; r < ROWS; r++)
      if (group + r * GROUPS < (p.zeroPadding ? BLOCK : valid))
#pragma unroll
        for (int i = 0; i < 8; i++) own[i] += f(element(r, i), i);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 8; i++) partial[group][chunk * 8 + i] = own[i];
    __syncthreads();
    if (threadIdx.x < D) {
      float sum = 0;
#pragma unroll
      for (int g = 0; g < GROUPS; g++) sum += partial[g][threadIdx.x];
      total[threadIdx.x] = sum * share;
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 8; i++) out[i] = total[chunk * 8 + i];
  };
  const size_t at = ((size_t)head * p.n + block) * D + threadIdx.x;
  float mean[8], other[8];
  reduce([](float x, int) { return x; }, mean);
  if (p.mean[which] && threadIdx.x < D) p.mean[which][at] = total[threadIdx.x];
  if (p.deviation[which]) {
    reduce([&](float x, int i) { return fabsf(x - mean[i]); }, other);
    if (threadIdx.x < D) p.deviation[which][at] = total[threadIdx.x];
  }
  if (p.variance[which]) {
    reduce([&](float x, int i) { return (x - mean[i]) * (x - mean[i]); }, other);
    if (threadIdx.x < D) p.variance[which][at] = total[threadIdx.x];
  }
}

#define POOL(name, T, D) \
  extern "C" __global__ void __launch_bounds__(256) pool_##name(const __grid_constant__ PoolParams p) { pool<T, D>(p); }
POOL(bf16_d128, bf16, 128)
POOL(bf16_d64, bf16, 64)
POOL(f16_d128, f16, 128)
POOL(f16_d64, f16, 64)

struct AnchorParams {
  const float* queryMean;  // [heads, n, d]
  float* anchor;           // [heads, groups, d]
  float* spread;           // [heads, n, d]: in, the variance about the block's mean; out, the moment about the anchor
  int visualTokens, n, group, groups, d;
};

/** The mean of all valid queries of a group of blocks. Threads: d columns times slices of the group. */
extern "C" __global__ void __launch_bounds__(1024) anchor(const __grid_constant__ AnchorParams p) {
  __shared__ float partial[1024];
  const int column = threadIdx.x % p.d, slice = threadIdx.x / p.d, slices = blockDim.x / p.d;
  const int group = blockIdx.x, head = blockIdx.y, begin = group * p.group, end = min(begin + p.group, p.n);
  float sum = 0;
  for (int i = begin + slice; i < end; i += slices)
    sum += p.queryMean[((size_t)head * p.n + i) * p.d + column] * min(BLOCK, p.visualTokens - i * BLOCK);
  partial[threadIdx.x] = sum;
  __syncthreads();
  if (slice) return;
  for (int s = 1; s < slices; s++) sum += partial[s * p.d + column];
  p.anchor[((size_t)head * p.groups + group) * p.d + column] =
      sum / (min(end * BLOCK, p.visualTokens) - begin * BLOCK);
}

/** Moves the queries' second moment from the block's mean to the anchor of its group. One thread block per query block. */
extern "C" __global__ void query_spread(const __grid_constant__ AnchorParams p) {
  const int block = blockIdx.x, head = blockIdx.y;
  const size_t at = ((size_t)head * p.n + block) * p.d + threadIdx.x;
  const float a = p.anchor[((size_t)head * p.groups + block / p.group) * p.d + threadIdx.x];
  const float distance = p.queryMean[at] - a;
  p.spread[at] += distance * distance;
}
