"""A judge of attributes, trained on rendered clips: which shape, colours, motion, floor, sky, camera does a video show? It sees every fourth frame."""
import time

import torch
import torch.nn.functional as F
from torch import nn

import scenes
import words
from tools import device, half, say

EVERY = 4
SECOND = ("shape2", "color2", "side")  # asked only where there is a second object


def column(rows, name):
    return rows[:, words.FIELDS.index(name)].long()


class Judge(nn.Module):
    """Frames one by one, then together in space and time; the last grid stays flat because left and right matter."""

    def __init__(self, width: int = 32):
        super().__init__()
        w = width
        self.frames = nn.ModuleList([nn.Conv2d(3, w, 5, 2, 2), nn.Conv2d(w, 2 * w, 3, 2, 1), nn.Conv2d(2 * w, 4 * w, 3, 2, 1)])
        self.frame_norms = nn.ModuleList([nn.BatchNorm2d(w), nn.BatchNorm2d(2 * w), nn.BatchNorm2d(4 * w)])
        self.clips = nn.ModuleList([nn.Conv3d(4 * w, 4 * w, 3, (1, 2, 2), 1), nn.Conv3d(4 * w, 4 * w, 3, (2, 2, 2), 1)])
        self.clip_norms = nn.ModuleList([nn.BatchNorm3d(4 * w), nn.BatchNorm3d(4 * w)])
        self.hidden = nn.Linear(4 * w * 5 * 3 * 5, 512)
        self.heads = nn.ModuleDict({name: nn.Linear(512, count) for name, count in words.ATTRIBUTES.items()})

    def forward(self, video):
        """video [n, 3, 9, 96, 160] in -1..1 -> logits per attribute."""
        n, t = video.shape[0], video.shape[2]
        x = video.transpose(1, 2).flatten(0, 1)
        for conv, norm in zip(self.frames, self.frame_norms):
            x = F.relu(norm(conv(x)))
        x = x.unflatten(0, (n, t)).transpose(1, 2)
        for conv, norm in zip(self.clips, self.clip_norms):
            x = F.relu(norm(conv(x)))
        x = F.dropout(F.relu(self.hidden(x.flatten(1))), 0.2, self.training)
        return {name: head(x).float() for name, head in self.heads.items()}


def rendered(rows, chunk: int = 64):
    """Every fourth frame of scenes, as bytes."""
    frames = (scenes.FRAMES - 1) // EVERY + 1
    parts = [((scenes.render(r, frames) + 1) * 127.5).round().clamp(0, 255).byte() for r in rows.split(chunk)]
    return torch.cat(parts)


def disturbed(x):
    """What generated clips may differ by: softness, brightness, noise."""
    if torch.rand(()) < 0.5:
        x = F.interpolate(F.avg_pool3d(x, (1, 2, 2)), scale_factor=(1, 2, 2), mode="trilinear")
    return x * (1 + 0.1 * torch.randn(len(x), 1, 1, 1, 1, device=x.device)) + 0.04 * torch.randn_like(x)


def train_judge(seconds: float, clips: int = 8192, batch: int = 128, seed: int = 4321) -> Judge:
    rows = torch.tensor(words.draw(clips, seed, 0)[1], device=device)
    begin = time.time()
    pool = rendered(rows)
    say(f"judge: rendered {clips} clips in {time.time() - begin:.1f} s")
    judge = Judge().to(device)
    optimizer = torch.optim.AdamW(judge.parameters(), lr=2e-3, weight_decay=0.02)
    begin, step = time.time(), 0
    while (done := (time.time() - begin) / seconds) < 1 or step < 2:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * max(0.01, 1 - done)
        i = torch.randint(clips, (batch,), device=device)
        with half():
            logits = judge(disturbed(pool[i].float() / 127.5 - 1))
        loss = 0
        for name, value in logits.items():
            each = F.cross_entropy(value, column(rows[i], name), reduction="none")
            loss = loss + (each * column(rows[i], "second") if name in SECOND else each).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
        if step % 20 == 0 and device.type == "cuda":
            torch.cuda.synchronize()  # so that the clock is honest
        if step % 200 == 0:
            say(f"judge step {step} loss {loss.item():.3f}")
    return judge.eval()


@torch.no_grad()
def judged(judge, video, rows, chunk: int = 64) -> dict:
    """Share of clips that show what their scene says, per attribute; video [n, 3, 33 or 9, 96, 160] in -1..1."""
    if video.shape[2] == scenes.FRAMES:
        video = video[:, :, ::EVERY]
    right = {name: [] for name in words.ATTRIBUTES}
    for v, r in zip(video.split(chunk), rows.split(chunk)):
        with half():
            logits = judge(v.float())
        for name, value in logits.items():
            ok = value.argmax(1) == column(r, name)
            right[name].append(ok[column(r, "second") == 1] if name in SECOND else ok)
    return {name: torch.cat(parts).float().mean().item() for name, parts in right.items()}
