"""A sentence, a style and a seed -> emoji drawn by latent diffusion."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from zoo.checkpoint import CheckpointError, read_json
from zoo.data.captions import CONCEPTS, in_style, prompt_ids
from zoo.data.image import VENDORS
from zoo.engine import diffusion
from zoo.entry import IMAGE_TEXT_MATCHING, TEXT_TO_IMAGE
from zoo.generate import library, matching
from zoo.generate.grid import grid, to_bytes
from zoo.generate.image import ENLARGED, MAX_GUIDANCE, MAX_STEPS, Pictures, sheet_of
from zoo.generate.inputs import InputError, number, one_of, seed_of, whole, words
from zoo.generate.languages import check_language, language_of, plain
from zoo.generate.library import source_of
from zoo.generate.text import tokenizer_of
from zoo.noise import Noise

STYLES = VENDORS
"""Words for styles: who drew the emoji that were learnt from."""
EXAMPLES = ("smiling face with sunglasses", "strawberry", "blue cat", "哭泣的脸", "青苹果", "戴帽子的狗")
"""Prompts of a sheet of samples, and of the page."""
MAX_TEXT, MAX_COUNT = 300, 16
"""Characters of a prompt, and pictures drawn at once."""


def prompt_of(text: str, style: str) -> str:
    """The prompt that a model reads for a text in a style."""
    return in_style(style, text, language_of(text))


def draw(
    model: str = "text_to_image.emoji",
    text: str = "",
    *,
    style: str = STYLES[0],
    count: int = 4,
    seed: int = 0,
    steps: int | None = None,
    guidance: float | None = None,
) -> Iterator[float | Pictures]:
    """Draw 1 to 16 emoji of a text of up to 300 characters, English or Chinese, in one of STYLES.

    Yields the share that is done, at last the pictures. `steps` (1 to 100) and `guidance` (0 to 10; 1 follows the text
    as learnt, more further) are the model's own unless given. What the model has never seen it draws as well as it can.
    Raises InputError for a text that is empty, too long or in another language, before anything is drawn.
    """
    text = plain(words("the prompt", text, longest=MAX_TEXT))
    if not text:
        raise InputError("the prompt is empty; say in English or Chinese what to draw")
    style = one_of("the style", style, STYLES)
    count, seed = whole("the number of pictures", count, 1, MAX_COUNT), seed_of(seed)
    config = library.config_of(model, TEXT_TO_IMAGE).get("config", {})
    own_steps, own_guidance = config.get("sampling_steps", 20), config.get("guidance", 3.0)
    most = min(MAX_STEPS, config.get("train_steps", MAX_STEPS))
    steps = whole("the number of steps", min(own_steps, most) if steps is None else steps, 1, most)
    weight = number("the guidance", min(own_guidance, MAX_GUIDANCE) if guidance is None else guidance, 0, MAX_GUIDANCE)
    found = library.get(model, TEXT_TO_IMAGE)
    tokenizer, network = tokenizer_of(found), found.network
    check_language(tokenizer, text, model)
    prompt = prompt_of(text, style)
    tokens, seen = len(tokenizer.encode(prompt).ids), network.config.context_length
    if tokens > seen:
        raise InputError(f"the prompt has {tokens} tokens with its style; {model} sees {seen} at once: make it shorter")
    return _drawn(found, model, prompt, count, seed, steps, weight, {"text": text, "style": style})


@dataclass(frozen=True)
class Learnt(matching.Named):
    """An emoji that a model has learnt from; whether a text `is_its_name`."""

    is_its_name: bool = True


def learnt(model: str) -> dict[str, Learnt]:
    """The emoji that a model has learnt from, by their characters; none where it does not list them."""
    found = library.get(model, TEXT_TO_IMAGE)
    return {one.emoji: one for one in _concepts(found.folder, found.sha256)}


def nearest_learnt(model: str, text: str) -> Learnt | None:
    """Of the emoji that a model has learnt from the one that a text names, else the nearest to it by the names, as a
    matcher of pictures and words sees it; None where the model does not list them, or no matcher can say."""
    concepts = learnt(model)
    said = plain(text).casefold()
    for one in concepts.values():
        if said in (one.english.casefold(), one.chinese.casefold()):
            return one
    try:
        near = matching.nearest_name(library.choices(IMAGE_TEXT_MATCHING)[0], text, concepts)
    except (IndexError, InputError):
        return None
    return replace(concepts[near.emoji], is_its_name=False) if near else None


@lru_cache(maxsize=4)
def _concepts(folder: Path, sha256: str) -> tuple[Learnt, ...]:
    """What a checkpoint folder lists, as far as it is emoji with two names each: no drawing depends on it."""
    try:
        listed = read_json(folder / CONCEPTS).items()
    except CheckpointError:
        return ()
    return tuple(Learnt(emoji, *names) for emoji, names in listed if _are_two(names))


def _are_two(names: Any) -> bool:
    return isinstance(names, list) and list(map(type, names)) == [str, str]


def _drawn(
    found: library.Loaded, model: str, prompt: str, count: int, seed: int, steps: int, guidance: float,
    given: dict[str, str],
) -> Iterator[float | Pictures]:  # fmt: skip
    config, network = found.network.config, found.network
    side = config.image_size // 2 ** (len(config.autoencoder_widths) - 1)
    latents = Noise(seed).normal_array(count, config.latent_channels * side * side)
    ids = prompt_ids(tokenizer_of(found), [prompt] * count, config.context_length)
    for share, images in diffusion.draw_prompts(network, latents, ids, steps=steps, guidance=guidance):
        if share < 1:
            yield share
            continue
        pixels = to_bytes(images)
        parameters = {**given, "count": count, "steps": steps, "guidance": guidance}
        yield Pictures(
            [grid(image[None], 1, scale=ENLARGED) for image in pixels],
            sheet_of(pixels, math.ceil(math.sqrt(count))),
            [given["text"]] * count,
            source_of(found, model, "image.draw_prompt", parameters, seed=seed),
        )
