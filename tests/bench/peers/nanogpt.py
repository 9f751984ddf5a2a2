"""The training loop of karpathy/nanoGPT (model.py, train.py), told again in our own words from its published recipe.

Kept: GPT-2's layout with its biases and tied embedding, the exact GELU, attention by scaled_dot_product_attention, the
start of the weights; AdamW in two groups (fused on CUDA alone, so not here), gradients clipped at 1, a learning rate
set each step, windows drawn at random and stacked from a memory of 16-bit ids, the next batch fetched between forward
and backward; fp32. Without dropout, as its own recipe for CPUs, and as ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Attention(nn.Module):
    """Causal self-attention over all heads at once."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.c_attn, self.c_proj = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, t, width) -> the same."""
        n, t, width = x.shape
        query, key, value = (
            part.view(n, t, self.heads, width // self.heads).transpose(1, 2) for part in self.c_attn(x).split(width, 2)
        )
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=True)
        return self.c_proj(mixed.transpose(1, 2).contiguous().view(n, t, width))


class Block(nn.Module):
    """Norm, attention, norm, perceptron."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.c_fc, self.c_proj = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(n, t, width) -> the same."""
        x = x + self.attention(self.ln_1(x))
        return x + self.c_proj(F.gelu(self.c_fc(self.ln_2(x))))


class NanoGPT(nn.Module):
    """Ids and targets -> loss."""

    def __init__(self, vocabulary: int, context: int, layers: int, heads: int, width: int) -> None:
        super().__init__()
        self.context = context
        self.wte, self.wpe = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        self.lm_head.weight = self.wte.weight
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, 0.0, 0.02 / (math.sqrt(2 * layers) if "c_proj" in name else 1.0))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, ids: Tensor, targets: Tensor) -> Tensor:
        """int64 (n, t) twice -> mean cross-entropy."""
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        logits = self.lm_head(self.ln_f(x))
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1), ignore_index=-1)


def _batch(ids: np.ndarray, context: int, size: int) -> tuple[Tensor, Tensor]:
    """Random windows of uint16 `ids`, and the same one further on."""
    starts = torch.randint(len(ids) - context, (size,))
    inputs = torch.stack([torch.from_numpy(ids[i : i + context].astype(np.int64)) for i in starts])
    targets = torch.stack([torch.from_numpy(ids[i + 1 : i + 1 + context].astype(np.int64)) for i in starts])
    return inputs, targets


def train(model: NanoGPT, ids: np.ndarray, batch_size: int) -> Iterator[None]:
    """Train on a text of uint16 ids, a batch at each `next`."""
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.99))
    inputs, targets = _batch(ids, model.context, batch_size)
    step = 0
    while True:
        rate = 1e-3 * (step + 1) / 101 if step < 100 else 1e-3
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(inputs, targets)
        inputs, targets = _batch(ids, model.context, batch_size)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step % 10 == 0:
            loss.item()
        step += 1
        yield
