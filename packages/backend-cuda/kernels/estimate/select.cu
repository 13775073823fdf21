// From logits to block lists, one warp per row, without sorting: a bit search for the smallest value that the leading
// columns must have so that they are many enough and heavy enough; ties go to the lower index.
#include "product.cuh"

struct SelectParams {
  float* logits;            // [heads, n, width]: columns, then text. Paper: replaced by the weights of the compensation.
                            // Tail: log e in the columns once the products are done
  const uint8_t* gain;      // paper: [heads, n, n], or null
  const uint8_t* forced;    // [n, n] or [heads, n, n], or null
  const int* textValid;     // [heads]
  const int* topBlocks;     // [heads]
  const float* coverMass;   // [heads]
  int* counts;              // [heads, n]
  u16* indices;             // [heads, n, stride], or null
  int* wideIndices;         // the same as i32, or null
  float* factor;            // paper: [heads, n], or null
  float* probabilities;     // paper: [heads, n, n (+ 1 with text slots)], or null
  float* bias;              // tail: [heads, n, biasStride]: in, tau; out, the bias
  float* blockError;        // tail: [heads, n, n], or null
  float* blockMass;         // tail: [heads, n, n], or null
  const float* weights;     // tail: [heads, n, columns] where the mass of blocks matters, or null
  float* normaliser;        // tail: [heads, n]
  const float* strataMass;  // tail: [heads, groups, columns]
  int heads, n, columns, width, biasStride, textSlots, stride, strata;
  int ranked, textCompetes, forcedPerHead, group, groups;
  float hMax, mMin;
};

