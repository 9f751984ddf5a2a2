"""A checkpoint of latent diffusion -> a folder that diffusers opens as a `StableDiffusionPipeline`, without this zoo.

model_index.json, `vae/` (AutoencoderKL), `text_encoder/` (CLIPTextModel), `tokenizer/`, `unet/` (UNet2DConditionModel)
and `scheduler/` (DDIMScheduler), each of which opens by itself as well.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoint import load, save_tensors, write_json
from zoo.data.dialogue import PAD
from zoo.export.clip import text_config, text_tensors, write_tokenizer
from zoo.export.diffusers import NETWORK_NAMES, renamed, scheduler_config

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.models.image.text_to_image import LatentDiffusionConfig

_ATTENTION = (
    (r"\.qkv\.weight$", ("attn1.to_q", "attn1.to_k", "attn1.to_v")),
    (r"\.key_value\.weight$", ("attn2.to_k", "attn2.to_v")),
)
_BLOCK = {
    "norm1": "norm1", "out1": "attn1.to_out.0", "norm2": "norm2", "query": "attn2.to_q", "out2": "attn2.to_out.0",
    "norm3": "norm3", "fc": "ff.net.0.proj", "fc_out": "ff.net.2",
}  # fmt: skip
_POOLED = {"position": "pool.positional_embedding", **{one: f"pool.{one[0]}_proj" for one in ("query", "key", "value")}}
_INSIDE = re.compile(r"^(.*attentions\.\d+)\.(\w+)\.(weight|bias)$")


def write_latent_diffusion(folder: Path, out: Path) -> None:
    """Write a checkpoint of latent diffusion as a pipeline into the existing folder `out`, in float32.

    Raises CheckpointError when the checkpoint does not load, ValueError when its tokenizer is missing or of another
    size, OSError when a file cannot be written.
    """
    from zoo.data import tokenizer

    model = load(folder).model
    config, tensors, known = model.config, model.state_dict(), tokenizer.load(folder)
    if known.get_vocab_size() != config.vocab_size:
        raise ValueError(
            f"the tokenizer of {folder} has {known.get_vocab_size():,} tokens, its model {config.vocab_size:,}"
        )
    for name in ("vae", "text_encoder", "tokenizer", "unet", "scheduler"):
        (out / name).mkdir()
    save_tensors(vae_tensors(tensors), out / "vae" / "diffusion_pytorch_model.safetensors")
    write_json(out / "vae" / "config.json", vae_config(config))
    text = text_tensors(tensors, "captions", config.text_layers)
    text = {name: tensor.contiguous() for name, tensor in text.items()}
    save_tensors(text, out / "text_encoder" / "model.safetensors")
    values = text_config(config, pad=known.token_to_id(PAD), begin=config.begin_token)
    write_json(out / "text_encoder" / "config.json", {"architectures": ["CLIPTextModel"], "dtype": "float32", **values})
    write_tokenizer(known, config.context_length, out / "tokenizer")
    save_tensors(unet_tensors(tensors), out / "unet" / "diffusion_pytorch_model.safetensors")
    write_json(out / "unet" / "config.json", unet_config(config))
    write_json(out / "scheduler" / "scheduler_config.json", latent_scheduler_config(config))
    write_json(
        out / "model_index.json",
        {
            "_class_name": "StableDiffusionPipeline",
            "vae": ["diffusers", "AutoencoderKL"],
            "text_encoder": ["transformers", "CLIPTextModel"],
            "tokenizer": ["transformers", "PreTrainedTokenizerFast"],
            "unet": ["diffusers", "UNet2DConditionModel"],
            "scheduler": ["diffusers", "DDIMScheduler"],
            "safety_checker": [None, None],
            "feature_extractor": [None, None],
            "image_encoder": [None, None],
            "requires_safety_checker": False,
        },
    )


def latent_scheduler_config(config: LatentDiffusionConfig) -> dict[str, Any]:
    """scheduler_config.json without a bound: the pipeline sets these two so itself, and warns where they were not."""
    return {**scheduler_config(config), "clip_sample": False, "steps_offset": 1}


def vae_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The autoencoder's tensors by the names of AutoencoderKL."""
    found = {}
    for name, tensor in tensors.items():
        if name.startswith("autoencoder."):
            _, half, rest = name.split(".", 2)
            found[f"{half}.{renamed(rest, NETWORK_NAMES)}"] = tensor.contiguous()
    return found


def unet_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The denoiser's tensors by the names of UNet2DConditionModel."""
    found = {}
    for name, tensor in tensors.items():
        if not name.startswith("denoiser."):
            continue
        if name.startswith("denoiser.pooled."):
            own, *rest = name.split(".")[2:]
            found[".".join(["add_embedding", _POOLED.get(own, own), *rest])] = tensor.contiguous()
            continue
        theirs = renamed(name.removeprefix("denoiser."), NETWORK_NAMES)
        inside = _INSIDE.match(theirs)
        if inside is None:
            found[theirs] = tensor.contiguous()
            continue
        place, part, kind = inside.groups()
        block = f"{place}.transformer_blocks.0"
        if part in _BLOCK:
            found[f"{block}.{_BLOCK[part]}.{kind}"] = tensor.contiguous()
        elif part in ("qkv", "key_value"):
            parts = dict(_ATTENTION)[rf"\.{part}\.weight$"]
            for one, rows in zip(parts, tensor.chunk(len(parts)), strict=True):
                found[f"{block}.{one}.weight"] = rows.contiguous()
        else:
            found[theirs] = tensor.contiguous()
    return found


def vae_config(config: LatentDiffusionConfig) -> dict[str, Any]:
    """config.json of the AutoencoderKL."""
    count = len(config.autoencoder_widths)
    return {
        "_class_name": "AutoencoderKL",
        "in_channels": 3,
        "out_channels": 3,
        "sample_size": config.image_size,
        "latent_channels": config.latent_channels,
        "block_out_channels": list(config.autoencoder_widths),
        "layers_per_block": 1,
        "down_block_types": ["DownEncoderBlock2D"] * count,
        "up_block_types": ["UpDecoderBlock2D"] * count,
        "norm_num_groups": config.groups,
        "act_fn": "silu",
        "mid_block_add_attention": False,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
        "scaling_factor": 1.0,
        "force_upcast": False,
    }


def unet_config(config: LatentDiffusionConfig) -> dict[str, Any]:
    """config.json of the UNet2DConditionModel."""
    attends = [level >= config.attention_from for level in range(len(config.widths))]
    return {
        "_class_name": "UNet2DConditionModel",
        "sample_size": config.latent_size,
        "in_channels": config.latent_channels,
        "out_channels": config.latent_channels,
        "block_out_channels": list(config.widths),
        "layers_per_block": config.blocks,
        "down_block_types": ["CrossAttnDownBlock2D" if one else "DownBlock2D" for one in attends],
        "mid_block_type": "UNetMidBlock2DCrossAttn",
        "up_block_types": ["CrossAttnUpBlock2D" if one else "UpBlock2D" for one in reversed(attends)],
        "addition_embed_type": "text",
        "addition_embed_type_num_heads": config.num_heads,
        "cross_attention_dim": config.text_dim,
        "attention_head_dim": config.num_heads,
        "use_linear_projection": True,
        "norm_num_groups": config.groups,
        "norm_eps": 1e-5,
        "act_fn": "silu",
        "resnet_time_scale_shift": "scale_shift",
        "time_embedding_type": "positional",
        "flip_sin_to_cos": True,
        "freq_shift": 0,
    }
