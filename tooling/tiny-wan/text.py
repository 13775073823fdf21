"""The text side: a word tokenizer (as a Unigram tokenizer.json) and a small UMT5 encoder with the parameter names of UMT5EncoderModel."""
import json
import math
import re

import torch
import torch.nn.functional as F
from torch import nn

from transformer import TEXT
from words import all_words

LENGTH = 64  # rows of text the transformer sees
KV, HEADS, FF, LAYERS = 32, 4, 256, 3

# Words that no caption holds yet keep free rows, so that later scenes need no new table.
SPARE = """behind front above under near between big small large tiny fast slow slowly quickly shiny matte cone pyramid torus ring star black silver gold golden sand grass water snow
wooden metal dog cat bird car boat house tree person walking running jumping flying morning fog rain two three four five both other another one""".split()
WORDS = all_words()
PIECES = ["<pad>", "</s>", "<unk>"] + ["▁" + w for w in WORDS] + ["▁" + w for w in SPARE if w not in WORDS]
PIECES += ["▁", ",", "."] + [c for c in "abcdefghijklmnopqrstuvwxyz0123456789!?'-"]
ID = {p: i for i, p in enumerate(PIECES)}


def tokenizer_json() -> dict:
    """A whole word is one piece; any other word falls into letters, upper case counts as lower case."""
    score = lambda i, p: 0.0 if i < 3 else (-4.0 if len(p) > 1 or p in ",." else -9.0)
    lower = [{"type": "Replace", "pattern": {"String": c.upper()}, "content": c} for c in "abcdefghijklmnopqrstuvwxyz"]
    special = [{"id": i, "content": PIECES[i], "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True} for i in range(3)]
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}
    end = {"SpecialToken": {"id": "</s>", "type_id": 0}}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}, *lower, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
        "pre_tokenizer": metaspace, "decoder": metaspace,
        "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, end],
                           "pair": [{"Sequence": {"id": "A", "type_id": 0}}, end, {"Sequence": {"id": "B", "type_id": 0}}, end],
                           "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
        "model": {"type": "Unigram", "unk_id": 2, "vocab": [[p, score(i, p)] for i, p in enumerate(PIECES)], "byte_fallback": False},
    }


def token_ids(caption: str) -> list:
    """What the tokenizer gives for a caption of known words."""
    ids = []
    for word in caption.lower().split():
        body, tail = re.fullmatch(r"([^,.]*)([,.]*)", word).groups()
        ids += [ID["▁" + body]] + [ID[c] for c in tail]
    return [*ids[: LENGTH - 1], 1]


def tokenize(captions) -> torch.Tensor:
    """Token numbers [n, LENGTH], 0 after the end."""
    out = torch.zeros(len(captions), LENGTH, dtype=torch.long)
    for row, c in zip(out, captions):
        ids = token_ids(c)
        row[: len(ids)] = torch.tensor(ids)
    return out


def buckets(length: int) -> torch.Tensor:
    """Bucket [query, key] of relative positions: exact up to 7, then logarithmic up to 128; keys after the query count from 16."""
    r = torch.arange(length)[None, :] - torch.arange(length)[:, None]
    a = r.abs()
    far = 8 + (torch.log(a.clamp(min=1).float() / 8) / math.log(16) * 8).long()
    return (r > 0).long() * 16 + torch.where(a < 8, a, far.clamp(max=15))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(TEXT))

    def forward(self, x):
        y = x.float()
        return (y * torch.rsqrt(y.square().mean(-1, keepdim=True) + 1e-6) * self.weight).to(x.dtype)


class SelfAttention(nn.Module):
    def __init__(self):
        super().__init__()
        line = lambda a, b: nn.Linear(a, b, bias=False)
        self.q, self.k, self.v, self.o = line(TEXT, HEADS * KV), line(TEXT, HEADS * KV), line(TEXT, HEADS * KV), line(HEADS * KV, TEXT)
        self.relative_attention_bias = nn.Embedding(32, HEADS)
        nn.init.normal_(self.q.weight, std=(TEXT * KV) ** -0.5)
        nn.init.normal_(self.relative_attention_bias.weight, std=0.1)

    def forward(self, x, bucket, present):
        q, k, v = (f(x).unflatten(-1, (HEADS, KV)).transpose(1, 2).float() for f in (self.q, self.k, self.v))
        logits = q @ k.mT + self.relative_attention_bias(bucket).permute(2, 0, 1).float()
        weights = logits.masked_fill(~present[:, None, None], -1e30).softmax(-1)
        return self.o((weights @ v).transpose(1, 2).flatten(2).to(x.dtype))


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.wi_0, self.wi_1, self.wo = nn.Linear(TEXT, FF, bias=False), nn.Linear(TEXT, FF, bias=False), nn.Linear(FF, TEXT, bias=False)

    def forward(self, x):
        return self.wo(F.gelu(self.wi_0(x), approximate="tanh") * self.wi_1(x))


class Layer(nn.Module):
    def __init__(self, name, module):
        super().__init__()
        self.layer_norm = Scale()
        setattr(self, name, module)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.ModuleList([Layer("SelfAttention", SelfAttention()), Layer("DenseReluDense", Gated())])

    def forward(self, x, bucket, present):
        a, b = self.layer
        x = x + a.SelfAttention(a.layer_norm(x), bucket, present)
        return x + b.DenseReluDense(b.layer_norm(x))


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.final_layer_norm = nn.ModuleList([Block() for _ in range(LAYERS)]), Scale()


class TextEncoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.shared, self.encoder = nn.Embedding(len(PIECES), TEXT), Stack()
        self.register_buffer("bucket", buckets(LENGTH), persistent=False)

    def forward(self, ids):
        """Token numbers [n, LENGTH] -> rows [n, LENGTH, TEXT], zero where there is no token."""
        present = ids != 0
        x = self.shared(ids)
        for block in self.encoder.block:
            x = block(x, self.bucket, present)
        return self.encoder.final_layer_norm(x) * present[..., None]


CONFIG = dict(architectures=["UMT5EncoderModel"], model_type="umt5", d_model=TEXT, d_kv=KV, d_ff=FF, num_layers=LAYERS, num_decoder_layers=LAYERS, num_heads=HEADS,
              feed_forward_proj="gated-gelu", dense_act_fn="gelu_new", is_gated_act=True, dropout_rate=0.0, classifier_dropout=0.0, layer_norm_epsilon=1e-6, initializer_factor=1.0,
              relative_attention_num_buckets=32, relative_attention_max_distance=128, is_encoder_decoder=True, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0,
              tie_word_embeddings=True, use_cache=True, vocab_size=len(PIECES), dtype="float16")


def save_tokenizer(folder: str):
    json.dump(tokenizer_json(), open(f"{folder}/tokenizer.json", "w"), ensure_ascii=False, indent=1)
    json.dump(dict(tokenizer_class="T5TokenizerFast", pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=LENGTH, extra_ids=0),
              open(f"{folder}/tokenizer_config.json", "w"), indent=1)
