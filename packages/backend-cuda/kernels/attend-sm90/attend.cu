// Block-sparse attention for Hopper: one query block per thread block, one producer warp that copies key and value tiles
// through the copy engine, two warpgroups of 64 rows that take turns at the tensor cores (one multiplies while the other
// is in its softmax). Pseudo-keys (tail) are further tiles with one bias per column and f16 values; the paper's R and E are the epilogue.
//
// Sharing tiles between the two blocks of a cluster (multicast) was tried: copying alone runs at twice the speed of the whole
// kernel, so L2 is not the limit, and the pairs' coupling cost 5 to 14 %.
#include "ptx.cuh"
#include "row.cuh"

template <typename T, int D>
struct Kernel {
  using S = Shape<D>;
  static constexpr int STAGES = S::STAGES;
  const AttendParams& p;
  const Row& row;
  uint8_t* smem;

  DEVICE uint32_t query() const { return smem_address(smem); }
  DEVICE uint32_t key(int j) const { return query() + S::TILE * (1 + j % STAGES); }
  DEVICE uint32_t value(int j) const { return query() + S::TILE * (1 + STAGES + j % STAGES); }
  DEVICE float* bias(int j) const { return (float*)(smem + S::TILE * (1 + 2 * STAGES) + S::BIAS * (j % STAGES)); }
  DEVICE uint32_t barrier(int i) const { return query() + S::BARRIERS + 8 * i; }
  DEVICE uint32_t key_full(int j) const { return barrier(1 + j % STAGES); }
  DEVICE uint32_t key_empty(int j) const { return barrier(1 + STAGES + j % STAGES); }
  DEVICE uint32_t value_full(int j) const { return barrier(1 + 2 * STAGES + j % STAGES); }
  DEVICE uint32_t value_empty(int j) const { return barrier(1 + 3 * STAGES + j % STAGES); }
  DEVICE uint32_t phase(int j) const { return (j / STAGES) & 1; }