/** Bits that order like the floats, negative ones too. Ranking is by logs: small probabilities would underflow and tie. */
__device__ __forceinline__ uint32_t rank_key(float x) {
  const uint32_t bits = __float_as_uint(x);
  return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

/** Does a prefix of the ranking with this many blocks and this mass satisfy the policy? */
struct Need {
  int top;
  float cover;
  __device__ bool met(int count, float mass) const { return count >= top && mass > cover; }
};

/**
 * Selects the fewest leading columns (by descending key, ties by index) that meet the need, on top of what `count` and `mass`
 * already hold. Without masses only counts matter. Returns the smallest key taken whole and, through `ties`,
 * the first index of that key that is not taken.
 */
__device__ uint32_t cut(const uint32_t* keys, const float* masses, int columns, int skip, const Need& need, int count,
                        float mass, int& ties) {
  const int lane = threadIdx.x % 32;
  auto tally = [&](uint32_t least, int& c, float& m) {
    c = 0, m = 0;
    if (masses) {
#pragma unroll 4
      for (int i = lane; i < columns; i += 32)
        if (i != skip && keys[i] >= least) c++, m += masses[i];
      m = warp_sum(m);
    } else {
#pragma unroll 8
      for (int i = lane; i < columns; i += 32) c += i != skip && keys[i] >= least;
    }
    c = __reduce_add_sync(~0u, c) + count, m += mass;
  };
  ties = columns;
  int c;
  float m;
  tally(0, c, m);
  if (!need.met(c, m)) return 0;
  uint32_t bound = 0;
  for (int bit = 31; bit >= 0; bit--) {
    tally(bound | 1u << bit, c, m);
    if (need.met(c, m)) bound |= 1u << bit;
  }
  tally(bound + 1, c, m);
  for (int i0 = 0; i0 < columns; i0 += 32) {
    const int i = i0 + lane;
    const bool equal = i < columns && i != skip && keys[i] == bound;
    uint32_t left = __ballot_sync(~0u, equal);
    const float own = equal && masses ? masses[i] : 0.f;
    for (; left; left &= left - 1) {
      if (need.met(c, m)) {
        ties = i0 + __ffs(left) - 1;
        return bound;
      }
      c++, m += __shfl_sync(~0u, own, __ffs(left) - 1);
    }
  }
  return bound;
}

struct RowWork {
  const SelectParams& p;
  int head, row, lane;
  size_t at;
  bool cutMade = false;
  uint32_t bound = 0;
  int ties = 0;

  __device__ bool leading(const uint32_t* keys, int i) const {
    return cutMade && (keys[i] > bound || (keys[i] == bound && i < ties));
  }
  __device__ bool is_forced(int i) const {
    return p.forced && p.forced[((size_t)(p.forcedPerHead ? head : 0) * p.n + row) * p.n + i];
  }
  /** Writes the list in ascending order; `selected(i)` says which visual blocks are in it. */
  template <typename F>
  __device__ void write_list(F selected) {
    int count = 0;
    auto put = [&](int slot, int block) {
      if (p.indices) p.indices[at * p.stride + slot] = block;
      if (p.wideIndices) p.wideIndices[at * p.stride + slot] = block;
    };
    for (int i0 = 0; i0 < p.n; i0 += 32) {
      const int i = i0 + lane;
      const bool is = i < p.n && selected(i);
      const uint32_t taken = __ballot_sync(~0u, is);
      if (is) put(count + __popc(taken & ((1u << lane) - 1)), i);
      count += __popc(taken);
    }
    const int text = (p.textValid[head] + BLOCK - 1) / BLOCK;
    for (int i = lane; i < text; i += 32) put(count + i, p.n + i);
    if (lane == 0) p.counts[at] = count + text;
  }
};

__device__ __forceinline__ bool this_row(const SelectParams& p, RowWork& w) {
  const int unit = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  w.head = unit / p.n, w.row = unit % p.n, w.lane = threadIdx.x % 32, w.at = unit;
  return unit < p.heads * p.n;
}

/** Implicit full attention, selection, R, and the weights of the compensation (docs/method.md#implicit-attention to docs/method.md#output). */
extern "C" __global__ void paper_select(const __grid_constant__ SelectParams p) {
  extern __shared__ float shared[];
  RowWork w{p};
  if (!this_row(p, w)) return;
  const int lane = w.lane, n = p.n;
  float* probability = shared + threadIdx.x / 32 * 2 * (n + 1);
  uint32_t* keys = (uint32_t*)probability + n + 1;
  float* logits = p.logits + w.at * p.width;
  const int valid = p.textValid[w.head];
  float top = -CUDART_INF_F, sum = 0, text = 0;
  for (int i = lane; i < n + valid; i += 32) top = fmaxf(top, logits[i]);
  top = warp_max(top);
  for (int i = lane; i < n; i += 32) {
    keys[i] = rank_key(logits[i]);
    sum += probability[i] = expf(logits[i] - top);
  }
  for (int i = lane; i < valid; i += 32) text += expf(logits[n + i] - top);
  text = warp_sum(text);
  const float share = 1.f / (warp_sum(sum) + text);
  if (lane == 0) keys[n] = rank_key(top + logf(text));
  text *= share;
  for (int i = lane; i < n; i += 32) probability[i] *= share;
  if (lane == 0) probability[n] = text;
  __syncwarp();
  if (p.probabilities) {
    const int columns = n + (p.textSlots > 0);
    for (int i = lane; i < columns; i += 32) p.probabilities[w.at * columns + i] = probability[i];
  }
  if (p.ranked) {
    const bool competes = p.textCompetes && valid > 0;
    const Need need{max(p.topBlocks[w.head], 1), p.coverMass[w.head]};
    w.bound = cut(keys, probability, n + competes, -1, need, 0, competes ? 0.f : text, w.ties);
    w.cutMade = true;
  }
  float kept = 0;
  w.write_list([&](int i) {
    const bool is = w.leading(keys, i) || w.is_forced(i);
    const bool spent = !is && p.gain && p.gain[w.at * n + i];
    if (!spent) kept += probability[i];
    logits[i] = spent ? probability[i] : 0.f;
    return is;
  });
  kept = warp_sum(kept) + text;
  if (p.factor && lane == 0) p.factor[w.at] = kept;
}

/** log sum exp over strata and text keys together. One thread block per row. */
extern "C" __global__ void __launch_bounds__(256) tail_normaliser(const __grid_constant__ SelectParams p) {
  __shared__ float tops[8], sums[8];
  const int row = blockIdx.x, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  const float* logits = p.logits + (size_t)row * p.width;
  const int columns = p.columns + p.textValid[row / p.n];
  float top = -CUDART_INF_F, sum = 0;
  for (int i = threadIdx.x; i < columns; i += 256) top = fmaxf(top, logits[i]);
  top = warp_max(top);
  if (lane == 0) tops[warp] = top;
  __syncthreads();
  for (int i = 0; i < 8; i++) top = fmaxf(top, tops[i]);
  for (int i = threadIdx.x; i < columns; i += 256) sum += expf(logits[i] - top);
  sum = warp_sum(sum);
  if (lane == 0) sums[warp] = sum;
  __syncthreads();
  sum = 0;
  for (int i = 0; i < 8; i++) sum += sums[i];
  if (threadIdx.x == 0) p.normaliser[row] = top + logf(sum);
}

/** Log errors of the blocks as keys, and their masses where they matter. C: strata per block when known. */
template <int C>
__device__ __forceinline__ void block_errors(const SelectParams& p, const RowWork& w, const float* logErrors,
                                             const float* weights, uint32_t* keys, float* mass) {
  const int c = C ? C : p.strata;
#pragma unroll(C ? 4 : 1)
  for (int i = threadIdx.x; i < p.n; i += blockDim.x) {
    float top = -CUDART_INF_F, sum = 0, m = 0;
    for (int u = i * c; u < (i + 1) * c; u++) top = fmaxf(top, __ldg(logErrors + u));
    for (int u = i * c; u < (i + 1) * c; u++) {
      sum += top == -CUDART_INF_F ? 0.f : expf(__ldg(logErrors + u) - top);
      if (weights) m += __ldg(weights + u);
    }
    const float error = top == -CUDART_INF_F ? top : top + logf(sum);
    keys[i] = rank_key(error);
    mass[i] = m;
    if (p.blockError) p.blockError[w.at * p.n + i] = expf(error);
    if (p.blockMass) p.blockMass[w.at * p.n + i] = m;
  }
}

/**
 * Block errors and masses, selection with the own block first, and the bias of every stratum, -inf where its block is
 * selected. One thread block per row; only its first warp selects.
 */
extern "C" __global__ void __launch_bounds__(128, 12) tail_select(const __grid_constant__ SelectParams p) {
  extern __shared__ float shared[];
  const int lane = threadIdx.x % 32, n = p.n, c = p.strata;
  RowWork w{p, (int)blockIdx.x / n, (int)blockIdx.x % n, lane, blockIdx.x};
  uint32_t* keys = (uint32_t*)shared;
  float* mass = shared + n;  // later, which blocks are selected
  const float* logErrors = p.logits + w.at * p.width;
  const float* weights = p.weights ? p.weights + w.at * p.columns : nullptr;
  if (c == 4)
    block_errors<4>(p, w, logErrors, weights, keys, mass);
  else
    block_errors<0>(p, w, logErrors, weights, keys, mass);
  __syncthreads();
  if (threadIdx.x < 32) {
    float text = 0;
    if (weights)
      for (int i = lane; i < p.textValid[w.head]; i += 32) text += expf(logErrors[p.columns + i] - p.normaliser[w.at]);
    text = warp_sum(text);
    if (p.ranked) {
      const Need need{max(p.topBlocks[w.head], 1), p.coverMass[w.head]};
      // Without a mass to cover, any positive number says that there is some.
      const float own = weights ? text + mass[w.row] : 1.f;
      if (!need.met(1, own)) {
        w.bound = cut(keys, weights ? mass : nullptr, n, w.row, need, 1, own, w.ties);
        w.cutMade = true;
      }
    }
    __syncwarp();  // the masses have been read; their place now says which blocks are selected
    w.write_list([&](int i) {
      const bool is = i == w.row || w.leading(keys, i) || w.is_forced(i);
      mass[i] = is;
      return is;
    });
  }
  __syncthreads();
  float* bias = p.bias + w.at * p.biasStride;
  const int shiftOfBlock = __ffs(c) - 1;  // strata per block are a power of two
  const float* strata = p.strataMass + ((size_t)w.head * p.groups + w.row / p.group) * p.columns;
  for (int u = threadIdx.x; u < p.biasStride; u += blockDim.x) {
    const float m = u < p.columns ? __ldg(strata + u) : -CUDART_INF_F;
    const bool closed = u >= p.columns || mass[u >> shiftOfBlock] != 0.f;
    bias[u] = closed ? -CUDART_INF_F : m + fminf(shift(bias[u], m, p.mMin), p.hMax);
  }
}
