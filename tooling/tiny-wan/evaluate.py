"""The quality report of a folder: do held-out prompts get what they ask for, and how faithful is the autoencoder?

  python3 evaluate.py FOLDER --out OUT [--prompts 200] [--settings 8:1 20:3]      (steps:guidance)

Writes report.json, report.md and one sheet of frames per setting. The judge is trained on the renderer first (seconds: --judge); its own score on rendered clips
is in the report, since no model can look better to it than the truth does.
"""
import argparse
import json
import os

import torch

import classifier
import sampler
import scenes
import words
from folder import Model
from tools import device, half, save_sheet, say, setup

HELD_OUT = 910_000_000


@torch.no_grad()
def make_videos(model, prompts, steps: int, guidance: float, batch: int = 40):
    """Videos [n, 3, F, H, W] on the device, a batch at a time."""
    out = []
    for i in range(0, len(prompts), batch):
        latents = sampler.generate(model.text, model.transformer, prompts[i : i + batch], steps, guidance, device, seed=i)
        out.append(sampler.decode(model.vae, latents, model.stats, device))
    return torch.cat(out)


def table(results: dict) -> str:
    names = list(words.ATTRIBUTES)
    lines = ["| attribute | " + " | ".join(results) + " |", "|---" * (len(results) + 1) + "|"]
    lines += [f"| {n} | " + " | ".join(f"{100 * r[n]:.1f} %" for r in results.values()) + " |" for n in names]
    return "\n".join(lines)


@torch.no_grad()
def psnr(model, video):
    with half():
        again = torch.cat([model.vae.decode(model.vae.encode(v)[0]).clamp(-1, 1) for v in video.split(8)])
    return (-10 * torch.log10(((again - video) / 2).square().mean((1, 2, 3, 4)))).mean().item(), again


def main():
    p = argparse.ArgumentParser()
    p.add_argument("folder")
    p.add_argument("--out", required=True)
    p.add_argument("--prompts", type=int, default=200)
    p.add_argument("--settings", nargs="*", default=["8:1", "20:3"])
    p.add_argument("--judge", type=float, default=60)
    p.add_argument("--judge-clips", type=int, default=16384)
    o = p.parse_args()
    setup()
    os.makedirs(o.out, exist_ok=True)
    torch.manual_seed(0)
    model = Model(o.folder, device)
    captions, rows = words.draw(o.prompts, HELD_OUT, 0)
    rows = torch.tensor(rows, device=device)
    judge = classifier.train_judge(o.judge, o.judge_clips)
    truth = torch.cat([scenes.render(r) for r in rows.split(8)])
    quality, again = psnr(model, truth)
    results = {"rendered": classifier.judged(judge, truth, rows), "autoencoder": classifier.judged(judge, again, rows)}
    say(f"autoencoder {quality:.2f} dB; judge on rendered clips", {k: round(v, 3) for k, v in results["rendered"].items()})
    for setting in o.settings:
        steps, guidance = int(setting.split(":")[0]), float(setting.split(":")[1])
        name = f"{steps} steps" + (f", guidance {guidance:g}" if guidance != 1 else "")
        video = make_videos(model, captions, steps, guidance)
        results[name] = classifier.judged(judge, video, rows)
        say(name, {k: round(v, 3) for k, v in results[name].items()})
        save_sheet(f"{o.out}/sheet-{steps}-{guidance:g}.png", video[:12])
    with open(f"{o.out}/report.json", "w") as f:
        json.dump({"prompts": o.prompts, "vae_psnr": quality, "right": results, "sheet_prompts": captions[:12]}, f, indent=1)
    with open(f"{o.out}/report.md", "w") as f:
        f.write(f"{o.prompts} held-out prompts; autoencoder {quality:.2f} dB on their rendered clips.\n\n{table(results)}\n")
    say("\n" + table(results))


if __name__ == "__main__":
    main()
