"""The tables of models in the READMEs and in docs/models.md, generated between two markers from `zoo/pretrained`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from zoo import card, entry, export, hub
from zoo.checkpoint import read_json
from zoo.data.sequences import PRONOUNCING
from zoo.generate import library

BEGIN, END = "<!-- models:begin -->", "<!-- models:end -->"
ROOT = Path(__file__).parent.parent
READMES = {"README.md": "en", "README.zh.md": "zh"}
"""Files that hold the table, and their language."""
MEASURED = "docs/models.md"
"""The page that holds the table of figures."""
_MEASURED_HEADS = ("checkpoint", "parameters", "MB", "minutes of CPU", "figures, and to compare", "opens in")
_SHOWN = 5
"""Figures of a checkpoint in that table, at most; its card has all."""
_HEADS = {
    "en": ("checkpoint", "what it does", "trained on", "parameters", "MB", "headline figure", "licence of the weights"),
    "zh": ("检查点", "用途", "训练数据", "参数量", "MB", "主要指标", "权重许可"),
}
_TASKS = {
    entry.TEXT_GENERATION: ("writes text", "写文字"),
    entry.TRANSLATION: ("translates", "翻译"),
    entry.FILL_MASK: ("fills blanks", "完形填空"),
    entry.TEXT_CLASSIFICATION: ("sorts texts", "文本分类"),
    entry.RETRIEVAL: ("finds replies", "检索回复"),
    entry.IMAGE_GENERATION: ("draws pictures", "画图像"),
    entry.IMAGE_AUTOENCODING: ("draws and reconstructs pictures", "画图像并重建图像"),
    entry.IMAGE_TRANSLATION: ("changes pictures", "转换图像"),
    entry.AUDIO_GENERATION: ("speaks", "说话"),
    entry.NOTE_GENERATION: ("plays notes", "演奏音符"),
    entry.SOUND_GENERATION: ("drums", "打鼓"),
    entry.MUSIC_GENERATION: ("sets melodies for four voices, composes", "为旋律配和声、作曲"),
    entry.TEXT_TO_SPEECH: ("reads aloud", "朗读"),
    entry.VOCODING: ("turns spectrograms into sound", "把频谱变回声音"),
    entry.ANY_TO_ANY: ("joins words, pictures and speech", "贯通词、图、声"),
    entry.TEXT_TO_IMAGE: ("draws from words", "按文字画图"),
    entry.IMAGE_TEXT_MATCHING: ("matches pictures and words", "图文匹配"),
    entry.CAPTIONING: ("says what pictures show", "看图说话"),
    entry.IMAGE_CLASSIFICATION: ("judges pictures", "评判图像"),
    entry.AUDIO_CLASSIFICATION: ("judges sounds", "评判声音"),
}
"""A task in words, in both languages; the table is in this order."""
_PRONOUNCES = ("pronounces words", "给单词注音")
_FIGURES = {
    "recall@10": "召回率@10",
    "exact names": "名称全对率",
    "word error rate without stress": "词错误率（不计重音）",
    "judge agreement": "评判一致率",
    "pitch accuracy": "音高准确率",
    "conditional coherence": "条件一致率",
    "negative log-likelihood": "负对数似然",
    "Fréchet distance": "Fréchet 距离",
    "masked accuracy": "掩码准确率",
    "accuracy": "准确率",
    "recall@1": "首位召回率",
    "perplexity": "困惑度",
    "loss": "损失",
    "nats a quarter": "每四分音符",
    "words understood": "听懂的词",
    "spectral distance": "频谱距离",
    "nats an image": "纳特/图",
    "nats a character": "纳特/字符",
    "a character": "/字",
}


def rows() -> list[dict[str, Any]]:
    """Rows of `zoo.generate.library.table`, bundled checkpoints only, generators first. No torch."""
    order = list(_TASKS)
    bundled = [row for row in library.table() if (hub.PRETRAINED / row["name"]).is_dir()]
    return sorted(
        bundled, key=lambda row: (order.index(row["task"]) if row["task"] in order else len(order), row["name"])
    )


def markdown(language: str) -> str:
    """The table in "en" or "zh"."""
    lines = [_HEADS[language], ("---", "---", "---", "---:", "---:", "---", "---")]
    for row in rows():
        words = _TASKS.get(row["task"], (row["task"], row["task"]))
        if row["task"] == entry.TRANSLATION and PRONOUNCING in library.labels_of(row["name"]):
            words = _PRONOUNCES
        figure = row["figure"]
        if language == "zh":
            for english, chinese in _FIGURES.items():
                figure = figure.replace(english, chinese)
        name = f"[{row['name']}](zoo/pretrained/{row['name']}/README.md)"
        lines.append(
            (
                name,
                words[language == "zh"],
                row["data"],
                f"{row['parameters']:,}",
                f"{row['megabytes']:.1f}",
                figure,
                row["licence"],
            )
        )
    return _joined(lines)


def measured() -> str:
    """A row a checkpoint with its cost, its first figures beside what they compare to, and the forms that it opens in.

    Minutes are those of the processor, all threads together, where the run kept count, else those on the clock.
    """
    lines = [_MEASURED_HEADS, ("---", "---:", "---:", "---:", "---", "---")]
    for row in rows():
        folder = hub.PRETRAINED / row["name"]
        recipe, metrics = read_json(folder / "recipe.json"), read_json(folder / "metrics.json")
        clock, worked = recipe.get("wall_seconds"), recipe.get("cpu_seconds")
        minutes = f"{worked / 60:.0f}" if worked else f"{clock / 60:.0f} (clock)" if clock else ""
        figures = "; ".join(map(_beside, metrics.get("figures", [])[:_SHOWN]))
        name, forms = (
            f"[{row['name']}](../zoo/pretrained/{row['name']}/README.md)",
            export.formats_of(row["name"].partition(".")[0]),
        )
        lines.append((name, f"{row['parameters']:,}", f"{row['megabytes']:.1f}", minutes, figures, ", ".join(forms)))
    return _joined(lines)


def _joined(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _beside(figure: dict[str, Any]) -> str:
    value, floor = (
        None if number is None else card.value_text(number, figure["unit"])
        for number in (figure["value"], figure.get("floor"))
    )
    return f"{figure['name']} {value}" + (f" ({floor})" if floor else "")


def renew(root: Path = ROOT, *, check: bool = False) -> list[Path]:
    """Rewrite the table in each README and page under `root` -> those that were stale; with `check` nothing is written.

    Raises ValueError for a file without the two markers, and when there is no README at all.
    """
    found = [(root / name, markdown(language)) for name, language in READMES.items() if (root / name).is_file()]
    if not found:
        raise ValueError(f"{root} holds no {' or '.join(READMES)}")
    if (root / MEASURED).is_file():
        found.append((root / MEASURED, measured()))
    stale = []
    for path, lines in found:
        before = path.read_text(encoding="utf-8")
        head, begin, rest = before.partition(BEGIN)
        _, end, tail = rest.partition(END)
        if not (begin and end):
            raise ValueError(f"{path} lacks the markers {BEGIN} and {END} between which its table of models stands")
        after = f"{head}{BEGIN}\n{lines}\n{END}{tail}"
        if after != before:
            stale.append(path)
            if not check:
                temporary = path.with_name(path.name + ".partial")
                temporary.write_text(after, encoding="utf-8")
                os.replace(temporary, path)
    return stale
