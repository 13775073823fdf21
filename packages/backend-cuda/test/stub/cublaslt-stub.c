// A recording stand-in for cuBLASLt: handles count up, every shape has an algorithm but those of 4096 columns.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static char text[1 << 16];
static size_t used;
static int live;
static uint64_t next = 0x1000;
static uint64_t columns[1 << 16];

const char* blas_log(void) { return text; }
int blas_live(void) { return live; }
static int create(uint64_t* out) {
  *out = next++;
  live++;
  return 0;
}
int cublasLtCreate(uint64_t* out) { return create(out); }
int cublasLtDestroy(uint64_t h) { return h ? (live--, 0) : 1; }
int cublasLtMatmulDescCreate(uint64_t* out, int compute, int scale) { return compute == 68 && scale == 0 ? create(out) : 1; }
int cublasLtMatmulDescDestroy(uint64_t h) { return h ? (live--, 0) : 1; }
int cublasLtMatmulDescSetAttribute(uint64_t d, int attribute, const void* value, size_t size) {
  uint64_t v = 0;
  memcpy(&v, value, size);
  if (d && attribute != 8) used += snprintf(text + used, sizeof text - used, "set %d=%d\n", attribute, (int)v);
  return 0;
}
int cublasLtMatrixLayoutCreate(uint64_t* out, int type, uint64_t rows, uint64_t cols, int64_t ld) {
  create(out);
  columns[*out & 0xffff] = cols;
  used += snprintf(text + used, sizeof text - used, "layout %d %llu x %llu ld %lld\n", type, (unsigned long long)rows,
                   (unsigned long long)cols, (long long)ld);
  return 0;
}
int cublasLtMatrixLayoutDestroy(uint64_t h) { return h ? (live--, 0) : 1; }
int cublasLtMatmulPreferenceCreate(uint64_t* out) { return create(out); }
int cublasLtMatmulPreferenceSetAttribute(uint64_t p, int attribute, const void* value, size_t size) {
  (void)value;
  return p && attribute == 1 && size == 8 ? 0 : 1;
}
int cublasLtMatmulPreferenceDestroy(uint64_t h) { return h ? (live--, 0) : 1; }
int cublasLtMatmulAlgoGetHeuristic(uint64_t h, uint64_t d, uint64_t a, uint64_t b, uint64_t c, uint64_t y, uint64_t p,
                                   int wanted, uint8_t* results, int* returned) {
  (void)h, (void)d, (void)b, (void)c, (void)y, (void)p;
  *returned = wanted == 1 && columns[a & 0xffff] != 4096;
  memset(results, 0, 96);
  *(uint64_t*)(results + 64) = 1024;
  return 0;
}
int cublasLtMatmul(uint64_t h, uint64_t d, const float* alpha, uint64_t a, uint64_t la, uint64_t b, uint64_t lb,
                   const float* beta, uint64_t c, uint64_t lc, uint64_t y, uint64_t ly, const void* algorithm,
                   uint64_t workspace, size_t bytes, uint64_t stream) {
  (void)d, (void)la, (void)lb, (void)lc, (void)ly;
  if (!h || !a || !b || !y || !algorithm || !workspace || bytes != 1024 || *alpha != 1) return 1;
  used += snprintf(text + used, sizeof text - used, "matmul beta=%g own=%d stream=%llx\n", *beta, c == y,
                   (unsigned long long)stream);
  return 0;
}
