import sys, json, os, torch
from host import Module, attend, pair_lists
from testing import median_ms
import torch.nn.functional as F
from torch.nn.attention import sdpa_kernel, SDPBackend
main, lists, load = (Module(a) for a in sys.argv[1:4])
res = {}
for name, H, N, T, dens in (("hunyuan", 24, 118800, 256, .2), ("wan", 40, 75600, 0, .25)):
    d = 128; n = (N + 127) // 128; tb = (T + 127) // 128
    torch.manual_seed(0)
    q, k, v = (torch.randn(H, N + T, d, device="cuda", dtype=torch.bfloat16) for _ in range(3))
    tv = torch.full((H,), T, dtype=torch.int32, device="cuda")
    kk = int(dens * n)
    for overlap in (0.0, 0.75):
        base = torch.rand(H, (n + 15) // 16, n, device="cuda").repeat_interleave(16, 1)[:, :n]
        own = torch.rand(H, n, n, device="cuda")
        score = base * overlap ** .25 + own * (1 - overlap) if overlap else own
        idx = score.topk(kk, dim=2).indices.sort(dim=2).values
        idx = torch.cat([idx, torch.arange(n, n + tb, device="cuda").expand(H, n, tb)], 2).to(torch.int16).contiguous()
        counts = torch.full((H, n), kk + tb, dtype=torch.int32, device="cuda")
        flop = 4 * 128 * 128 * d * (H * n * (kk + tb) + H * tb * (n + tb))
        factor, comp = torch.rand(H, n, device="cuda"), torch.randn(H, n, d, device="cuda")
        paired, shared = pair_lists(lists, counts, idx, n + tb)
        tp = median_ms(lambda: pair_lists(lists, counts, idx, n + tb))
        out = torch.empty_like(q)
        for pairs in (False, True):
            for m, what in ((main, "attend"), (load, "load")):
                f = lambda: attend(m, q, k, v, N, tv, counts, paired if pairs else idx, shared, factor, comp, pairs=pairs, out=out)
                ms = median_ms(f, 5)
                key = f"{name} overlap {overlap} pairs {int(pairs)} {what}"
                res[key] = dict(ms=ms, tflops=flop / ms / 1e9, shared=float(shared.float().mean() / (kk + tb)), pair_ms=tp)
                print(key, res[key], flush=True)
        del base, own, score
    flop = 4 * (N + T) ** 2 * d * H
    for b in (SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION):
        with sdpa_kernel(b):
            ms = median_ms(lambda: F.scaled_dot_product_attention(q[None], k[None], v[None]), 3)
        res[f"{name} {b.name}"] = dict(ms=ms, tflops=flop / ms / 1e9)
        print(name, b.name, res[f"{name} {b.name}"], flush=True)
    tvz = tv
    ms = median_ms(lambda: attend(main, q, k, v, N, tv, out=out), 2)
    res[f"{name} ours dense"] = dict(ms=ms, tflops=flop / ms / 1e9); print(name, "ours dense", res[f"{name} ours dense"])
json.dump(res, open(os.path.join(os.environ.get("OUT", "."), "first.json"), "w"), indent=1)
