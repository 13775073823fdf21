"""Launches the Hopper kernel on torch tensors [heads, tokens, d]."""
import ctypes as C
import math
import os
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))
from testing import Module, pointer, struct, tensor_map

Params = struct(
    "AttendParams",
    "counts indices factor compensation bias textValid out lse".split(),
    "heads n textBlocks visualTokens tokens stride biasStride group groups".split(),
    ["scaleLog2"],
    ["outF16"],
)
def attend(module, q, k, v, N, text_valid, counts=None, indices=None, factor=None, compensation=None,
           pseudo=None, bias=None, group=None, lse=None, out=None):
    heads, tokens, d = q.shape
    n, tb = (N + 127) // 128, (tokens - N + 127) // 128
    out = torch.empty_like(q) if out is None else out
    group = group or n
    pk, pv = pseudo if pseudo else (k, v)
    maps = [tensor_map(t) for t in (q, k, v, pk, pv)]
    p = Params(*[pointer(t) for t in (counts, indices, factor, compensation, bias, text_valid, out, lse)],
               heads, n, tb, N, tokens, indices.shape[2] if indices is not None else 0,
               bias.shape[2] if bias is not None else 0, group, (n + group - 1) // group,
               d ** -0.5 / math.log(2), int(out.dtype == torch.float16))
    stages = 3 if d == 128 else 4
    shared_bytes = (1 + 2 * stages) * d * 256 + stages * 512 + 8 * (1 + 4 * stages)
    kind = "bf16" if q.dtype == torch.bfloat16 else "f16"
    module.launch(f"attend90_{kind}_d{d}", heads * (n + tb), 384, maps + [p], shared_bytes)
    return out
