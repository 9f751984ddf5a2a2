"""A checkpoint of BERT -> a folder that transformers opens by itself, with none of this zoo's code.

Its classes are BERT's own, tensor by tensor: `BertForMaskedLM`, `BertForSequenceClassification`, or the bare
`BertModel` for what finds replies, whose vectors are the means of its last states. What differs is written here: three
projections for one of queries, keys and values. A checkpoint with more heads than one is written as its first.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoint import load, read_tensors, save_tensors, write_json
from zoo.data.dialogue import FIRST, LAST, MASK, PAD, REPLIES, UNKNOWN_PIECE

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.models.text.bert import BertConfig

_ROLES = {
    "pad_token": PAD, "unk_token": UNKNOWN_PIECE, "cls_token": FIRST, "sep_token": LAST, "mask_token": MASK,
}  # fmt: skip
_LAYERS = {
    "proj": "attention.output.dense", "norm1": "attention.output.LayerNorm", "fc": "intermediate.dense",
    "fc_proj": "output.dense", "norm2": "output.LayerNorm",
}  # fmt: skip


def architecture_of(config: BertConfig) -> str:
    """The class of transformers that a checkpoint is written for."""
    if config.masked:
        return "BertForMaskedLM"
    return "BertForSequenceClassification" if config.num_classes else "BertModel"


def write_bert(folder: Path, out: Path) -> None:
    """Write a checkpoint of BERT, with its tokenizer and its replies, into the existing folder `out`.

    The weights stay as precise as they are stored and are computed with as float32. Raises CheckpointError when the
    checkpoint does not load, ValueError when its tokenizer is missing or of another size, OSError when a file cannot
    be written.
    """
    from zoo.data import tokenizer

    found = load(folder)  # checks the whole of it
    config: BertConfig = found.model.config
    known = tokenizer.load(folder)
    if known.get_vocab_size() != config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {known.get_vocab_size():,} tokens, its model {config.vocab_size:,}"
        )
    tensors = read_tensors(folder / "model.safetensors")
    save_tensors(bert_tensors(tensors, config), out / "model.safetensors")
    write_json(out / "config.json", _config(config, found.labels))
    write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.context_length,
            "clean_up_tokenization_spaces": False,
            **_ROLES,
        },
    )
    (out / "tokenizer.json").write_text(known.to_str(pretty=True), encoding="utf-8")
    if (folder / REPLIES).is_file():
        shutil.copy(folder / REPLIES, out / REPLIES)


def bert_tensors(tensors: dict[str, Tensor], config: BertConfig) -> dict[str, Tensor]:
    """A BERT's tensors by the names of the class that `architecture_of` names."""
    names = {"norm": "embeddings.LayerNorm"}
    for i in range(config.num_layers):
        names |= {f"blocks.{i}.{ours}": f"encoder.layer.{i}.{theirs}" for ours, theirs in _LAYERS.items()}
    found = {
        f"embeddings.{theirs}_embeddings.weight": tensors[f"{ours}.weight"]
        for ours, theirs in (("tokens", "word"), ("positions", "position"), ("types", "token_type"))
    }
    for kind in ("weight", "bias"):
        found |= {f"{theirs}.{kind}": tensors[f"{ours}.{kind}"] for ours, theirs in names.items()}
        for i in range(config.num_layers):
            parts = tensors[f"blocks.{i}.qkv.{kind}"].chunk(3)
            for name, part in zip(("query", "key", "value"), parts, strict=True):
                found[f"encoder.layer.{i}.attention.self.{name}.{kind}"] = part.contiguous()
    head: dict[str, Tensor] = {}
    for kind in ("weight", "bias"):
        if config.masked:
            head[f"cls.predictions.transform.dense.{kind}"] = tensors[f"masked_head.fc.{kind}"]
            head[f"cls.predictions.transform.LayerNorm.{kind}"] = tensors[f"masked_head.norm.{kind}"]
            head["cls.predictions.bias"] = tensors["masked_head.bias"]
        elif config.num_classes:
            found[f"pooler.dense.{kind}"] = tensors[f"classifier.pooler.{kind}"]
            head[f"classifier.{kind}"] = tensors[f"classifier.classes.{kind}"]
    before = "" if architecture_of(config) == "BertModel" else "bert."
    return {f"{before}{name}": tensor for name, tensor in found.items()} | head


def _config(config: BertConfig, labels: tuple[str, ...]) -> dict[str, Any]:
    classes = {}
    if architecture_of(config) == "BertForSequenceClassification":
        classes = {
            "id2label": {str(i): label for i, label in enumerate(labels)},
            "label2id": {label: i for i, label in enumerate(labels)},
            "problem_type": "single_label_classification",
        }
    return {
        "architectures": [architecture_of(config)],
        "model_type": "bert",
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "hidden_size": config.embedding_dim,
        "intermediate_size": 4 * config.embedding_dim,
        "num_hidden_layers": config.num_layers,
        "num_attention_heads": config.num_heads,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
        "tie_word_embeddings": True,
        "dtype": "float32",
        **classes,
    }
