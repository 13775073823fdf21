// Dense softmax attention with key masks, frame-causal order and additive biases, for any sizes: flash attention on mma.sync
// for 16-bit tensors, and a simple kernel for everything else.
#include "../common/mma.cuh"

struct DenseParams {
  const void *query, *key, *value;  // [batch * heads, sq or sk, d or dv]
  const uint8_t* mask;              // [batch, sk], or null
  const float* bias;                // [batch or 1, heads, sq, sk], or null
  void* out;                        // [batch * heads, sq, dv]
  int heads, sq, sk, d, dv, frame;  // frame: 0 when every key is seen
  int biasPerBatch, vector;         // vector: rows are whole 16-byte pieces
  int queryKind, keyKind, valueKind, outKind;
  float scale;
};

constexpr int KEYS = 64;

/** Keys that some query before `last` sees. */
DEVICE int visible_keys(const DenseParams& p, int last) {
  return p.frame ? (int)min((int64_t)p.sk, (int64_t)((last - 1) / p.frame + 1) * p.frame) : p.sk;
}

/** `ROWS` queries in warps of 16: 64 leave room for several thread blocks, 128 share long keys among more warps. */
template <typename T, int DV, int ROWS>
struct Flash {
  const DenseParams& p;
  uint8_t* smem;
  int stride;  // bytes of a row of query and key in shared memory
  static constexpr int VSTRIDE = (DV + 8) * 2;

  DEVICE uint32_t query() const { return shared_address(smem); }
  DEVICE uint32_t key() const { return query() + ROWS * stride; }
  DEVICE uint32_t value() const { return key() + KEYS * stride; }

