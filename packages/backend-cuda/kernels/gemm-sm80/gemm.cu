// Matrix products on mma.sync: x [m, k] times w [n, k] transposed, where x is a matrix or the patches of a convolution that
// are never written. Tiles of 128 by 128 by 32, eight warps of 64 by 32, four stages of cp.async; the result leaves with its
// whole epilogue. Gated pairs take half of every warp's columns from a second weight.
#include "../common/conv.cuh"
#include "../common/epilogue.cuh"
#include "../common/mma.cuh"

struct LinearSource {
  const void* x;
  int64_t rows;
  int depth, pad;
};
template <typename Source>
struct GemmParams {
  Source source;
  const void *w, *w2;
  int tilesM, tilesN, group, pad;
  Epilogue e;
};

constexpr int TILE = 128, DEEP = 32, STAGES = 4, STAGE_BYTES = 2 * TILE * DEEP * 2;

/** A column of a matrix. */
struct LinearColumn {
  int k;
  DEVICE LinearColumn(const LinearSource&, int k) : k(k) {}
  DEVICE void advance(const LinearSource&, int by) { k += by; }
};
template <typename T>
struct LinearRow {
  using Column = LinearColumn;
  const T* at;
  DEVICE LinearRow(const LinearSource& s, int64_t m) : at(m < s.rows ? (const T*)s.x + m * s.depth : nullptr) {}
  /** Address of a column, null for a zero. */
  DEVICE const T* find(const LinearSource& s, const Column& c) const { return at && c.k < s.depth ? at + c.k : nullptr; }
};
template <typename T>
struct PatchRow {
  using Column = ConvColumn;
  ConvRow row;
  DEVICE PatchRow(const ConvShape& s, int64_t m) : row(conv_row(s, m)) {}
  DEVICE const T* find(const ConvShape& s, const Column& c) const {
    bool past;
    const int64_t place = conv_place(s, row, c, past);
    if (place < 0) return nullptr;
    return (const T*)(past ? s.history : s.x) + place * s.ci + c.c;
  }
};

/** Chunks of 16 bytes in rows of 64, permuted so that the eight rows of an ldmatrix meet eight different banks. */
DEVICE uint32_t place(int row, int chunk) { return row * 64 + ((chunk ^ (row / 2 & 3)) << 4); }

/** `VECTOR`: eight neighbours of k lie together at a 16-byte address; else they are gathered one by one. */
template <typename T, typename Source, typename Row, bool VECTOR>
struct Gemm {
  const GemmParams<Source>& p;
  uint8_t* base;
  uint32_t smem;

  DEVICE void put(uint32_t to, const T* at, const void* any) { copy16(to, at ? at : any, at != nullptr); }
  DEVICE void put(uint32_t to, const u16 (&v)[8]) {
    const uint4 all = *(const uint4*)v;
    asm volatile("st.shared.v4.b32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(all.x), "r"(all.y), "r"(all.z), "r"(all.w)
                 : "memory");
  }

