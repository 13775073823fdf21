// The activations of nn, in its order of names.
#pragma once
#include "values.cuh"

enum Activation { NONE, GELU_TANH, GELU_ERF, QUICK_GELU, SILU, RELU, TANH };

/** Exact to float: for results in f32. */
DEVICE float activate(int kind, float x) {
  switch (kind) {
    case GELU_TANH: return 0.5f * x * (1.f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    // erfc keeps the digits of the left tail, where 1 + erf cancels.
    case GELU_ERF: return 0.5f * x * erfcf(-0.7071067811865476f * x);
    case QUICK_GELU: return x / (1.f + expf(-1.702f * x));
    case SILU: return x / (1.f + expf(-x));
    case RELU: return x > 0.f ? x : x != x ? x : 0.f;
    case TANH: return tanhf(x);
    default: return x;
  }
}

DEVICE float reciprocal_fast(float x) {
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}
/** x / (1 + e^-z), with the approximate units: about 1e-6, for results in 16 bit. */
DEVICE float times_sigmoid_fast(float x, float z) { return x * reciprocal_fast(1.f + exp2_fast(-1.4426950408889634f * z)); }
DEVICE float activate_fast(int kind, float x) {
  switch (kind) {
    case GELU_TANH: return times_sigmoid_fast(x, 1.5957691216057308f * (x + 0.044715f * x * x * x));
    case QUICK_GELU: return times_sigmoid_fast(x, 1.702f * x);
    case SILU: return times_sigmoid_fast(x, x);
    case GELU_ERF: return 0.5f * x * erfcf(-0.7071067811865476f * x);
    case RELU: return x > 0.f ? x : x != x ? x : 0.f;
    case TANH: return tanhf(x);
    default: return x;
  }
}

/** The same for several values: the choice is made once. */
template <bool FAST, int N>
DEVICE void activate_all(int kind, float (&v)[N]) {
  switch (kind) {
#define CASE(KIND)                                                                \
  case KIND:                                                                      \
    _Pragma("unroll") for (int j = 0; j < N; j++) v[j] = FAST ? activate_fast(KIND, v[j]) : activate(KIND, v[j]); \
    break
    CASE(GELU_TANH);
    CASE(GELU_ERF);
    CASE(QUICK_GELU);
    CASE(SILU);
    CASE(RELU);
    CASE(TANH);
#undef CASE
    default: break;
  }
}