  DEVICE void init_barriers() {
    barrier_init(barrier(0), 1);
    for (int s = 0; s < STAGES; s++) {
      barrier_init(key_full(s), 1);
      barrier_init(value_full(s), 1);
      barrier_init(key_empty(s), 8);  // the consumers' warps
      barrier_init(value_empty(s), 8);
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }

  DEVICE int block_of(int j) const { return row.list ? __ldg(row.list + j) : j; }

  // ---- producer ----

  DEVICE void copy(uint32_t dst, const CUtensorMap* map, uint32_t bar, int start, int z) {
#pragma unroll
    for (int i = 0; i < S::HALVES; i++) tma_load(dst + i * S::SLAB, map, bar, i * 64, start, z);
  }

  DEVICE void produce(const CUtensorMap* tq, const CUtensorMap* tk, const CUtensorMap* tv, const CUtensorMap* pk,
                      const CUtensorMap* pv) {
    barrier_expect(barrier(0), S::TILE);
    copy(query(), tq, barrier(0), block_start(p, row.block), row.head);
    const int group = row.head * p.groups + row.block / p.group;
    const float* rowBias = p.bias + (size_t)(row.head * p.n + row.block) * p.biasStride;
    int previous = 0;
    for (int j = 0; j <= row.tiles; j++) {
      // Values lag one tile behind: the consumers need the keys of the next tile first.
      int start = 0;
      if (j < row.tiles) {
        const bool exact = j < row.count;
        const int block = exact ? block_of(j) : 0;
        start = exact ? block_start(p, block) : (j - row.count) * BLOCK;
        barrier_wait(key_empty(j), phase(j) ^ 1);
        barrier_expect(key_full(j), S::TILE + (exact ? 0 : S::BIAS));
        copy(key(j), exact ? tk : pk, key_full(j), start, exact ? row.head : group);
        if (!exact) bulk_load(smem_address(bias(j)), rowBias + start, S::BIAS, key_full(j));
      }
      if (j > 0) {
        const int i = j - 1;
        const bool exact = i < row.count;
        barrier_wait(value_empty(i), phase(i) ^ 1);
        barrier_expect(value_full(i), S::TILE);
        copy(value(i), exact ? tv : pv, value_full(i), previous, exact ? row.head : group);
      }
      previous = start;
    }
  }

  // ---- consumers ----

  /** Gives a stage back to the producer, warp by warp. */
  DEVICE void release(uint32_t bar) {
    if (threadIdx.x % 32 == 0) barrier_arrive(bar);
  }

  float o[D / 2], s[64], maximum[2], sum[2];
  int upcoming;  // the block of the next exact tile, read ahead
  int valid;     // keys of the last exact tile that count
  uint32_t probabilities[32];

  DEVICE void issue_qk(int j, int wg) {
    const uint32_t qa = query() + wg * 64 * 128, ka = key(j);
#pragma unroll
    for (int k = 0; k < D / 16; k++)
      wgmma_qk<T>(s, descriptor(qa + (k / 4) * S::SLAB, 16) + (k % 4) * 2,
                  descriptor(ka + (k / 4) * S::SLAB, 16) + (k % 4) * 2, k > 0);
    wgmma_commit();
  }
  template <typename V>
  DEVICE void issue_pv(int j) {
    const uint32_t va = value(j);
#pragma unroll
    for (int k = 0; k < BLOCK / 16; k++) wgmma_pv<V>(o, probabilities + 4 * k, descriptor(va + k * 16 * 128, S::SLAB));
    wgmma_commit();
  }

  /** Zeros instead of values that do not count: they may be NaN, and zero times NaN is NaN. Both warpgroups write the same. */
  DEVICE void clear_invalid(int j, int wg) {
    if (j >= row.count || valid >= BLOCK) return;
    const int first = max(valid, 0), pieces = (BLOCK - first) * 8;
#pragma unroll
    for (int h = 0; h < S::HALVES; h++)
      for (int i = threadIdx.x % 128; i < pieces; i += 128)
        asm volatile("st.shared.v4.b32 [%0], {%1,%1,%1,%1};" ::"r"(value(j) + h * S::SLAB + first * 128 + i * 16), "r"(0)
                     : "memory");
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    asm volatile("bar.sync %0, 128;" ::"r"(3 + wg) : "memory");
  }

  /** The running softmax of one tile: s becomes 2^(s * scale - max); returns what the accumulators shrink by. */
  template <bool PSEUDO>
  DEVICE void softmax(int j, float (&shrink)[2]) {
    const int quad = threadIdx.x % 4;
    const float scale = PSEUDO ? 1.f : p.scaleLog2;
    if (PSEUDO) {
      const float2* b = (const float2*)bias(j) + quad;
#pragma unroll
      for (int i = 0; i < 16; i++) {
        const float2 c = b[4 * i];
        s[4 * i] = fmaf(s[4 * i], p.scaleLog2, c.x * LOG2E);
        s[4 * i + 1] = fmaf(s[4 * i + 1], p.scaleLog2, c.y * LOG2E);
        s[4 * i + 2] = fmaf(s[4 * i + 2], p.scaleLog2, c.x * LOG2E);
        s[4 * i + 3] = fmaf(s[4 * i + 3], p.scaleLog2, c.y * LOG2E);
      }
    } else {
      valid = block_limit(p, upcoming, row.textValid);
      if (j + 1 < row.count) upcoming = block_of(j + 1);
      if (valid < BLOCK) {
#pragma unroll
        for (int i = 0; i < 64; i++)
          if ((i / 4) * 8 + quad * 2 + (i & 1) >= valid) s[i] = -CUDART_INF_F;
      }
    }
    release(key_empty(j));
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float x = s[2 * r];
#pragma unroll
      for (int i = 0; i < 16; i++) x = fmaxf(x, fmaxf(s[4 * i + 2 * r], s[4 * i + 2 * r + 1]));
      x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
      x = fmaxf(x, __shfl_xor_sync(~0u, x, 2));
      x = fmaxf(maximum[r], x * scale);
      const float z = x == -CUDART_INF_F ? 0.f : x;
      shrink[r] = exp2_fast(maximum[r] - z);
      maximum[r] = x;
      float total = 0;
#pragma unroll
      for (int i = 0; i < 16; i++) {
        float& a = s[4 * i + 2 * r];
        float& b = s[4 * i + 2 * r + 1];
        a = exp2_fast(fmaf(a, scale, -z));
        b = exp2_fast(fmaf(b, scale, -z));
        total += a + b;
      }
      sum[r] = sum[r] * shrink[r] + total;
    }
  }
  template <typename V>
  DEVICE void round_probabilities() {
#pragma unroll
    for (int i = 0; i < 32; i++) probabilities[i] = pack<V>(s[2 * i], s[2 * i + 1]);
  }
  /** Multiplies the output by `shrink`, which is 1 for most tiles: then nothing is to do. */
  DEVICE void rescale(const float (&shrink)[2]) {
    if (!__any_sync(~0u, shrink[0] != 1.f || shrink[1] != 1.f)) return;
#pragma unroll
    for (int i = 0; i < D / 8; i++) {
      o[4 * i] *= shrink[0];
      o[4 * i + 1] *= shrink[0];
      o[4 * i + 2] *= shrink[1];
      o[4 * i + 3] *= shrink[1];
    }
  }

  /** One tile: its keys, and the values of the one before. V: the type of this tile's values, P: of the one before. */
  template <bool PSEUDO, typename V, typename P>
  DEVICE void tile(int j, int wg) {
    float shrink[2];
    barrier_wait(key_full(j), phase(j));
    named_sync(1 + wg);
    wgmma_fence();
    issue_qk(j, wg);
    barrier_wait(value_full(j - 1), phase(j - 1));
    clear_invalid(j - 1, wg);
    issue_pv<P>(j - 1);
    named_arrive(2 - wg);
    wgmma_wait<1>();
    softmax<PSEUDO>(j, shrink);
    wgmma_wait<0>();
    release(value_empty(j - 1));
    rescale(shrink);
    round_probabilities<V>();
  }

