"""Hugging Face transformers' own GPT-2 and Trainer, the real library, at our size and on our text."""

from __future__ import annotations

import tempfile
import time
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PrinterCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)
from transformers.utils import logging


class Windows(Dataset[dict[str, torch.Tensor]]):
    """Consecutive windows of a text; the model shifts the labels itself."""

    def __init__(self, ids: np.ndarray, context: int) -> None:
        self.rows = torch.from_numpy(ids[: len(ids) // context * context].astype(np.int64)).view(-1, context)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"input_ids": self.rows[index], "labels": self.rows[index]}


class _Clock(TrainerCallback):
    """When each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.ends.append(time.perf_counter())


def gpt2(vocabulary: int, context: int, layers: int, heads: int, width: int) -> GPT2LMHeadModel:
    """The library's GPT-2 without dropout."""
    sizes = {"n_positions": context, "n_embd": width, "n_layer": layers, "n_head": heads}
    dropout = {"embd_pdrop": 0.0, "attn_pdrop": 0.0, "resid_pdrop": 0.0}
    config = GPT2Config(vocab_size=vocabulary, bos_token_id=0, eos_token_id=0, use_cache=False, **sizes, **dropout)
    return GPT2LMHeadModel(config)


def seconds(model: GPT2LMHeadModel, windows: Windows, batch_size: int, steps: int) -> float:
    """Take `steps` steps with the Trainer and its default optimiser; its start, and one step more, are not counted."""
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=batch_size, max_steps=steps + 1, learning_rate=1e-3, weight_decay=0.1,
            max_grad_norm=1.0, use_cpu=True, save_strategy="no", report_to="none", disable_tqdm=True,
            dataloader_drop_last=True, logging_strategy="no",
        )  # fmt: skip
        peer = Trainer(model, arguments, train_dataset=windows, callbacks=[clock])
        peer.remove_callback(PrinterCallback)
        peer.train()
    return clock.ends[-1] - clock.ends[0]
