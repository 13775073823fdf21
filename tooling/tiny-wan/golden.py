"""Inputs and outputs of every part of a folder, small, in single floats, for whoever implements the networks elsewhere:

  python3 golden.py FOLDER OUT.safetensors

ids, rows: token numbers [2, 64] of the two prompts in words order below and the text encoder's rows; latents, timesteps, velocity: one call of the transformer on a
small grid; video, mean: the encoder on 5 frames of 32 x 48; decoded: the decoder on that mean, not clamped; noise, sample: 4 UniPC steps without guidance.
"""
import sys

import torch

import sampler
import scenes
import words
from folder import Model
from text import tokenize
from tools import save_tensors

GOLDEN_PROMPTS = ["a red ball bouncing on a gray checkered floor at noon", "At sunset, a striped violet box spins on a brown ground. camera zooms in."]


@torch.no_grad()
def main(folder: str, out: str):
    model, g = Model(folder, torch.device("cpu")), torch.Generator().manual_seed(11)
    ids = tokenize(GOLDEN_PROMPTS)
    rows = model.text(ids)
    latents, timesteps = torch.randn(2, 8, 3, 8, 12, generator=g), torch.tensor([900.0, 250.0])
    velocity = model.transformer(latents, timesteps, rows)
    scene = torch.tensor(words.draw(1, 930_000_000)[1])
    video = scenes.render(scene, 5, 32, 48)
    mean, _ = model.vae.encode(video)
    noise = torch.randn(1, 8, 3, 8, 12, generator=g)
    sample = sampler.unipc(lambda x, t: model.transformer(x, torch.tensor([float(t)]), rows[:1]), noise, 4)
    save_tensors(out, dict(ids=ids, rows=rows, latents=latents, timesteps=timesteps, velocity=velocity, video=video, mean=mean, decoded=model.vae.decode(mean),
                           noise=noise, sample=sample), "float32")


if __name__ == "__main__":
    main(*sys.argv[1:3])
