// What both attention kernels share: the launch parameters and which keys a block holds.
#pragma once
#include "types.cuh"

/** One launch computes every row: text rows first (they are the longest), then the query blocks head by head. */
struct AttendParams {
  const int* counts;          // [heads, n], or null: every row attends every valid key
  const u16* indices;         // [heads, n, stride]
  const float* factor;        // [heads, n] R, or null: 1
  const float* compensation;  // [heads, n, d] E, or null: 0
  const float* bias;          // [heads, n, biasStride], natural log, -inf past the strata; or null: no pseudo-keys
  const int* textValid;       // [heads]
  void* out;                  // [heads, tokens, d]
  float* lse;                 // [heads, tokens], or null
  int heads, n, textBlocks, visualTokens, tokens, stride, biasStride, group, groups;
  float scaleLog2;  // softmax scale * log2(e)
  int outF16;       // output in f16, else bf16
};

/** First token of a key or query block; blocks >= n hold text, which starts at visualTokens whatever that is. */
__device__ __forceinline__ int block_start(const AttendParams& p, int block) {
  return block < p.n ? block * BLOCK : p.visualTokens + (block - p.n) * BLOCK;
}
/** Valid tokens of a block (can exceed BLOCK; negative when a text block holds none). */
__device__ __forceinline__ int block_limit(const AttendParams& p, int block, int textValid) {
  return block < p.n ? p.visualTokens - block * BLOCK : textValid - (block - p.n) * BLOCK;
}

constexpr float LN2 = 0.69314718055994531f, LOG2E = 1.4426950408889634f;
