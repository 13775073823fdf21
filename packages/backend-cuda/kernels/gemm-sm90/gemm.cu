// Matrix products for Hopper: x [m, k] times w [n, k] transposed in tiles of 128 by 256 (or 128). One warp copies tiles
// through the copy engine, two warpgroups of 64 rows multiply with wgmma; thread blocks stay and take tile after tile, so
// that the next tile's copies run under the epilogue. Gated pairs take the left half of a tile's columns from one weight and
// the right half from the other.
//
// Clusters of two that copy half of the weights for both were tried: 470 TFLOP/s where single thread blocks reach 640.
#include "../attend-sm90/ptx.cuh"
#include "../common/epilogue.cuh"
#include "wide.cuh"

struct GemmParams {
  int64_t rows;
  int depth, tilesM, tilesN, group;  // group: tiles of rows that take turns over the columns together
  Epilogue e;
};

constexpr int ROWS = 128, DEEP = 64, BOX = 128 * DEEP * 2;

template <typename T, int COLUMNS>
struct Gemm {
  static constexpr int BOXES = COLUMNS / 128, STAGE = BOX * (1 + BOXES), STAGES = COLUMNS == 256 ? 4 : 6;
  const GemmParams& p;
  uint8_t* base;
  uint32_t smem;
  int steps;

  DEVICE uint32_t stage(int i) const { return smem + i % STAGES * STAGE; }
  DEVICE uint32_t full(int i) const { return smem + STAGES * STAGE + i % STAGES * 8; }
  DEVICE uint32_t empty(int i) const { return smem + STAGES * STAGE + (STAGES + i % STAGES) * 8; }
  DEVICE uint32_t phase(int i) const { return i / STAGES & 1; }
  DEVICE int columns() const { return p.e.paired ? COLUMNS / 2 : COLUMNS; }

  /** Row tile and column tile: groups of rows go over all columns together, so that both stay in the L2. */
  DEVICE void place(int tile, int& tileM, int& tileN) const {
    const int perGroup = p.group * p.tilesN, group = tile / perGroup, within = tile - group * perGroup;
    const int size = min(p.group, p.tilesM - group * p.group);
    tileM = group * p.group + within % size;
    tileN = within / size;
  }

  DEVICE void init() {
    for (int s = 0; s < STAGES; s++) {
      barrier_init(full(s), 1);
      barrier_init(empty(s), 8);  // the consumers' warps
    }
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  }

  DEVICE void produce(const CUtensorMap* x, const CUtensorMap* w, const CUtensorMap* w2) {
    int i = 0;
    for (int tile = blockIdx.x; tile < p.tilesM * p.tilesN; tile += gridDim.x) {
      int tileM, tileN;
      place(tile, tileM, tileN);
      for (int step = 0; step < steps; step++, i++) {
        barrier_wait(empty(i), phase(i) ^ 1);
        barrier_expect(full(i), STAGE);
        tma_load(stage(i), x, full(i), step * DEEP, tileM * ROWS, 0);
#pragma unroll
        for (int box = 0; box < BOXES; box++) {
          const bool second = p.e.paired && box > 0;
          const int n = tileN * columns() + (p.e.paired ? 0 : box * 128);
          tma_load(stage(i) + BOX * (1 + box), second ? w2 : w, full(i), step * DEEP, n, 0);
        }
      }
    }
  }

  /** Gives a stage back to the producer, warp by warp. */
  DEVICE void release(int i) {
    if (threadIdx.x % 32 == 0) barrier_arrive(empty(i));
  }

  DEVICE void consume(int wg) {
    int i = 0;
    for (int tile = blockIdx.x; tile < p.tilesM * p.tilesN; tile += gridDim.x) {
      int tileM, tileN;
      place(tile, tileM, tileN);
      float acc[COLUMNS / 2];
      for (int step = 0; step < steps; step++, i++) {
        barrier_wait(full(i), phase(i));
        const uint64_t a = descriptor(stage(i) + wg * 64 * 128, 16), b = descriptor(stage(i) + BOX, 16);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < DEEP / 16; k++) wgmma_tile<T>(acc, a + k * 2, b + k * 2, step > 0 || k > 0);
        wgmma_commit();
        // One step stays in flight: the stage before it has been read.
        wgmma_wait<1>();
        if (step > 0) release(i - 1);
      }
      wgmma_wait<0>();
      release(i - 1);
      store(acc, tileM, tileN, wg);
    }
  }

  /**
   * Stores a tile, 32 columns at a time. The loop is not unrolled: the epilogue's code would not fit the instruction cache
   * eight times. So that registers have fixed names all the same, they move up by one part after each.
   */
  DEVICE void store(float (&acc)[COLUMNS / 2], int tileM, int tileN, int wg) {
    constexpr int HALF = COLUMNS / 4;
    const int warp = threadIdx.x / 32 % 4, step = p.e.paired ? 16 : 32;
    const int64_t m = (int64_t)tileM * ROWS + wg * 64 + warp * 16;
    Corner corner{(float*)(base + STAGES * STAGE + 16 * STAGES) + (wg * 4 + warp) * (Corner::BYTES / 4)};
#pragma unroll 1
    for (int part = 0; part < COLUMNS / 32; part++) {
      if (p.e.paired) {
        // Columns 0 to 15 come from the left half of the tile, 16 to 31 from the right one.
#pragma unroll
        for (int i = 0; i < 4; i++) {
          const int at = i % 2 * 4 + i / 2 * HALF;
          corner.put(i, acc[at], acc[at + 1], acc[at + 2], acc[at + 3]);
        }
#pragma unroll
        for (int i = 0; i < HALF - 8; i++) acc[i] = acc[i + 8], acc[HALF + i] = acc[HALF + i + 8];
      } else {
#pragma unroll
        for (int i = 0; i < 4; i++) corner.put(i, acc[4 * i], acc[4 * i + 1], acc[4 * i + 2], acc[4 * i + 3]);
#pragma unroll
        for (int i = 0; i < 2 * HALF - 16; i++) acc[i] = acc[i + 16];
      }
      corner.store(p.e, m, p.rows, tileN * columns() + part * step);
    }
  }
};

template <typename T, int COLUMNS>
DEVICE void gemm(const CUtensorMap& x, const CUtensorMap& w, const CUtensorMap& w2, const GemmParams& p) {
  extern __shared__ __align__(1024) uint8_t smem[];
  Gemm<T, COLUMNS> g{p, smem, smem_address(smem), (p.depth + DEEP - 1) / DEEP};
  if (threadIdx.x == 0) g.init();
  __syncthreads();
  const int wg = threadIdx.x / 128;
  if (wg == 0) {
    asm volatile("setmaxnreg.dec.sync.aligned.u32 40;");
    if (threadIdx.x == 0) g.produce(&x, &w, &w2);
  } else {
    asm volatile("setmaxnreg.inc.sync.aligned.u32 232;");
    g.consume(wg - 1);
  }
}

#define KERNEL(name, T, COLUMNS)                                                                           \
  extern "C" __global__ void __launch_bounds__(384, 1) gemm90_##name(                                      \
      const __grid_constant__ CUtensorMap x, const __grid_constant__ CUtensorMap w,                        \
      const __grid_constant__ CUtensorMap w2, const __grid_constant__ GemmParams p) {                      \
    gemm<T, COLUMNS>(x, w, w2, p);                                                                         \
  }
KERNEL(bf16_256, bf16, 256)
KERNEL(bf16_128, bf16, 128)
KERNEL(f16_256, f16, 256)
KERNEL(f16_128, f16, 128)
