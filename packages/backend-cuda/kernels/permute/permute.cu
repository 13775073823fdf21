// Reorders tokens: out[:, i] = source[:, order[i]], 16 bytes per thread.
#include "../common/types.cuh"

struct PermuteParams {
  const uint4* source;  // [heads, tokens, chunks]
  const int* order;     // [tokens]
  uint4* out;
  int tokens, chunks;
};

extern "C" __global__ void permute(const __grid_constant__ PermuteParams p) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x, token = i / p.chunks;
  if (token >= p.tokens) return;
  const size_t head = (size_t)blockIdx.y * p.tokens;
  p.out[(head + token) * p.chunks + i % p.chunks] = p.source[(head + p.order[token]) * p.chunks + i % p.chunks];
}
