// Elements moved, never changed: a copy between two strided arrays (transpose, slice, concat, repeat), its transposing kind
// through shared memory, and padding.
#include "../common/values.cuh"

constexpr int AXES = 12;

struct StridedParams {
  const void* x;
  void* y;
  int64_t count;
  int rank, pad;
  int size[AXES];
  int64_t xStride[AXES], yStride[AXES];  // in units
};

template <typename Unit>
DEVICE void strided_copy(const StridedParams& p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    int64_t x = 0, y = 0, rest = i;
    for (int axis = p.rank - 1; axis > 0; axis--) {
      const int64_t outer = rest / p.size[axis];
      const int64_t at = rest - outer * p.size[axis];
      x += at * p.xStride[axis], y += at * p.yStride[axis];
      rest = outer;
    }
    x += rest * p.xStride[0], y += rest * p.yStride[0];
    ((Unit*)p.y)[y] = __ldg((const Unit*)p.x + x);
  }
}
#define STRIDED(name, Unit)                                                                                            \
  extern "C" __global__ void __launch_bounds__(256) strided_copy_##name(const __grid_constant__ StridedParams p) { \
    strided_copy<Unit>(p);                                                                                             \
  }
STRIDED(1, unsigned char)
STRIDED(2, unsigned short)
STRIDED(4, unsigned int)
STRIDED(8, uint2)
STRIDED(16, uint4)

struct SwapParams {
  const void* x;  // [slabs, rows, columns]
  void* y;        // [slabs, columns, rows]
  int64_t rows, columns;
};

/** Tiles of 32 by 32; 256 threads; grid [columns, rows, slabs] in tiles. */
template <typename Unit>
DEVICE void swap_axes(const SwapParams& p) {
  __shared__ Unit tile[32][33];
  const int64_t slab = (int64_t)blockIdx.z * p.rows * p.columns;
  const int64_t row = (int64_t)blockIdx.y * 32, column = (int64_t)blockIdx.x * 32;
  const int x = threadIdx.x % 32, y = threadIdx.x / 32;
  for (int i = y; i < 32; i += 8)
    if (row + i < p.rows && column + x < p.columns)
      tile[i][x] = __ldg((const Unit*)p.x + slab + (row + i) * p.columns + column + x);
  __syncthreads();
  for (int i = y; i < 32; i += 8)
    if (column + i < p.columns && row + x < p.rows) ((Unit*)p.y)[slab + (column + i) * p.rows + row + x] = tile[x][i];
}
#define SWAP(name, Unit)                                                                                            \
  extern "C" __global__ void __launch_bounds__(256) swap_axes_##name(const __grid_constant__ SwapParams p) { \
    swap_axes<Unit>(p);                                                                                             \
  }
SWAP(1, unsigned char)
SWAP(2, unsigned short)
SWAP(4, unsigned int)
SWAP(8, uint2)

struct PadParams {
  const void* x;  // [outer, length, inner]
  void* y;        // [outer, before + length + after, inner]
  int64_t count, inner;
  int length, padded, before, replicate;
};

template <typename Unit>
DEVICE void pad(const PadParams& p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    const int64_t row = i / p.inner, outer = row / p.padded;
    const int at = (int)(row % p.padded) - p.before;
    const int clamped = min(max(at, 0), p.length - 1);
    Unit v = {};
    if (p.replicate || at == clamped) v = __ldg((const Unit*)p.x + (outer * p.length + clamped) * p.inner + i % p.inner);
    ((Unit*)p.y)[i] = v;
  }
}
#define PAD(name, Unit)                                                                                     \
  extern "C" __global__ void __launch_bounds__(256) pad_##name(const __grid_constant__ PadParams p) { \
    pad<Unit>(p);                                                                                           \
  }
PAD(1, unsigned char)
PAD(2, unsigned short)
PAD(4, unsigned int)
PAD(8, uint2)
PAD(16, uint4)
