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
  const int64_t batch = row < p.tokens ? 0 : row / p.tokens;
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
  activate_all<true, N>(p.activation, v);
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

DEVICE float factor_of(const NormParams& p, float squares) {
  if (p.kind != 2) return 1.f / sqrtf(squares / p.width + p.eps);
  const float length = sqrtf(squares);
  // Not fmaxf, which would make a number of NaN.
  return sqrtf((float)p.width) / (length < p.eps ? p.eps : length);
}

/** Rows of `width` values in pieces of eight: every thread keeps its first `CACHE` pieces, loaded before any is needed. */
template <bool WIDE, int LANES, int CACHE>
DEVICE void norm_rows(const NormParams& p) {
  const int lanes = LANES > 0 ? LANES : blockDim.x;
  const int64_t row = LANES > 0 ? thread_index() / LANES : blockIdx.x;
  const int lane = LANES > 0 ? threadIdx.x % LANES : threadIdx.x;
  const bool live = row < p.rows;
  const int pieces = live ? p.width / 8 : 0;
  const int64_t base = row * p.width;
  Piece<WIDE> own[CACHE];
#pragma unroll
  for (int c = 0; c < CACHE; c++) own[c].load(p.x, base + (int64_t)(lane + c * lanes) * 8, lane + c * lanes < pieces);
  const int64_t shiftAt = p.shift && live ? modulation(p, row, p.shiftRows) : 0;
  const int64_t scaleAt = p.scale && live ? modulation(p, row, p.scaleRows) : 0;
  float mean = 0, sum = 0, v[8];
  if (p.kind == 0) {
#pragma unroll
    for (int c = 0; c < CACHE; c++) {
      own[c].values(p.xKind, v);
#pragma unroll
      for (int j = 0; j < 8; j++) sum += v[j];
    }
    for (int i = lane + CACHE * lanes; i < pieces; i += lanes) {
      load_eight(p.x, base + (int64_t)i * 8, p.xKind, v);
#pragma unroll
      for (int j = 0; j < 8; j++) sum += v[j];
    }
    mean = row_sum<LANES>(sum) / p.width;
  }
  sum = 0;
#pragma unroll
  for (int c = 0; c < CACHE; c++)
    if (lane + c * lanes < pieces) {
      own[c].values(p.xKind, v);
#pragma unroll
      for (int j = 0; j < 8; j++) sum += (v[j] - mean) * (v[j] - mean);
    }
  for (int i = lane + CACHE * lanes; i < pieces; i += lanes) {
    load_eight(p.x, base + (int64_t)i * 8, p.xKind, v);
#pragma unroll
    for (int j = 0; j < 8; j++) sum += (v[j] - mean) * (v[j] - mean);
  }
  sum = row_sum<LANES>(sum);
  if (!live) return;
  const float factor = factor_of(p, sum);
#pragma unroll
  for (int c = 0; c < CACHE; c++) {
    const int i = lane + c * lanes;
    if (i >= pieces) continue;
    own[c].values(p.xKind, v);
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] = (v[j] - mean) * factor;
    finish<8>(p, v, row, i * 8, shiftAt, scaleAt);
  }
  for (int i = lane + CACHE * lanes; i < pieces; i += lanes) {
    load_eight(p.x, base + (int64_t)i * 8, p.xKind, v);
#pragma unroll
    for (int j = 0; j < 8; j++) v[j] = (v[j] - mean) * factor;
    finish<8>(p, v, row, i * 8, shiftAt, scaleAt);
  }
}

#define ROWS(name, LANES, CACHE)                                                                              \
  extern "C" __global__ void __launch_bounds__(256) norm_##name(const __grid_constant__ NormParams p) {       \
    norm_rows<false, LANES, CACHE>(p);                                                                        \
  }                                                                                                           \
  extern "C" __global__ void __launch_bounds__(256) norm_##name##_f32(const __grid_constant__ NormParams p) { \
    norm_rows<true, LANES, CACHE>(p);                                                                         \
  }
ROWS(8, 8, 2)
ROWS(32, 32, 4)
ROWS(block, 0, 4)

/** Rows that are no multiple of eight, or begin anywhere: a thread block each, value by value. */
extern "C" __global__ void __launch_bounds__(256) norm_any(const __grid_constant__ NormParams p) {
  const int64_t row = blockIdx.x, base = row * p.width;
  float mean = 0, sum = 0;
  if (p.kind == 0) {
    for (int i = threadIdx.x; i < p.width; i += blockDim.x) sum += load_float(p.x, base + i, p.xKind);
    mean = row_sum<0>(sum) / p.width;
  }
  sum = 0;
  for (int i = threadIdx.x; i < p.width; i += blockDim.x) {
    const float x = load_float(p.x, base + i, p.xKind) - mean;
    sum += x * x;
  }
  const float factor = factor_of(p, row_sum<0>(sum));
  const int64_t shiftAt = p.shift ? modulation(p, row, p.shiftRows) : 0;
  const int64_t scaleAt = p.scale ? modulation(p, row, p.scaleRows) : 0;
  for (int i = threadIdx.x; i < p.width; i += blockDim.x) {
    float v[1] = {(load_float(p.x, base + i, p.xKind) - mean) * factor};
    finish<1>(p, v, row, i, shiftAt, scaleAt);
  }
}

/** Sums of a part of the positions of one group; grid [splits, groups, batch]. */
template <int N>
DEVICE void group_sums(const NormParams& p) {
  __shared__ double sums[2][8];
  const int channels = p.width / p.groups, pieces = channels / N;
  const int64_t batch = blockIdx.z, each = (p.tokens + p.splits - 1) / p.splits;
  const int64_t first = blockIdx.x * each, last = min(p.tokens, first + each);
  double sum = 0, squares = 0;
  const int count = (int)(max((int64_t)0, last - first) * pieces);
  const int64_t from = (batch * p.tokens + first) * p.width + blockIdx.y * channels;
#pragma unroll 4
  for (int i = threadIdx.x; i < count; i += 256) {
    float v[N];
    load_some<N>(p.x, from + (int64_t)(i / pieces) * p.width + (i % pieces) * N, p.xKind, v);
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
    const int64_t row = i < INT32_MAX ? (int)i / pieces : i / pieces;
    const int c = (int)(i - row * pieces) * N;
    const float* statistics = p.statistics + (row < p.tokens ? 0 : row / p.tokens) * p.groups * 2;
    float v[N];
    load_some<N>(p.x, row * p.width + c, p.xKind, v);
    if (channels % N == 0) {
      const float2 of = __ldg((const float2*)statistics + c / channels);
#pragma unroll
      for (int j = 0; j < N; j++) v[j] = (v[j] - of.x) * of.y;
    } else {
#pragma unroll
      for (int j = 0; j < N; j++) {
        const float2 of = __ldg((const float2*)statistics + (c + j) / channels);
        v[j] = (v[j] - of.x) * of.y;
      }
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
