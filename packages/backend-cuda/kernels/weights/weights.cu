// Weights as the matrix units want them: 8-bit and other types and the block-quantised formats of GGUF to one of f32, f16 and
// bf16, and the kernels of convolutions with their channels last. Scales of 8-bit weights stay for the epilogue.
#include "../common/values.cuh"

struct WeightParams {
  const void* w;
  void* y;
  int64_t count;  // numbers
  int format;     // of blocks, see block_value
  int kind, yKind;
  int ci, taps, pad;
};

extern "C" __global__ void __launch_bounds__(256) convert_weights(const __grid_constant__ WeightParams p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) store_value(p.y, i, p.yKind, load_value(p.w, i, p.kind));
}

/** [co, ci, taps] to [co, taps, ci] */
extern "C" __global__ void __launch_bounds__(256) channels_last(const __grid_constant__ WeightParams p) {
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    const int64_t c = i % p.ci, row = i / p.ci;
    const int64_t tap = row % p.taps, n = row / p.taps;
    store_value(p.y, i, p.yKind, load_value(p.w, (n * p.ci + c) * p.taps + tap, p.kind));
  }
}

DEVICE float half_at(const uint8_t* block, int at) {
  return __half2float(__ushort_as_half((unsigned short)(block[at] | block[at + 1] << 8)));
}
/** Scale and minimum `j` of a block of 256: eight pairs of 6 bits in 12 bytes. */
DEVICE float2 scale_and_minimum(const uint8_t* packed, int j) {
  if (j < 4) return make_float2(packed[j] & 63, packed[j + 4] & 63);
  return make_float2((packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4);
}

/** Blocks of 32: the low nibbles are the first sixteen numbers, the high ones the others. */
DEVICE float nibble_value(const uint8_t* block, int i, bool minimum, bool fifth) {
  const int bits = minimum ? 4 : 2, header = bits + (fifth ? 4 : 0), byte = block[header + (i & 15)];
  int q = i < 16 ? byte & 15 : byte >> 4;
  if (fifth) q |= (block[bits + (i >> 3)] >> (i & 7) & 1) << 4;
  const float d = half_at(block, 0);
  return minimum ? fmaf(q, d, half_at(block, 2)) : (q - (fifth ? 16 : 8)) * d;
}
/** Blocks of 256 in eight groups of 32, each with a scale and a minimum of 6 bits. */
DEVICE float group_value(const uint8_t* block, int i, bool fifth) {
  const int group = i / 32, at = i % 32, byte = block[(fifth ? 48 : 16) + group / 2 * 32 + at];
  int q = group & 1 ? byte >> 4 : byte & 15;
  if (fifth) q |= (block[16 + at] >> group & 1) << 4;
  const float2 s = scale_and_minimum(block + 4, group);
  return half_at(block, 0) * s.x * q - half_at(block, 2) * s.y;
}
/** Blocks of 256 of 6 bits with sixteen 8-bit scales. */
DEVICE float six_bit_value(const uint8_t* block, int i) {
  const int part = i / 128, quarter = i % 128 / 32, l = i % 32, byte = block[part * 64 + (quarter & 1) * 32 + l];
  const int high = block[128 + part * 32 + l] >> 2 * quarter & 3;
  const int q = (quarter < 2 ? byte & 15 : byte >> 4) | high << 4;
  return half_at(block, 208) * (int8_t)block[192 + i / 16] * (q - 32);
}

extern "C" __global__ void __launch_bounds__(256) dequantise(const __grid_constant__ WeightParams p) {
  constexpr int BYTES[8] = {34, 18, 20, 22, 24, 144, 176, 210};
  const int values = p.format < 5 ? 32 : 256;
  for (int64_t i = thread_index(); i < p.count; i += thread_count()) {
    const uint8_t* block = (const uint8_t*)p.w + i / values * BYTES[p.format];
    const int at = (int)(i % values);
    float v;
    switch (p.format) {
      case 0: v = half_at(block, 0) * (int8_t)block[2 + at]; break;
      case 1: v = nibble_value(block, at, false, false); break;
      case 2: v = nibble_value(block, at, true, false); break;
      case 3: v = nibble_value(block, at, false, true); break;
      case 4: v = nibble_value(block, at, true, true); break;
      case 5: v = group_value(block, at, false); break;
      case 6: v = group_value(block, at, true); break;
      default: v = six_bit_value(block, at);
    }
    store_value(p.y, i, p.yKind, v);
  }
}
