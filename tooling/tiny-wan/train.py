"""Trains the tiny model: autoencoder, then transformer and text encoder. One process per GPU, phases by seconds, goes on from a folder:

  torchrun --nproc_per_node=2 train.py --out OUT --vae 260 --clips 16000 --short 60 --long 120             a first run
  torchrun --nproc_per_node=2 train.py --out OUT --resume FOLDER --clips 16000 --long 300 --decay 120      every later one

The learning rate warms up and stays; only --decay lowers it to zero, for the model that is shown. Any run can go on from any folder.
"""
import argparse
import os
import random
import time

import torch

import folder
import sampler
import scenes
import vae as vae_module
from data import HELD_OUT, encode_clips
from text import TextEncoder
from tools import START, agreed, broadcast, device, rank, save_sheet, say, setup, world
from train_transformer import Training, eager, held_out_loss
from train_vae import pick_convolution, train_vae
from transformer import Transformer


def show(path: str, text, transformer, vae, stats, steps: int, guidance: float):
    latents = sampler.generate(text, transformer, sampler.PROMPTS, steps, guidance, device)
    save_sheet(path, sampler.decode(vae, latents, stats, device))


def options():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--resume", help="a folder to go on from")
    p.add_argument("--vae", type=float, default=0, help="seconds for the autoencoder (a new encoder needs a new transformer)")
    p.add_argument("--decoder", type=float, default=0, help="seconds for the decoder alone")
    p.add_argument("--clips", type=int, default=16000, help="clips a process renders for the transformer")
    p.add_argument("--short", type=float, default=0, help="seconds on the first 9 frames of clips")
    p.add_argument("--long", type=float, default=0, help="seconds on whole clips")
    p.add_argument("--decay", type=float, default=0, help="seconds on whole clips with a falling learning rate")
    p.add_argument("--lr", type=float, default=2e-3)
    p.add_argument("--batch", type=int, default=32, help="whole clips a process and step")
    p.add_argument("--until", type=float, default=0, help="seconds after the start at which the last phase ends, whatever it was given")
    p.add_argument("--smoke", action="store_true", help="a few steps of everything, and no more")
    p.add_argument("--smoke-first", action="store_true", help="a few steps of everything before the real run, so that mistakes show at once (and compilation is done)")
    return p.parse_args()


def run(o, few: int):
    """All phases; with few, that many steps of each."""
    random.seed(int(agreed(time.time_ns() % (1 << 40))))
    text, transformer, vae = TextEncoder().to(device), Transformer().to(device), vae_module.VAE().to(device)
    stats = folder.load(o.resume, text, transformer, vae) if o.resume else None
    broadcast(text, transformer, vae)
    say("parameters: transformer", sum(p.numel() for p in transformer.parameters()), "text", sum(p.numel() for p in text.parameters()), "vae", sum(p.numel() for p in vae.parameters()))
    out = f"{o.out}/smoke" if few else o.out
    os.makedirs(out, exist_ok=True)
    if o.vae or o.decoder:
        pick_convolution(vae)
    if o.vae:
        train_vae(vae, o.vae, few)
        stats = None
    if o.decoder:
        train_vae(vae, o.decoder, few, decoder_only=True)
    vae.eval().requires_grad_(False)
    save = lambda: folder.save(f"{out}/tiny-wan", text, transformer, vae, stats) if rank == 0 else None
    ids, latents, stats = encode_clips(vae, 16 if few else o.clips, random.randrange(1 << 28) * 2 + rank, stats)
    held_ids, held, _ = encode_clips(vae, 16 if few else 128, HELD_OUT, stats)
    save()
    phases = [("short", o.short, 4 * o.batch, 5, False), ("long", o.long, o.batch, 17, False), ("decay", o.decay, o.batch, 17, True)]
    phases = [p for p in phases if p[1]]
    if phases:
        for block in transformer.blocks if device.type == "cuda" else []:
            block.compile(dynamic=False)
        training = Training(text, transformer, o.lr, o.batch)
        for name, seconds, batch, frames, decay in phases:
            if o.until and name == phases[-1][0]:
                seconds = agreed(o.until - (time.time() - START))
            training.phase(name, ids, latents, batch, frames, seconds, few, decay)
            if frames == 17:
                training.optimizer.swap()
                with eager():
                    say(f"held-out loss of the averaged weights {held_out_loss(text, transformer, held_ids, held):.4f}")
                save()
                training.optimizer.swap()
        training.optimizer.swap()
    if rank == 0:
        with eager():
            for steps, guidance in ((2, 3.0),) if few else ((20, 3.0), (8, 1.0)):
                show(f"{out}/s{steps}g{guidance:g}.png", text, transformer, vae, stats, steps, guidance)
    if device.type == "cuda":
        say(f"done; peak {torch.cuda.max_memory_allocated() / 1e9:.0f} GB")


def main():
    o = options()
    setup()
    torch.manual_seed(1234)
    if device.type == "cuda":
        from torch import _dynamo

        _dynamo.config.automatic_dynamic_shapes = False
        _dynamo.config.cache_size_limit = 64
        scenes.compile_renderer(), vae_module.compile_norms()
    if o.smoke or o.smoke_first:
        run(o, 3)
        say("the smoke run passed")
    if not o.smoke:
        run(o, 0)
    if world > 1:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
