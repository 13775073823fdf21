// Tensors of any element type, by a number that the host passes: loads widen to float, stores round to nearest.
#pragma once
#include <cuda_fp8.h>
#include "types.cuh"

#define DEVICE __device__ __forceinline__

enum Kind { F32, F16, BF16, I32, U8, I8, U16, E4M3, E5M2, F64 };

DEVICE float load_value(const void* data, int64_t i, int kind) {
  switch (kind) {
    case F32: return ((const float*)data)[i];
    case F16: return __half2float(((const f16*)data)[i]);
    case BF16: return __bfloat162float(((const bf16*)data)[i]);
    case I32: return (float)((const int*)data)[i];
    case U8: return (float)((const uint8_t*)data)[i];
    case I8: return (float)((const int8_t*)data)[i];
    case U16: return (float)((const uint16_t*)data)[i];
    case E4M3: return (float)((const __nv_fp8_e4m3*)data)[i];
    case E5M2: return (float)((const __nv_fp8_e5m2*)data)[i];
    default: return (float)((const double*)data)[i];
  }
}
/** The same for the three types that networks compute in. */
DEVICE float load_float(const void* data, int64_t i, int kind) {
  if (kind == F32) return ((const float*)data)[i];
  return kind == F16 ? __half2float(((const f16*)data)[i]) : __bfloat162float(((const bf16*)data)[i]);
}
DEVICE void store_value(void* data, int64_t i, int kind, float v) {
  switch (kind) {
    case F32: ((float*)data)[i] = v; break;
    case F16: ((f16*)data)[i] = __float2half_rn(v); break;
    default: ((bf16*)data)[i] = __float2bfloat16_rn(v); break;
  }
}

/** Eight neighbours of a float type whose address is a multiple of 16 bytes. */
DEVICE void load_eight(const void* data, int64_t i, int kind, float (&v)[8]) {
  if (kind == F32) {
    const float4* p = (const float4*)((const float*)data + i);
    const float4 a = __ldg(p), b = __ldg(p + 1);
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
    return;
  }
  const uint4 raw = __ldg((const uint4*)((const u16*)data + i));
  const uint32_t words[4] = {raw.x, raw.y, raw.z, raw.w};
#pragma unroll
  for (int j = 0; j < 4; j++) {
    const float2 pair = kind == F16 ? unpack<f16>(words[j]) : unpack<bf16>(words[j]);
    v[2 * j] = pair.x, v[2 * j + 1] = pair.y;
  }
}
DEVICE void store_eight(void* data, int64_t i, int kind, const float (&v)[8]) {
  if (kind == F32) {
    float4* p = (float4*)((float*)data + i);
    p[0] = make_float4(v[0], v[1], v[2], v[3]);
    p[1] = make_float4(v[4], v[5], v[6], v[7]);
    return;
  }
  uint32_t words[4];
#pragma unroll
  for (int j = 0; j < 4; j++)
    words[j] = kind == F16 ? pack<f16>(v[2 * j], v[2 * j + 1]) : pack<bf16>(v[2 * j], v[2 * j + 1]);
  *(uint4*)((u16*)data + i) = make_uint4(words[0], words[1], words[2], words[3]);
}

/** `N` neighbours of a type that networks compute in: eight at once, or one. */
template <int N>
DEVICE void load_some(const void* data, int64_t i, int kind, float (&v)[N]) {
  if constexpr (N == 8)
    load_eight(data, i, kind, v);
  else
    v[0] = load_float(data, i, kind);
}
/** The same for any type: only those that networks compute in come eight at once. */
template <int N>
DEVICE void load_any(const void* data, int64_t i, int kind, float (&v)[N]) {
  if constexpr (N == 8)
    load_eight(data, i, kind, v);
  else
    v[0] = load_value(data, i, kind);
}
template <int N>
DEVICE void store_some(void* data, int64_t i, int kind, const float (&v)[N]) {
  if constexpr (N == 8)
    store_eight(data, i, kind, v);
  else
    store_value(data, i, kind, v[0]);
}

/** Eight neighbours as they lie in memory: loads can be under way together before anything is computed. */
template <bool WIDE>
struct Piece {
  uint4 raw[WIDE ? 2 : 1];
  DEVICE void load(const void* data, int64_t i, bool live) {
#pragma unroll
    for (int h = 0; h < (WIDE ? 2 : 1); h++) {
      raw[h] = make_uint4(0, 0, 0, 0);
      if (live) raw[h] = __ldg((const uint4*)((const char*)data + i * (WIDE ? 4 : 2)) + h);
    }
  }
  DEVICE void values(int kind, float (&v)[8]) const {
    if constexpr (WIDE) {
      const float4 a = *(const float4*)&raw[0], b = *(const float4*)&raw[1];
      v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
    } else {
      const uint32_t words[4] = {raw[0].x, raw[0].y, raw[0].z, raw[0].w};
#pragma unroll
      for (int j = 0; j < 4; j++) {
        const float2 pair = kind == F16 ? unpack<f16>(words[j]) : unpack<bf16>(words[j]);
        v[2 * j] = pair.x, v[2 * j + 1] = pair.y;
      }
    }
  }
};
DEVICE int64_t thread_index() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }
DEVICE int64_t thread_count() { return (int64_t)gridDim.x * blockDim.x; }
