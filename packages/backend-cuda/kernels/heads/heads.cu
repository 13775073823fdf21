// A token stream into heads and back: split, query or key norm, rotary embedding, curve order and text placement in one pass.
#include "../common/values.cuh"

struct HeadsParams {
  const void *x, *text;  // [batch, tokens, heads * d], [batch, textTokens, heads * d]
  const void *weight, *bias, *textWeight, *textBias;
  const float *cos, *sin;  // [rotated, d / 2]
  const int* order;
  void* y;  // [batch, heads, tokens + textTokens, d]
  int tokens, textTokens, heads, d, rotated;
  int rotary;  // 0 none, 1 interleaved, 2 half
  int norm;    // 0 none, 1 rms, 2 layer
  int across, xKind, textKind, weightKind, biasKind, textWeightKind, textBiasKind, yKind;
  float eps;
};

/** The sum over a thread block, in every thread. */
DEVICE float block_sum(float v) {
  __shared__ float sums[8];
  v = warp_sum(v);
  __syncthreads();
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = v;
  __syncthreads();
  float total = 0;
  for (int i = 0; i < blockDim.x / 32; i++) total += sums[i];
  return total;
}

/** One thread block per token of the result: its row in shared memory as floats, then the statistics of its heads. */
template <int N>
struct Token {
  const HeadsParams& p;
  float* row;         // [heads * d]
  float* statistics;  // [heads or 1, 2]: mean and factor
  const void *weight, *bias;
  int weightKind, biasKind;

  DEVICE void load(const void* x, int64_t base, int kind, int width) {
    for (int i = threadIdx.x; i < width / N; i += blockDim.x) {
      float v[N];
      load_some<N>(x, base + (int64_t)i * N, kind, v);
#pragma unroll
      for (int j = 0; j < N; j++) row[i * N + j] = v[j];
    }
  }

  DEVICE float factor_of(float squares, int count) const { return 1.f / sqrtf(squares / count + p.eps); }

  DEVICE void across(int width) {
    float mean = 0, sum = 0;
    if (p.norm == 2) {
      for (int i = threadIdx.x; i < width; i += blockDim.x) sum += row[i];
      mean = block_sum(sum) / width;
    }
    sum = 0;
    for (int i = threadIdx.x; i < width; i += blockDim.x) sum += (row[i] - mean) * (row[i] - mean);
    sum = block_sum(sum);
    if (threadIdx.x == 0) statistics[0] = mean, statistics[1] = factor_of(sum, width);
  }

  DEVICE void per_head() {
    for (int head = threadIdx.x / 32; head < p.heads; head += blockDim.x / 32) {
      const float* own = row + head * p.d;
      float mean = 0, sum = 0;
      if (p.norm == 2) {
        for (int i = threadIdx.x % 32; i < p.d; i += 32) sum += own[i];
        mean = warp_sum(sum) / p.d;
      }
      sum = 0;
      for (int i = threadIdx.x % 32; i < p.d; i += 32) sum += (own[i] - mean) * (own[i] - mean);
      sum = warp_sum(sum);
      if (threadIdx.x % 32 == 0) statistics[2 * head] = mean, statistics[2 * head + 1] = factor_of(sum, p.d);
    }
  }

  /** `N` normalised channels from `c` on. */
  DEVICE void normalised(int c, float (&v)[N]) const {
#pragma unroll
    for (int j = 0; j < N; j++) v[j] = row[c + j];
    if (!p.norm) return;
    const float* of = statistics + (p.across ? 0 : c / p.d * 2);
    const int at = p.across ? c : c % p.d;
#pragma unroll
    for (int j = 0; j < N; j++) v[j] = (v[j] - of[0]) * of[1];
    float w[N];
    if (weight) {
      load_some<N>(weight, at, weightKind, w);
#pragma unroll
      for (int j = 0; j < N; j++) v[j] *= w[j];
    }
    if (bias) {
      load_some<N>(bias, at, biasKind, w);
#pragma unroll
      for (int j = 0; j < N; j++) v[j] += w[j];
    }
  }

