"""A checkpoint of the Transformer with an encoder and a decoder -> a folder that opens as transformers' mBART.

`MBartForConditionalGeneration` has our layers, tensor by tensor: normalised before each branch, at the beginning and at
the end of each stack, with embeddings scaled by sqrt(d). BART itself normalises after each branch, and Marian's
tokenizer wants another library. What differs is written here: three projections for one of queries, keys and values, a
key and a value projection in each layer for the one that makes the memory, two unused rows before the positions, and a
bias of the logits, zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoint import load, read_tensors, save_tensors, write_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from zoo.models.text.seq2seq import TransformerConfig

_NORMS = {"norm1": "self_attn_layer_norm", "norm2": "final_layer_norm"}
_DECODER_NORMS = {"norm1": "self_attn_layer_norm", "norm2": "encoder_attn_layer_norm", "norm3": "final_layer_norm"}
_OFFSET = 2
"""Rows that mBART's positions begin with and never look at."""


def write_mbart(folder: Path, out: Path) -> None:
    """Write a checkpoint as mBART, with its tokenizer, into the existing folder `out`.

    `generate` searches with four beams, as this zoo does by default, and never writes what a target cannot hold. The
    text of a source begins with the token of its direction and is in small letters: see the card. Raises
    CheckpointError when the checkpoint does not load, ValueError when its tokenizer is missing or of another size,
    OSError when a file cannot be written.
    """
    from zoo.data import tokenizer
    from zoo.data.text import END, PAD
    from zoo.data.tokenizer import UNKNOWN

    config: TransformerConfig = load(folder).model.config  # checks the whole of it
    known = tokenizer.load(folder)
    if known.get_vocab_size() != config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {known.get_vocab_size():,} tokens, its model {config.vocab_size:,}"
        )
    tensors = read_tensors(folder / "model.safetensors")
    save_tensors(mbart_tensors(tensors, config), out / "model.safetensors")
    ids = {"pad_token_id": known.token_to_id(PAD), "eos_token_id": known.token_to_id(END)}
    ids |= {"bos_token_id": None, "decoder_start_token_id": ids["eos_token_id"], "forced_eos_token_id": None}
    write_json(out / "config.json", {**_config(config), **ids})
    write_json(out / "generation_config.json", {**_generation(config, known), **ids})
    special = {"eos_token": END, "pad_token": PAD, "unk_token": UNKNOWN}
    write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": config.context_length,
            "clean_up_tokenization_spaces": False,
            **special,
        },
    )
    (out / "tokenizer.json").write_text(known.to_str(pretty=True), encoding="utf-8")


def mbart_tensors(tensors: dict[str, Tensor], config: TransformerConfig) -> dict[str, Tensor]:
    """A Transformer's tensors by the names of MBartForConditionalGeneration."""
    import torch

    found = {
        "model.shared.weight": tensors["tokens.weight"],
        "final_logits_bias": torch.zeros(1, config.vocab_size, dtype=tensors["tokens.weight"].dtype),
    }
    for stack, layers in (("encoder", config.encoder_layers), ("decoder", config.decoder_layers)):
        positions = tensors[f"{stack}.positions.weight"]
        unused = torch.zeros(_OFFSET, positions.shape[1], dtype=positions.dtype)
        found[f"model.{stack}.embed_positions.weight"] = torch.cat([unused, positions])
        for kind in ("weight", "bias"):
            found[f"model.{stack}.layernorm_embedding.{kind}"] = tensors[f"{stack}.norm_in.{kind}"]
            found[f"model.{stack}.layer_norm.{kind}"] = tensors[f"{stack}.norm_out.{kind}"]
            for i in range(layers):
                found |= _layer(tensors, stack, i, kind)
    for kind in ("weight", "bias"):
        parts = tensors[f"memory.{kind}"].chunk(2 * config.decoder_layers)
        for i in range(config.decoder_layers):
            cross = f"model.decoder.layers.{i}.encoder_attn"
            found |= {f"{cross}.k_proj.{kind}": parts[2 * i], f"{cross}.v_proj.{kind}": parts[2 * i + 1]}
    return {name: tensor.clone().contiguous() for name, tensor in found.items()}


def _layer(tensors: dict[str, Tensor], stack: str, number: int, kind: str) -> dict[str, Tensor]:
    """The weights, or the biases, of one layer but for what it makes of the memory."""
    ours, theirs = f"{stack}.layers.{number}", f"model.{stack}.layers.{number}"
    names = {"attention.out": "self_attn.out_proj", "perceptron.fc": "fc1", "perceptron.out": "fc2"}
    if stack == "decoder":
        names |= {"cross.query": "encoder_attn.q_proj", "cross.out": "encoder_attn.out_proj", **_DECODER_NORMS}
    else:
        names |= _NORMS
    found = {f"{theirs}.{other}.{kind}": tensors[f"{ours}.{name}.{kind}"] for name, other in names.items()}
    projections = tensors[f"{ours}.attention.qkv.{kind}"].chunk(3)
    return found | {
        f"{theirs}.self_attn.{name}_proj.{kind}": part for name, part in zip("qkv", projections, strict=True)
    }


def _config(config: TransformerConfig) -> dict[str, Any]:
    return {
        "architectures": ["MBartForConditionalGeneration"],
        "model_type": "mbart",
        "is_encoder_decoder": True,
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "d_model": config.embedding_dim,
        "encoder_layers": config.encoder_layers,
        "decoder_layers": config.decoder_layers,
        "encoder_attention_heads": config.num_heads,
        "decoder_attention_heads": config.num_heads,
        "encoder_ffn_dim": config.hidden_dim,
        "decoder_ffn_dim": config.hidden_dim,
        "activation_function": "relu",
        "scale_embedding": True,
        "dropout": config.dropout,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "tie_word_embeddings": True,
        "dtype": "float32",
    }


def _generation(config: TransformerConfig, known: Tokenizer) -> dict[str, Any]:
    """How `generate` searches unless told otherwise: as this zoo does."""
    from zoo.data.sequences import never_written

    return {
        "num_beams": 4,
        "do_sample": False,
        "length_penalty": 1.0,
        "early_stopping": False,
        "max_length": config.context_length + 1,  # it counts the token that begins a target
        "suppress_tokens": never_written(known),
    }
