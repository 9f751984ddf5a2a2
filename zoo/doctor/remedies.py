"""What to try against a fault: options of `python -m train`, with values worked out from the run's own settings.

Advice on an option that the run's recipe does not have, or that would change nothing, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zoo.doctor.words import Text, number

Change = Callable[[Any], Any]
"""The value now -> the value to try, or None where the advice does not apply."""


@dataclass(frozen=True)
class Advice:
    """One thing to do. `option` is a field of the recipe, its config or its algorithm; "" for words alone."""

    option: str
    change: Change
    en: str
    zh: str


def _times(factor: float) -> Change:
    """A number so many times the one now; None for a 0, of which there is no multiple."""
    return lambda now: None if not now else round(now * factor) if isinstance(now, int) else now * factor


def _at_least(value: float) -> Change:
    return lambda now: value if now < value else None


def _raised(factor: float, floor: float) -> Change:
    """A rate so many times the one now, and at least `floor`."""
    return lambda now: max(floor, now * factor)


def _instead(value: Any) -> Change:
    return lambda now: value if now != value else None


def _words(en: str, zh: str) -> Advice:
    return Advice("", _instead(""), en, zh)


_USUAL = 2e-4
"""Both rates of DCGAN (Radford et al., 2016)."""
_CLIP = Advice("clip_norm", lambda now: None if now else 1.0, "bounds what one batch can do", "限制单批数据的影响")
_LOOSE = Advice("clip_norm", lambda now: 1.0 if 0 < now < 0.1 else None, "lets steps through", "不至于压掉每一步")
_WARMUP = Advice("warmup", _at_least(200), "rises to the full rate slowly", "缓慢升到全速")
_RATE = Advice("learning_rate", _times(0.1), "smaller steps", "步子小一些")
_GENERATOR_RATE = Advice("generator_learning_rate", _times(0.1), "smaller steps", "步子小一些")
_DISCRIMINATOR_RATE = Advice("discriminator_learning_rate", _times(0.1), "smaller steps", "步子小一些")
_CATCH_UP = Advice("generator_learning_rate", _raised(2, _USUAL), "the generator catches up", "生成器赶上来")
_BLUR = Advice("instance_noise", _at_least(0.1), "keeps the discriminator from being certain", "让判别器不至于过于肯定")
_DROPOUT = Advice("dropout", _at_least(0.2), "harder to learn by heart", "更难背诵")
_DECAY = Advice("weight_decay", _at_least(0.1), "keeps the weights small", "压住权重")
_SHIFT = Advice("max_shift", _at_least(2), "shifts pictures at random: more of them", "随机平移，等于多了图片")
_PATIENCE = Advice("patience", _at_least(3), "ends the run when validation turns", "验证变差时提前结束")
REMEDIES: dict[str, tuple[Advice, ...]] = {
    "non-finite": (
        _RATE,
        _GENERATOR_RATE,
        _DISCRIMINATOR_RATE,
        _CLIP,
        _WARMUP,
        Advice("precision", _instead("fp32"), "more range and more digits", "更大的范围与精度"),
        Advice(
            "nonfinite", _instead("retry"), "skips a bad step, and goes back after three", "跳过坏步，连续三次则退回"
        ),
        _words("Look at the samples that are named: one may be damaged.", "检查所列的样本：其中可能有损坏的。"),
    ),
    "exploding-gradients": (_RATE, _GENERATOR_RATE, _DISCRIMINATOR_RATE, _CLIP, _WARMUP),
    "vanishing-gradients": (
        _words(
            "Look for units that are shut or flat for every input (a ReLU, tanh or sigmoid far from 0): begin with "
            "smaller weights and biases, and put a norm or a shortcut across deep parts.",
            "检查对任何输入都关闭或饱和的单元（远离 0 的 ReLU、tanh、sigmoid）：用更小的初始权重与偏置，"
            "并在深层加归一化或捷径。",
        ),
        _LOOSE,
        _RATE,
        _GENERATOR_RATE,
    ),
    "too-little-data": (
        _words("Gather more samples: nothing else helps as much.", "收集更多样本：什么都不如它有效。"),
        Advice("sample", lambda now: False if now else None, "the whole data set", "使用完整数据集"),
        _PATIENCE,
        _SHIFT,
        _DROPOUT,
        _DECAY,
        _BLUR,
        Advice("steps", _times(0.25), "fewer passes over the same samples", "同样的样本少看几遍"),
    ),
    "discriminator-saturation": (
        Advice("discriminator_learning_rate", _times(0.25), "the discriminator learns slower", "判别器学慢些"),
        _CATCH_UP,
        _BLUR,
    ),
    "discriminator-ahead": (
        Advice("discriminator_learning_rate", _times(0.5), "the discriminator learns slower", "判别器学慢些"),
        _CATCH_UP,
        _BLUR,
    ),
    "generator-ahead": (
        Advice("discriminator_learning_rate", _raised(2, _USUAL), "the discriminator catches up", "判别器赶上来"),
        Advice("generator_learning_rate", _times(0.5), "the generator waits for it", "生成器等一等"),
        Advice("instance_noise", lambda now: 0.0 if now else None, "the discriminator sees clearly", "让判别器看清"),
    ),
    "posterior-collapse": (
        _words(
            "Check the weight of the KL term (1 is the bound, a larger one pays for silence), and that the decoder "
            "hears the code.",
            "检查 KL 项的权重（1 才是下界，更大等于奖励沉默），并确认解码器确实用到编码。",
        ),
        _RATE,
        Advice("steps", _times(2), "the code is found late", "编码要晚些才学得会"),
    ),
    "mode-collapse": (
        Advice(
            "generator_learning_rate", _times(0.25), "the generator runs less after one answer", "不一头扎向一种答案"
        ),
        Advice(
            "discriminator_learning_rate", _at_least(_USUAL), "a discriminator that sees copies", "判别器能发现重复"
        ),
        _BLUR,
        Advice("batch_size", _times(2), "more pictures side by side", "一批里图更多"),
        Advice("latent_dim", _at_least(16), "more noise to draw from", "更多噪声可用"),
        _words("Check that the noise reaches the generator.", "确认噪声确实传入生成器。"),
    ),
    "over-fitting": (
        _PATIENCE,
        _DROPOUT,
        _DECAY,
        _SHIFT,
        Advice("label_smoothing", _at_least(0.05), "less certainty to be had", "不鼓励过度自信"),
        Advice("width", lambda now: now // 2 if now >= 8 else None, "a smaller network", "网络小一些"),
        Advice("embedding_dim", lambda now: now // 2 if now >= 64 else None, "a smaller network", "网络小一些"),
        _words(
            "The weights of the best step are kept all the same; look for wrong labels.",
            "最好一步的权重已保留；并检查标签是否有错。",
        ),
    ),
    "not-learning": (
        Advice("learning_rate", _raised(10, 1e-3), "larger steps", "步子大一些"),
        Advice("generator_learning_rate", _at_least(_USUAL), "steps that are felt", "步子要有作用"),
        Advice("discriminator_learning_rate", _at_least(_USUAL), "steps that are felt", "步子要有作用"),
        _LOOSE,
        _words("Check that labels belong to their samples.", "检查标签与样本是否对应。"),
    ),
    "still-improving": (Advice("steps", _times(2), "train longer", "训练更久"),),
}


def flag(option: str, value: Any) -> str:
    """The words of the command line that set an option."""
    name = option.replace("_", "-")
    if isinstance(value, bool):
        return f"--{name}" if value else f"--no-{name}"
    return f"--{name} {number(value)}"


def remedy(fault: str, option_of: Callable[[str], Any]) -> Text:
    """What to try, a line each; `option_of` gives a setting of the run by name, or None where it has no such one."""
    en, zh = [], []
    for advice in REMEDIES[fault]:
        if not advice.option:
            en.append(advice.en)
            zh.append(advice.zh)
            continue
        now = option_of(advice.option)
        value = None if now is None else advice.change(now)
        if value is None or value == now:
            continue
        said = flag(advice.option, value)
        before = ("on" if now else "off") if isinstance(now, bool) else number(now)
        en.append(f"`{said}` (now {before}): {advice.en}")
        zh.append(f"`{said}`（现为 {before}）：{advice.zh}")
    return {"en": "\n".join(en), "zh": "\n".join(zh)}
