// A recording stand-in for the CUDA driver. Compiled against the real cuda.h, so that a wrong signature is a compile error.
// "Device" memory is host memory: copies work, kernels are only recorded.
#define _GNU_SOURCE
#include <cuda.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char* text;
static size_t used, room;
static int live_bytes_count, version = 13000, capability = 90, devices = 1, polls;
static long long live_bytes;
static char failing[64];
static int failing_status, failing_after;

static void record(const char* format, ...) {
  char line[512];
  va_list args;
  va_start(args, format);
  int n = vsnprintf(line, sizeof line - 1, format, args);
  va_end(args);
  if (n > (int)sizeof line - 2) n = sizeof line - 2;
  line[n++] = '\n';
  if (used + n + 1 > room) text = realloc(text, room = (used + n + 1) * 2);
  memcpy(text + used, line, n);
  used += n;
  text[used] = 0;
}

// ---- what tests use ----
const char* stub_log(void) { return text ? text : ""; }
void stub_reset(void) {
  used = 0;
  if (text) text[0] = 0;
  failing[0] = 0;
  version = 13000, capability = 90, devices = 1;
}
void stub_configure(int v, int c, int d) { version = v, capability = c, devices = d; }
/** The call named fails with this status, after it has succeeded `after` times. */
void stub_fail(const char* name, int status, int after) {
  snprintf(failing, sizeof failing, "%s", name);
  failing_status = status, failing_after = after;
}
double stub_live_bytes(void) { return (double)live_bytes; }
int stub_live_handles(void) { return live_bytes_count; }

// The thread's contexts: the lowest is the caller's own.
#define OUR_CONTEXT ((CUcontext)0x7f0012345670ull)
static CUcontext stack[17] = {(CUcontext)0x5ull};
static int depth;
/** The current context, as the caller sees it between our calls. */
long long stub_context(void) { return (long long)(uintptr_t)stack[depth]; }

static CUresult enter(const char* name) {
  if (strcmp(name, failing) == 0 && failing_after-- <= 0) return failing_status;
  return 0;
}
#define ENTER             \
  CUresult status = enter(__func__); \
  if (status) return status
/** For calls that need a current context. */
#define ENTER_CONTEXT \
  ENTER;              \
  if (stack[depth] != OUR_CONTEXT) return CUDA_ERROR_INVALID_CONTEXT

