"""Recipes of BERT: to read dialogues, and from there to tell their topics and to find replies."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from train.algorithms.single_loss import SingleLoss
from train.recipe import Recipe, tiny
from zoo.data.dialogue import MASK, TOPICS
from zoo.engine.modules import Modules
from zoo.generate import replies
from zoo.models.text.bert import ENTRY, Bert, BertConfig


def build(recipe: Recipe, data: Any) -> nn.Module:
    """A BERT over the tokens of the training text, with a class for each of its topics if it is to tell them."""
    return Bert(
        replace(
            recipe.config,
            vocab_size=data.tokenizer.get_vocab_size(),
            mask_token=data.tokenizer.token_to_id(MASK),
            num_classes=len(data.labels),
        )
    )


def finish(model: Any, data: Any, folder: Path) -> None:
    """Put what a replier answers with beside its weights."""
    if model.config.replies:
        replies.save(replies.gather(Modules(model), data.tokenizer, data), folder)


_DIALOGUE = Recipe(
    config=BertConfig(dropout=0.1),
    algorithm=SingleLoss(learning_rate=1e-3, beta2=0.98, weight_decay=0.05),
    dataset="dialogue",
    metric="masked accuracy",
    better="higher",
    steps=9000,
    batch_size=128,
    precision="auto",
    weights="int8",
    warmup=500,
    evaluate_every=500,
    save_every=500,
)
_TOPIC = replace(
    _DIALOGUE,
    config=replace(_DIALOGUE.config, masked=False, num_classes=len(TOPICS)),
    algorithm=replace(_DIALOGUE.algorithm, learning_rate=2e-4),
    metric="accuracy",
    base="bert.dialogue",
    steps=1500,
    warmup=100,
    ema_decay=0.99,
    evaluate_every=150,
)
PRESETS = {
    "dialogue": _DIALOGUE,
    "topic": _TOPIC,
    "retrieval": replace(
        _TOPIC,
        config=replace(_DIALOGUE.config, masked=False, replies=True),
        algorithm=replace(_DIALOGUE.algorithm, learning_rate=5e-4),
        metric="recall@1",
        steps=1600,
        batch_size=192,
        evaluate_every=200,
    ),
    "tiny": tiny(_DIALOGUE, ENTRY.tiny),
}
