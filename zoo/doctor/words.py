"""The doctor's words, English and Chinese: what a fault is, and what was seen. What to do is in `remedies`."""

from __future__ import annotations

from typing import Any

Text = dict[str, str]
"""The same words by language: "en" and "zh"."""

NAMES: dict[str, Text] = {
    "non-finite": {"en": "numbers that are not finite", "zh": "数值非有限（NaN 或无穷）"},
    "exploding-gradients": {"en": "exploding gradients", "zh": "梯度爆炸"},
    "vanishing-gradients": {"en": "vanishing gradients", "zh": "梯度消失"},
    "too-little-data": {"en": "too little data", "zh": "数据过少"},
    "discriminator-saturation": {"en": "discriminator saturation", "zh": "判别器饱和"},
    "discriminator-ahead": {"en": "imbalance: the discriminator is ahead", "zh": "失衡：判别器领先"},
    "generator-ahead": {"en": "imbalance: the generator is ahead", "zh": "失衡：生成器领先"},
    "posterior-collapse": {"en": "posterior collapse", "zh": "后验坍缩"},
    "mode-collapse": {"en": "mode collapse", "zh": "模式坍缩"},
    "over-fitting": {"en": "over-fitting", "zh": "过拟合"},
    "not-learning": {"en": "not learning at all", "zh": "完全没有学习"},
    "still-improving": {"en": "still improving", "zh": "仍在进步"},
}
WHAT: dict[str, Text] = {
    "non-finite": {
        "en": "A loss, a gradient or a weight became NaN or infinite; nothing after it can be trusted.",
        "zh": "损失、梯度或权重变成了 NaN 或无穷大，此后的结果都不可信。",
    },
    "exploding-gradients": {
        "en": "Steps are far too large: the gradients, or the loss, left the range in which the run had been learning.",
        "zh": "步子过大：梯度或损失脱离了原先能学习的范围。",
    },
    "vanishing-gradients": {
        "en": "No gradient comes back to a part of the network, which therefore stays as it began.",
        "zh": "梯度传不到网络的某一部分，那一部分停留在初始状态。",
    },
    "too-little-data": {
        "en": "The samples are few and were seen so often that they are known by heart, not understood.",
        "zh": "样本太少且反复出现，网络只是背下了它们，并没有学会规律。",
    },
    "discriminator-saturation": {
        "en": "The discriminator is never wrong, so that it no longer says which way better pictures lie.",
        "zh": "判别器从不出错，因而不再指出怎样才能画得更好。",
    },
    "discriminator-ahead": {
        "en": "The discriminator nearly always tells real from generated: the generator does not keep up.",
        "zh": "判别器几乎总能分辨真假：生成器跟不上。",
    },
    "generator-ahead": {
        "en": "The discriminator cannot tell real from generated, so that what it teaches is noise.",
        "zh": "判别器分不清真假，它给生成器的只是噪声。",
    },
    "posterior-collapse": {
        "en": "The code carries next to nothing: the decoder draws without it, and every code gives the same picture.",
        "zh": "编码几乎不含信息：解码器不看编码，任何编码都得到同一张图。",
    },
    "mode-collapse": {
        "en": "The generator draws few different pictures, whatever noise it is given.",
        "zh": "无论给什么噪声，生成器只画出寥寥几种图。",
    },
    "over-fitting": {
        "en": "The network learns its training data by heart: on data it has not seen it is getting worse.",
        "zh": "网络在背诵训练数据：对没见过的数据，表现越来越差。",
    },
    "not-learning": {
        "en": "Nothing was learnt: the run ends where it began.",
        "zh": "什么也没有学到：结束时与开始时一样。",
    },
    "still-improving": {
        "en": "No fault: the run ended, or stands, while it was still getting better.",
        "zh": "并非故障：训练停下时仍在变好。",
    },
}
EVIDENCE: dict[str, Text] = {
    "non-finite/event": {
        "en": "At step {step} the {where} was not finite; the batch was samples {rows}. It happened {times} time(s).",
        "zh": "第 {step} 步，{where} 不是有限数；该批样本为 {rows}。共发生 {times} 次。",
    },
    "non-finite/figure": {
        "en": "At step {step} `{where}` was logged as NaN or infinite; {times} logged value(s) in all.",
        "zh": "第 {step} 步记录的 `{where}` 为 NaN 或无穷；共 {times} 个这样的值。",
    },
    "exploding-gradients/rise": {
        "en": "`{curve}` rose to {norm} at step {step}, {times} times the {usual} that was usual until then.",
        "zh": "`{curve}` 在第 {step} 步升到 {norm}，是此前通常值 {usual} 的 {times} 倍。",
    },
    "exploding-gradients/clip": {
        "en": "In the second half of the run `{curve}` is {norm}, {times} times the {clip} that it is clipped at.",
        "zh": "后半程 `{curve}` 为 {norm}，是裁剪上限 {clip} 的 {times} 倍。",
    },
    "exploding-gradients/weights": {
        "en": "Around step {step} the gradient of even the weakest tensor was {times} times its weights.",
        "zh": "第 {step} 步前后，连梯度最弱的张量，其梯度也是权重的 {times} 倍。",
    },
    "exploding-gradients/loss": {
        "en": "The loss rose to {loss} at step {step}; it had begun at {first}.",
        "zh": "损失在第 {step} 步升到 {loss}，而开始时为 {first}。",
    },
    "vanishing-gradients": {
        "en": "In the second half of the run the smallest |gradient| / |weight| of a tensor (`{curve}`) is {late}; it "
        "began at {first}, and under {limit} a step changes no float32 weight.",
        "zh": "后半程各张量 |梯度| / |权重| 的最小值（`{curve}`）为 {late}，开始时为 {first}；低于 {limit} 时，"
        "一步改变不了任何 float32 权重。",
    },
    "too-little-data/turn": {
        "en": "{samples} samples were seen {passes} times each. `{curve}` was best at step {step} ({best}) and rose "
        "to {last}, while the training loss fell from {before} to {after}.",
        "zh": "{samples} 个样本各看了 {passes} 遍。`{curve}` 在第 {step} 步最好（{best}），后来升到 {last}，"
        "而训练损失从 {before} 降到 {after}。",
    },
    "too-little-data/gap": {
        "en": "{samples} samples were seen {passes} times each. On them the loss is {seen}, on others "
        "(`{curve}`) {unseen}.",
        "zh": "{samples} 个样本各看了 {passes} 遍。它们的损失为 {seen}，没见过的样本（`{curve}`）为 {unseen}。",
    },
    "too-little-data/pair": {
        "en": "{samples} samples were seen {passes} times each, and the discriminator knows them: it gives real "
        "pictures {real} and generated ones {fake}.",
        "zh": "{samples} 个样本各看了 {passes} 遍，判别器已认得它们：给真图 {real} 分，给生成图 {fake} 分。",
    },
    "discriminator-saturation": {
        "en": "In the second half of the run the discriminator gives real pictures {real} and generated ones {fake}; "
        "its loss is {loss} (1.39 is guessing).",
        "zh": "后半程判别器给真图 {real} 分，给生成图 {fake} 分；其损失为 {loss}（瞎猜为 1.39）。",
    },
    "discriminator-ahead": {
        "en": "In the second half of the run the discriminator gives real pictures {real} and generated ones {fake}.",
        "zh": "后半程判别器给真图 {real} 分，给生成图 {fake} 分。",
    },
    "generator-ahead": {
        "en": "In the second half of the run the discriminator gives real pictures {real} and generated ones {fake}: "
        "it guesses.",
        "zh": "后半程判别器给真图 {real} 分，给生成图 {fake} 分：它在瞎猜。",
    },
    "posterior-collapse/list": {
        "en": "The code carries {total} nats in all, and {used} of its {every} dimensions carry more than 0.01.",
        "zh": "整个编码只含 {total} 纳特信息，{every} 个维度中只有 {used} 个超过 0.01。",
    },
    "posterior-collapse/sum": {
        "en": "The code carries {total} nats in all (`kl`, second half of the run).",
        "zh": "整个编码只含 {total} 纳特信息（后半程的 `kl`）。",
    },
    "mode-collapse": {
        "en": "At the last evaluation the judge sees {classes} of {every} classes, variety within them is {variety} of "
        "that of real pictures, and a share of {copies} of the pictures has a near-copy among the others.",
        "zh": "最后一次评估：评判者在 {every} 个类别中看到 {classes} 个，类内多样性为真图的 {variety} 倍，"
        "有近似副本的图占 {copies}。",
    },
    "over-fitting": {
        "en": "`{curve}` was best at step {step} ({best}) and rose to {last}, while the training loss fell from "
        "{before} to {after}.",
        "zh": "`{curve}` 在第 {step} 步最好（{best}），后来升到 {last}，而训练损失从 {before} 降到 {after}。",
    },
    "not-learning": {
        "en": "The training loss was {first} at first and is {late} after {step} steps.",
        "zh": "训练损失开始时为 {first}，{step} 步之后为 {late}。",
    },
    "not-learning/pair": {
        "en": "The judge agrees with the class asked for in a share of {best} at best; {chance} is chance.",
        "zh": "评判者与所求类别的一致率最高为 {best}；瞎猜为 {chance}。",
    },
    "still-improving": {
        "en": "`{curve}` is best at the last step, {step} ({last}); the last quarter of the run brought it there from "
        "{before}, a share of {share} of all that was gained.",
        "zh": "`{curve}` 在最后一步（{step}）最好（{last}）；最后四分之一程从 {before} 走到这里，"
        "占全部进步的 {share}。",
    },
}
CONSEQUENCE: Text = {
    "en": " It is probably brought about by {cause}.",
    "zh": "这多半由“{cause}”引起。",
}
FIRST: Text = {"en": "Mend {cause} first.", "zh": "请先处理“{cause}”。"}


def number(value: Any) -> str:
    """A figure to three digits, a count or a word as it is, without what a terminal would obey."""
    if value is None:
        return "?"
    said = f"{value:.3g}" if isinstance(value, float) else str(value)
    return "".join(character for character in said if character.isprintable())[:120]
