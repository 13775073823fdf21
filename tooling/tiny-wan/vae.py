"""The Wan video autoencoder (2.1 form, pixels folded 2x2 before it), written for whole clips in training: channels last, all frames in one pass.

Parameter names and results are those of AutoencoderKLWan; a clip has 1 + 2k frames, latents 1 + k. The causal caches of the streamed form are not needed: a
causal convolution over the whole clip is the same, only the resampling in time treats the first frame apart.
"""
import torch
import torch.nn.functional as F
from torch import nn

Z = 8
CONFIG = dict(base_dim=32, decoder_base_dim=56, z_dim=Z, dim_mult=[1, 2], num_res_blocks=1, attn_scales=[], temperal_downsample=[True], dropout=0.0,
              is_residual=False, in_channels=12, out_channels=12, patch_size=2, scale_factor_temporal=2, scale_factor_spatial=4)


def norm_silu(x, gamma):
    """Every pixel's channels to length sqrt(C), times gamma, then SiLU. x [pixels, C]."""
    y = F.normalize(x.float(), dim=-1) * (gamma.float() * x.shape[-1] ** 0.5)
    return F.silu(y).to(x.dtype)


def compile_norms():
    global norm_silu
    norm_silu = torch.compile(norm_silu, dynamic=False)


class Norm(nn.Module):
    def __init__(self, c, dims=4):
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(c, *[1] * (dims - 1)))

    def forward(self, x):
        return norm_silu(x.reshape(-1, x.shape[-1]), self.gamma.flatten()).view(x.shape)