  /** `rows` rows of columns `[from, from + columns)` of a matrix `[count, width]`, zeros outside and where masked: 0 * NaN is NaN. */
  DEVICE void load(uint32_t dst, const void* source, int first, int rows, int count, int width, int from, int columns,
                   int bytes, const uint8_t* mask = nullptr) {
    const int chunks = columns / 8;
    for (int i = threadIdx.x; i < rows * chunks; i += 2 * ROWS) {
      const int r = i / chunks, c = from + i % chunks * 8;
      const bool live = first + r < count && c < width && (!mask || mask[first + r]);
      const T* at = (const T*)source + (live ? (int64_t)(first + r) * width + c : 0);
      const uint32_t to = dst + r * bytes + i % chunks * 16;
      if (p.vector) {
        copy16(to, at, live);
        continue;
      }
      u16 v[8];
#pragma unroll
      for (int j = 0; j < 8; j++) v[j] = live && c + j < width ? ((const u16*)at)[j] : 0;
      const uint4 all = *(const uint4*)v;
      asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(all.x), "r"(all.y), "r"(all.z), "r"(all.w)
                   : "memory");
    }
    copy_commit();
  }

  DEVICE void run() {
    const int head = blockIdx.y, first = blockIdx.x * ROWS, column = blockIdx.z * DV;
    const int batch = head / p.heads, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int depth = (p.d + 15) / 16;
    const int keys = visible_keys(p, min(p.sq, first + ROWS));
    const T* k = (const T*)p.key + (int64_t)head * p.sk * p.d;
    const T* v = (const T*)p.value + (int64_t)head * p.sk * p.dv;
    const uint8_t* mask = p.mask ? p.mask + (int64_t)batch * p.sk : nullptr;
    const float scale = p.scale * 1.4426950408889634f;
    float o[DV / 8][4] = {}, maximum[2] = {-CUDART_INF_F, -CUDART_INF_F}, sum[2] = {};
    load(query(), (const T*)p.query + (int64_t)head * p.sq * p.d, first, ROWS, p.sq, p.d, 0, depth * 16, stride);
    load(key(), k, 0, KEYS, p.sk, p.d, 0, depth * 16, stride);
    for (int start = 0; start < keys; start += KEYS) {
      load(value(), v, start, KEYS, p.sk, p.dv, column, DV, VSTRIDE, mask);
      copy_wait<1>();
      __syncthreads();
      float s[KEYS / 8][4] = {};
      for (int step = 0; step < depth; step++) {
        uint32_t a[4];
        load_matrix(a, query() + (warp * 16 + lane % 16) * stride + step * 32 + lane / 16 * 16);
#pragma unroll
        for (int n = 0; n < KEYS / 16; n++) {
          uint32_t b[4];
          load_matrix(b, key() + (n * 16 + lane % 8 + lane / 16 * 8) * stride + step * 32 + lane / 8 % 2 * 16);
          mma<T>(s[2 * n], a, b[0], b[1]);
          mma<T>(s[2 * n + 1], a, b[2], b[3]);
        }
      }
      __syncthreads();
      if (start + KEYS < keys)
        load(key(), k, start + KEYS, KEYS, p.sk, p.d, 0, depth * 16, stride);
      else
        copy_commit();
      softmax(s, o, maximum, sum, first + warp * 16 + lane / 4, start, keys, batch, head, scale);
      copy_wait<1>();
      __syncthreads();
#pragma unroll
      for (int t = 0; t < KEYS / 16; t++) {
        const uint32_t a[4] = {pack<T>(s[2 * t][0], s[2 * t][1]), pack<T>(s[2 * t][2], s[2 * t][3]),
                               pack<T>(s[2 * t + 1][0], s[2 * t + 1][1]), pack<T>(s[2 * t + 1][2], s[2 * t + 1][3])};
#pragma unroll
        for (int n = 0; n < DV / 16; n++) {
          uint32_t b[4];
          load_matrix_transposed(b, value() + (t * 16 + lane % 16) * VSTRIDE + n * 32 + lane / 16 * 16);
          mma<T>(o[2 * n], a, b[0], b[1]);
          mma<T>(o[2 * n + 1], a, b[2], b[3]);
        }
      }
      __syncthreads();
    }
    store(o, sum, first + warp * 16 + lane / 4, head, column);
  }

  /** s becomes 2^(logit - maximum); the sums and outputs so far shrink accordingly. */
  DEVICE void softmax(float (&s)[KEYS / 8][4], float (&o)[DV / 8][4], float (&maximum)[2], float (&sum)[2], int row,
                      int start, int keys, int batch, int head, float scale) {
    const int lane = threadIdx.x % 32;
    const uint8_t* mask = p.mask ? p.mask + (int64_t)batch * p.sk : nullptr;
#pragma unroll
    for (int r = 0; r < 2; r++) {
      const int q = row + r * 8, limit = min(keys, visible_keys(p, q + 1));
      const float* bias =
          p.bias && q < p.sq ? p.bias + ((int64_t)(p.biasPerBatch ? head : head % p.heads) * p.sq + q) * p.sk : nullptr;
      float most = -CUDART_INF_F;
#pragma unroll
      for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int c = 0; c < 2; c++) {
          const int at = start + n * 8 + lane % 4 * 2 + c;
          float& x = s[n][2 * r + c];
          x = at < limit && (!mask || mask[at]) ? x * scale : -CUDART_INF_F;
          if (bias && at < limit && (!mask || mask[at])) x = fmaf(bias[at], 1.4426950408889634f, x);
          most = fmaxf(most, x);
        }
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
      most = fmaxf(most, maximum[r]);
      const float base = most == -CUDART_INF_F ? 0.f : most, shrink = exp2_fast(maximum[r] - base);
      maximum[r] = most;
      float total = 0;
#pragma unroll
      for (int n = 0; n < KEYS / 8; n++)
#pragma unroll
        for (int c = 0; c < 2; c++) {
          float& x = s[n][2 * r + c];
          x = exp2_fast(x - base);
          total += x;
        }
      sum[r] = sum[r] * shrink + total;
#pragma unroll
      for (int n = 0; n < DV / 8; n++) o[n][2 * r] *= shrink, o[n][2 * r + 1] *= shrink;
    }
  }

  DEVICE void store(const float (&o)[DV / 8][4], const float (&sum)[2], int row, int head, int column) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      float total = sum[r];
      total += __shfl_xor_sync(~0u, total, 1);
      total += __shfl_xor_sync(~0u, total, 2);
      const int q = row + r * 8;
      if (q >= p.sq) continue;
      const float factor = total == 0.f ? 0.f : 1.f / total;
      T* out = (T*)p.out + ((int64_t)head * p.sq + q) * p.dv;
