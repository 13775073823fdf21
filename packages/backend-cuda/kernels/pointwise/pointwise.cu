// Element by element: binary operations with broadcasting, functions of one value, weighted sums. All limited by memory:
// every thread handles eight neighbours with 16-byte loads where addresses allow it.
#include "../common/activation.cuh"

constexpr int AXES = 8;

struct BinaryParams {
  const void* a;
  const void* b;
  void* y;
  int64_t count;  // of threads' pieces: eight neighbours or one
  int rank, op, aKind, bKind, yKind;
  int size[AXES];  // innermost last, in pieces
  int64_t aStride[AXES], bStride[AXES];  // in elements per piece; 0 where broadcast
  int aWide, bWide;  // whether a piece's neighbours are neighbours here too, or one value for all
};

/** NaN in, NaN out, as in JavaScript. */
DEVICE float apply(int op, float a, float b) {
  switch (op) {
    case 0: return a + b;
    case 1: return a - b;
    case 2: return a * b;
    case 3: return a / b;
    case 4: return a != a || b != b ? a + b : fmaxf(a, b);
    default: return a != a || b != b ? a + b : fminf(a, b);
  }
}

template <int N>
DEVICE void operand(const void* data, int64_t at, int kind, int wide, float (&v)[N]) {
  if (wide) return load_any<N>(data, at, kind, v);
  const float one = load_value(data, at, kind);
#pragma unroll
  for (int i = 0; i < N; i++) v[i] = one;
}

template <int N>
DEVICE void binary(const BinaryParams& p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    int64_t a = 0, b = 0, rest = i;
    for (int axis = p.rank - 1; axis > 0; axis--) {
      const int64_t outer = rest / p.size[axis];
      const int64_t at = rest - outer * p.size[axis];
      a += at * p.aStride[axis], b += at * p.bStride[axis];
      rest = outer;
    }
    a += rest * p.aStride[0], b += rest * p.bStride[0];
    float x[N], y[N];
    operand<N>(p.a, a, p.aKind, p.aWide, x);
    operand<N>(p.b, b, p.bKind, p.bWide, y);
#pragma unroll
    for (int j = 0; j < N; j++) x[j] = apply(p.op, x[j], y[j]);
    store_some<N>(p.y, i * N, p.yKind, x);
  }
}
extern "C" __global__ void __launch_bounds__(256) binary_eight(const __grid_constant__ BinaryParams p) { binary<8>(p); }
extern "C" __global__ void __launch_bounds__(256) binary_one(const __grid_constant__ BinaryParams p) { binary<1>(p); }

struct UnaryParams {
  const void* x;
  void* y;
  int64_t count;
  int op, xKind, yKind;
  float a, b;
};

DEVICE float apply(const UnaryParams& p, float x) {
  switch (p.op) {
    case 7: return fmaf(x, p.a, p.b);
    case 8: return x != x ? x : fminf(fmaxf(x, p.a), p.b);
    case 9: return expf(x);
    case 10: return fabsf(x);
    case 11: return sqrtf(x);
    default: return activate(p.op, x);
  }
}

template <int N>
DEVICE void unary(const UnaryParams& p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    float v[N];
    load_any<N>(p.x, i * N, p.xKind, v);
#pragma unroll
    for (int j = 0; j < N; j++) v[j] = apply(p, v[j]);
    store_some<N>(p.y, i * N, p.yKind, v);
  }
}
extern "C" __global__ void __launch_bounds__(256) unary_eight(const __grid_constant__ UnaryParams p) { unary<8>(p); }
extern "C" __global__ void __launch_bounds__(256) unary_one(const __grid_constant__ UnaryParams p) { unary<1>(p); }

struct WeightedSumParams {
  const void* x[8];
  const float* coefficients;
  void* y;
  int64_t count;
  int terms, yKind;
  int kind[8];
};

/** Terms whose coefficient is zero are not read: they count as zero whatever they hold. */
template <int N>
DEVICE void weighted_sum(const WeightedSumParams& p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    float sum[N] = {};
#pragma unroll
    for (int t = 0; t < 8; t++) {
      if (t >= p.terms) break;
      const float c = __ldg(p.coefficients + t);
      if (c == 0.f) continue;
      float v[N];
      load_some<N>(p.x[t], i * N, p.kind[t], v);
#pragma unroll
      for (int j = 0; j < N; j++) sum[j] = fmaf(c, v[j], sum[j]);
    }
    store_some<N>(p.y, i * N, p.yKind, sum);
  }
}
extern "C" __global__ void __launch_bounds__(256) weighted_sum_eight(const __grid_constant__ WeightedSumParams p) {
  weighted_sum<8>(p);
}
extern "C" __global__ void __launch_bounds__(256) weighted_sum_one(const __grid_constant__ WeightedSumParams p) {
  weighted_sum<1>(p);
}
