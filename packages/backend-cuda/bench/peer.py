"""A plain block-sparse attention in Triton as the original describes it: 128 x 128 tiles, every bit of the mask is looked at."""
import torch
import triton
import triton.language as tl


@triton.jit
def kernel(Q, K, V, M, O, tokens, visual, n, blocks, text_end, scale_log2, D: tl.constexpr, B: tl.constexpr):
    row, head = tl.program_id(0), tl.program_id(1)
    is_text = row >= n
    start = tl.where(is_text, visual + (row - n) * B, row * B)
    end = tl.where(is_text, text_end, visual)
    offs, cols, base = tl.arange(0, B), tl.arange(0, D), head.to(tl.int64) * tokens * D
    rows = start + offs
    q = tl.load(Q + base + rows[:, None] * D + cols[None, :], mask=rows[:, None] < end, other=0.0)
    top = tl.full([B], -float("inf"), tl.float32)
    total = tl.zeros([B], tl.float32)
    acc = tl.zeros([B, D], tl.float32)
    for j in range(blocks):
        selected = tl.load(M + (head * n + tl.minimum(row, n - 1)).to(tl.int64) * blocks + j)
        if is_text | (selected != 0):
            first = tl.where(j < n, j * B, visual + (j - n) * B)
            last = tl.where(j < n, visual, text_end)
            keys = first + offs
            k = tl.load(K + base + keys[None, :] * D + cols[:, None], mask=keys[None, :] < last, other=0.0)
            s = tl.dot(q, k) * scale_log2
            s = tl.where(keys[None, :] < last, s, -float("inf"))
            new = tl.maximum(top, tl.max(s, 1))
            p = tl.math.exp2(s - new[:, None])
            shrink = tl.math.exp2(top - new)
            total = total * shrink + tl.sum(p, 1)
            v = tl.load(V + base + keys[:, None] * D + cols[None, :], mask=keys[:, None] < last, other=0.0)
            acc = acc * shrink[:, None] + tl.dot(p.to(v.dtype), v)
            top = new
    out = acc / total[:, None]
    tl.store(O + base + rows[:, None] * D + cols[None, :], out.to(O.dtype.element_ty), mask=rows[:, None] < end)


def attend(q, k, v, mask, visual, out):
    heads, tokens, d = q.shape
    n = (visual + 127) // 128
    texts = (tokens - visual + 127) // 128
    kernel[(n + texts, heads)](q, k, v, mask, out, tokens, visual, n, n + texts, tokens, d**-0.5 * 1.4426950408889634,
                               D=d, B=128, num_warps=8, num_stages=2)
    return out
