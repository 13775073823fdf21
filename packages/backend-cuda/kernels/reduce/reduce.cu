// Means: of magnitudes over a whole tensor, and over the last axis.
#include "../common/values.cuh"

struct MeanParams {
  const void* a;
  const void* b;  // may be null
  double* partial;
  void* y;
  int64_t count;  // pieces of eight neighbours, or single values
  int64_t elements;
  int aKind, bKind, blocks, yKind;
};

/** The sum of 256 values of a thread block, in every thread. */
DEVICE double block_sum(double v) {
  __shared__ double sums[256];
  sums[threadIdx.x] = v;
  for (int half = 128; half; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  __syncthreads();
  return sums[0];
}

template <int N>
DEVICE void sum_magnitudes(const MeanParams& p) {
  double sum = 0;
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    float a[N], b[N] = {};
    load_some<N>(p.a, i * N, p.aKind, a);
    if (p.b) load_some<N>(p.b, i * N, p.bKind, b);
    float part = 0;
#pragma unroll
    for (int j = 0; j < N; j++) part += fabsf(a[j] - b[j]);
    sum += part;
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) p.partial[blockIdx.x] = sum;
}
extern "C" __global__ void __launch_bounds__(256) sum_magnitudes_eight(const __grid_constant__ MeanParams p) {
  sum_magnitudes<8>(p);
}
extern "C" __global__ void __launch_bounds__(256) sum_magnitudes_one(const __grid_constant__ MeanParams p) {
  sum_magnitudes<1>(p);
}
extern "C" __global__ void __launch_bounds__(256) finish_mean(const __grid_constant__ MeanParams p) {
  double sum = 0;
  for (int i = threadIdx.x; i < p.blocks; i += 256) sum += p.partial[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) store_value(p.y, 0, p.yKind, (float)(sum / p.elements));
}

struct RowMeanParams {
  const void* a;
  void* y;
  int64_t rows;
  int width, kind, yKind;
};

/** A warp per row. */
extern "C" __global__ void __launch_bounds__(256) row_mean(const __grid_constant__ RowMeanParams p) {
  const int64_t row = (int64_t)blockIdx.x * 8 + threadIdx.x / 32;
  if (row >= p.rows) return;
  float sum = 0;
  for (int i = threadIdx.x % 32; i < p.width; i += 32) sum += load_float(p.a, row * p.width + i, p.kind);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) store_value(p.y, row, p.yKind, sum / p.width);
}
