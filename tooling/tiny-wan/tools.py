"""What every stage shares: processes and their device, a log with the time, averaged gradients, the optimiser, safetensors files."""
import json
import math
import os
import struct
import time
import zlib

import numpy as np
import torch
import torch.distributed as dist

rank, world = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0))) if torch.cuda.is_available() else torch.device("cpu")
START = float(os.environ.get("TINY_START", time.time()))


def setup():
    if device.type == "cuda":
        torch.cuda.set_device(device)
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")
    if world > 1:
        dist.init_process_group("nccl", device_id=device)


def say(*words):
    if rank == 0:
        print(f"[{time.time() - START:6.1f}]", *words, flush=True)


def half():
    """Matrix products in bfloat16, where the device has it."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda")


def broadcast(*modules):
    if world > 1:
        for m in modules:
            for t in [*m.parameters(), *m.buffers()]:
                dist.broadcast(t.data, 0)


def agreed(value: float) -> float:
    """The value of the first process, everywhere."""
    if world == 1:
        return value
    t = torch.tensor(value, device=device, dtype=torch.float64)
    dist.broadcast(t, 0)
    return t.item()


class Clock:
    """How much of a phase is done, 0..1, by time or by steps; asked at every step, read from the wall every tenth (asking costs a wait)."""

    def __init__(self, seconds: float, steps: int = 0):
        self.seconds, self.steps, self.begin, self.count, self.value = seconds, steps, time.time(), 0, 0.0

    def done(self) -> float:
        if self.steps:
            self.value = self.count / self.steps
        elif self.count % 10 == 0:
            self.value = agreed((time.time() - self.begin) / max(self.seconds, 1e-9))
        self.count += 1
        return min(self.value, 1.0)


def orthogonal(g: torch.Tensor) -> torch.Tensor:
    """Nearest orthogonal matrices of a stack [n, rows, columns], by five Newton-Schulz steps in bfloat16 (the heart of Muon)."""
    x = g.bfloat16() if g.is_cuda else g
    x = x / (x.float().square().sum((1, 2), keepdim=True).sqrt() + 1e-7).to(x.dtype)
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    for _ in range(5):
        a = x @ x.mT
        b = -4.7750 * a + 2.0315 * (a @ a)
        x = 3.4445 * x + b @ x
    return (x.mT if tall else x).float()


class Optimizer:
    """Muon for matrices (convolutions as flat matrices), AdamW for the rest, averaged gradients over processes, and an average of the weights."""

    def __init__(self, named, matrix, lr_matrix=2e-3, lr_other=1e-3, decay=0.01, ema=0.999):
        named = [(n, p) for n, p in named if p.requires_grad]
        self.params = [p for _, p in named]
        chosen = [p for n, p in named if matrix(n, p)]
        ids = {id(p) for p in chosen}
        rest = [p for p in self.params if id(p) not in ids]
        self.lr, self.decay = lr_matrix, decay
        self.adam = torch.optim.AdamW(rest, lr=lr_other, betas=(0.9, 0.98), weight_decay=decay, **({"fused": True} if device.type == "cuda" else {}))
        self.lr_other = lr_other
        groups = {}
        for p in chosen:
            groups.setdefault((p.shape[0], p[0].numel()), []).append(p)
        self.groups = [(ps, torch.zeros(len(ps), *shape, device=device)) for shape, ps in groups.items()]
        self.average, self.ema, self.count = [p.detach().clone() for p in self.params], ema, 0

    @torch.no_grad()
    def step(self, scale: float):
        """One update with the gradients now in the parameters; scale is the schedule's factor."""
        grads = [p.grad for p in self.params if p.grad is not None]
        if world > 1:
            flat = torch._utils._flatten_dense_tensors(grads)
            dist.all_reduce(flat)
            flat /= world
            for g, new in zip(grads, torch._utils._unflatten_dense_tensors(flat, grads)):
                g.copy_(new)
        norm = torch.nn.utils.clip_grad_norm_(self.params, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = self.lr_other * scale
        self.adam.step()
        for ps, momentum in self.groups:
            g = torch.stack([p.grad.reshape(momentum.shape[1:]) for p in ps]).float()
            momentum.lerp_(g, 0.05)
            update = orthogonal(g.lerp(momentum, 0.95)) * (0.2 * math.sqrt(max(momentum.shape[1:])))
            torch._foreach_mul_([p.data for p in ps], 1 - self.lr * scale * self.decay)
            torch._foreach_add_([p.data for p in ps], [u.view_as(p) for u, p in zip(update.unbind(0), ps)], alpha=-self.lr * scale)
        for p in self.params:
            p.grad = None
        self.count += 1
        keep = min(self.ema, self.count / (self.count + 10))
        torch._foreach_mul_(self.average, keep)
        torch._foreach_add_(self.average, [p.detach() for p in self.params], alpha=1 - keep)
        return norm

    @torch.no_grad()
    def swap(self):
        """Exchanges the weights and their average."""
        for p, a in zip(self.params, self.average):
            b = p.detach().clone()
            p.copy_(a)
            a.copy_(b)


NAMES = {"float16": "F16", "float32": "F32"}


def save_tensors(path: str, tensors: dict, dtype="float16"):
    """Writes a safetensors file."""
    header, offset, parts = {"__metadata__": {"format": "pt"}}, 0, []
    for name in sorted(tensors):
        data = tensors[name].detach().float().cpu().numpy().astype(dtype)
        header[name] = {"dtype": NAMES[dtype], "shape": list(data.shape), "data_offsets": [offset, offset + data.nbytes]}
        offset += data.nbytes
        parts.append(data.tobytes())
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(path, "wb") as f:
        f.write(len(head).to_bytes(8, "little") + head)
        for p in parts:
            f.write(p)


def load_tensors(path: str) -> dict:
    """Reads a safetensors file of half or single floats, as single floats."""
    raw = open(path, "rb").read()
    n = int.from_bytes(raw[:8], "little")
    header = json.loads(raw[8 : 8 + n])
    out = {}
    for name, entry in header.items():
        if name != "__metadata__":
            a, b = entry["data_offsets"]
            dtype = {v: k for k, v in NAMES.items()}[entry["dtype"]]
            out[name] = torch.from_numpy(np.frombuffer(raw[8 + n + a : 8 + n + b], dtype).astype("float32").reshape(entry["shape"]))
    return out


def save_png(path: str, pixels: np.ndarray):
    """Writes bytes [height, width, 3] as a picture."""
    h, w, _ = pixels.shape
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    lines = b"".join(b"\0" + pixels[y].tobytes() for y in range(h))
    with open(path, "wb") as f:
        f.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b""))


def save_sheet(path: str, video: torch.Tensor, frames=(0, 8, 16, 24, 32)):
    """One row a clip: some frames of video [n, 3, F, H, W] in -1..1."""
    rows = [torch.cat([clip[:, f] for f in frames], 2) for clip in video]
    save_png(path, ((torch.cat(rows, 1).permute(1, 2, 0).float() + 1) * 127.5).round().clamp(0, 255).byte().cpu().numpy())