  DEVICE void consume(int wg) {
#ifdef LOAD_ONLY
    for (int j = 0; j < row.tiles; j++) {
      barrier_wait(key_full(j), phase(j));
      release(key_empty(j));
      barrier_wait(value_full(j), phase(j));
      release(value_empty(j));
    }
    return;
#endif
    sum[0] = sum[1] = 0;
    maximum[0] = maximum[1] = -CUDART_INF_F;
#pragma unroll
    for (int i = 0; i < D / 2; i++) o[i] = 0;
    if (row.tiles > 0) {
      float shrink[2];
      upcoming = block_of(0);
      barrier_wait(barrier(0), 0);
      if (wg == 0) named_arrive(1);  // the first turn is the first warpgroup's
      barrier_wait(key_full(0), 0);
      named_sync(1 + wg);
      wgmma_fence();
      issue_qk(0, wg);
      named_arrive(2 - wg);
      wgmma_wait<0>();
      softmax<false>(0, shrink);
      round_probabilities<T>();
      int j = 1;
#pragma unroll 1
      for (; j < row.count; j++) tile<false, T, T>(j, wg);
      if (j < row.tiles) tile<true, f16, T>(j++, wg);
#pragma unroll 1
      for (; j < row.tiles; j++) tile<true, f16, f16>(j, wg);
      barrier_wait(value_full(j - 1), phase(j - 1));
      clear_invalid(j - 1, wg);
      wgmma_fence();
      if (row.tiles > row.count)
        issue_pv<f16>(j - 1);
      else
        issue_pv<T>(j - 1);
      wgmma_wait<0>();
    }
    store(wg);
  }

  DEVICE void store(int wg) {
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32 % 4, at = row.head * p.n + row.block;
    const float factor = p.factor && !row.text ? p.factor[at] : 1.f;
    const float2* extra = p.compensation && !row.text ? (const float2*)(p.compensation + (size_t)at * D) : nullptr;
    const int start = block_start(p, row.block), valid = block_limit(p, row.block, row.textValid);
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      const int local = wg * 64 + warp * 16 + lane / 4 + r * 8;
      // Rows of invalid text slots are written as zeros.
      if (row.text ? start + local >= p.tokens : local >= valid) continue;
      const bool live = local < valid;
      const float scale = live && total > 0 ? factor / total : 0.f;
      const size_t token = (size_t)row.head * p.tokens + start + local;
      uint32_t* out = (uint32_t*)p.out + token * (D / 2) + lane % 4;
#pragma unroll
      for (int i = 0; i < D / 8; i++) {
        const float2 e = extra ? __ldg(extra + i * 4 + lane % 4) : make_float2(0, 0);
        const float x = live ? fmaf(o[4 * i + 2 * r], scale, e.x) : 0.f;
        const float y = live ? fmaf(o[4 * i + 2 * r + 1], scale, e.y) : 0.f;
        out[i * 4] = p.outF16 ? pack<f16>(x, y) : pack<bf16>(x, y);
      }
      if (p.lse && lane % 4 == 0) p.lse[token] = live ? (maximum[r] + log2f(total)) * LN2 : -CUDART_INF_F;
    }
  }
};

template <typename T, int D>
DEVICE void attend(const CUtensorMap& tq, const CUtensorMap& tk, const CUtensorMap& tv, const CUtensorMap& pk,
                   const CUtensorMap& pv, const AttendParams& p) {
  extern __shared__ __align__(1024) uint8_t smem[];
  const Row row = find_row(p);
  Kernel<T, D> kernel{p, row, smem};
  if (threadIdx.x == 0) kernel.init_barriers();
  __syncthreads();
  const int wg = threadIdx.x / 128;
  if (wg == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 24;");
    if (threadIdx.x == 0) kernel.produce(&tq, &tk, &tv, &pk, &pv);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 240;");
    kernel.consume(wg - 1);
  }
}

#define KERNEL(name, T, D)                                                                                    \
  extern "C" __global__ void __launch_bounds__(384, 1) attend90_##name(                                       \
      const __grid_constant__ CUtensorMap tq, const __grid_constant__ CUtensorMap tk,                         \
      const __grid_constant__ CUtensorMap tv, const __grid_constant__ CUtensorMap pk,                         \
      const __grid_constant__ CUtensorMap pv, const __grid_constant__ AttendParams p) {                       \
    attend<T, D>(tq, tk, tv, pk, pv, p);                                                                      \
  }
KERNEL(bf16_d128, bf16, 128)
KERNEL(bf16_d64, bf16, 64)
KERNEL(f16_d128, f16, 128)
KERNEL(f16_d64, f16, 64)