  /** One pair of channels turns by the angle of its token. */
  DEVICE void interleaved(float (&v)[N], int inHead, int64_t angle) const {
    if constexpr (N == 1) return;
#pragma unroll
    for (int j = 0; j + 1 < N; j += 2) {
      const float c = __ldg(p.cos + angle + (inHead + j) / 2), s = __ldg(p.sin + angle + (inHead + j) / 2);
      const float a = v[j], b = v[j + 1];
      v[j] = a * c - b * s;
      v[j + 1] = a * s + b * c;
    }
  }
  DEVICE void interleaved_one(float (&v)[N], int c, int inHead, int64_t angle) const {
    float other[N];
    normalised(c ^ 1, other);
    const float cosine = __ldg(p.cos + angle + inHead / 2), sine = __ldg(p.sin + angle + inHead / 2);
    v[0] = inHead % 2 ? other[0] * sine + v[0] * cosine : v[0] * cosine - other[0] * sine;
  }
  DEVICE void half(float (&v)[N], int c, int inHead, int64_t angle) const {
    const bool second = inHead >= p.d / 2;
    float other[N];
    normalised(second ? c - p.d / 2 : c + p.d / 2, other);
#pragma unroll
    for (int j = 0; j < N; j++) {
      const int64_t at = angle + inHead + j - (second ? p.d / 2 : 0);
      const float cosine = __ldg(p.cos + at), sine = __ldg(p.sin + at);
      v[j] = second ? other[j] * sine + v[j] * cosine : v[j] * cosine - other[j] * sine;
    }
  }

  DEVICE void store(int place, int token) const {
    const int64_t batch = blockIdx.y, rows = p.tokens + p.textTokens;
    const bool turns = p.rotary && token >= 0 && token < p.rotated;
    const int64_t angle = turns ? (int64_t)token * (p.d / 2) : 0;
    for (int i = threadIdx.x; i < p.heads * p.d / N; i += blockDim.x) {
      const int c = i * N, head = c / p.d, inHead = c % p.d;
      float v[N];
      normalised(c, v);
      if (turns && p.rotary == 1) {
        if constexpr (N == 1)
          interleaved_one(v, c, inHead, angle);
        else
          interleaved(v, inHead, angle);
      }
      if (turns && p.rotary == 2) half(v, c, inHead, angle);
      store_some<N>(p.y, ((batch * p.heads + head) * rows + place) * p.d + inHead, p.yKind, v);
    }
  }
};

template <int N>
DEVICE void heads(const HeadsParams& p) {
  extern __shared__ __align__(16) float smem[];
  const int width = p.heads * p.d, place = blockIdx.x;
  const int64_t batch = blockIdx.y;
  const bool text = place >= p.tokens;
  Token<N> t{p, smem, smem + width, text ? p.textWeight : p.weight, text ? p.textBias : p.bias,
             text ? p.textWeightKind : p.weightKind, text ? p.textBiasKind : p.biasKind};
  const int token = text ? -1 : p.order ? p.order[place] : place;
  if (text)
    t.load(p.text, (batch * p.textTokens + place - p.tokens) * width, p.textKind, width);
  else
    t.load(p.x, (batch * p.tokens + token) * width, p.xKind, width);
  __syncthreads();
  if (p.norm && p.across) t.across(width);
  if (p.norm && !p.across) t.per_head();
  __syncthreads();
  t.store(place, token);
}
extern "C" __global__ void __launch_bounds__(256) heads_eight(const __grid_constant__ HeadsParams p) { heads<8>(p); }
extern "C" __global__ void __launch_bounds__(256) heads_one(const __grid_constant__ HeadsParams p) { heads<1>(p); }

struct MergeParams {
  const void* x;  // [batch, heads, tokens + textTokens, d]
  const int* order;
  void *y, *text;  // [batch, tokens, heads, d], [batch, textTokens, heads, d]
  int64_t count;   // units
  int tokens, textTokens, heads, d;  // d in units
};

/** Row `i` of every head goes to token `order[i]`. */
template <typename Unit>
DEVICE void merge(const MergeParams& p) {
  const int rows = p.tokens + p.textTokens;
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    const int unit = (int)(i % p.d);
    const int64_t line = i / p.d;
    const int head = (int)(line % p.heads);
    const int64_t token = line / p.heads;
    const int row = (int)(token % rows);
    const int64_t batch = token / rows;
    const Unit v = __ldg((const Unit*)p.x + ((batch * p.heads + head) * rows + row) * p.d + unit);
    if (row >= p.tokens)
      ((Unit*)p.text)[((batch * p.textTokens + row - p.tokens) * p.heads + head) * p.d + unit] = v;
    else
      ((Unit*)p.y)[((batch * p.tokens + (p.order ? p.order[row] : row)) * p.heads + head) * p.d + unit] = v;
  }
}
#define MERGE(name, Unit)                                                                                         \
  extern "C" __global__ void __launch_bounds__(256) merge_##name(const __grid_constant__ MergeParams p) { \
    merge<Unit>(p);                                                                                               \
  }
MERGE(2, unsigned short)
MERGE(4, unsigned int)
MERGE(8, uint2)
MERGE(16, uint4)
