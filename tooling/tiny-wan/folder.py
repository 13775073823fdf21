"""The trained model as a diffusers pipeline folder; the same folder is what training goes on from."""
import json
import os

import torch

import text as text_module
import transformer as transformer_module
import vae as vae_module
from tools import load_tensors, save_tensors

SHARD = 12_000_000  # bytes; small enough for any host
VERSION = "0.38.0"


def dump(path: str, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=2)
        f.write("\n")


def save(folder: str, text, transformer, vae, stats: dict, steps: int = 20, guidance: float = 3.0, dtype: str = "float16"):
    """Writes everything; stats holds the latents' mean and standard deviation per channel."""
    for name in ("text_encoder", "tokenizer", "transformer", "vae", "scheduler"):
        os.makedirs(f"{folder}/{name}", exist_ok=True)
    text_module.save_tokenizer(f"{folder}/tokenizer")
    dump(f"{folder}/text_encoder/config.json", {**text_module.CONFIG, "dtype": dtype})
    save_tensors(f"{folder}/text_encoder/model.safetensors", text.state_dict(), dtype)
    dump(f"{folder}/vae/config.json", {"_class_name": "AutoencoderKLWan", "_diffusers_version": VERSION, **vae_module.CONFIG,
                                       "latents_mean": stats["mean"], "latents_std": stats["std"]})
    save_tensors(f"{folder}/vae/diffusion_pytorch_model.safetensors", vae.state_dict(), dtype)
    dump(f"{folder}/transformer/config.json", {"_class_name": "WanTransformer3DModel", "_diffusers_version": VERSION, **transformer_module.CONFIG})
    shards, size = [{}], 0
    for name, tensor in sorted(transformer.state_dict().items()):
        bytes_ = tensor.numel() * (2 if dtype == "float16" else 4)
        if size + bytes_ > SHARD:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += bytes_
    files = [f"diffusion_pytorch_model-{i + 1:05d}-of-{len(shards):05d}.safetensors" for i in range(len(shards))]
    for file, tensors in zip(files, shards):
        save_tensors(f"{folder}/transformer/{file}", tensors, dtype)
    total = sum(t.numel() for t in transformer.state_dict().values()) * (2 if dtype == "float16" else 4)
    dump(f"{folder}/transformer/diffusion_pytorch_model.safetensors.index.json",
         {"metadata": {"total_size": total}, "weight_map": {n: f for f, tensors in zip(files, shards) for n in tensors}})
    dump(f"{folder}/scheduler/scheduler_config.json", {
        "_class_name": "UniPCMultistepScheduler", "_diffusers_version": VERSION, "prediction_type": "flow_prediction", "use_flow_sigmas": True, "num_train_timesteps": 1000,
        "flow_shift": 3.0, "solver_order": 2, "solver_type": "bh2", "predict_x0": True, "lower_order_final": True, "final_sigmas_type": "zero"})
    dump(f"{folder}/model_index.json", {
        "_class_name": "WanPipeline", "_diffusers_version": VERSION, "scheduler": ["diffusers", "UniPCMultistepScheduler"], "text_encoder": ["transformers", "UMT5EncoderModel"],
        "tokenizer": ["transformers", "T5TokenizerFast"], "transformer": ["diffusers", "WanTransformer3DModel"], "vae": ["diffusers", "AutoencoderKLWan"]})
    dump(f"{folder}/generation.json", {"frames": 33, "height": 96, "width": 160, "fps": 16, "steps": steps, "guidance": guidance, "flow_shift": 3.0, "text_rows": text_module.LENGTH})


def load(folder: str, text=None, transformer=None, vae=None) -> dict:
    """Fills the given networks from a folder; returns the latents' statistics."""
    if text is not None:
        text.load_state_dict(load_tensors(f"{folder}/text_encoder/model.safetensors"))
    if transformer is not None:
        index = json.load(open(f"{folder}/transformer/diffusion_pytorch_model.safetensors.index.json"))
        state = {}
        for file in sorted(set(index["weight_map"].values())):
            state.update(load_tensors(f"{folder}/transformer/{file}"))
        transformer.load_state_dict(state)
    if vae is not None:
        vae.load_state_dict(load_tensors(f"{folder}/vae/diffusion_pytorch_model.safetensors"))
    config = json.load(open(f"{folder}/vae/config.json"))
    return {"mean": config["latents_mean"], "std": config["latents_std"]}


class Model:
    """A loaded folder, ready to generate."""

    def __init__(self, folder: str, device):
        self.text, self.transformer, self.vae = text_module.TextEncoder(), transformer_module.Transformer(), vae_module.VAE()
        self.stats = load(folder, self.text, self.transformer, self.vae)
        for m in (self.text, self.transformer, self.vae):
            m.to(device).eval().requires_grad_(False)
        self.mean, self.std = (torch.tensor(self.stats[k], device=device).view(1, -1, 1, 1, 1) for k in ("mean", "std"))
