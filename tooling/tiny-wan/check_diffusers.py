"""Loads a folder with diffusers and transformers and compares every part, and a whole short generation, with the networks here.

  python3 check_diffusers.py FOLDER
"""
import sys

import torch

import sampler
import words
from folder import Model
from text import LENGTH, tokenize
from tools import device

SMALL = 2e-3  # relative; both sides compute in single floats, the order of sums differs


def compare(name: str, ours, theirs):
    error = ((ours.float() - theirs.float()).norm() / theirs.float().norm()).item()
    print(f"{name}: relative difference {error:.2e}", flush=True)
    assert error < SMALL, name


@torch.no_grad()
def main(folder: str):
    from diffusers import WanPipeline

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    pipe = WanPipeline.from_pretrained(folder, torch_dtype=torch.float32).to(device)
    model = Model(folder, device)
    captions = words.draw(64, 920_000_000)[0]
    batch = pipe.tokenizer(captions, padding="max_length", max_length=LENGTH, truncation=True, return_tensors="pt")
    assert torch.equal(batch.input_ids, tokenize(captions)), "token numbers differ"
    print("token numbers of 64 captions: the same")
    sampler.half = lambda: torch.autocast(device.type, enabled=False)
    ids = tokenize(captions[:2]).to(device)
    rows = model.text(ids)
    theirs = pipe.text_encoder(ids, attention_mask=(ids != 0).long()).last_hidden_state * (ids != 0)[..., None]
    compare("text", rows, theirs)
    x, t = sampler.noise(2, 3, device), torch.tensor([900.0, 250.0], device=device)
    compare("transformer", model.transformer(x, t, rows), pipe.transformer(x, t, rows, return_dict=False)[0])
    video = torch.rand(1, 3, 33, 96, 160, device=device) * 2 - 1
    compare("encoder", model.vae.encode(video)[0], pipe.vae.encode(video).latent_dist.mode())
    compare("decoder", model.vae.decode(x[:1]).clamp(-1, 1), pipe.vae.decode(x[:1]).sample)
    latents = sampler.noise(1, 5, device)
    out = pipe(captions[0], height=96, width=160, num_frames=33, num_inference_steps=8, guidance_scale=3.0, latents=latents.clone(), max_sequence_length=LENGTH, output_type="pt")
    velocity = sampler.guided(model.text, model.transformer, captions[:1], 3.0, device)
    ours = sampler.decode(model.vae, sampler.unipc(velocity, latents, 8), model.stats, device)
    compare("8 steps with guidance", (ours[0].transpose(0, 1) / 2 + 0.5), out.frames[0].to(device))


if __name__ == "__main__":
    main(sys.argv[1])