// ---- the driver ----
CUresult CUDAAPI cuInit(unsigned flags) {
  ENTER;
  record("cuInit(%u)", flags);
  return 0;
}
CUresult CUDAAPI cuDriverGetVersion(int* v) {
  ENTER;
  *v = version;
  return 0;
}
CUresult CUDAAPI cuGetErrorName(CUresult e, const char** s) {
  *s = e == 2 ? "CUDA_ERROR_OUT_OF_MEMORY" : e == 719 ? "CUDA_ERROR_LAUNCH_FAILED" : e == 1 ? "CUDA_ERROR_INVALID_VALUE" : "CUDA_ERROR_OTHER";
  return 0;
}
CUresult CUDAAPI cuDeviceGetCount(int* n) {
  ENTER;
  *n = devices;
  return 0;
}
CUresult CUDAAPI cuDeviceGet(CUdevice* d, int ordinal) {
  ENTER;
  *d = ordinal;
  return 0;
}
CUresult CUDAAPI cuDeviceGetName(char* name, int length, CUdevice d) {
  ENTER;
  snprintf(name, length, "Stub GPU %d", d);
  return 0;
}
CUresult CUDAAPI cuDeviceGetAttribute(int* value, CUdevice_attribute a, CUdevice d) {
  (void)d;
  ENTER;
  *value = a == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR ? capability / 10
           : a == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR ? capability % 10
           : a == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT ? 132
           : a == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ? 232448 : 0;
  return 0;
}
CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext* c, CUdevice d) {
  ENTER;
  *c = OUR_CONTEXT;
  live_bytes_count++;
  record("cuDevicePrimaryCtxRetain(%d)", d);
  return 0;
}
CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice d) {
  ENTER;
  live_bytes_count--;
  record("cuDevicePrimaryCtxRelease_v2(%d)", d);
  return 0;
}
CUresult CUDAAPI cuCtxPushCurrent_v2(CUcontext c) {
  if (depth == 16) return CUDA_ERROR_INVALID_VALUE;
  stack[++depth] = c;
  return 0;
}
CUresult CUDAAPI cuCtxPopCurrent_v2(CUcontext* c) {
  if (depth == 0) return CUDA_ERROR_INVALID_CONTEXT;
  *c = stack[depth--];
  return 0;
}
CUresult CUDAAPI cuMemGetInfo_v2(size_t* free_bytes, size_t* total) {
  ENTER_CONTEXT;
  *free_bytes = 139ull << 30, *total = 141ull << 30;
  return 0;
}
CUresult CUDAAPI cuModuleLoadData(CUmodule* m, const void* image) {
  ENTER_CONTEXT;
  uint32_t magic;
  memcpy(&magic, image, 4);
  *m = (CUmodule)0x55550000aaaaull;
  live_bytes_count++;
  record("cuModuleLoadData(magic=%08x)", magic);
  return 0;
}
CUresult CUDAAPI cuModuleUnload(CUmodule m) {
  (void)m;
  ENTER_CONTEXT;
  live_bytes_count--;
  return 0;
}
static char names[512][64];
static int name_count;
CUresult CUDAAPI cuModuleGetFunction(CUfunction* f, CUmodule m, const char* name) {
  (void)m;
  ENTER_CONTEXT;
  int i = 0;
  while (i < name_count && strcmp(names[i], name)) i++;
  if (i == name_count) snprintf(names[name_count++], 64, "%s", name);
  *f = (CUfunction)(uintptr_t)(0xfffffffffff00000ull + i);
  return 0;
}
CUresult CUDAAPI cuFuncSetAttribute(CUfunction f, CUfunction_attribute a, int value) {
  ENTER_CONTEXT;
  record("cuFuncSetAttribute(%s,%d,%d)", names[(uintptr_t)f & 0xfffff], a, value);
  return value <= 227 * 1024 ? 0 : CUDA_ERROR_INVALID_VALUE;
}
CUresult CUDAAPI cuMemAlloc_v2(CUdeviceptr* p, size_t n) {
  ENTER_CONTEXT;
  size_t* memory = aligned_alloc(512, 512 + (n + 511) / 512 * 512);
  memory[0] = n;
  live_bytes += n;
  *p = (CUdeviceptr)memory + 512;
  record("cuMemAlloc_v2(%zu)", n);
  return 0;
}
CUresult CUDAAPI cuMemFree_v2(CUdeviceptr p) {
  ENTER_CONTEXT;
  size_t* memory = (size_t*)(uintptr_t)(p - 512);
  live_bytes -= memory[0];
  free(memory);
  return 0;
}
CUresult CUDAAPI cuMemHostAlloc(void** p, size_t n, unsigned flags) {
  (void)flags;
  ENTER_CONTEXT;
  *p = aligned_alloc(4096, (n + 4095) / 4096 * 4096);
  live_bytes_count++;
  return 0;
}
CUresult CUDAAPI cuMemFreeHost(void* p) {
  ENTER_CONTEXT;
  free(p);
  live_bytes_count--;
  return 0;
}
CUresult CUDAAPI cuPointerGetAttribute(void* data, CUpointer_attribute a, CUdeviceptr p) {
  ENTER_CONTEXT;
  if (a != CU_POINTER_ATTRIBUTE_MEMORY_TYPE || p < 0x10000) return CUDA_ERROR_INVALID_VALUE;
  *(unsigned*)data = CU_MEMORYTYPE_DEVICE;
  return 0;
}
CUresult CUDAAPI cuMemcpyHtoDAsync_v2(CUdeviceptr d, const void* s, size_t n, CUstream stream) {
  (void)stream;
  ENTER_CONTEXT;
  memcpy((void*)(uintptr_t)d, s, n);
  return 0;
}
CUresult CUDAAPI cuMemcpyDtoHAsync_v2(void* d, CUdeviceptr s, size_t n, CUstream stream) {
  (void)stream;
  ENTER_CONTEXT;
  memcpy(d, (void*)(uintptr_t)s, n);
  return 0;
}
CUresult CUDAAPI cuMemcpyDtoDAsync_v2(CUdeviceptr d, CUdeviceptr s, size_t n, CUstream stream) {
  (void)stream;
  ENTER_CONTEXT;
  memmove((void*)(uintptr_t)d, (void*)(uintptr_t)s, n);
  return 0;
}
CUresult CUDAAPI cuStreamCreate(CUstream* s, unsigned flags) {
  ENTER_CONTEXT;
  live_bytes_count++;
  *s = (CUstream)0x600000001230ull;
  record("cuStreamCreate(%u)", flags);
  return 0;
}
CUresult CUDAAPI cuStreamDestroy_v2(CUstream s) {
  (void)s;
  ENTER_CONTEXT;
  live_bytes_count--;
  return 0;
}
CUresult CUDAAPI cuStreamSynchronize(CUstream s) {
  (void)s;
  ENTER_CONTEXT;
  return 0;
}
CUresult CUDAAPI cuStreamIsCapturing(CUstream s, CUstreamCaptureStatus* status_out) {
  ENTER_CONTEXT;
  *status_out = (uintptr_t)s == 0xcafe ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
  return 0;
}
CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream s, CUstreamCaptureMode mode) {
  (void)s;
  ENTER_CONTEXT;
  record("cuStreamBeginCapture_v2(%d)", mode);
  return 0;
}
CUresult CUDAAPI cuStreamEndCapture(CUstream s, CUgraph* graph) {
  (void)s;
  ENTER_CONTEXT;
  *graph = (CUgraph)0x700000001110ull;
  live_bytes_count++;
  return 0;
}
CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec* exec, CUgraph graph, unsigned long long flags) {
  ENTER_CONTEXT;
  if (graph != (CUgraph)0x700000001110ull || flags) return CUDA_ERROR_INVALID_VALUE;
  *exec = (CUgraphExec)0x700000002220ull;
  live_bytes_count++;
  return 0;
}
CUresult CUDAAPI cuGraphLaunch(CUgraphExec exec, CUstream s) {
  ENTER_CONTEXT;
  if (exec != (CUgraphExec)0x700000002220ull) return CUDA_ERROR_INVALID_VALUE;
  record("cuGraphLaunch stream=%llx", (unsigned long long)(uintptr_t)s);
  return 0;
}
CUresult CUDAAPI cuGraphDestroy(CUgraph graph) {
  (void)graph;
  ENTER_CONTEXT;
  live_bytes_count--;
  return 0;
}
CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec exec) {
  (void)exec;
  ENTER_CONTEXT;
  live_bytes_count--;
  return 0;
}
CUresult CUDAAPI cuStreamWaitEvent(CUstream s, CUevent e, unsigned flags) {
  (void)e;
  ENTER_CONTEXT;
  if (flags) return CUDA_ERROR_INVALID_VALUE;
  record("cuStreamWaitEvent stream=%llx", (unsigned long long)(uintptr_t)s);
  return 0;
}
static int busy;
/** While set, no event is ever done. */
void stub_busy(int on) { busy = on; }
CUresult CUDAAPI cuEventSynchronize(CUevent e) {
  (void)e;
  ENTER_CONTEXT;
  record("cuEventSynchronize");
  return 0;
}
CUresult CUDAAPI cuEventCreate(CUevent* e, unsigned flags) {
  (void)flags;
  ENTER_CONTEXT;
  live_bytes_count++;
  *e = (CUevent)0x600000004560ull;
  return 0;
}
CUresult CUDAAPI cuEventDestroy_v2(CUevent e) {
  (void)e;
  ENTER_CONTEXT;
  live_bytes_count--;
  return 0;
}
CUresult CUDAAPI cuEventRecord(CUevent e, CUstream s) {
  (void)e, (void)s;
  ENTER_CONTEXT;
  return 0;
}
CUresult CUDAAPI cuEventQuery(CUevent e) {
  (void)e;
  ENTER_CONTEXT;
  return busy || ++polls % 3 ? CUDA_ERROR_NOT_READY : 0;
}
#undef cuEventElapsedTime
CUresult CUDAAPI cuEventElapsedTime(float* ms, CUevent a, CUevent b) {
  (void)a, (void)b;
  ENTER_CONTEXT;
  *ms = 1.25f;
  return 0;
}
CUresult CUDAAPI cuTensorMapEncodeTiled(CUtensorMap* map, CUtensorMapDataType type, cuuint32_t rank, void* address,
                                        const cuuint64_t* dims, const cuuint64_t* strides, const cuuint32_t* box,
                                        const cuuint32_t* steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                                        CUtensorMapL2promotion promotion, CUtensorMapFloatOOBfill fill) {
  ENTER_CONTEXT;
  if ((uintptr_t)map % 64 || (uintptr_t)address % 16 || strides[0] % 16 || strides[1] % 16) return CUDA_ERROR_INVALID_VALUE;
  memset(map, 0xA5, sizeof *map);
  record("cuTensorMapEncodeTiled(type=%d rank=%u dims=%llu,%llu,%llu strides=%llu,%llu box=%u,%u,%u steps=%u,%u,%u %d %d %d %d)", type,
         rank, (long long)dims[0], (long long)dims[1], (long long)dims[2], (long long)strides[0], (long long)strides[1],
         box[0], box[1], box[2], steps[0], steps[1], steps[2], interleave, swizzle, promotion, fill);
  return 0;
}
CUresult CUDAAPI cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                                unsigned shared, CUstream stream, void** params, void** extra) {
  ENTER_CONTEXT;
  if (!gx || !gy || !gz || gy > 65535 || gz > 65535 || !params || extra) return CUDA_ERROR_INVALID_VALUE;
  record("launch %s grid=%u,%u,%u block=%u,%u,%u shared=%u stream=%llx", names[(uintptr_t)f & 0xfffff], gx, gy, gz, bx, by, bz,
         shared, (unsigned long long)(uintptr_t)stream);
  return 0;
}
