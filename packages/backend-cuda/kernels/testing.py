"""What the kernels' checks and benchmarks share: the driver through ctypes, tensor maps, torch tensors as arguments."""
import ctypes as C

import torch

cuda = C.CDLL("libcuda.so.1")


def call(name, *args):
    status = getattr(cuda, name)(*args)
    if status:
        text = C.c_char_p()
        cuda.cuGetErrorName(status, C.byref(text))
        raise RuntimeError(f"{name}: {text.value}")


class Module:
    def __init__(self, path):
        torch.zeros(1, device="cuda")  # makes torch's context current
        self.image = open(path, "rb").read()
        self.handle = C.c_void_p()
        call("cuModuleLoadData", C.byref(self.handle), self.image)

    def launch(self, name, grid, threads, args, shared=0):
        function = C.c_void_p()
        call("cuModuleGetFunction", C.byref(function), self.handle, name.encode())
        call("cuFuncSetAttribute", function, 8, shared)
        pointers = (C.c_void_p * len(args))(*[C.cast(C.byref(a), C.c_void_p) for a in args])
        grid = (list(grid) if hasattr(grid, "__len__") else [grid]) + [1, 1]
        stream = C.c_void_p(torch.cuda.current_stream().cuda_stream)
        call("cuLaunchKernel", function, *grid[:3], threads, 1, 1, shared, stream, pointers, None)


class TensorMap(C.Structure):
    _align_ = 64
    _fields_ = [("opaque", C.c_uint64 * 16)]


def tensor_map(t):
    """A map of [z, y, x] with boxes of 128 rows of 64."""
    buffer = (C.c_uint8 * 256)()
    address = (C.addressof(buffer) + 63) & ~63
    z, y, x = t.shape
    dims = (C.c_uint64 * 3)(x, y, z)
    strides = (C.c_uint64 * 2)(x * 2, y * x * 2)
    box = (C.c_uint32 * 3)(64, 128, 1)
    ones = (C.c_uint32 * 3)(1, 1, 1)
    kind = 9 if t.dtype == torch.bfloat16 else 6
    call("cuTensorMapEncodeTiled", C.c_void_p(address), kind, 3, C.c_void_p(t.data_ptr()), dims, strides, box, ones, 0, 3, 2, 0)
    out = TensorMap()
    C.memmove(C.byref(out), address, 128)
    return out


def pointer(t):
    return None if t is None else t.data_ptr()


def struct(name, pointers, ints=(), floats=(), more=()):
    fields = [(f, C.c_void_p) for f in pointers] + [(f, C.c_int) for f in ints]
    fields += [(f, C.c_float) for f in floats] + [(f, C.c_int) for f in more]
    return type(name, (C.Structure,), {"_fields_": fields})


def median_ms(f, repeats=5):
    f()
    times = []
    for _ in range(repeats):
        a, b = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        a.record()
        f()
        b.record()
        b.synchronize()
        times.append(a.elapsed_time(b))
    return sorted(times)[len(times) // 2]


def error(got, want):
    got, want = got.double(), want.double()
    return float((got - want).norm() / want.norm().clamp_min(1e-30)) if torch.isfinite(got).all() else float("inf")
