"""Generates from prompts: python3 sample.py FOLDER OUT.png "a red ball bouncing on a gray floor" ... [--steps 20 --guidance 3 --seed 0]"""
import argparse

import sampler
from folder import Model
from tools import device, save_sheet, setup


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("out")
    p.add_argument("prompts", nargs="*", default=sampler.PROMPTS)
    p.add_argument("--steps", type=int, default=20)
    p.add_argument("--guidance", type=float, default=3.0)
    p.add_argument("--seed", type=int, default=0)
    o = p.parse_args()
    setup()
    model = Model(o.folder, device)
    latents = sampler.generate(model.text, model.transformer, o.prompts, o.steps, o.guidance, device, o.seed)
    save_sheet(o.out, sampler.decode(model.vae, latents, model.stats, device))


if __name__ == "__main__":
    main()
