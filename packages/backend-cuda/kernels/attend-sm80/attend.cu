// Block-sparse attention for Ampere and later: 8 warps of 16 query rows, tiles of 64 keys copied ahead with cp.async,
// mma.sync for both products. The same parameters and the same results as attend-sm90.
#include "../common/attend.cuh"

#define DEVICE __device__ __forceinline__

struct Attend80Params {
  AttendParams common;
  const void* query;  // [heads, tokens, d]
  const void* key;
  const void* value;
  const void* strataKey;  // [heads * groups, strata, d]
  const void* strataValue;  // f16
  int strata;
};

constexpr int KEYS = 64;  // keys per tile: half a block

DEVICE uint32_t smem_address(const void* p) { return (uint32_t)__cvta_generic_to_shared(p); }
/** 16 bytes into shared memory, zeros when !live. */
DEVICE void copy16(uint32_t dst, const void* src, bool live) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(dst), "l"(src), "r"(live ? 16 : 0));
}
DEVICE void copy_commit() { asm volatile("cp.async.commit_group;"); }
template <int N>
DEVICE void copy_wait() {
  asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory");
}
DEVICE void load_matrix(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}
DEVICE void load_matrix_transposed(uint32_t (&r)[4], uint32_t address) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(address));
}
template <typename T>
DEVICE void mma(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
#define MMA(TYPE)                                                                                             \
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." TYPE "." TYPE ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, " \
               "{%0,%1,%2,%3};"                                                                               \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                                               \
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))
  if constexpr (is_f16<T>)
    MMA("f16");
  else
    MMA("bf16");
}

template <typename T, int D>
struct Kernel {
  static constexpr int ROW = D * 2, TILE = KEYS * ROW, CHUNKS = D / 8;
  const Attend80Params& p;
  uint8_t* smem;  // query [128, D], then 2 stages of key [64, D] and value [64, D]
  int head, block, textValid, count;
  bool text;
  const u16* list;

  /** Byte offset of a 16-byte chunk; the chunks of a row are permuted so that columns of rows do not collide in banks. */
  DEVICE static int place(int row, int chunk) { return row * ROW + ((chunk ^ (row & 7)) << 4); }

  DEVICE int block_of(int j) const { return list ? list[j / 2] : j / 2; }
  DEVICE bool exact(int j) const { return j < 2 * count; }
  /** Valid keys of tile j; pseudo-tiles are masked by their bias. */
  DEVICE int limit(int j) const {
    return exact(j) ? block_limit(p.common, block_of(j), textValid) - (j & 1) * KEYS : KEYS;
  }

  DEVICE void load(int j) {
    const uint32_t keys = smem_address(smem) + BLOCK * ROW + (j & 1) * 2 * TILE, values = keys + TILE;
    const AttendParams& c = p.common;
    const T *k, *v;
    int live;
    if (exact(j)) {
      const int start = block_start(c, block_of(j)) + (j & 1) * KEYS;
      k = (const T*)p.key + ((size_t)head * c.tokens + start) * D;
      v = (const T*)p.value + ((size_t)head * c.tokens + start) * D;
      live = min(c.tokens - start, limit(j));
    } else {
      const int start = (j - 2 * count) * KEYS;
      const size_t row = (size_t)(head * c.groups + block / c.group) * p.strata + start;
      k = (const T*)p.strataKey + row * D;
      v = (const T*)p.strataValue + row * D;
      live = p.strata - start;
    }
    for (int i = threadIdx.x; i < KEYS * CHUNKS; i += 256) {
      const int row = i / CHUNKS, chunk = i % CHUNKS;
      const size_t at = row < live ? (size_t)row * D + chunk * 8 : 0;
      copy16(keys + place(row, chunk), row < live ? k + at : (const T*)p.key, row < live);
      copy16(values + place(row, chunk), row < live ? v + at : (const T*)p.value, row < live);
    }
    copy_commit();
  }

