"""Times the Hopper kernel alone, and its copies alone (a build with -DLOAD_ONLY): where the limit is.

python3 bench.py attend.fatbin load-only.cubin
"""
import sys

import torch

from host import Module, attend
from testing import median_ms


def main():
    modules = {"attend": Module(sys.argv[1]), "copies alone": Module(sys.argv[2])}
    for name, heads, visual, text, density in (("hunyuan", 24, 118800, 256, 0.2), ("wan", 40, 75600, 0, 0.25)):
        n, texts = (visual + 127) // 128, (text + 127) // 128
        q, k, v = (torch.randn(heads, visual + text, 128, device="cuda", dtype=torch.bfloat16) for _ in range(3))
        valid = torch.full((heads,), text, dtype=torch.int32, device="cuda")
        top = int(density * n)
        blocks = torch.rand(heads, n, n, device="cuda").topk(top, dim=2).indices.sort(dim=2).values
        blocks = torch.cat([blocks, torch.arange(n, n + texts, device="cuda").expand(heads, n, texts)], 2)
        indices, counts = blocks.to(torch.int16).contiguous(), torch.full((heads, n), top + texts, dtype=torch.int32, device="cuda")
        flop = 4 * 128 * 128 * 128 * heads * (n * (top + texts) + texts * (n + texts))
        out = torch.empty_like(q)
        for label, module in modules.items():
            ms = median_ms(lambda: attend(module, q, k, v, visual, valid, counts, indices, out=out))
            print(f"{name} {label}: {ms:.1f} ms, {flop / ms / 1e9:.0f} TFLOP/s")


if __name__ == "__main__":
    main()
