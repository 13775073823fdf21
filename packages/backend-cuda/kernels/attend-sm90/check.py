"""Compares the Hopper kernel with float64 on small cases: `python3 check.py ../../fatbins/attend-sm90.fatbin`."""
import sys

import torch

from host import Module, attend
from testing import error


def reference(q, k, v, N, valid, mask, factor, comp, pseudo, bias, group):
    heads, S, d = q.shape
    n, nb = (N + 127) // 128, (N + 127) // 128 + (S - N + 127) // 128
    q, k, v = q.double(), k.double(), v.double()
    token = torch.arange(S, device="cuda")
    block = torch.where(token < N, token // 128, n + (token - N) // 128)
    out, lse = torch.zeros_like(q), torch.full((heads, S), -torch.inf, dtype=torch.double, device="cuda")
    for h in range(heads):
        live = token < N + int(valid[h])
        allow = torch.ones(S, S, dtype=torch.bool, device="cuda")
        if mask is not None:
            allow[:N] = mask[h][block[:N]][:, block]
        x = (q[h] @ k[h].T) * d ** -0.5
        x = x.masked_fill(~(allow & live[None]), -torch.inf)
        values = v[h]
        if pseudo is not None:
            pk, pv = (t.double() for t in pseudo)
            groups = (n + group - 1) // group
            u = pk.shape[1]
            y = torch.full((S, groups * u), -torch.inf, dtype=torch.double, device="cuda")
            for g in range(groups):
                a, b = g * group * 128, min((g + 1) * group * 128, N)
                if a < b:
                    y[a:b, g * u:(g + 1) * u] = (q[h, a:b] @ pk[h * groups + g].T) * d ** -0.5 + bias[h, block[a:b], :u].double()
            x, values = torch.cat([x, y], 1), torch.cat([values] + [pv[h * groups + g] for g in range(groups)])
        l = torch.logsumexp(x, 1)
        o = torch.exp(x - l.masked_fill(l == -torch.inf, 0)[:, None]) @ values
        if factor is not None:
            o[:N] = o[:N] * factor[h][block[:N]].double()[:, None] + comp[h][block[:N]].double()
        out[h][live], lse[h][live] = o[live], l[live]
    return out, lse


def case(module, dtype, d, N, T, valid, kind, seed):
    g = torch.Generator("cuda").manual_seed(seed)
    rand = lambda *s: torch.randn(*s, device="cuda", generator=g)
    heads, S, n, tb = len(valid), N + T, (N + 127) // 128, (T + 127) // 128
    q, k, v = ((rand(heads, S, d) * a).to(dtype) for a in (2, 1, 1))
    tv = torch.tensor(valid, dtype=torch.int32, device="cuda")
    counts = indices = mask = factor = comp = pseudo = bias = None
    group = n
    if kind != "dense":
        mask = torch.rand(heads, n, n + tb, device="cuda", generator=g) < 0.4
        mask[:, range(n), range(n)] = True
        for h in range(heads):
            mask[h, :, n:] = torch.arange(tb, device="cuda") * 128 < valid[h]
        counts = mask.sum(2).int()
        stride = int(counts.max())
        indices = torch.zeros(heads, n, stride, dtype=torch.int16, device="cuda")
        for h in range(heads):
            for i in range(n):
                row = mask[h, i].nonzero().flatten()
                indices[h, i, :len(row)] = row.to(torch.int16)
    if kind == "paper":
        factor, comp = torch.rand(heads, n, device="cuda", generator=g), rand(heads, n, d)
    if kind == "tail":
        group = 3
        groups, u = (n + 2) // 3, n * 4
        pseudo = (rand(heads * groups, u, d).to(dtype), rand(heads * groups, u, d).half())
        bias = torch.full((heads, n, (u + 127) // 128 * 128), -torch.inf, device="cuda")
        bias[:, :, :u] = rand(heads, n, u) + 3
        bias[:, :, :u][mask[:, :, :n].repeat_interleave(4, 2)] = -torch.inf
    lse = torch.full((heads, S), 7.0, device="cuda")
    out = torch.full_like(q, 7.0)
    attend(module, q, k, v, N, tv, counts, indices, factor, comp, pseudo, bias, group, lse, out)
    torch.cuda.synchronize()
    want, want_lse = reference(q, k, v, N, valid, mask, factor, comp, pseudo, bias, group)
    live = torch.isfinite(want_lse)
    e, el = error(out, want), error(lse[live], want_lse[live])
    ok = e < (6e-3 if dtype == torch.bfloat16 else 1e-3) and el < 1e-4 and bool((lse[~live] == -torch.inf).all())
    print(f"{'ok ' if ok else 'BAD'} {str(dtype)[6:]:9} d{d} N={N} T={T} {valid} {kind:6} out {e:.1e} lse {el:.1e}", flush=True)
    return ok


def main():
    module = Module(sys.argv[1])
    good, seed = True, 0
    for dtype in (torch.bfloat16, torch.float16):
        for d in (128, 64):
            for N, T, valid in ((1000, 200, (77, 0, 200)), (1664, 0, (0, 0)), (128, 5, (5, 3)), (2000, 300, (290, 1))):
                for kind in ("dense", "none", "paper", "tail"):
                    seed += 1
                    good &= case(module, dtype, d, N, T, valid, kind, seed)
    print("attend: all ok" if good else "attend: FAILED")
    sys.exit(not good)


if __name__ == "__main__":
    main()
