// Normalisation over the last axis (layer, rms, l2) in one pass from registers, and over groups of channels of a whole batch
// item in three. Weight and bias, modulation and activation follow in the same pass. Statistics are float32.
#include "../common/activation.cuh"

struct NormParams {
  const void *x, *weight, *bias, *shift, *scale;
  const int* index;
  void* y;
  double* partial;    // [batch, groups, splits, 2], only for groups
  float* statistics;  // [batch, groups, 2]
  int64_t rows, tokens;  // tokens: rows per batch item
  int width, shiftRows, scaleRows, xKind, weightKind, biasKind, shiftKind, scaleKind, yKind;
  int kind, activation, groups, splits;  // kind: 0 layer, 1 rms, 2 l2
  float eps;
};

/** Where the modulation of a row begins: one row per batch item, one per token, or the one an index names. */
DEVICE int64_t modulation(const NormParams& p, int64_t row, int rows) {
  const int64_t batch = row / p.tokens;
  const int64_t at = p.index ? p.index[row] : rows == 1 ? 0 : row - batch * p.tokens;
  return (batch * rows + at) * p.width;
}

/** Everything after the normalisation, for the channels from `c` on. */
template <int N>
DEVICE void finish(const NormParams& p, float (&v)[N], int64_t row, int c, int64_t shiftAt, int64_t scaleAt) {
  float w[N];
  if (p.weight) {
    load_some<N>(p.weight, c, p.weightKind, w);
#pragma unroll
    for (int j = 0; j < N; j++) v[j] *= w[j];
  }
  if (p.bias) {
    load_some<N>(p.bias, c, p.biasKind, w);
#pragma unroll
    for (int j = 0; j < N; j++) v[j] += w[j];
  }
  if (p.scale) {
    load_some<N>(p.scale, scaleAt + c, p.scaleKind, w);
#pragma unroll
    for (int j = 0; j < N; j++) v[j] *= 1.f + w[j];
  }
  if (p.shift) {
    load_some<N>(p.shift, shiftAt + c, p.shiftKind, w);
#pragma unroll
    for (int j = 0; j < N; j++) v[j] += w[j];
  }
  if (p.activation != NONE) {
#pragma unroll
    for (int j = 0; j < N; j++) v[j] = activate_fast(p.activation, v[j]);
  }
  store_some<N>(p.y, row * p.width + c, p.yKind, v);
}

/** The sum over the `LANES` threads of a row (0: the whole thread block), in all of them. */
template <int LANES>
DEVICE float row_sum(float v) {
  if constexpr (LANES > 0) {
#pragma unroll
    for (int o = LANES / 2; o; o >>= 1) v += __shfl_xor_sync(~0u, v, o);
    return v;
  } else {
    __shared__ float sums[8];
    v = warp_sum(v);
    __syncthreads();
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = v;
    __syncthreads();
    float total = 0;
    for (int i = 0; i < blockDim.x / 32; i++) total += sums[i];
    return total;
  }
}

/** Rows of `width` values, `N` at a time, the first `CACHE` pieces of each thread kept in registers. */
template <int N, int LANES, int CACHE>
DEVICE void norm_rows(const NormParams& p) {
  const int lanes = LANES > 0 ? LANES : blockDim.x;
  const int64_t row = LANES > 0 ? thread_index() / LANES : blockIdx.x;
  const int lane = LANES > 0 ? threadIdx.x % LANES : threadIdx.x;
  const bool live = row < p.rows;
  const int pieces = live ? p.width / N : 0;
  const int64_t base = row * p.width;
  float v[CACHE][N];
#pragma unroll
  for (int c = 0; c < CACHE; c++) {
#pragma unroll
    for (int j = 0; j < N; j++) v[c][j] = 0;
    if (lane + c * lanes < pieces) load_some<N>(p.x, base + (int64_t)(lane + c * lanes) * N, p.xKind, v[c]);
  }
  float mean = 0, sum = 0;
  if (p.kind == 0) {
#pragma unroll
    for (int c = 0; c < CACHE; c++)
#pragma unroll
      for (int j = 0; j < N; j++) sum += v[c][j];
    for (int i = lane + CACHE * lanes; i < pieces; i += lanes) {
      float w[N];
      load_some<N>(p.x, base + (int64_t)i * N, p.xKind, w);
#pragma unroll
      for (int j = 0; j < N; j++) sum += w[j];
    }
    mean = row_sum<LANES>(sum) / p.width;
  }
  sum = 0;
#pragma unroll
  for (int c = 0; c < CACHE; c++)
    if (lane + c * lanes < pieces) {
#pragma unroll
      for (int j = 0; j < N; j++) sum += (v[c][j] - mean) * (v[c][j] - mean);
    }
  for (int i = lane + CACHE * lanes; i < pieces; i += lanes) {
    float w[N];
    load_some<N>(p.x, base + (int64_t)i * N, p.xKind, w);
#pragma unroll
    for (int j = 0; j < N; j++) sum += (w[j] - mean) * (w[j] - mean);
  }
  sum = row_sum<LANES>(sum);
  if (!live) return;
  const float factor = p.kind == 2 ? sqrtf((float)p.width) / fmaxf(sqrtf(sum), p.eps) : 1.f / sqrtf(sum / p.width + p.eps);
  const int64_t shiftAt = p.shift ? modulation(p, row, p.shiftRows) : 0;
  const int64_t scaleAt = p.scale ? modulation(p, row, p.scaleRows) : 0;
#pragma unroll
  for (int c = 0; c < CACHE; c++) {
    const int i = lane + c * lanes;
    if (i >= pieces) continue;
#pragma unroll
    for (int j = 0; j < N; j++) v[c][j] = (v[c][j] - mean) * factor;
    finish<N>(p, v[c], row, i * N, shiftAt, scaleAt);
  }
  for (int i = lane + CACHE * lanes; i < pieces; i += lanes) {
    float w[N];
    load_some<N>(p.x, base + (int64_t)i * N, p.xKind, w);
#pragma unroll
    for (int j = 0; j < N; j++) w[j] = (w[j] - mean) * factor;
    finish<N>(p, w, row, i * N, shiftAt, scaleAt);
  }
}