#pragma unroll
      for (int n = 0; n < DV / 8; n++) {
        const int c = column + n * 8 + threadIdx.x % 4 * 2;
        const float x = o[n][2 * r] * factor, y = o[n][2 * r + 1] * factor;
        if (p.vector && c < p.dv)
          *(uint32_t*)(out + c) = pack<T>(x, y);
        else {
          if (c < p.dv) store_value(out, c, is_f16<T> ? F16 : BF16, x);
          if (c + 1 < p.dv) store_value(out, c + 1, is_f16<T> ? F16 : BF16, y);
        }
      }
    }
  }
};

#define FLASH(name, T, DV, ROWS)                                                                                \
  extern "C" __global__ void __launch_bounds__(2 * ROWS) dense_##name(const __grid_constant__ DenseParams p) { \
    extern __shared__ __align__(128) uint8_t smem[];                                                            \
    Flash<T, DV, ROWS>{p, smem, ((p.d + 15) / 16 * 16 + 8) * 2}.run();                                          \
  }
FLASH(bf16_64, bf16, 64, 64)
FLASH(bf16_128, bf16, 128, 64)
FLASH(bf16_tall, bf16, 128, 128)
FLASH(f16_64, f16, 64, 64)
FLASH(f16_128, f16, 128, 64)
FLASH(f16_tall, f16, 128, 128)

/** A warp per query, a lane per key; up to 512 value channels. Shared memory: four queries of d floats. */
extern "C" __global__ void __launch_bounds__(128) dense_simple(const __grid_constant__ DenseParams p) {
  extern __shared__ float queries[];
  const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, q = blockIdx.x * 4 + warp, head = blockIdx.y;
  if (q >= p.sq) return;
  float* query = queries + warp * p.d;
  for (int i = lane; i < p.d; i += 32) query[i] = load_float(p.query, ((int64_t)head * p.sq + q) * p.d + i, p.queryKind);
  __syncwarp();
  const uint8_t* mask = p.mask ? p.mask + (int64_t)(head / p.heads) * p.sk : nullptr;
  const float* bias = p.bias ? p.bias + ((int64_t)(p.biasPerBatch ? head : head % p.heads) * p.sq + q) * p.sk : nullptr;
  const int keys = visible_keys(p, q + 1);
  float o[16] = {}, maximum = -CUDART_INF_F, sum = 0;
  for (int start = 0; start < keys; start += 32) {
    const int at = start + lane;
    float x = -CUDART_INF_F;
    if (at < keys && (!mask || mask[at])) {
      float dot = 0;
      for (int i = 0; i < p.d; i++)
        dot = fmaf(query[i], load_float(p.key, ((int64_t)head * p.sk + at) * p.d + i, p.keyKind), dot);
      x = dot * p.scale + (bias ? bias[at] : 0.f);
    }
    const float most = fmaxf(maximum, warp_max(x)), base = most == -CUDART_INF_F ? 0.f : most;
    const float shrink = expf(maximum - base), e = expf(x - base);
    maximum = most;
    sum = sum * shrink + warp_sum(e);
#pragma unroll
    for (int c = 0; c < 16; c++) o[c] *= shrink;
    for (int t = 0; t < min(32, keys - start); t++) {
      const float weight = __shfl_sync(~0u, e, t);
      if (weight == 0.f) continue;
#pragma unroll
      for (int c = 0; c < 16; c++)
        if (lane + 32 * c < p.dv)
          o[c] = fmaf(weight, load_float(p.value, ((int64_t)head * p.sk + start + t) * p.dv + lane + 32 * c, p.valueKind), o[c]);
    }
  }
#pragma unroll
  for (int c = 0; c < 16; c++)
    if (lane + 32 * c < p.dv)
      store_value(p.out, ((int64_t)head * p.sq + q) * p.dv + lane + 32 * c, p.outKind, sum == 0.f ? 0.f : o[c] / sum);
}