  DEVICE void load_query(int start) {
    for (int i = threadIdx.x; i < BLOCK * CHUNKS; i += 256) {
      const int row = i / CHUNKS, chunk = i % CHUNKS;
      const bool live = start + row < p.common.tokens;
      const T* q = (const T*)p.query + ((size_t)head * p.common.tokens + (live ? start + row : 0)) * D + chunk * 8;
      copy16(smem_address(smem) + place(row, chunk), q, live);
    }
  }

  DEVICE void run() {
    const AttendParams& c = p.common;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, at = head * c.n + block;
    const int tiles = 2 * count + (c.bias && !text ? (p.strata + KEYS - 1) / KEYS : 0);
    const float* bias = c.bias ? c.bias + (size_t)at * c.biasStride : nullptr;
    load_query(block_start(c, block));
    float o[D / 8][4] = {}, maximum[2] = {-CUDART_INF_F, -CUDART_INF_F}, sum[2] = {};
    if (tiles > 0) load(0);
    if (tiles > 1)
      load(1);
    else
      copy_commit();
    copy_wait<1>();
    __syncthreads();
    uint32_t q[D / 16][4];
#pragma unroll
    for (int k = 0; k < D / 16; k++) load_matrix(q[k], smem_address(smem) + place(warp * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll 1
    for (int j = 0; j < tiles; j++) {
      const uint32_t keys = smem_address(smem) + BLOCK * ROW + (j & 1) * 2 * TILE, values = keys + TILE;
      float s[KEYS / 8][4] = {};
#pragma unroll
      for (int k = 0; k < D / 16; k++)
#pragma unroll
        for (int n = 0; n < KEYS / 16; n++) {
          uint32_t b[4];
          load_matrix(b, keys + place(n * 16 + lane / 16 * 8 + lane % 8, k * 2 + (lane / 8 & 1)));
          mma<T>(s[2 * n], q[k], b[0], b[1]);
          mma<T>(s[2 * n + 1], q[k], b[2], b[3]);
        }
      mask(s, j, bias);
      softmax(s, o, maximum, sum);
      // The values of pseudo-keys are f16.
      if (std::is_same_v<T, f16> || exact(j))
        weigh<T>(s, o, values);
      else
        weigh<f16>(s, o, values);
      __syncthreads();
      if (j + 2 < tiles)
        load(j + 2);
      else
        copy_commit();
      copy_wait<1>();
      __syncthreads();
    }
    store(o, maximum, sum);
  }

  /** o += probabilities x values, both of type V. */
  template <typename V>
  DEVICE static void weigh(const float (&s)[KEYS / 8][4], float (&o)[D / 8][4], uint32_t values) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int k = 0; k < KEYS / 16; k++) {
      const uint32_t a[4] = {pack<V>(s[2 * k][0], s[2 * k][1]), pack<V>(s[2 * k][2], s[2 * k][3]),
                             pack<V>(s[2 * k + 1][0], s[2 * k + 1][1]), pack<V>(s[2 * k + 1][2], s[2 * k + 1][3])};
#pragma unroll
      for (int n = 0; n < D / 16; n++) {
        uint32_t b[4];
        load_matrix_transposed(b, values + place(k * 16 + lane % 16, n * 2 + lane / 16));
        mma<V>(o[2 * n], a, b[0], b[1]);
        mma<V>(o[2 * n + 1], a, b[2], b[3]);
      }
    }
  }

  /** Scales logits to base 2, adds the bias of pseudo-keys, masks what is past the end. */
  DEVICE void mask(float (&s)[KEYS / 8][4], int j, const float* bias) const {
    const int quad = threadIdx.x % 4, valid = limit(j);
    const float* b = exact(j) ? nullptr : bias + (j - 2 * count) * KEYS;
#pragma unroll
    for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const int column = n * 8 + quad * 2 + (i & 1);
        s[n][i] = column < valid ? fmaf(s[n][i], p.common.scaleLog2, b ? b[column] * LOG2E : 0.f) : -CUDART_INF_F;
      }
  }

  DEVICE static void softmax(float (&s)[KEYS / 8][4], float (&o)[D / 8][4], float (&maximum)[2], float (&sum)[2]) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float x = maximum[r];
