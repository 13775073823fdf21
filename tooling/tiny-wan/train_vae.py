"""Training of the autoencoder, whole or its decoder alone."""
import math
import random
import time

import torch

import scenes
import vae as vae_module
from data import CHUNK, HELD_OUT, as_bytes, as_floats, fresh_rows
from tools import Clock, Optimizer, agreed, device, half, rank, say


def pick_convolution(vae):
    """Times both forms of the convolution on the largest layer, forward and backward, and keeps the faster."""
    if device.type != "cuda":
        return
    layer = vae.decoder.up_blocks[1].resnets[0].conv1
    x = torch.randn(CHUNK, scenes.FRAMES, scenes.HEIGHT // 2, scenes.WIDTH // 2, layer.in_channels, device=device, dtype=torch.bfloat16, requires_grad=True)
    times = {}
    for stacked in (True, False):
        vae_module.Conv.stacked = stacked
        for i in range(4):
            if i == 2:
                torch.cuda.synchronize()
                begin = time.time()
            with half():
                layer(x).sum().backward()
        torch.cuda.synchronize()
        times[stacked] = (time.time() - begin) / 2
    layer.zero_grad(set_to_none=True)
    vae_module.Conv.stacked = bool(agreed(float(times[True] <= times[False])))
    say(f"convolution forward and backward: stacked {1e3 * times[True]:.2f} ms, 3-D {1e3 * times[False]:.2f} ms")


@torch.no_grad()
def vae_psnr(vae, clips: int = 32) -> float:
    """Whole held-out clips through encoder and decoder, as the mean over clips."""
    values = []
    for i in range(0, clips, CHUNK):
        video = scenes.render(fresh_rows(CHUNK, HELD_OUT + i))
        with half():
            again = vae.decode(vae.encode(video)[0]).clamp(-1, 1)
        values.append(-10 * torch.log10(((again - video) / 2).square().mean((1, 2, 3, 4))))
    return torch.cat(values).mean().item()


def train_vae(vae, seconds: float, steps: int, decoder_only: bool = False, pool_size: int = 768):
    """Whole clips, rendered as training goes. L1, squares and edges; the posterior is kept near a normal distribution only lightly."""
    vae.requires_grad_(True)
    if decoder_only:
        vae.encoder.requires_grad_(False), vae.quant_conv.requires_grad_(False)
    seed = random.randrange(1 << 28) * 2 + rank
    pool_size = min(pool_size, CHUNK * 2) if steps else pool_size
    begin = time.time()
    pool = torch.cat([as_bytes(scenes.render(fresh_rows(CHUNK, seed * 1000 + i))) for i in range(pool_size // CHUNK)])
    say(f"rendered {len(pool)} clips in {time.time() - begin:.1f} s")
    optimizer = Optimizer(vae.named_parameters(), lambda n, p: p.ndim >= 4 and p[0].numel() >= 32 and p.shape[0] >= 32, lr_matrix=1.5e-3, lr_other=1.5e-3, decay=1e-3, ema=0.99)
    clock, step, g = Clock(seconds, steps), 0, torch.Generator(device).manual_seed(seed % 1000)
    log = torch.zeros(3, device=device)
    while (done := clock.done()) < 1:
        if step % 2 == 1 and len(pool) > 2 * CHUNK:
            at = (step // 2 * CHUNK) % len(pool)
            pool[at : at + CHUNK] = as_bytes(scenes.render(fresh_rows(CHUNK, seed * 1000 + 500_000 + step)))
        x = as_floats(pool[torch.randint(len(pool), (CHUNK,), device=device, generator=g)])
        with half():
            mean, logvar = vae.encode(x)
            y = vae.decode(mean + torch.exp(0.5 * logvar) * torch.randn_like(mean))
        error = y - x
        edges = sum(error.diff(dim=d).abs().mean() for d in (2, 3, 4))
        kl = 0.5 * (mean.square() + logvar.exp() - 1 - logvar).mean()
        squares = error.square().mean()
        (error.abs().mean() + 2 * squares + 0.4 * edges + 5e-5 * kl).backward()
        optimizer.step(min(1, (step + 1) / 60) * max(0.01, min(1, (1 - done) / 0.4)))
        with torch.no_grad():
            log.lerp_(torch.stack([squares / 4, kl, mean.std()]), 1 if step == 0 else 0.05)
        step += 1
        if step in (1, 10, 50) or step % 250 == 0:
            a, b, c = log.tolist()
            say(f"vae step {step} done {done:.2f} psnr {-10 * math.log10(a):.2f} kl {b:.2f} std {c:.2f}")
    optimizer.swap()
    vae.requires_grad_(False)
    say(f"vae: {step} steps, held-out clips at {vae_psnr(vae):.2f} dB")
