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

/**
 * The same in registers, for heads of 8, 16, 32, 64, 128 or 256 channels: the pieces of a head lie in neighbouring threads.
 * Every thread keeps up to `CACHE` pieces, loaded before any is needed.
 */
template <bool WIDE>
struct Quick {
  static constexpr int CACHE = 4;
  const HeadsParams& p;
  const void *weight, *bias;
  int weightKind, biasKind, lanes;  // lanes: threads of a head
  Piece<WIDE> own[CACHE];

  DEVICE int piece(int c) const { return c * blockDim.x + threadIdx.x; }

  DEVICE float head_sum(float v) const {
    for (int o = lanes / 2; o; o >>= 1) v += __shfl_xor_sync(~0u, v, o);
    return v;
  }
  DEVICE static float sum(const float (&v)[8], float mean) {
    float total = 0;
#pragma unroll
    for (int j = 0; j < 8; j++) total += (v[j] - mean) * (v[j] - mean);
    return total;
  }
  DEVICE static float plain_sum(const float (&v)[8]) {
    float total = 0;
#pragma unroll
    for (int j = 0; j < 8; j++) total += v[j];
    return total;
  }

  /** Mean and factor over the whole width. */
  DEVICE float2 across(int kind, int pieces) const {
    float v[8], mean = 0, total = 0;
    if (p.norm == 2) {
#pragma unroll
      for (int c = 0; c < CACHE; c++) own[c].values(kind, v), total += plain_sum(v);
      mean = block_sum(total) / (pieces * 8);
    }
    total = 0;
#pragma unroll
    for (int c = 0; c < CACHE; c++)
      if (piece(c) < pieces) own[c].values(kind, v), total += sum(v, mean);
    return make_float2(mean, 1.f / sqrtf(block_sum(total) / (pieces * 8) + p.eps));
  }
  DEVICE float2 per_head(const float (&v)[8]) const {
    const float mean = p.norm == 2 ? head_sum(plain_sum(v)) / p.d : 0.f;
    return make_float2(mean, 1.f / sqrtf(head_sum(sum(v, mean)) / p.d + p.eps));
  }

  /** Cosines and sines of this thread's channels: the same in every head, so they are loaded once, and early. */
  DEVICE void load_angles(int64_t angle, bool turns, int inHead, float (&c)[8], float (&s)[8]) const {
#pragma unroll
    for (int j = 0; j < 8; j++) c[j] = 1.f, s[j] = 0.f;
    if (!turns) return;
    if (p.rotary == 2) {
      const int at = inHead % (p.d / 2);
      load_eight(p.cos, angle + at, F32, c);
      load_eight(p.sin, angle + at, F32, s);
      return;
    }
    const float4 cs = __ldg((const float4*)(p.cos + angle + inHead / 2));
    const float4 ss = __ldg((const float4*)(p.sin + angle + inHead / 2));
    c[0] = cs.x, c[1] = cs.y, c[2] = cs.z, c[3] = cs.w, s[0] = ss.x, s[1] = ss.y, s[2] = ss.z, s[3] = ss.w;
  }

  DEVICE void rotate(float (&v)[8], bool second, const float (&c)[8], const float (&s)[8]) const {
    if (p.rotary == 1) {
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float a = v[2 * j], b = v[2 * j + 1];
        v[2 * j] = a * c[j] - b * s[j];
        v[2 * j + 1] = a * s[j] + b * c[j];
      }
      return;
    }
    // The other half of the head is in the threads half a head away.
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const float other = __shfl_xor_sync(~0u, v[j], lanes / 2);
      v[j] = second ? other * s[j] + v[j] * c[j] : v[j] * c[j] - other * s[j];
    }
  }

  DEVICE void run(const void* x, int64_t base, int kind, int token) {
    const int place = blockIdx.x, pieces = p.heads * p.d / 8, rows = p.tokens + p.textTokens;
    const int64_t batch = blockIdx.y, angle = (int64_t)max(token, 0) * (p.d / 2);
    const bool turns = token >= 0 && token < p.rotated;
#pragma unroll
    for (int c = 0; c < CACHE; c++) own[c].load(x, base + (int64_t)piece(c) * 8, piece(c) < pieces);
    const int lane = threadIdx.x & (lanes - 1), inHead = lane * 8;
    float cosine[8], sine[8];
    load_angles(angle, turns, inHead, cosine, sine);
    float2 of = make_float2(0.f, 1.f);
    if (p.norm && p.across) of = across(kind, pieces);
#pragma unroll
    for (int c = 0; c < CACHE; c++) {
      if (c * blockDim.x >= pieces) break;
      const int i = min(piece(c), pieces - lanes + lane), head = i / lanes;
      float v[8], w[8];
      own[c].values(kind, v);
      if (p.norm) {
        if (!p.across) of = per_head(v);
        const int at = p.across ? i * 8 : inHead;
#pragma unroll
        for (int j = 0; j < 8; j++) v[j] = (v[j] - of.x) * of.y;
        if (weight) {
          load_eight(weight, at, weightKind, w);
#pragma unroll
          for (int j = 0; j < 8; j++) v[j] *= w[j];
        }
        if (bias) {
          load_eight(bias, at, biasKind, w);
#pragma unroll
          for (int j = 0; j < 8; j++) v[j] += w[j];
        }
      }
      if (turns) rotate(v, inHead >= p.d / 2, cosine, sine);
      if (piece(c) < pieces) store_eight(p.y, ((batch * p.heads + head) * rows + place) * p.d + inHead, p.yKind, v);
    }
  }
};

template <bool WIDE>
DEVICE void heads_quick(const HeadsParams& p) {
  const int width = p.heads * p.d, place = blockIdx.x;
  const int64_t batch = blockIdx.y;
  if (place >= p.tokens) {
    Quick<WIDE> q{p, p.textWeight, p.textBias, p.textWeightKind, p.textBiasKind, p.d / 8};
    q.run(p.text, (batch * p.textTokens + place - p.tokens) * width, p.textKind, -1);
  } else {
    Quick<WIDE> q{p, p.weight, p.bias, p.weightKind, p.biasKind, p.d / 8};
    const int token = p.order ? p.order[place] : place;
    q.run(p.x, (batch * p.tokens + token) * width, p.xKind, token);
  }
}
extern "C" __global__ void __launch_bounds__(256, 3) heads_quick(const __grid_constant__ HeadsParams p) {
  heads_quick<false>(p);
}
extern "C" __global__ void __launch_bounds__(256, 3) heads_quick_f32(const __grid_constant__ HeadsParams p) {
  heads_quick<true>(p);
}

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
