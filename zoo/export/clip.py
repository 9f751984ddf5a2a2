"""A checkpoint of pictures and words -> a folder that transformers opens by itself, with none of this zoo's code.

Its class is `CLIPModel`, tensor by tensor; what differs is written here: three projections for one of queries, keys and
values. The tokenizer is of BERT's kind, whose [SEP] ends a caption. The image processor lays no picture on white and
cuts no margins off: it scales to the model's size and takes the values to [-1, 1].
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoint import load, read_tensors, save_tensors, write_json
from zoo.data.captions import CATALOGUE
from zoo.data.dialogue import FIRST, LAST, PAD, UNKNOWN_PIECE

if TYPE_CHECKING:
    from tokenizers import Tokenizer
    from torch import Tensor

    from zoo.models.crossmodal.contrastive import ContrastiveConfig
    from zoo.models.image.text_to_image import LatentDiffusionConfig

_ROLES = {
    "pad_token": PAD, "unk_token": UNKNOWN_PIECE, "bos_token": FIRST, "eos_token": LAST, "cls_token": FIRST,
    "sep_token": LAST,
}  # fmt: skip
_LAYERS = {
    "norm1": "layer_norm1", "proj": "self_attn.out_proj", "norm2": "layer_norm2", "fc": "mlp.fc1", "fc_proj": "mlp.fc2",
}  # fmt: skip
_NAMES = {
    "log_scale": "logit_scale",
    "pictures.patches.weight": "vision_model.embeddings.patch_embedding.weight",
    "pictures.whole": "vision_model.embeddings.class_embedding",
    "pictures.positions.weight": "vision_model.embeddings.position_embedding.weight",
    "pictures.projection.weight": "visual_projection.weight",
    "projection.weight": "text_projection.weight",
}
_NORMS = {"pictures.norm_in": "vision_model.pre_layrnorm", "pictures.norm_out": "vision_model.post_layernorm"}


def write_clip(folder: Path, out: Path) -> None:
    """Write a checkpoint of pictures and words as a CLIPModel, with its tokenizer, into the existing folder `out`.

    The weights stay as precise as they are stored and are computed with as float32. Raises CheckpointError when the
    checkpoint does not load, ValueError when its tokenizer is missing or of another size, OSError when a file cannot be
    written.
    """
    from zoo.data import tokenizer

    config: ContrastiveConfig = load(folder).model.config  # checks the whole of it
    known = tokenizer.load(folder)
    if known.get_vocab_size() != config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {known.get_vocab_size():,} tokens, its model {config.vocab_size:,}"
        )
    save_tensors(clip_tensors(read_tensors(folder / "model.safetensors"), config), out / "model.safetensors")
    write_json(out / "config.json", clip_config(config, pad=known.token_to_id(PAD), begin=known.token_to_id(FIRST)))
    write_tokenizer(known, config.context_length, out)
    write_json(out / "preprocessor_config.json", _processor(config))
    if (folder / CATALOGUE).is_file():
        shutil.copy(folder / CATALOGUE, out / CATALOGUE)


def write_tokenizer(known: Tokenizer, context_length: int, out: Path) -> None:
    """Write a tokenizer of BERT's kind, whose last mark ends a caption, into the existing folder `out`."""
    write_json(
        out / "tokenizer_config.json",
        {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": context_length,
            "model_input_names": ["input_ids", "attention_mask"],
            "clean_up_tokenization_spaces": False,
            **_ROLES,
        },
    )
    (out / "tokenizer.json").write_text(known.to_str(pretty=True), encoding="utf-8")


def clip_tensors(tensors: dict[str, Tensor], config: ContrastiveConfig) -> dict[str, Tensor]:
    """The tensors by the names of CLIPModel."""
    found = {theirs: tensors[ours] for ours, theirs in _NAMES.items()}
    # Their model does not bound the scale, ours does.
    found["logit_scale"] = tensors["log_scale"].clamp(max=math.log(100.0))
    for kind in ("weight", "bias"):
        found |= {f"{theirs}.{kind}": tensors[f"{ours}.{kind}"] for ours, theirs in _NORMS.items()}
    found |= _layers(tensors, "pictures", "vision_model", config.image_layers)
    found |= text_tensors(tensors, "captions", config.text_layers)
    return {name: tensor.clone().contiguous() for name, tensor in found.items()}


def text_tensors(tensors: dict[str, Tensor], ours: str, layers: int) -> dict[str, Tensor]:
    """The tensors of an encoder of captions, called `ours`, by the names of CLIP's text model."""
    found = _layers(tensors, ours, "text_model", layers)
    for name, theirs in (("tokens", "token"), ("positions", "position")):
        found[f"text_model.embeddings.{theirs}_embedding.weight"] = tensors[f"{ours}.{name}.weight"]
    for kind in ("weight", "bias"):
        found[f"text_model.final_layer_norm.{kind}"] = tensors[f"{ours}.norm.{kind}"]
    return found


def _layers(tensors: dict[str, Tensor], side: str, model: str, layers: int) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for i in range(layers):
        ours, theirs = f"{side}.blocks.{i}", f"{model}.encoder.layers.{i}"
        for kind in ("weight", "bias"):
            found |= {f"{theirs}.{n}.{kind}": tensors[f"{ours}.{own}.{kind}"] for own, n in _LAYERS.items()}
            for name, part in zip("qkv", tensors[f"{ours}.qkv.{kind}"].chunk(3), strict=True):
                found[f"{theirs}.self_attn.{name}_proj.{kind}"] = part
    return found


def clip_config(config: ContrastiveConfig, *, pad: int | None, begin: int | None) -> dict[str, Any]:
    """config.json of the CLIPModel."""
    return {
        "architectures": ["CLIPModel"],
        "model_type": "clip",
        "projection_dim": config.embedding_dim,
        "logit_scale_init_value": 2.6592,
        "text_config": {
            **text_config(config, pad=pad, begin=begin),
            "projection_dim": config.embedding_dim,
        },
        "vision_config": {
            "model_type": "clip_vision_model",
            "image_size": config.image_size,
            "patch_size": config.patch_size,
            "num_channels": 3,
            "hidden_size": config.image_dim,
            "intermediate_size": 4 * config.image_dim,
            "num_hidden_layers": config.image_layers,
            "projection_dim": config.embedding_dim,
            **_attention(config),
        },
        "dtype": "float32",
    }


def text_config(
    config: ContrastiveConfig | LatentDiffusionConfig, *, pad: int | None, begin: int | None
) -> dict[str, Any]:
    """config.json of CLIP's text model."""
    return {
        "model_type": "clip_text_model",
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context_length,
        "hidden_size": config.text_dim,
        "intermediate_size": 4 * config.text_dim,
        "num_hidden_layers": config.text_layers,
        "pad_token_id": pad,
        "bos_token_id": begin,
        "eos_token_id": config.end_token,
        **_attention(config),
    }


def _attention(config: ContrastiveConfig | LatentDiffusionConfig) -> dict[str, Any]:
    return {
        "num_attention_heads": config.num_heads,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-5,
        "attention_dropout": 0.0,
    }


def _processor(config: ContrastiveConfig) -> dict[str, Any]:
    size = {"height": config.image_size, "width": config.image_size}
    return {
        "image_processor_type": "CLIPImageProcessor",
        "do_convert_rgb": True,
        "do_resize": True,
        "size": size,
        "resample": 4,  # the mean of the pixels that a new one covers, as the zoo makes pictures smaller
        "do_center_crop": False,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
    }