#define ROWS(name, N, LANES, CACHE)                                                                          \
  extern "C" __global__ void __launch_bounds__(256) norm_##name(const __grid_constant__ NormParams p) { \
    norm_rows<N, LANES, CACHE>(p);                                                                           \
  }
ROWS(eight_8, 8, 8, 2)
ROWS(eight_32, 8, 32, 4)
ROWS(eight_block, 8, 0, 4)
ROWS(one_32, 1, 32, 8)
ROWS(one_block, 1, 0, 8)

/** Sums of a part of the positions of one group; grid [splits, groups, batch]. */
template <int N>
DEVICE void group_sums(const NormParams& p) {
  __shared__ double sums[2][8];
  const int channels = p.width / p.groups, pieces = channels / N;
  const int64_t batch = blockIdx.z, each = (p.tokens + p.splits - 1) / p.splits;
  const int64_t first = blockIdx.x * each, last = min(p.tokens, first + each);
  double sum = 0, squares = 0;
  for (int64_t i = first * pieces + threadIdx.x; i < last * pieces; i += 256) {
    float v[N];
    load_some<N>(p.x, (batch * p.tokens + i / pieces) * p.width + blockIdx.y * channels + (i % pieces) * N, p.xKind, v);
#pragma unroll
    for (int j = 0; j < N; j++) sum += v[j], squares += (double)v[j] * v[j];
  }
#pragma unroll
  for (int o = 16; o; o >>= 1) sum += __shfl_xor_sync(~0u, sum, o), squares += __shfl_xor_sync(~0u, squares, o);
  if (threadIdx.x % 32 == 0) sums[0][threadIdx.x / 32] = sum, sums[1][threadIdx.x / 32] = squares;
  __syncthreads();
  if (threadIdx.x > 1) return;
  double total = 0;
  for (int i = 0; i < 8; i++) total += sums[threadIdx.x][i];
  p.partial[((batch * p.groups + blockIdx.y) * p.splits + blockIdx.x) * 2 + threadIdx.x] = total;
}
extern "C" __global__ void __launch_bounds__(256) group_sums_eight(const __grid_constant__ NormParams p) {
  group_sums<8>(p);
}
extern "C" __global__ void __launch_bounds__(256) group_sums_one(const __grid_constant__ NormParams p) {
  group_sums<1>(p);
}

/** Mean and factor of every group; a thread each, grid over batch * groups. */
extern "C" __global__ void __launch_bounds__(256) group_statistics(const __grid_constant__ NormParams p) {
  const int64_t i = thread_index();
  if (i >= p.rows / p.tokens * p.groups) return;
  double sum = 0, squares = 0;
  for (int s = 0; s < p.splits; s++) sum += p.partial[(i * p.splits + s) * 2], squares += p.partial[(i * p.splits + s) * 2 + 1];
  const double count = (double)p.tokens * (p.width / p.groups), mean = sum / count;
  p.statistics[2 * i] = (float)mean;
  p.statistics[2 * i + 1] = (float)(1. / sqrt(fmax(squares / count - mean * mean, 0.) + p.eps));
}

template <int N>
DEVICE void group_apply(const NormParams& p) {
  const int pieces = p.width / N, channels = p.width / p.groups;
  for (int64_t i = thread_index(); i < p.rows * pieces; i += thread_count()) {
    const int64_t row = i / pieces;
    const int c = (int)(i % pieces) * N;
    const float* statistics = p.statistics + row / p.tokens * p.groups * 2;
    float v[N];
    load_some<N>(p.x, row * p.width + c, p.xKind, v);
#pragma unroll
    for (int j = 0; j < N; j++) {
      const int group = (c + j) / channels;
      v[j] = (v[j] - statistics[2 * group]) * statistics[2 * group + 1];
    }
    finish<N>(p, v, row, c, p.shift ? modulation(p, row, p.shiftRows) : 0, p.scale ? modulation(p, row, p.scaleRows) : 0);
  }
}
extern "C" __global__ void __launch_bounds__(256) group_apply_eight(const __grid_constant__ NormParams p) {
  group_apply<8>(p);
}
extern "C" __global__ void __launch_bounds__(256) group_apply_one(const __grid_constant__ NormParams p) {
  group_apply<1>(p);
}
