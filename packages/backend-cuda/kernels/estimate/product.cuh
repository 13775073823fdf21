// Tiles of matrix products in float32, the arithmetic of the estimate: 256 threads, 64 rows by 64 columns, 4 x 4 per thread.
#pragma once
#include "../common/types.cuh"

constexpr int TILE = 64, DEPTH = 32;

/** A 64-row, 32-deep slice, depth-major, so that a thread reads its four rows at once. */
struct Slice {
  float at[DEPTH][TILE + 4];
};

/** Loads rows `row0 ..` of a [rows, d] matrix, columns `k0 .. k0 + 31`; zeros past the last row. */
template <typename S>
__device__ __forceinline__ void load_slice(Slice& s, const S* source, int row0, int rows, int d, int k0) {
  const int row = threadIdx.x % TILE, k = threadIdx.x / TILE * 8;
  float x[8] = {};
  if (row0 + row < rows) {
    const S* at = source + (size_t)(row0 + row) * d + k0 + k;
    if constexpr (std::is_same_v<S, float>) {
      const float4 a = __ldg((const float4*)at), b = __ldg((const float4*)at + 1);
      x[0] = a.x, x[1] = a.y, x[2] = a.z, x[3] = a.w, x[4] = b.x, x[5] = b.y, x[6] = b.z, x[7] = b.w;
    } else {
      const uint4 raw = __ldg((const uint4*)at);
#pragma unroll
      for (int i = 0; i < 4; i++) {
        const float2 v = unpack<S>((&raw.x)[i]);
        x[2 * i] = v.x, x[2 * i + 1] = v.y;
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++) s.at[k + i][row] = x[i];
}

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
