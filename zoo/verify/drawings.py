"""Measures of what is drawn from sentences: how well prompts are followed, what is predicted, what codes lose.

R-precision (Xu et al., "AttnGAN", CVPR 2018): the share of drawings whose own caption a judge of pictures and words,
the pinned one of `emoji_names`, finds nearest among all captions. Beside it stands that of the real pictures. Of unseen
concepts that judge knows little more than the model: it has learnt from the same ones.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from PIL import Image

from zoo.generate.grid import grid, to_bytes
from zoo.metrics.judges import judge_of
from zoo.metrics.neighbours import nearest_pictures
from zoo.noise import Noise
from zoo.verify.matches import NAMES, ranks_of
from zoo.verify.subject import SEED, Budget, Figure, Poll, Subject, batch_of, device_of, judge_network, rows_of

COMPOSITIONS = {
    "en": (
        "blue cat", "red cat", "green face", "purple heart with arrow", "yellow car", "green apple with face",
        "crying dog", "angry pizza", "dog with glasses", "fish with hat", "ghost with heart", "black sun", "pink tree",
        "robot with flower", "blue fire", "sleeping banana",
    ),
    "zh": (
        "蓝色的猫", "红色的猫", "绿色的脸", "带箭头的紫色心", "黄色的汽车", "有脸的绿苹果", "哭泣的狗", "生气的披萨",
        "戴眼镜的狗", "戴帽子的鱼", "拿着心的鬼", "黑色的太阳", "粉色的树", "拿着花的机器人", "蓝色的火", "睡觉的香蕉",
    ),
}  # fmt: skip
"""What no emoji shows, of words that emoji have; the same in both languages."""
_LEARNT = 120
"""Learnt concepts that are drawn, about."""
_DRAWN = 16
"""Pictures that are drawn at a time."""


def drawn_prompts(subject: Subject, data: Any, budget: Budget, poll: Poll) -> list[Figure]:
    """R-precision where there is a judge, then the error of predictions, then how exactly codes keep pictures."""
    import torch

    model, device = subject.model, device_of(subject.model)
    squares, errors, count = 0.0, [], 0
    for rows in rows_of(data, budget.rows, 64, poll):
        batch = batch_of(data, rows, device)
        squares += float((model.reconstruct(batch["image"]) - batch["image"]).square().mean((1, 2, 3)).sum())
        errors.append(model.errors(batch["image"], batch["ids"], Noise(SEED, int(rows[0]), device=device)).cpu())
        count += len(rows)
    loss = float(torch.cat(errors).mean())
    decibels = 10 * math.log10(4 * count / max(squares, 1e-12))
    found = [
        Figure("PSNR", decibels, "dB", "higher", "test", count, 0.05, note="real pictures by way of their codes"),
        Figure("loss", loss, "squared error", "lower", "test", count, 0.01, note="of the denoiser's predictions"),
    ]
    if model.config.stage == "autoencoder":
        return found[:1]
    judge = None if budget.training else judge_of("emoji_names")
    if judge is None:
        return found[::-1]
    return [*_precision(subject, data, judge_network(judge), judge, budget, poll), *found[::-1]]


def _precision(subject: Subject, data: Any, judge: Any, pinned: Any, budget: Budget, poll: Poll) -> list[Figure]:
    from zoo.data import tokenizer
    from zoo.data.captions import LANGUAGES
    from zoo.data.image import VENDORS
    from zoo.data.load import load
    from zoo.generate.prompting import prompt_of
    from zoo.hub import resolve

    words = tokenizer.load(resolve(pinned.name))
    of = {"judge": pinned.name, "judge_sha256": pinned.sha256}
    learnt: Any = load(
        subject.dataset, "train", subject.model.config, sample=subject.sample, tokenizer=subject.tokenizer
    )
    every = range(len(data.concepts))[: budget.rows or None]
    some = range(0, len(learnt.concepts), max(1, len(learnt.concepts) // min(_LEARNT, budget.rows or _LEARNT)))
    found: list[Figure] = []
    for split, numbers, which in ((learnt, some, ""), (data, every, ", unseen concepts")):
        what = "that are not in" if which else "of"
        note = f"{len(numbers)} concepts {what} the training data, a drawing of each; its name among theirs"
        told = _told(subject, split, numbers, judge, words, poll)
        if not which:
            share, real = (float(np.mean(side)) for side in zip(*told.values(), strict=True))
            mean = "of drawings of learnt concepts, mean of both languages; to compare: real pictures"
            found.append(
                Figure("R-precision", share, "share", "higher", "generated", 2 * len(numbers), 2.5 / len(numbers),
                       floor=real, note=mean, **of)
            )  # fmt: skip
        for language, (share, real) in told.items():
            found.append(
                Figure(f"R-precision{which}, {NAMES[language]}", share, "share", "higher", "generated", len(numbers),
                       2.5 / len(numbers), floor=real, note=f"{note}; to compare: real pictures", **of)
            )  # fmt: skip
    for language in LANGUAGES:
        composed = list(COMPOSITIONS[language])
        prompts = [prompt_of(one, VENDORS[i % len(VENDORS)]) for i, one in enumerate(composed)]
        made = _embedded(judge, _drawn(subject, prompts, poll))
        share = float((ranks_of(made @ _captions(judge, words, composed).T) < 1).mean())
        note = f"{len(composed)} things that no emoji shows, a drawing of each; its own words among those of all"
        found.append(
            Figure(f"R-precision of compositions, {NAMES[language]}", share, "share", "higher", "generated",
                   len(composed), 2.5 / len(composed), note=note, **of)
        )  # fmt: skip
    return found


def _told(
    subject: Subject, data: Any, numbers: range, judge: Any, words: Any, poll: Poll
) -> dict[str, tuple[float, float]]:
    """Language -> the share of drawings of concepts, and of real pictures of them, whose name is nearest among theirs.

    A concept is drawn in the style of one vendor, in turn, and beside that vendor's picture, or another's who drew it.
    """
    from zoo.data.captions import LANGUAGES
    from zoo.data.image import VENDORS
    from zoo.generate.prompting import prompt_of

    styles = {number: VENDORS[number % len(VENDORS)] for number in numbers}
    real: dict[int, int] = {}
    for row, (number, vendor) in enumerate(zip(data.numbers.tolist(), data.vendors.tolist(), strict=True)):
        if number in styles and (VENDORS[vendor] == styles[number] or number not in real):
            real[number] = row  # not every vendor draws every one
    pictures = _embedded(judge, _pictures(data, np.array([real[number] for number in numbers])))
    found = {}
    for language in LANGUAGES:
        names = [data.concepts[number].names[language] for number in numbers]
        captions = _captions(judge, words, names)
        prompts = [prompt_of(name, styles[number]) for number, name in zip(numbers, names, strict=True)]
        drawn = _embedded(judge, _drawn(subject, prompts, poll))
        share, real_share = (float((ranks_of(side @ captions.T) < 1).mean()) for side in (drawn, pictures))
        found[language] = (share, real_share)
    return found


def _pictures(data: Any, rows: np.ndarray) -> Any:
    """Pictures as they are, not as an epoch shows them: float32 (n, 3, h, w) in [-1, 1]."""
    import torch

    from zoo.data.pairs import as_floats

    return torch.from_numpy(as_floats(data.images[rows]))


def _drawn(subject: Subject, prompts: list[str], poll: Poll) -> Any:
    """Drawings of prompts by the model: float32 (n, 3, h, w)."""
    import torch

    from zoo.data.captions import prompt_ids

    model, device = subject.model, device_of(subject.model)
    ids = torch.from_numpy(prompt_ids(subject.tokenizer, prompts, model.context_length)).to(device)
    noise, found = Noise(SEED, device=device), []
    for part in ids.split(_DRAWN):
        poll()
        found.append(model.generate(noise.normal(len(part), model.latent_dim), part).cpu())
    return torch.cat(found)


def _embedded(judge: Any, images: Any) -> np.ndarray:
    """Vectors of pictures in the eyes of the judge, brought to its size: float32 (n, d)."""
    from torch.nn import functional as F

    if images.shape[2] != judge.image_size:
        images = F.interpolate(images, size=judge.image_size, mode="area")
    found: np.ndarray = judge.embed_images(images.to(device_of(judge))).cpu().numpy()
    return found


def _captions(judge: Any, words: Any, texts: list[str]) -> np.ndarray:
    import torch

    from zoo.data.captions import prompt_ids

    ids = torch.from_numpy(prompt_ids(words, texts, judge.context_length)).to(device_of(judge))
    found: np.ndarray = judge.embed_captions(ids).cpu().numpy()
    return found


def prompt_neighbours(subject: Subject, data: Any, count: int = 12, poll: Poll = lambda: None) -> Image.Image:
    """Drawings of example prompts in all styles, and below each the picture of `data` nearest to it, pixel by pixel.

    With the training split it shows what was learnt by heart. Of an autoencoder alone real pictures take the place of
    drawings.
    """
    import torch

    from zoo.generate.prompting import EXAMPLES, STYLES, prompt_of

    with torch.no_grad():
        if subject.model.config.stage == "autoencoder":
            rows = np.linspace(0, len(data) - 1, count).round().astype(np.int64)
            made = subject.model.reconstruct(batch_of(data, rows, device_of(subject.model))["image"]).cpu().numpy()
        else:
            texts = [prompt_of(EXAMPLES[i % len(EXAMPLES)], STYLES[i % len(STYLES)]) for i in range(count)]
            made = _drawn(subject, texts, poll).numpy()
    known = data.images[nearest_pictures(made, data.images)[0]].astype(np.float32) / 127.5 - 1
    return grid(to_bytes(np.concatenate([made, known])), count, scale=2)
