"""Training of the transformer together with the text encoder: flow matching on latents."""
import contextlib
import time

import torch
import torch.nn.functional as F

import sampler
from text import tokenize
from tools import Clock, Optimizer, agreed, device, half, rank, say
from transformer import DIM, HEADS


def draw_sigma(n: int, g) -> torch.Tensor:
    """Noise levels: mostly the middle (logit-normal), some from everywhere, then shifted as in sampling."""
    u = torch.sigmoid(torch.randn(n, device=device, generator=g))
    u = torch.where(torch.rand(n, device=device, generator=g) < 0.2, torch.rand(n, device=device, generator=g), u)
    return sampler.shifted(u)


def flow_loss(text, transformer, ids, x0, sigma, noise):
    s = sigma.view(-1, 1, 1, 1, 1)
    with half():
        v = transformer((1 - s) * x0 + s * noise, sigma * 1000, text(ids))
    return (v - (noise - x0)).square().mean()


def is_matrix(name: str, p) -> bool:
    return p.ndim == 2 and ("blocks." in name or ".block." in name) and "table" not in name and "bias" not in name


def fastest_attention(batch: int):
    """The kernel to ask for, as a context: cuDNN's where it beats the default for whole clips, forward and backward."""
    if device.type != "cuda":
        return contextlib.nullcontext
    from torch.nn.attention import SDPBackend, sdpa_kernel

    q = torch.randn(batch, 17 * 12 * 20, HEADS, DIM // HEADS, device=device, dtype=torch.bfloat16).transpose(1, 2).requires_grad_(True)
    times = {}
    for backend in (SDPBackend.FLASH_ATTENTION, SDPBackend.CUDNN_ATTENTION):
        with sdpa_kernel(backend):
            for i in range(5):
                if i == 2:
                    torch.cuda.synchronize()
                    begin = time.time()
                F.scaled_dot_product_attention(q, q, q).sum().backward()
            torch.cuda.synchronize()
        times[backend] = (time.time() - begin) / 3
    say("attention forward and backward:", {b.name: f"{1e3 * v:.1f} ms" for b, v in times.items()})
    if agreed(float(times[SDPBackend.CUDNN_ATTENTION] < times[SDPBackend.FLASH_ATTENTION])):
        order = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
        return lambda: sdpa_kernel(order, set_priority=True)
    return contextlib.nullcontext


def eager():
    """Without compilation, for what runs too seldom to be worth it."""
    return torch.compiler.set_stance("force_eager") if device.type == "cuda" else contextlib.nullcontext()


class Training:
    """The transformer's and text encoder's optimiser, going through phases of different clips and lengths."""

    def __init__(self, text, transformer, lr: float, batch: int):
        self.attention = fastest_attention(batch)
        self.text, self.transformer = text, transformer
        named = [*text.named_parameters(prefix="text"), *transformer.named_parameters(prefix="dit")]
        self.optimizer, self.step = Optimizer(named, is_matrix, lr_matrix=lr, lr_other=lr / 2, ema=0.999), 0
        self.empty = tokenize([""]).to(device)

    def phase(self, name: str, ids, latents, batch: int, frames: int, seconds: float, steps: int, decay: bool = False):
        g = torch.Generator(device).manual_seed(7919 * self.step + rank + int(time.time()) % 100_000)
        clock, log, begin, first = Clock(seconds, steps), torch.zeros((), device=device), time.time(), self.step
        while (done := clock.done()) < 1:
            i = torch.randint(len(latents), (batch,), device=device, generator=g)
            x0 = latents[i, :, :frames].float()
            token = torch.where(torch.rand(batch, 1, device=device, generator=g) < 0.1, self.empty, ids[i])
            with self.attention():
                loss = flow_loss(self.text, self.transformer, token, x0, draw_sigma(batch, g), torch.randn(x0.shape, device=device, generator=g))
                loss.backward()
            scale = min(1, (self.step + 1) / 100) * (max(0.0, 1 - done) if decay else 1)
            self.optimizer.step(scale)
            log.lerp_(loss.detach(), 1 if self.step == first else 0.02)
            self.step += 1
            if self.step - first in (1, 10, 50) or self.step % 250 == 0:
                say(f"{name} step {self.step} loss {log.item():.4f} done {done:.2f} steps/s {(self.step - first) / (time.time() - begin):.2f}")
        say(f"{name}: {self.step - first} steps in {time.time() - begin:.0f} s, loss {log.item():.4f}")


@torch.no_grad()
def held_out_loss(text, transformer, ids, latents, batch: int = 32) -> float:
    g, total = torch.Generator(device).manual_seed(5), 0.0
    for i in range(0, len(latents), batch):
        x0 = latents[i : i + batch].float()
        total += flow_loss(text, transformer, ids[i : i + batch], x0, draw_sigma(len(x0), g), torch.randn(x0.shape, device=device, generator=g)).item() * len(x0)
    return total / len(latents)
