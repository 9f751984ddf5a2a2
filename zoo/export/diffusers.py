"""A diffusion model -> a folder that the diffusers library opens by itself, with none of this zoo's code.

The layout is a pipeline's: model_index.json, `unet/` (UNet2DModel) and `scheduler/` (DDIMScheduler), each of which
opens by itself as well. `DDIMPipeline` draws without classes only; where a model has classes, a loop of a few lines
asks the two parts in turn (`zoo.snippets`), and the class after the last stands for none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.checkpoint import load, save_tensors, write_json
from zoo.nn.ddim import BETA_END, BETA_START

if TYPE_CHECKING:
    from torch import Tensor

    from zoo.models.image.diffusion import DiffusionConfig
    from zoo.models.image.text_to_image import LatentDiffusionConfig

NETWORK_NAMES = (
    (r"^time\.0\.", "time_embedding.linear_1."),
    (r"^time\.2\.", "time_embedding.linear_2."),
    (r"^first\.", "conv_in."),
    (r"^norm\.", "conv_norm_out."),
    (r"^last\.", "conv_out."),
    (r"^middle\.first\.", "mid_block.resnets.0."),
    (r"^middle\.attention\.", "mid_block.attentions.0."),
    (r"^middle\.second\.", "mid_block.resnets.1."),
    (r"^(down|up)\.", r"\1_blocks."),
    (r"^down_blocks\.(\d+)\.resize\.", r"down_blocks.\1.downsamplers.0.conv."),
    (r"^up_blocks\.(\d+)\.resize\.", r"up_blocks.\1.upsamplers.0.conv."),
    (r"\.blocks\.", ".resnets."),
    (r"\.embed\.", ".time_emb_proj."),
    (r"\.shortcut\.", ".conv_shortcut."),
)
"""Patterns in our names and what stands there in theirs, one after the other; of autoencoders, too."""
_NAMES = (
    *NETWORK_NAMES,
    (r"^classes\.", "class_embedding."),
    (r"(attentions\.\d+)\.norm\.", r"\1.group_norm."),
    (r"(attentions\.\d+)\.proj\.", r"\1.to_out.0."),
)


def write_pipeline(folder: Path, out: Path) -> None:
    """Write the checkpoint of a diffusion model as a pipeline into the existing folder `out`, in float32.

    Raises CheckpointError when the checkpoint does not load, OSError when a file cannot be written.
    """
    model = load(folder).model
    for name in ("unet", "scheduler"):
        (out / name).mkdir()
    save_tensors(unet_tensors(model.state_dict()), out / "unet" / "diffusion_pytorch_model.safetensors")
    write_json(out / "unet" / "config.json", unet_config(model.config))
    write_json(out / "scheduler" / "scheduler_config.json", scheduler_config(model.config))
    parts = {"unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDIMScheduler"]}
    write_json(out / "model_index.json", {"_class_name": "DDIMPipeline", **parts})


def renamed(name: str, names: tuple[tuple[str, str], ...]) -> str:
    """A tensor's name after all the patterns."""
    for ours, theirs in names:
        name = re.sub(ours, theirs, name)
    return name


def unet_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors by the names of UNet2DModel, where queries, keys and values are layers of their own."""
    found = {}
    for name, tensor in tensors.items():
        name = renamed(name, _NAMES)
        if ".qkv." in name:
            for part, rows in zip("qkv", tensor.chunk(3), strict=True):
                found[name.replace(".qkv.", f".to_{part}.")] = rows.contiguous()
        else:
            found[name] = tensor.contiguous()
    return found


def unet_config(config: DiffusionConfig) -> dict[str, Any]:
    """config.json of the UNet2DModel: a network of our sizes."""
    plain = len(config.widths) - config.attention
    attends = [level >= plain for level in range(len(config.widths))]
    return {
        "_class_name": "UNet2DModel",
        "sample_size": config.image_size,
        "in_channels": config.channels,
        "out_channels": config.channels,
        "block_out_channels": list(config.widths),
        "layers_per_block": config.blocks,
        "down_block_types": ["AttnDownBlock2D" if here else "DownBlock2D" for here in attends],
        "up_block_types": ["AttnUpBlock2D" if here else "UpBlock2D" for here in reversed(attends)],
        "attention_head_dim": config.head_dim,
        "norm_num_groups": config.groups,
        "attn_norm_num_groups": config.groups,
        "norm_eps": 1e-5,
        "act_fn": "silu",
        "resnet_time_scale_shift": "scale_shift",
        "time_embedding_type": "positional",
        "flip_sin_to_cos": True,
        "freq_shift": 0,
        "num_class_embeds": config.num_classes + 1 if config.num_classes else None,
    }


def scheduler_config(config: DiffusionConfig | LatentDiffusionConfig) -> dict[str, Any]:
    """scheduler_config.json of the DDIMScheduler: our schedule, and the times at which our sampler asks."""
    return {
        "_class_name": "DDIMScheduler",
        "num_train_timesteps": config.train_steps,
        "beta_schedule": {"cosine": "squaredcos_cap_v2", "linear": "linear"}[config.noise_schedule],
        "beta_start": BETA_START,
        "beta_end": BETA_END,
        "prediction_type": {"v": "v_prediction", "epsilon": "epsilon"}[config.prediction],
        "clip_sample": True,
        "clip_sample_range": 1.0,
        "set_alpha_to_one": True,
        "steps_offset": 0,
        "timestep_spacing": "trailing",
        "rescale_betas_zero_snr": False,
        "thresholding": False,
    }
