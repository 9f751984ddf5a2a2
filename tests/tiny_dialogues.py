"""Untrained BERTs and an untrained chat, with tokenizers of the bundled dialogues, made in seconds."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from zoo import checkpoint, registry
from zoo.data.dialogue import REPLIES, ROLES, TOPICS, Exchanges, train_chat
from zoo.data.load import load
from zoo.engine.modules import Modules
from zoo.generate import replies
from zoo.models.text.bert import BertConfig
from zoo.models.text.gpt import GPTConfig

BODY: dict[str, Any] = {"context_length": 32, "num_layers": 2, "num_heads": 2, "embedding_dim": 32}
HEADS: dict[str, dict[str, Any]] = {
    "bert.dialogue": {},
    "bert.topic": {"masked": False, "num_classes": len(TOPICS)},
    "bert.retrieval": {"masked": False, "replies": True},
}


@cache
def exchanges(split: str = "train") -> Exchanges:
    """Exchanges of the bundled sample with a tokenizer of their own; those of a test split have the training one's."""
    config = SimpleNamespace(context_length=32, num_classes=0, replies=True)
    tokenizer = None if split == "train" else exchanges().tokenizer
    found = load("dialogue", split, config, sample=True, tokenizer=tokenizer)
    assert isinstance(found, Exchanges)
    return found


@cache
def chat_tokenizer() -> Any:
    return train_chat([*exchanges().texts, *exchanges().replies], 1500)


def shaken(model: torch.nn.Module) -> torch.nn.Module:
    """The same network with weights so large that what goes in shows in what comes out."""
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=1.0 / parameter.shape[1] ** 0.5)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return model.eval()


def bert(**heads: Any) -> Any:
    """A BERT over the pieces of the sample."""
    size = exchanges().tokenizer.get_vocab_size()
    return shaken(registry.entry("bert").model(BertConfig(vocab_size=size, **BODY, **heads)))


def make(folder: Path) -> Path:
    """Write the four checkpoints into `folder`, which is returned."""
    for name, heads in HEADS.items():
        model, target = bert(**heads), folder / name
        target.mkdir(parents=True)
        labels = tuple(TOPICS) if "num_classes" in heads else ()
        checkpoint.save(target, model, *name.split("."), labels=labels, dtype="float32")
        exchanges().tokenizer.save(str(target / "tokenizer.json"))
        if "replies" in heads:
            replies.save(replies.gather(Modules(model), exchanges().tokenizer, exchanges(), 200), target)
            assert (target / REPLIES).is_file()
    size = chat_tokenizer().get_vocab_size()
    chat = shaken(registry.entry("gpt").model(GPTConfig(vocab_size=size, **{**BODY, "context_length": 64})))
    (folder / "gpt.dialogue").mkdir()
    checkpoint.save(folder / "gpt.dialogue", chat, "gpt", "dialogue", labels=ROLES, dtype="float32")
    chat_tokenizer().save(str(folder / "gpt.dialogue" / "tokenizer.json"))
    for target in folder.iterdir():
        checkpoint.write_json(target / "recipe.json", {"dataset": "dialogue", "licence_weights": "apache-2.0"})
    return folder
