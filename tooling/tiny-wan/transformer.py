"""The Wan transformer, with the parameter names and results of WanTransformer3DModel."""
import math

import torch
import torch.nn.functional as F
from torch import nn

from vae import Z

DIM, HEADS, FFN, LAYERS, TEXT, FREQ = 256, 4, 1024, 8, 128, 256
CONFIG = dict(patch_size=[1, 2, 2], num_attention_heads=HEADS, attention_head_dim=DIM // HEADS, in_channels=Z, out_channels=Z, text_dim=TEXT, freq_dim=FREQ, ffn_dim=FFN,
              num_layers=LAYERS, cross_attn_norm=True, qk_norm="rms_norm_across_heads", eps=1e-6, image_dim=None, added_kv_proj_dim=None, rope_max_seq_len=256,
              pos_embed_seq_len=None)


def rotary(frames: int, height: int, width: int, device) -> tuple:
    """Cosines and sines [tokens, 1, D/2] of the three axes: D - 4 (D // 6) numbers for time, 2 (D // 6) each for height and width."""
    d = DIM // HEADS
    side = 2 * (d // 6)
    axes = []
    for count, size in ((frames, d - 2 * side), (height, side), (width, side)):
        base = 1.0 / 10000.0 ** (torch.arange(0, size, 2, dtype=torch.float64) / size)
        axes.append(torch.outer(torch.arange(count, dtype=torch.float64), base))
    t, h, w = axes
    angle = torch.cat([t[:, None, None].expand(-1, height, width, -1), h[None, :, None].expand(frames, -1, width, -1), w[None, None].expand(frames, height, -1, -1)], -1)
    angle = angle.reshape(frames * height * width, 1, d // 2).float().to(device)
    return angle.cos(), angle.sin()


def rms(x, weight):
    x32 = x.float()
    return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + 1e-6) * weight).to(x.dtype)


def rotate(x, cos, sin):
    a, b = x.float().unflatten(-1, (-1, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2).to(x.dtype)


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(DIM))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.to_q, self.to_k, self.to_v = nn.Linear(DIM, DIM), nn.Linear(DIM, DIM), nn.Linear(DIM, DIM)
        self.to_out = nn.ModuleList([nn.Linear(DIM, DIM)])
        self.norm_q, self.norm_k = Scale(), Scale()

    def forward(self, x, context, cos=None, sin=None):
        split = lambda t: t.unflatten(-1, (HEADS, -1))
        q, k, v = split(rms(self.to_q(x), self.norm_q.weight)), split(rms(self.to_k(context), self.norm_k.weight)), split(self.to_v(context))
        if cos is not None:
            q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
        return self.to_out[0](y.transpose(1, 2).flatten(2))


class Gelu(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(DIM, FFN)

    def forward(self, x):
        return F.gelu(self.proj(x), approximate="tanh")


class FeedForward(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.ModuleList([Gelu(), nn.Identity(), nn.Linear(FFN, DIM)])

    def forward(self, x):
        return self.net[2](self.net[0](x))


def modulate(x, shift, scale):
    y = F.layer_norm(x.float(), (DIM,), eps=1e-6)
    return (y * (1 + scale) + shift).to(x.dtype)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale_shift_table = nn.Parameter(torch.randn(1, 6, DIM) / DIM**0.5)
        self.attn1, self.attn2, self.norm2, self.ffn = Attention(), Attention(), nn.LayerNorm(DIM, eps=1e-6), FeedForward()

    def forward(self, x, text, m, cos, sin):
        shift1, scale1, gate1, shift2, scale2, gate2 = (self.scale_shift_table + m.float())[:, :, None].unbind(1)
        a = modulate(x, shift1, scale1)
        x = (x.float() + gate1 * self.attn1(a, a, cos, sin).float()).to(x.dtype)
        b = F.layer_norm(x.float(), (DIM,), self.norm2.weight.float(), self.norm2.bias.float(), eps=1e-6).to(x.dtype)
        x = x + self.attn2(b, text)
        c = modulate(x, shift2, scale2)
        return (x.float() + gate2 * self.ffn(c).float()).to(x.dtype)


class Two(nn.Module):
    """Two linear layers with something between."""

    def __init__(self, a, b, between):
        super().__init__()
        self.linear_1, self.linear_2, self.between = nn.Linear(a, b), nn.Linear(b, b), between

    def forward(self, x):
        return self.linear_2(self.between(self.linear_1(x)))


class Condition(nn.Module):
    def __init__(self):
        super().__init__()
        self.time_embedder, self.time_proj = Two(FREQ, DIM, F.silu), nn.Linear(DIM, 6 * DIM)
        self.text_embedder = Two(TEXT, DIM, lambda x: F.gelu(x, approximate="tanh"))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch_embedding = nn.Conv3d(Z, DIM, (1, 2, 2), (1, 2, 2))
        self.condition_embedder, self.blocks = Condition(), nn.ModuleList([Block() for _ in range(LAYERS)])
        self.proj_out = nn.Linear(DIM, 4 * Z)
        self.scale_shift_table = nn.Parameter(torch.randn(1, 2, DIM) / DIM**0.5)
        nn.init.zeros_(self.proj_out.weight), nn.init.zeros_(self.proj_out.bias)
        self.tables = {}

    def forward(self, x, t, text):
        """x [B, Z, T, H, W], t [B] in 0..1000, text [B, L, TEXT] -> velocity like x, in single floats."""
        n, c, f, h, w = x.shape
        grid = (f, h // 2, w // 2)
        if grid not in self.tables:
            self.tables[grid] = rotary(*grid, x.device)
        cos, sin = self.tables[grid]
        y = x.view(n, c, f, h // 2, 2, w // 2, 2).permute(0, 2, 3, 5, 1, 4, 6).reshape(n, math.prod(grid), 4 * c)
        y = F.linear(y, self.patch_embedding.weight.flatten(1), self.patch_embedding.bias)
        frequency = torch.exp(-math.log(10000) * torch.arange(FREQ // 2, device=x.device) / (FREQ // 2))
        angle = t.float()[:, None] * frequency
        embedded = self.condition_embedder.time_embedder(torch.cat([angle.cos(), angle.sin()], -1))
        m = self.condition_embedder.time_proj(F.silu(embedded)).view(n, 6, DIM)
        text = self.condition_embedder.text_embedder(text)
        for block in self.blocks:
            y = block(y, text, m, cos, sin)
        shift, scale = (self.scale_shift_table + embedded.float()[:, None]).chunk(2, 1)
        y = self.proj_out(modulate(y, shift, scale)).float()
        return y.view(n, *grid, 2, 2, c).permute(0, 6, 1, 2, 4, 3, 5).reshape(x.shape)
