"""From prompts to latents and pixels: the UniPC solver (order 2, bh2) for flow models, with the sigmas of diffusers."""
import math

import torch

from scenes import FRAMES, HEIGHT, WIDTH
from text import tokenize
from tools import half
from vae import Z

SHIFT = 3.0


def shifted(u):
    return SHIFT * u / (1 + (SHIFT - 1) * u)


def sigmas(steps: int) -> list:
    s = [shifted(1 - i * 0.999 / steps) for i in range(steps)]
    s[0] -= 1e-6
    return s + [0.0]


def unipc(velocity, x: torch.Tensor, steps: int) -> torch.Tensor:
    """Solves from noise x to the clean sample; velocity(x, timestep) is the model with its guidance."""
    s = sigmas(steps)
    lam = [math.log((1 - a) / a) if a else math.inf for a in s]
    ms, before, order = [], None, 0
    for i in range(steps):
        m = x - s[i] * velocity(x, int(1000 * s[i]))
        if i:  # corrector: the same step again, now knowing its end
            h = lam[i] - lam[i - 1]
            base = ms[-1]
            b = math.expm1(-h)
            tilde = s[i] / s[i - 1] * before - (1 - s[i]) * b * base
            if order == 1:
                x = tilde - (1 - s[i]) * b * 0.5 * (m - base)
            else:
                r = (lam[i - 2] - lam[i - 1]) / h
                phi2 = b / -h - 1
                phi3 = phi2 / -h - 0.5
                b1, b2 = phi2 / b, 2 * phi3 / b
                rho1 = (b2 - b1) / (r - 1)
                x = tilde - (1 - s[i]) * b * (rho1 * (ms[-2] - base) / r + (b1 - rho1) * (m - base))
        ms.append(m)
        before, order = x, min(2, steps - i, i + 1)
        if i == steps - 1:
            return m
        h = lam[i + 1] - lam[i]
        b = math.expm1(-h)
        x = s[i + 1] / s[i] * before - (1 - s[i + 1]) * b * m
        if order == 2:
            x = x - (1 - s[i + 1]) * b * 0.5 * (ms[-2] - m) / ((lam[i - 1] - lam[i]) / h)


def noise(count: int, seed: int, device) -> torch.Tensor:
    shape = (count, Z, (FRAMES + 1) // 2, HEIGHT // 4, WIDTH // 4)
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def guided(text, transformer, prompts, guidance: float, device):
    """The velocity for prompts: conditional, or pushed away from the empty prompt."""
    with half():
        yes, no = text(tokenize(prompts).to(device)), text(tokenize([""] * len(prompts)).to(device))

    def velocity(x, t):
        time = torch.full((len(x),), float(t), device=device)
        with half():
            v = transformer(x, time, yes)
            if guidance == 1:
                return v
            w = transformer(x, time, no)
        return w + guidance * (v - w)

    return velocity


@torch.no_grad()
def generate(text, transformer, prompts, steps: int, guidance: float, device, seed: int = 0) -> torch.Tensor:
    """Normalised latents [n, Z, T, h, w] for prompts."""
    return unipc(guided(text, transformer, prompts, guidance, device), noise(len(prompts), seed, device), steps)


@torch.no_grad()
def decode(vae, latents, stats, device, chunk: int = 8) -> torch.Tensor:
    """Latents to video [n, 3, F, H, W] in -1..1."""
    mean, std = (torch.tensor(stats[k], device=device).view(1, -1, 1, 1, 1) for k in ("mean", "std"))
    with half():
        return torch.cat([vae.decode(z * std + mean).clamp(-1, 1) for z in latents.split(chunk)])


PROMPTS = [
    "a red ball bouncing on a gray checkered floor at noon",
    "a striped green ball moving right on a white tiled floor with a purple cube on the left at sunset",
    "a blue cube spinning on a brown plain floor on a cloudy day, the camera zooms in",
    "a yellow ball circling on a blue striped floor at night, the camera orbits",
    "a pink cube growing on a green checkered floor with a white ball on the right at noon, the camera pans left",
    "a white ball falling on a brown tiled floor at sunset",
    "an orange cylinder standing still on a white checkered floor with a blue ball on the right at noon, the camera orbits",
    "under a cloudy sky, a purple sphere rolls to the left on a green floor next to a red box on the right",
]
