// The shared memory of a thread block, and the row of the launch it works on.
#pragma once
#include "../common/attend.cuh"

#define DEVICE __device__ __forceinline__

template <int D>
struct Shape {
  #ifdef STAGES_OF_128
  static constexpr int STAGES = D == 128 ? STAGES_OF_128 : 4;
#else
  static constexpr int STAGES = D == 128 ? 3 : 4;
#endif
  static constexpr int HALVES = D / 64;            // 64-wide column slabs, the span of the 128-byte swizzle
  static constexpr int SLAB = BLOCK * 128;         // bytes of one slab of a tile
  static constexpr int TILE = HALVES * SLAB;       // bytes of a tile
  static constexpr int BIAS = BLOCK * 4;           // bytes of the bias of a tile
  static constexpr int BARRIERS = (1 + 2 * STAGES) * TILE + STAGES * BIAS;
};

/** The row a thread block works on, and its place in the lists. */
struct Row {
  int head, block, textValid, count, tiles;
  bool text;
  const u16* list;  // null: blocks 0, 1, 2, ...
};

DEVICE Row find_row(const AttendParams& p) {
  const int unit = blockIdx.x, texts = p.heads * p.textBlocks;
  Row r;
  r.text = unit < texts;
  const int local = r.text ? unit : unit - texts, rows = r.text ? p.textBlocks : p.n, row = local % rows;
  r.head = local / rows;
  r.block = r.text ? p.n + row : row;
  r.textValid = p.textValid[r.head];
  const bool listed = !r.text && p.counts;
  const int at = r.head * p.n + row;
  r.list = listed ? p.indices + (size_t)at * p.stride : nullptr;
  r.count = listed ? p.counts[at] : p.n + (r.textValid + BLOCK - 1) / BLOCK;
  r.tiles = r.count + (!r.text && p.bias ? p.biasStride / BLOCK : 0);
  return r;
}
