// Splits a key block into strata and summarises each at the anchors (tail mode). One thread block per key block.
#include "eigen.cuh"
#include "strata.cuh"

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
      ((uint32_t*)p.strataValue)[((row0 + u) * D + column) / 2] = pack<f16>(clamp_f16(mean.x), clamp_f16(mean.y));
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
