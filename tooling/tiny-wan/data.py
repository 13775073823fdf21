"""Clips for training: scenes drawn and rendered on the device, and their latents with captions."""
import time

import torch

import scenes
import vae as vae_module
import words
from text import tokenize
from tools import agreed, device, half, say

CHUNK = 8  # clips rendered at once; one shape, so one compilation
HELD_OUT = 900_000_000  # seeds from here on are never trained on


def fresh_rows(n: int, seed: int) -> torch.Tensor:
    return torch.tensor(words.draw(n, seed, 0)[1], device=device)


def as_bytes(video):
    return ((video + 1) * 127.5).round().clamp(0, 255).byte()


def as_floats(pixels):
    return pixels.float() / 127.5 - 1


@torch.no_grad()
def encode_clips(vae, count: int, seed: int, stats: dict | None):
    """Captions and normalised latents of new clips; their statistics are measured unless given."""
    captions, rows = words.draw(count, seed)
    rows, begin = torch.tensor(rows, device=device), time.time()
    latents = torch.empty(count, vae_module.Z, (scenes.FRAMES + 1) // 2, scenes.HEIGHT // 4, scenes.WIDTH // 4, dtype=torch.float16, device=device)
    for i in range(0, count, CHUNK):
        with half():
            latents[i : i + CHUNK] = vae.encode(as_floats(as_bytes(scenes.render(rows[i : i + CHUNK]))))[0]
    if stats is None:
        sample = latents[:2048].float()
        mean, std = [agreed(v) for v in sample.mean((0, 2, 3, 4)).tolist()], [agreed(v) for v in sample.std((0, 2, 3, 4)).tolist()]
        stats = {"mean": mean, "std": std}
        say("latents: mean", [round(v, 2) for v in mean], "std", [round(v, 2) for v in std])
    mean, std = (torch.tensor(stats[k], device=device).view(1, -1, 1, 1, 1) for k in ("mean", "std"))
    for part in latents.split(256):
        part.copy_((part.float() - mean) / std)
    if device.type == "cuda":
        torch.cuda.synchronize()
    say(f"encoded {count} clips a process in {time.time() - begin:.1f} s")
    return tokenize(captions).to(device), latents, stats
