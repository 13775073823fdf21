// Sums, differences and mean magnitudes for step caches, and the conversions between the contract's tensors and the ones the
// kernels like (16-bit summaries, u16 lists, bias rows padded to whole tiles).
#include "../common/types.cuh"

struct ElementParams {
  const void* a;
  const void* b;  // may be null in mean_absolute
  void* out;
  int64_t count;
  float sign;
  int kind;  // 0 f32, 1 f16, 2 bf16
};

__device__ __forceinline__ float element(const void* data, int64_t i, int kind) {
  if (kind == 0) return ((const float*)data)[i];
  return kind == 1 ? to_float(((const f16*)data)[i]) : to_float(((const bf16*)data)[i]);
}
__device__ __forceinline__ void put_element(void* data, int64_t i, int kind, float v) {
  if (kind == 0)
    ((float*)data)[i] = v;
  else if (kind == 1)
    ((f16*)data)[i] = __float2half_rn(v);
  else
    ((bf16*)data)[i] = __float2bfloat16_rn(v);
}
__device__ __forceinline__ int64_t first_element() { return (int64_t)blockIdx.x * blockDim.x + threadIdx.x; }

/** out = a + sign * b */
extern "C" __global__ void combine(const __grid_constant__ ElementParams p) {
  for (int64_t i = first_element(); i < p.count; i += (int64_t)gridDim.x * blockDim.x)
    put_element(p.out, i, p.kind, element(p.a, i, p.kind) + p.sign * element(p.b, i, p.kind));
}

/** Sum of |a - b| (or |a|) of each thread block, in double, into out[blockIdx.x]. 256 threads. */
extern "C" __global__ void sum_absolute(const __grid_constant__ ElementParams p) {
  __shared__ double sums[256];
  double sum = 0;
  for (int64_t i = first_element(); i < p.count; i += (int64_t)gridDim.x * blockDim.x)
    sum += fabsf(element(p.a, i, p.kind) - (p.b ? element(p.b, i, p.kind) : 0.f));
  sums[threadIdx.x] = sum;
  for (int half = 128; half; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
  }
  if (threadIdx.x == 0) ((double*)p.out)[blockIdx.x] = sums[0];
}

struct ConvertParams {
  const void* source;
  void* out;
  int64_t rows;
  int columns, sourceStride, outStride;
  int kind;  // of the 16-bit side: 1 f16, 2 bf16
};

/** f32 to 16 bit. */
extern "C" __global__ void narrow(const __grid_constant__ ConvertParams p) {
  for (int64_t i = first_element(); i < p.rows; i += (int64_t)gridDim.x * blockDim.x)
    put_element(p.out, i, p.kind, ((const float*)p.source)[i]);
}
/** 16 bit to f32. */
extern "C" __global__ void widen(const __grid_constant__ ConvertParams p) {
  for (int64_t i = first_element(); i < p.rows; i += (int64_t)gridDim.x * blockDim.x)
    ((float*)p.out)[i] = element(p.source, i, p.kind);
}
/** i32 block lists to u16. */
extern "C" __global__ void narrow_indices(const __grid_constant__ ConvertParams p) {
  for (int64_t i = first_element(); i < p.rows; i += (int64_t)gridDim.x * blockDim.x)
    ((u16*)p.out)[i] = ((const int*)p.source)[i];
}
/** f32 rows of one stride to rows of another, -inf past the columns. */
extern "C" __global__ void restride(const __grid_constant__ ConvertParams p) {
  for (int64_t i = first_element(); i < p.rows * p.outStride; i += (int64_t)gridDim.x * blockDim.x) {
    const int64_t row = i / p.outStride, column = i % p.outStride;
    ((float*)p.out)[i] = column < p.columns ? ((const float*)p.source)[row * p.sourceStride + column] : -CUDART_INF_F;
  }
}
