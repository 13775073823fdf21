// Rows of a table, and the sinusoids of time steps.
#include "../common/values.cuh"

struct EmbedParams {
  const int* ids;
  const void* table;
  void* y;
  int64_t count;  // pieces of eight neighbours, or single values
  int width;      // pieces per row
  int kind, yKind;
};

template <int N>
DEVICE void embed(const EmbedParams& p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    const int64_t row = i / p.width, column = i % p.width;
    float v[N];
    load_some<N>(p.table, ((int64_t)p.ids[row] * p.width + column) * N, p.kind, v);
    store_some<N>(p.y, i * N, p.yKind, v);
  }
}
extern "C" __global__ void __launch_bounds__(256) embed_eight(const __grid_constant__ EmbedParams p) { embed<8>(p); }
extern "C" __global__ void __launch_bounds__(256) embed_one(const __grid_constant__ EmbedParams p) { embed<1>(p); }

struct TimestepParams {
  const float* t;
  float* y;
  int64_t count;  // pairs of cosine and sine
  int half, pad;
  double logPeriod;
};

/** Frequencies and angles are rounded to f32 before the sine, as networks were trained. */
extern "C" __global__ void timestep(const __grid_constant__ TimestepParams p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    const int64_t row = i / p.half, column = i % p.half;
    const float frequency = (float)exp(-p.logPeriod * (double)column / p.half);
    const float angle = __fmul_rn(p.t[row], frequency);
    p.y[row * 2 * p.half + column] = cosf(angle);
    p.y[row * 2 * p.half + p.half + column] = sinf(angle);
  }
}
