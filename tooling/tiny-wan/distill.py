"""Distillation: a student that needs no guidance, and few steps.

  torchrun --nproc_per_node=2 distill.py FOLDER --out OUT --seconds 300 --steps 8 --guidance 3

The student starts as the model. For a noisy clip at one of its --steps noise levels the teacher walks to the next level in --substeps smaller guided steps; the
student learns the straight velocity that lands there in one. With --substeps 1 only the guidance is folded in, at every noise level, which suits solvers of higher
order; with more, the student is made for Euler steps (the exported scheduler then has order 1 and no corrector).
"""
import argparse
import json
import time

import torch

import folder
import sampler
import scenes
from data import encode_clips
from text import TextEncoder, tokenize
from tools import Clock, Optimizer, broadcast, device, half, rank, save_sheet, say, setup, world
from train_transformer import draw_sigma, eager, is_matrix
from transformer import Transformer
from vae import VAE


@torch.no_grad()
def guided(text, teacher, ids, empty, x, sigma, guidance: float):
    with half():
        rows = text(torch.cat([ids, empty.expand_as(ids)]))
        yes, no = teacher(torch.cat([x, x]), torch.cat([sigma, sigma]) * 1000, rows).chunk(2)
    return no + guidance * (yes - no)


@torch.no_grad()
def target(text, teacher, ids, empty, x, start, end, guidance: float, substeps: int):
    """The mean velocity of the teacher's walk from noise level start to end; both [n]."""
    first, column = x, lambda s: s.view(-1, 1, 1, 1, 1)
    for k in range(substeps):
        a, b = (start + (end - start) * j / substeps for j in (k, k + 1))
        x = x + column(b - a) * guided(text, teacher, ids, empty, x, a, guidance)
    return (x - first) / column(end - start)


def learn(o, text, teacher, text_student, student, ids, latents):
    """Text encoder and transformer of the student both learn."""
    named = [*text_student.named_parameters(prefix="text"), *student.named_parameters(prefix="dit")]
    optimizer = Optimizer(named, is_matrix, lr_matrix=o.lr, lr_other=o.lr / 2, ema=0.998)
    clock, step, g = Clock(o.seconds, 3 if o.smoke else 0), 0, torch.Generator(device).manual_seed(rank + int(time.time()))
    levels = torch.tensor(sampler.sigmas(o.steps), device=device)
    empty, log = tokenize([""]).to(device), torch.zeros((), device=device)
    while (done := clock.done()) < 1:
        i = torch.randint(len(latents), (o.batch,), device=device, generator=g)
        x0 = latents[i].float()
        if o.substeps == 1:
            start = draw_sigma(o.batch, g).clamp(min=1e-3)
            end = torch.zeros_like(start)
        else:
            at = torch.randint(o.steps, (o.batch,), device=device, generator=g)
            start, end = levels[at], levels[at + 1]
        s = start.view(-1, 1, 1, 1, 1)
        x = (1 - s) * x0 + s * torch.randn(x0.shape, device=device, generator=g)
        wanted = target(text, teacher, ids[i], empty, x, start, end, o.guidance, o.substeps)
        with half():
            v = student(x, start * 1000, text_student(ids[i]))
        loss = (v - wanted).square().mean()
        loss.backward()
        optimizer.step(min(1, (step + 1) / 50) * max(0.02, min(1, (1 - done) / 0.5)))
        log.lerp_(loss.detach(), 1 if step == 0 else 0.02)
        step += 1
        if step in (1, 10) or step % 250 == 0:
            say(f"distill step {step} loss {log.item():.5f} done {done:.2f}")
    optimizer.swap()
    say(f"distilled in {step} steps, loss {log.item():.5f}")


def order_one(path: str, steps: int):
    """Makes the exported solver Euler's: order 1, no corrector."""
    file = f"{path}/scheduler/scheduler_config.json"
    config = json.load(open(file))
    config.update(solver_order=1, disable_corrector=list(range(steps)))
    folder.dump(file, config)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--out", required=True)
    p.add_argument("--seconds", type=float, default=300)
    p.add_argument("--steps", type=int, default=8)
    p.add_argument("--substeps", type=int, default=1)
    p.add_argument("--guidance", type=float, default=3.0)
    p.add_argument("--clips", type=int, default=8000)
    p.add_argument("--batch", type=int, default=24)
    p.add_argument("--lr", type=float, default=3e-4)
    p.add_argument("--smoke", action="store_true")
    o = p.parse_args()
    setup()
    text, teacher, vae = TextEncoder().to(device), Transformer().to(device), VAE().to(device)
    stats = folder.load(o.folder, text, teacher, vae)
    text_student, student = TextEncoder().to(device), Transformer().to(device)
    folder.load(o.folder, text_student, student)
    for m in (text, teacher, vae):
        m.eval().requires_grad_(False)
    broadcast(text_student, student)
    if device.type == "cuda":
        if not o.smoke:
            scenes.compile_renderer()
        for block in [*teacher.blocks, *student.blocks]:
            block.compile(dynamic=False)
    ids, latents, _ = encode_clips(vae, 16 if o.smoke else o.clips, 700_000_000 + int(time.time()) % 100_000 * 2 + rank, stats)
    learn(o, text, teacher, text_student, student, ids, latents)
    if rank == 0:
        path = f"{o.out}/tiny-wan"
        folder.save(path, text_student, student, vae, stats, steps=o.steps, guidance=1.0)
        if o.substeps > 1:
            order_one(path, o.steps)
        with eager():
            latents = sampler.generate(text_student, student, sampler.PROMPTS, o.steps, 1.0, device)
            save_sheet(f"{o.out}/distilled-{o.steps}.png", sampler.decode(vae, latents, stats, device))
    if world > 1:
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
