// Hopper instructions that only the matrix products need: wide wgmma, copies and barriers across a cluster.
#pragma once
#include "../attend-sm90/ptx.cuh"
#include "../common/values.cuh"

#define R128(d) R64(d), R16(d, 64), R16(d, 80), R16(d, 96), R16(d, 112)
#define N128 \
  N64 ",%64,%65,%66,%67,%68,%69,%70,%71,%72,%73,%74,%75,%76,%77,%78,%79" \
      ",%80,%81,%82,%83,%84,%85,%86,%87,%88,%89,%90,%91,%92,%93,%94,%95" \
      ",%96,%97,%98,%99,%100,%101,%102,%103,%104,%105,%106,%107,%108,%109,%110,%111" \
      ",%112,%113,%114,%115,%116,%117,%118,%119,%120,%121,%122,%123,%124,%125,%126,%127"
#define WIDE_BODY(TYPE)                                                                              \
  asm volatile("{\n.reg .pred p;\nsetp.ne.b32 p, %130, 0;\nwgmma.mma_async.sync.aligned.m64n256k16.f32." TYPE "." TYPE \
               " {" N128 "}, %128, %129, p, 1, 1, 0, 0;\n}"                                        \
               : R128(d)                                                                            \
               : "l"(a), "l"(b), "r"(accumulate))

/** d[64 x 256] (+)= A[64 x 16] B[256 x 16]^T, both in shared memory with the 16 fastest. */
template <typename T>
DEVICE void wgmma_tile(float (&d)[128], uint64_t a, uint64_t b, int accumulate) {
  if constexpr (is_f16<T>)
    WIDE_BODY("f16");
  else
    WIDE_BODY("bf16");
}
/** The same for 128 columns. */
template <typename T>
DEVICE void wgmma_tile(float (&d)[64], uint64_t a, uint64_t b, int accumulate) {
  wgmma_qk<T>(d, a, b, accumulate);
}
