"""A checkpoint -> a folder that the transformers library opens by itself, with none of this zoo's code.

GPT has one: `GPT2LMHeadModel`, to which its weights are renamed and transposed. The other models have none, and their
native form is ONNX (`zoo.export.graphs`). What was looked at, in transformers 5.23 and diffusers 0.42, and why it does
not fit:

- the residual classifier: `ResNetForImageClassification` applies its activation after the sum and shrinks a picture
  fourfold in its stem; `BitForImageClassification` is pre-activation, but with group norm, standardised weights and
  bottlenecks. Ours has batch norm before plain 3 x 3 convolutions, and a stem that keeps every pixel.
- the mel classifier: the classes for audio are Transformers, over waveforms or spectrograms; none is convolutional.
- the variational autoencoder: the autoencoders of diffusers (`AutoencoderKL`, `AutoencoderTiny`, `VQModel` and the
  others) keep a grid of latents with an image's height and width; ours has dense layers around a flat code.
- DCGAN and WaveNet: neither library has a class of either.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoint import load, read_tensors, save_tensors, write_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from zoo.models.text.gpt import GPTConfig


def write_gpt2(folder: Path, out: Path) -> None:
    """Write the checkpoint of a GPT as GPT-2, with its tokenizer, into the existing folder `out`.

    The weights stay as precise as they are stored and are computed with as float32. `generate` goes on to the end of
    the context, drawing as this zoo does by default. Raises CheckpointError when the checkpoint does not load,
    ValueError when its tokenizer is missing or of another size, OSError when a file cannot be written.
    """
    from zoo.data import tokenizer

    config: GPTConfig = load(folder).model.config  # checks the whole of it
    characters = tokenizer.load(folder)
    if characters.get_vocab_size() != config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {characters.get_vocab_size():,} tokens, its model {config.vocab_size:,}"
        )
    tensors = read_tensors(folder / "model.safetensors")
    save_tensors(gpt2_tensors(tensors, config.num_layers), out / "model.safetensors")
    special = _special(characters)
    ids = _ids(characters, special)
    write_json(out / "config.json", _config(config, ids))
    write_json(out / "generation_config.json", _generation(config, characters, ids))
    write_json(out / "tokenizer_config.json", _tokenizer_config(config, characters, special))
    (out / "tokenizer.json").write_text(characters.to_str(pretty=True), encoding="utf-8")


def gpt2_tensors(tensors: dict[str, Tensor], num_layers: int) -> dict[str, Tensor]:
    """A GPT's tensors by the names of GPT2LMHeadModel, in the layout of its Conv1D: (inputs, outputs)."""
    names = {"tokens.weight": "wte.weight", "positions.weight": "wpe.weight"}
    names |= {f"norm.{kind}": f"ln_f.{kind}" for kind in ("weight", "bias")}
    layers = {
        "norm1": "ln_1", "attention.qkv": "attn.c_attn", "attention.proj": "attn.c_proj", "norm2": "ln_2",
        "fc": "mlp.c_fc", "proj": "mlp.c_proj",
    }  # fmt: skip
    for i in range(num_layers):
        for ours, theirs in layers.items():
            names |= {f"blocks.{i}.{ours}.{kind}": f"h.{i}.{theirs}.{kind}" for kind in ("weight", "bias")}
    dense = tuple(f".{ours}.weight" for ours in layers if not ours.startswith("norm"))
    return {
        f"transformer.{names[name]}": (tensor.T if name.endswith(dense) else tensor).contiguous()
        for name, tensor in tensors.items()
    }


def _special(characters: Tokenizer) -> dict[str, str]:
    """What fills the roles of a tokenizer in that library; one of running characters knows only the unknown."""
    from zoo.data.text import BEGIN, END, PAD
    from zoo.data.tokenizer import UNKNOWN

    # Prompts of different lengths, side by side, need a token to fill up with; the attention mask hides it. To the
    # model it is nothing special, or `generate` would hide the unknown too.
    roles = {
        "unk_token": (UNKNOWN,),
        "bos_token": (BEGIN, END),  # the end of one story is the beginning of another
        "eos_token": (END,),
        "pad_token": (PAD, UNKNOWN, END),
    }
    known = {role: [t for t in tokens if characters.token_to_id(t) is not None] for role, tokens in roles.items()}
    return {role: tokens[0] for role, tokens in known.items() if tokens}


def _ids(characters: Tokenizer, special: dict[str, str]) -> dict[str, int | None]:
    """The numbers of those that a model's config names; None where there is none, for GPT-2's own would be meant."""
    ids = {f"{role}_id": characters.token_to_id(token) for role, token in special.items()}
    if special["pad_token"] == special.get("unk_token"):
        ids["pad_token_id"] = None
    return {key: ids.get(key) for key in ("bos_token_id", "eos_token_id", "pad_token_id")}


def _config(config: GPTConfig, ids: dict[str, int | None]) -> dict[str, Any]:
    return {
        "architectures": ["GPT2LMHeadModel"],
        "model_type": "gpt2",
        "vocab_size": config.vocab_size,
        "n_positions": config.context_length,
        "n_embd": config.embedding_dim,
        "n_layer": config.num_layers,
        "n_head": config.num_heads,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-5,
        "embd_pdrop": 0.0,
        "resid_pdrop": 0.0,
        "attn_pdrop": 0.0,
        "tie_word_embeddings": True,
        "dtype": "float32",
        **ids,
    }


def _generation(config: GPTConfig, characters: Tokenizer, ids: dict[str, int | None]) -> dict[str, Any]:
    """How `generate` draws unless told otherwise: as this zoo does, to the end of the context or of a chat's turn."""
    from zoo.data.dialogue import BOT, USER

    turns = [found for mark in (USER, BOT) if (found := characters.token_to_id(mark)) is not None]
    ends = [ids["eos_token_id"], *turns]
    newline = characters.token_to_id("\n")  # what running text goes on from when the prompt is empty
    special = sorted(i for i, token in characters.get_added_tokens_decoder().items() if token.special)
    return {
        **ids,
        "bos_token_id": newline if ids["bos_token_id"] is None else ids["bos_token_id"],
        **({"eos_token_id": ends} if turns else {}),
        "suppress_tokens": [i for i in special if i not in ends] or None,
        "do_sample": True,
        "temperature": 0.8,
        "top_k": 0,
        "top_p": 0.95,
        "max_length": config.context_length,
    }


def _tokenizer_config(config: GPTConfig, characters: Tokenizer, special: dict[str, str]) -> dict[str, Any]:
    from zoo.data.dialogue import BOT, CHAT_TEMPLATE

    chat = characters.token_to_id(BOT) is not None
    return {
        **({"chat_template": CHAT_TEMPLATE} if chat else {}),
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": config.context_length,
        "clean_up_tokenization_spaces": False,
        **special,
    }