  /** `column`: where the next tile of x begins for this thread; it moves on by one tile. */
  DEVICE void load(int stage, const Row (&rows)[2], const T* const (&columns)[2], typename Row::Column& column) {
    const int chunkAt = threadIdx.x % 4, k = stage * DEEP + chunkAt * 8;
    const uint32_t a = smem + stage % STAGES * STAGE_BYTES, b = a + TILE * DEEP * 2;
    if constexpr (VECTOR) {
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int r = threadIdx.x / 4 + i * 64;
        put(a + place(r, chunkAt), rows[i].find(p.source, column), p.source.x);
        put(b + place(r, chunkAt), columns[i] && k < p.source.depth ? columns[i] + k : nullptr, p.w);
      }
      column.advance(p.source, DEEP);
    } else {
      u16 va[2][8], vb[2][8];
#pragma unroll
      for (int j = 0; j < 8; j++) {
#pragma unroll
        for (int i = 0; i < 2; i++) {
          const T* at = rows[i].find(p.source, column);
          va[i][j] = at ? *(const u16*)at : 0;
          vb[i][j] = columns[i] && k + j < p.source.depth ? ((const u16*)columns[i])[k + j] : 0;
        }
        column.advance(p.source, 1);
      }
      column.advance(p.source, DEEP - 8);
#pragma unroll
      for (int i = 0; i < 2; i++) {
        const int r = threadIdx.x / 4 + i * 64;
        put(a + place(r, chunkAt), va[i]);
        put(b + place(r, chunkAt), vb[i]);
      }
    }
    copy_commit();
  }

  /** First column of the tile's weights `r`; in gated pairs 16 columns of each weight alternate. */
  DEVICE const T* weights(int tileN, int r) const {
    const bool second = p.e.paired && r % 32 >= 16;
    const int n = p.e.paired ? tileN * 64 + r / 32 * 16 + r % 16 : tileN * TILE + r;
    return n < p.e.n ? (const T*)(second ? p.w2 : p.w) + (int64_t)n * p.source.depth : nullptr;
  }

  DEVICE void run() {
    // Neighbouring blocks share rows and columns, so that both stay in the L2.
    const int perGroup = p.group * p.tilesN, group = blockIdx.x / perGroup, within = blockIdx.x % perGroup;
    const int high = min(p.group, p.tilesM - group * p.group);
    const int tileM = group * p.group + within % high, tileN = within / high;
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32, warpM = warp / 4 * 64, warpN = warp % 4 * 32;
    const int r = threadIdx.x / 4;
    const Row rows[2] = {Row(p.source, (int64_t)tileM * TILE + r), Row(p.source, (int64_t)tileM * TILE + r + 64)};
    const T* const columns[2] = {weights(tileN, r), weights(tileN, r + 64)};
    typename Row::Column column(p.source, threadIdx.x % 4 * 8);
    const int steps = (p.source.depth + DEEP - 1) / DEEP;
    float acc[4][4][4] = {};
#pragma unroll
    for (int s = 0; s < STAGES - 1; s++)
      if (s < steps)
        load(s, rows, columns, column);
      else
        copy_commit();
    for (int s = 0; s < steps; s++) {
      copy_wait<STAGES - 2>();
      __syncthreads();
      if (s + STAGES - 1 < steps)
        load(s + STAGES - 1, rows, columns, column);
      else
        copy_commit();
      const uint32_t a = smem + s % STAGES * STAGE_BYTES, b = a + TILE * DEEP * 2;
#pragma unroll
      for (int k = 0; k < DEEP / 16; k++) {
        uint32_t fa[4][4], fb[2][4];
#pragma unroll
        for (int i = 0; i < 4; i++) load_matrix(fa[i], a + place(warpM + i * 16 + lane % 16, k * 2 + lane / 16));
#pragma unroll
        for (int j = 0; j < 2; j++)
          load_matrix(fb[j], b + place(warpN + j * 16 + lane % 8 + lane / 16 * 8, k * 2 + lane / 8 % 2));
#pragma unroll
        for (int i = 0; i < 4; i++)
#pragma unroll
          for (int j = 0; j < 4; j++) mma<T>(acc[i][j], fa[i], fb[j / 2][j % 2 * 2], fb[j / 2][j % 2 * 2 + 1]);
      }
    }
    store(acc, (int64_t)tileM * TILE + warpM, tileN, warpN);
  }

  DEVICE void store(const float (&acc)[4][4][4], int64_t m, int tileN, int warpN) {
    copy_wait<0>();
    __syncthreads();
    Corner corner{(float*)(base + threadIdx.x / 32 * Corner::BYTES)};
    const int n = p.e.paired ? tileN * 64 + warpN / 2 : tileN * TILE + warpN;
#pragma unroll
    for (int i = 0; i < 4; i++) {
#pragma unroll
      for (int j = 0; j < 4; j++) corner.put(j, acc[i][j][0], acc[i][j][1], acc[i][j][2], acc[i][j][3]);
      corner.store(p.e, m + i * 16, p.source.rows, n);
    }
  }
};

// Two thread blocks per multiprocessor hide each other's waits; gathering one by one needs more registers than that leaves.
#define GEMM(name, T, Source, Row, VECTOR)                                                                        \
  extern "C" __global__ void __launch_bounds__(256, VECTOR ? 2 : 1) name(const __grid_constant__ GemmParams<Source> p) { \
    extern __shared__ __align__(128) uint8_t smem[];                                                              \
    Gemm<T, Source, Row<T>, VECTOR>{p, smem, shared_address(smem)}.run();                                               \
  }
GEMM(gemm80_bf16, bf16, LinearSource, LinearRow, true)
GEMM(gemm80_f16, f16, LinearSource, LinearRow, true)
GEMM(gemm80_bf16_any, bf16, LinearSource, LinearRow, false)
GEMM(gemm80_f16_any, f16, LinearSource, LinearRow, false)
GEMM(conv80_bf16, bf16, ConvShape, PatchRow, true)
GEMM(conv80_f16, f16, ConvShape, PatchRow, true)
GEMM(conv80_bf16_any, bf16, ConvShape, PatchRow, false)
GEMM(conv80_f16_any, f16, ConvShape, PatchRow, false)