#pragma unroll
      for (int n = 0; n < KEYS / 8; n++) x = fmaxf(x, fmaxf(s[n][2 * r], s[n][2 * r + 1]));
      x = fmaxf(x, __shfl_xor_sync(~0u, x, 1));
      x = fmaxf(x, __shfl_xor_sync(~0u, x, 2));
      const float z = x == -CUDART_INF_F ? 0.f : x, shrink = exp2_fast(maximum[r] - z);
      maximum[r] = x;
      sum[r] *= shrink;
#pragma unroll
      for (int n = 0; n < KEYS / 8; n++) {
        s[n][2 * r] = exp2_fast(s[n][2 * r] - z);
        s[n][2 * r + 1] = exp2_fast(s[n][2 * r + 1] - z);
        sum[r] += s[n][2 * r] + s[n][2 * r + 1];
      }
#pragma unroll
      for (int n = 0; n < D / 8; n++) o[n][2 * r] *= shrink, o[n][2 * r + 1] *= shrink;
    }
  }

  DEVICE void store(float (&o)[D / 8][4], float (&maximum)[2], float (&sum)[2]) const {
    const AttendParams& c = p.common;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, at = head * c.n + block;
    const float factor = c.factor && !text ? c.factor[at] : 1.f;
    const float2* extra = c.compensation && !text ? (const float2*)(c.compensation + (size_t)at * D) : nullptr;
    const int start = block_start(c, block), valid = block_limit(c, block, textValid);
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      const int local = warp * 16 + lane / 4 + r * 8;
      // Rows of invalid text slots are written as zeros.
      if (text ? start + local >= c.tokens : local >= valid) continue;
      const bool live = local < valid;
      const float scale = live && total > 0 ? factor / total : 0.f;
      const size_t token = (size_t)head * c.tokens + start + local;
      uint32_t* out = (uint32_t*)c.out + token * (D / 2) + lane % 4;
#pragma unroll
      for (int n = 0; n < D / 8; n++) {
        const float2 e = extra ? __ldg(extra + n * 4 + lane % 4) : make_float2(0, 0);
        const float x = live ? fmaf(o[n][2 * r], scale, e.x) : 0.f, y = live ? fmaf(o[n][2 * r + 1], scale, e.y) : 0.f;
        out[n * 4] = c.outF16 ? pack<f16>(x, y) : pack<bf16>(x, y);
      }
      if (c.lse && lane % 4 == 0) c.lse[token] = live ? (maximum[r] + log2f(total)) * LN2 : -CUDART_INF_F;
    }
  }
};

template <typename T, int D>
DEVICE void attend(const Attend80Params& p) {
  extern __shared__ __align__(128) uint8_t smem[];
  const AttendParams& c = p.common;
  const int unit = blockIdx.x, texts = c.heads * c.textBlocks;
  const bool text = unit < texts;
  const int local = text ? unit : unit - texts, rows = text ? c.textBlocks : c.n, head = local / rows, row = local % rows;
  const int textValid = c.textValid[head], at = head * c.n + row;
  const bool listed = !text && c.counts;
  Kernel<T, D> kernel{p, smem, head, text ? c.n + row : row, textValid,
                      listed ? c.counts[at] : c.n + (textValid + BLOCK - 1) / BLOCK, text,
                      listed ? c.indices + (size_t)at * c.stride : nullptr};
  kernel.run();
}

#define KERNEL(name, T, D) \
  extern "C" __global__ void __launch_bounds__(256, 1) attend80_##name(const __grid_constant__ Attend80Params p) { attend<T, D>(p); }
KERNEL(bf16_d128, bf16, 128)
KERNEL(bf16_d64, bf16, 64)
KERNEL(f16_d128, f16, 128)
KERNEL(f16_d64, f16, 64)
