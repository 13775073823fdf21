// Tiles of matrix products in float32, the arithmetic of the estimate: 256 threads, 64 rows by 64 columns, 4 x 4 per thread.
#pragma once
#include "../common/types.cuh"

constexpr int TILE = 64, DEPTH = 32;

/** A 64-row, 32-deep slice, depth-major, so that a thread reads its four rows at once. */
struct Slice {
  float at[DEPTH][TILE + 4];
};

/**
 * The part of a slice that one thread moves: eight columns of a row. Fetched into registers while the slice before is in
 * use, then put into shared memory.
 */
template <typename S>
struct Fetch {
  static constexpr int WORDS = std::is_same_v<S, float> ? 2 : 1;
  uint4 raw[WORDS];

  /** Rows `row0 ..` of a [rows, d] matrix, columns `k0 .. k0 + 31`; zeros past the last row. */
  __device__ __forceinline__ void load(const S* source, int row0, int rows, int d, int k0) {
    const int row = threadIdx.x % TILE, k = threadIdx.x / TILE * 8;
    const uint4* at = (const uint4*)(source + (size_t)(row0 + row) * d + k0 + k);
#pragma unroll
    for (int i = 0; i < WORDS; i++) raw[i] = row0 + row < rows ? __ldg(at + i) : make_uint4(0, 0, 0, 0);
  }
  __device__ __forceinline__ void store(Slice& s) const {
    const int row = threadIdx.x % TILE, k = threadIdx.x / TILE * 8;
#pragma unroll
    for (int i = 0; i < 8; i++) {
      const uint4& word = raw[WORDS == 2 ? i / 4 : 0];
      if constexpr (WORDS == 2) {
        s.at[k + i][row] = __uint_as_float((&word.x)[i % 4]);
      } else {
        const float2 v = unpack<S>((&word.x)[i / 2]);
        s.at[k + i][row] = i % 2 ? v.y : v.x;
      }
    }
  }
};

__device__ __forceinline__ void four(const Slice& s, int k, int first, float (&out)[4]) {
  const float4 v = *(const float4*)&s.at[k][first];
  out[0] = v.x, out[1] = v.y, out[2] = v.z, out[3] = v.w;
}

/** Rows and columns of this thread's 4 x 4 corner inside the tile. */
__device__ __forceinline__ int tile_row() { return threadIdx.x / 16 * 4; }
__device__ __forceinline__ int tile_column() { return threadIdx.x % 16 * 4; }

/**
 * The rows a tile works on. Rows of different anchor groups see different summaries, so a tile stays inside one group.
 * blockIdx.y counts the tiles of all groups; without groups (group = n) they are simply consecutive.
 */
struct RowTile {
  int group, first, end;
};
__device__ __forceinline__ RowTile row_tile(int n, int group) {
  const int per = (group + TILE - 1) / TILE, g = blockIdx.y / per, first = g * group + blockIdx.y % per * TILE;
  return {g, first, min(first + TILE, min((g + 1) * group, n))};
}

/** The second-order shift h of a stratum's logit: tau/2, then linear in the standard deviation (docs/tail.md#bias). */
__device__ __forceinline__ float shift(float tau, float mass, float mMin) {
  if (mass == -CUDART_INF_F) return 0;
  const float floor = fmaxf(mass, mMin);
  return tau <= 2 * floor ? tau / 2 : sqrtf(2 * floor * tau) - floor;
}