class Conv(nn.Conv3d):
    """Causal convolution of [N, T, H, W, C]: each frame sees itself and the frames before. Either a 3-D convolution, or (where that is faster) a 2-D one with the
    kernel's frames stacked as channels."""

    stacked = True

    def forward(self, x):
        n, t, h, w, c = x.shape
        kt, kh = self.kernel_size[:2]
        if kt > 1 and kh > 1 and not Conv.stacked:
            padded = F.pad(x, (0, 0, 0, 0, 0, 0, kt - 1, 0)).permute(0, 4, 1, 2, 3)
            return F.conv3d(padded, self.weight.contiguous(memory_format=torch.channels_last_3d), self.bias, padding=(0, kh // 2, kh // 2)).permute(0, 2, 3, 4, 1)
        if kt > 1:
            padded = F.pad(x, (0, 0, 0, 0, 0, 0, kt - 1, 0))
            x = torch.cat([padded[:, i : i + t] for i in range(kt)], -1)
        weight = self.weight.transpose(1, 2).flatten(1, 2)
        if kh == 1:
            return F.linear(x, weight.flatten(1), self.bias)
        y = F.conv2d(x.flatten(0, 1).permute(0, 3, 1, 2), weight.contiguous(memory_format=torch.channels_last), self.bias, padding=kh // 2)
        return y.permute(0, 2, 3, 1).view(n, t, h, w, -1)


class Residual(nn.Module):
    def __init__(self, a, b):
        super().__init__()
        self.norm1, self.conv1, self.norm2, self.conv2 = Norm(a), Conv(a, b, 3), Norm(b), Conv(b, b, 3)
        self.conv_shortcut = Conv(a, b, 1) if a != b else nn.Identity()

    def forward(self, x):
        return self.conv2(self.norm2(self.conv1(self.norm1(x)))) + self.conv_shortcut(x)


class Attention(nn.Module):
    """Every frame's pixels attend to one another, with one head of all channels."""

    def __init__(self, c):
        super().__init__()
        self.norm, self.to_qkv, self.proj = Norm(c, 3), nn.Conv2d(c, 3 * c, 1), nn.Conv2d(c, c, 1)

    def forward(self, x):
        n, t, h, w, c = x.shape
        y = F.normalize(x.float(), dim=-1) * (self.norm.gamma.flatten() * c**0.5)
        q, k, v = F.linear(y.to(x.dtype), self.to_qkv.weight.flatten(1), self.to_qkv.bias).view(n * t, 1, h * w, 3 * c).chunk(3, -1)
        y = F.scaled_dot_product_attention(q, k, v).view(x.shape)
        return F.linear(y, self.proj.weight.flatten(1), self.proj.bias) + x


class Middle(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.resnets, self.attentions = nn.ModuleList([Residual(c, c), Residual(c, c)]), nn.ModuleList([Attention(c)])

    def forward(self, x):
        return self.resnets[1](self.attentions[0](self.resnets[0](x)))


class Down(nn.Module):
    """Half the width, height and frames; the first frame stays alone."""

    def __init__(self, c):
        super().__init__()
        self.resample, self.time_conv = nn.Sequential(nn.Identity(), nn.Conv2d(c, c, 3, stride=2)), Conv(c, c, (3, 1, 1))

    def forward(self, x):
        n, t, h, w, c = x.shape
        y = F.conv2d(F.pad(x.flatten(0, 1).permute(0, 3, 1, 2), (0, 1, 0, 1)), self.resample[1].weight, self.resample[1].bias, stride=2)
        y = y.permute(0, 2, 3, 1).reshape(n, t, h // 2, w // 2, c)
        if t == 1:
            return y
        pairs = torch.cat([y[:, 0:-2:2], y[:, 1:-1:2], y[:, 2::2]], -1)
        later = F.linear(pairs, self.time_conv.weight.transpose(1, 2).flatten(1), self.time_conv.bias)
        return torch.cat([y[:, :1], later.to(y.dtype)], 1)


class Up(nn.Module):
    """Twice the frames (but the first), width and height; half the channels."""

    def __init__(self, c):
        super().__init__()
        self.resample, self.time_conv = nn.Sequential(nn.Identity(), nn.Conv2d(c, c // 2, 3, padding=1)), Conv(c, 2 * c, (3, 1, 1))

    def forward(self, x):
        n, t, h, w, c = x.shape
        if t > 1:
            later = self.time_conv(x[:, 1:]).view(n, t - 1, h, w, 2, c).permute(0, 1, 4, 2, 3, 5).reshape(n, 2 * t - 2, h, w, c)
            x = torch.cat([x[:, :1], later.to(x.dtype)], 1)
        x = x.flatten(0, 1)
        x = x[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1).reshape(len(x), 2 * h, 2 * w, c)
        y = F.conv2d(x.permute(0, 3, 1, 2), self.resample[1].weight, self.resample[1].bias, padding=1)
        return y.permute(0, 2, 3, 1).view(n, -1, 2 * h, 2 * w, c // 2)


class Encoder(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.conv_in = Conv(12, b, 3)
        self.down_blocks = nn.ModuleList([Residual(b, b), Down(b), Residual(b, 2 * b)])
        self.mid_block, self.norm_out, self.conv_out = Middle(2 * b), Norm(2 * b), Conv(2 * b, 2 * Z, 3)

    def forward(self, x):
        x = self.conv_in(x)
        for block in self.down_blocks:
            x = block(x)
        return self.conv_out(self.norm_out(self.mid_block(x)))


class UpBlock(nn.Module):
    def __init__(self, c, up):
        super().__init__()
        self.resnets = nn.ModuleList([Residual(c, c), Residual(c, c)])
        self.upsamplers = nn.ModuleList([Up(c)]) if up else []

    def forward(self, x):
        for block in [*self.resnets, *self.upsamplers]:
            x = block(x)
        return x


class Decoder(nn.Module):
    def __init__(self, b):
        super().__init__()
        self.conv_in, self.mid_block = Conv(Z, 2 * b, 3), Middle(2 * b)
        self.up_blocks = nn.ModuleList([UpBlock(2 * b, True), UpBlock(b, False)])
        self.norm_out, self.conv_out = Norm(b), Conv(b, 12, 3)

    def forward(self, z):
        x = self.mid_block(self.conv_in(z))
        for block in self.up_blocks:
            x = block(x)
        return self.conv_out(self.norm_out(x))


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(CONFIG["base_dim"]), Decoder(CONFIG["decoder_base_dim"])
        self.quant_conv, self.post_quant_conv = Conv(2 * Z, 2 * Z, 1), Conv(Z, Z, 1)

    def encode(self, video):
        """video [N, 3, F, H, W] -> mean and log variance [N, Z, T, H/4, W/4]."""
        n, c, f, h, w = video.shape
        x = video.view(n, c, f, h // 2, 2, w // 2, 2).permute(0, 2, 3, 5, 1, 6, 4).reshape(n, f, h // 2, w // 2, 12)
        mean, logvar = self.quant_conv(self.encoder(x)).float().chunk(2, -1)
        return mean.permute(0, 4, 1, 2, 3), logvar.clamp(-30, 20).permute(0, 4, 1, 2, 3)

    def decode(self, z):
        """z [N, Z, T, h, w] -> video, not clamped."""
        y = self.decoder(self.post_quant_conv(z.permute(0, 2, 3, 4, 1)))
        n, f, h, w, _ = y.shape
        return y.float().view(n, f, h, w, 3, 2, 2).permute(0, 4, 1, 2, 6, 3, 5).reshape(n, 3, f, 2 * h, 2 * w)
