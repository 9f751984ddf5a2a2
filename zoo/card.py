"""The model card: README.md of a checkpoint folder, written from config.json, recipe.json and metrics.json alone.

Nothing on a card is typed by hand, so it cannot say what was not measured; `python -m zoo verify NAME --write`
measures again and writes it anew. The front matter is what the Hub reads.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo import entry, export, registry, snippets
from zoo.checkpoint import describe, read_json, sha256_of
from zoo.config import to_dict
from zoo.data.source import INFOS, Info

if TYPE_CHECKING:
    from huggingface_hub import EvalResult

LIBRARY = "zoo"
ENDING = "This card, too, is written by a program, from"
LANGUAGES: dict[str, str | list[str]] = {
    "cmudict": "en",
    "dialogue": ["en", "zh"],
    "emoji_digits": ["en", "zh"],
    "emoji_names": ["en", "zh"],
    "emoji_nature": ["en", "zh"],
    "fairy_tales": "en",
    "python_stdlib": "code",
    "ljspeech_mini": "en",
    "spoken_digits": "en",
    "tang_poems": "zh",
    "tatoeba_en_zh": ["en", "zh"],
    "telephone_prompts": "en",
    "tiny_shakespeare": "en",
    "trimodal_digits": "en",
}
"""Language of the data sets that hold words, written or spoken."""
NEIGHBOURS = "neighbours.png"
"""Among the samples: generated pictures beside the training pictures that are nearest to them."""
_NEIGHBOURS = (
    "First row: samples. Below each the training picture nearest to it, pixel by pixel, and, in the third row, in the "
    "eyes of the judge, if there is one: whoever learns by heart draws the same."
)
_SHARE_ALIKE = "The data is share-alike, and the weights learnt from it carry the same licence."

_LIMITS = {
    entry.IMAGE_GENERATION: (
        "It draws what its data shows, small, and nothing else; some samples are malformed.",
        "Its Fréchet distance is taken in the features of this zoo's own judge: compare it with the figure on real "
        "data beside it and with other cards of this zoo, never with Inception distances of other papers.",
        "A judge that agrees shows that the class can be recognised, not that the picture is beautiful or varied.",
    ),
    entry.IMAGE_AUTOENCODING: (
        "The picture that you see is the pixels' expectation, which is softer than any one sample.",
    ),
    entry.IMAGE_TRANSLATION: (
        "It has learnt one change of one kind of small picture; what it makes of any other is a guess.",
        "What it adds is invented: nothing that it restores, enlarges or redraws was seen there.",
    ),
    entry.TEXT_GENERATION: (
        "It has learnt how its small source is spelt and sounds, not what is true: whatever it says is invention.",
        "It follows no instructions and knows no language but that of its source.",
    ),
    entry.TRANSLATION: (
        "It knows short sentences or words such as those of its data; long, rare and technical ones come out wrong, "
        "and nothing in its output says so.",
    ),
    entry.FILL_MASK: (
        "It guesses what usually stands in such a place in its data, not what is true. A masked language model does "
        "not write texts: it fills blanks, and serves as an encoder.",
    ),
    entry.RETRIEVAL: (
        "It answers with the nearest of a few thousand replies that people gave to others. It makes up nothing, knows "
        "nothing, and remembers nothing but what it has said already; the score says how near, not how right.",
    ),
    entry.TEXT_CLASSIFICATION: ("It knows only the classes of its data, and names one of them whatever it reads.",),
    entry.AUDIO_GENERATION: (
        "It speaks the ten digits and nothing else, at telephone quality, and sometimes slurs or breaks off.",
        "Its voices are those of real people who gave their recordings under a free licence: do not pass its sound off "
        "as theirs.",
    ),
    entry.NOTE_GENERATION: (
        "It plays one note at a time, of the sixteen instruments and the pitches of its data, for a second; some notes "
        "waver or miss their pitch, and the figures say how many.",
        "It has learnt from a synthesiser's samples of instruments, not from players.",
    ),
    entry.MUSIC_GENERATION: (
        "It has learnt four-part chorales and nothing else: every melody is set as one. It knows no words, no fermatas "
        "and no metre but quarters and sixteenths, and does not tell a held note from one that is struck again.",
        "It makes mistakes that a student would be marked for, parallel fifths among them; the figures say how many.",
    ),
    entry.TEXT_TO_SPEECH: (
        "It has learnt nineteen minutes of one voice's telephone prompts: other words and longer sentences come out "
        "slurred, and its melody is that of prompts.",
        "Its voice is that of a real person who gave her recordings under a free licence: do not pass its sound off as "
        "hers.",
    ),
    entry.VOCODING: (
        "It turns spectrograms of voices such as its data's into sound; music and noises come out rough.",
        "It can repeat anybody's voice as it was recorded: do not pass its sound off as theirs.",
    ),
    entry.ANY_TO_ANY: (
        "It knows one digit at a time and nothing else. Its pictures are softer than those of a model that only draws, "
        "its sound is what Griffin-Lim makes of a small spectrogram; its strength is that all are one digit.",
        "Where places of two digits meet on its plane, word, picture and sound may be of different ones.",
        "Its six speakers are the same in training and test: expect less of other voices and microphones, and do not "
        "pass its sound off as theirs.",
    ),
    entry.TEXT_TO_IMAGE: (
        "It has learnt from some 1,500 emoji: what it draws is small, and of words that it has not met a guess.",
        "Two things that no emoji shows together often come out as one of them.",
        "Its drawings are judged by this zoo's own model of pictures and words: compare the figures with those of real "
        "pictures beside them, and with nothing else.",
    ),
    entry.IMAGE_TEXT_MATCHING: (
        "It has learnt from some 1,500 emoji and what they are called. Of other pictures and words it makes a guess: "
        "what there is no emoji of is answered with the nearest there is.",
        "It finds again what it has seen far better than what it has not: the figures are of the latter alone.",
    ),
    entry.CAPTIONING: (
        "It has learnt the names of some 1,500 emoji and of the ten digits, and says nothing else: a picture of "
        "another thing gets the name of what looks like it, and a scene that of one thing.",
        "What it has learnt in one style it mostly names in another; of what it has never seen the name is a guess, as "
        "the figures on new concepts show. Its probabilities say how sure it is, not how right.",
    ),
    entry.IMAGE_CLASSIFICATION: (
        "It knows only the classes of its data, and names one of them whatever it is shown.",
        "It serves to measure the generators of this zoo; it is not a product for reading documents or forms.",
    ),
    entry.SOUND_GENERATION: (
        "It makes short sounds such as those of its data, and nothing else; some are malformed.",
        "A judge that agrees shows that the class can be recognised, not that the sound is good or new.",
    ),
    entry.AUDIO_CLASSIFICATION: ("It knows only the classes of its data, and names one of them whatever it hears.",),
}
_LIMITS_OF_DATA = {
    ("spoken_digits", entry.AUDIO_CLASSIFICATION): (
        "The six speakers are the same in training and test: expect less of other voices, microphones and accents."
    ),
    ("drums", entry.SOUND_GENERATION): (
        "It has learnt from fewer than two hundred sounds of five kits: what it makes is near to those, and rough."
    ),
    ("drums", entry.AUDIO_CLASSIFICATION): (
        "The five kits are the same in training and test, and their sounds are few: expect less of other kits."
    ),
}
_PIPELINES = {
    entry.IMAGE_GENERATION: "a `UNet2DModel` and a `DDIMScheduler`",
    entry.TEXT_TO_IMAGE: "a `StableDiffusionPipeline`",
}
"""What a model of a task is to diffusers."""
_BINARISED_LIMIT = "Its likelihood is that of binarised pixels, not of the grey ones that it was shown."
_CROWD_LIMIT = (
    "Its dialogues were mostly written by crowd workers: about films, music and sports, in Chinese about films, music "
    "and travel. A short list of rude words is kept out of what it says; opinions, errors and slights are not."
)
_VERSE_LIMIT = (
    "The constraint holds the number of lines and characters of the form; rhyme and tonal pattern are learnt, not "
    "enforced, and often fail."
)


def value_text(value: float, unit: str) -> str:
    """A figure's number in words: "98.76 %" for a share, else four digits and the unit."""
    return f"{100 * value:.2f} %" if unit == "share" else f"{value:.4g} {unit}".rstrip()


def tolerance_text(tolerance: float, unit: str) -> str:
    """How far a repetition may be off: "± 0.20 %" (percentage points) or "± 0.05"."""
    return f"± {100 * tolerance:.2f} %" if unit == "share" else f"± {tolerance:.2g}"


def write(folder: Path) -> None:
    """Write README.md into a checkpoint folder, replacing it in one step.

    Raises CheckpointError when the folder's config.json, recipe.json or metrics.json cannot be read.
    """
    folder = Path(folder)
    temporary = folder / "README.md.partial"
    temporary.write_text(text(folder), encoding="utf-8")
    os.replace(temporary, folder / "README.md")


def text(folder: Path, repo: str = "", within: str = "") -> str:
    """The card of a checkpoint folder as Markdown, front matter included; the same files give the same card.

    `repo` is the id on the Hub that its lines of code name, if it goes there, and `within` the folder of that
    repository that holds the checkpoint, such as "zoo/".
    """
    from huggingface_hub import ModelCardData

    from zoo.data.dialogue import ROLES
    from zoo.data.text import FORMS

    model, preset, labels, config = describe(folder)
    recipe, metrics, graphs = (_optional(folder / f"{key}.json") for key in ("recipe", "metrics", "graphs"))
    found, figures = registry.entry(model), metrics.get("figures", [])
    name, info = f"{model}.{preset}", _info(recipe)
    tasks = entry.with_heads(found.tasks, to_dict(config))
    tag = entry.PIPELINE_TAGS.get(tasks[0], tasks[0])
    verse = entry.TEXT_GENERATION in tasks and bool(set(FORMS) & set(labels))
    chat = entry.TEXT_GENERATION in tasks and labels == ROLES
    native = export.formats_of(model)[0]
    tags = [model, "pytorch", "safetensors", *(["onnx"] if graphs else []), "from-scratch", "small-model"]
    header = ModelCardData(
        language=LANGUAGES.get(info.name) if info else None,
        license=recipe.get("licence_weights"),
        library_name=LIBRARY if native == "onnx" else native,
        pipeline_tag=tag,
        tags=[*tags, registry.modality(model)],
        datasets=[info.hub_id] if info and info.hub_id else None,
        metrics=list(dict.fromkeys(figure["name"] for figure in figures)) or None,
        model_name=name,
        eval_results=_results(figures, tag, info) if info and figures else None,
    )
    sections = (
        f"# {name}",
        f"{found.summary}\n\n{found.summary_zh}",
        _samples(folder, within),
        _what(found, tasks, folder, recipe, () if chat else labels),
        _use(tasks, folder, name, repo, native, verse, chat),
        _figures(figures, repo or name, metrics),
        _training(recipe, info),
        _licences(recipe, info),
        _limits(tasks, info.name if info else "", verse, chat, getattr(config, "likelihood", "") == "bernoulli"),
        f"---\n\nWhat this model makes is made by a machine; say so where you show it. {ENDING} `{within}config.json`, "
        f"`{within}recipe.json` and `{within}metrics.json`.",
    )
    return f"---\n{header.to_yaml()}\n---\n\n" + "\n\n".join(section for section in sections if section) + "\n"


def _results(figures: list[dict[str, Any]], task: str, info: Info) -> list[EvalResult]:
    """The figures as the Hub's model index holds them; those of generated samples are of no split."""
    from huggingface_hub import EvalResult

    def plain(name: str) -> str:
        letters = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        return re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")

    return [
        EvalResult(
            task_type=task,
            dataset_type=info.hub_id or info.name,
            dataset_name=info.title,
            dataset_split=figure["split"] if figure["split"] != "generated" else None,
            metric_type=plain(figure["name"]),
            metric_name=f"{figure['name']} ({figure['unit']})" if figure["unit"] else figure["name"],
            metric_value=figure["value"],
        )
        for figure in figures
    ]


def _info(recipe: dict[str, Any]) -> Info | None:
    """What is known of the training data: one of the zoo's own sets, or what the recipe says of somebody's own."""
    own = recipe.get("data")
    if isinstance(own, dict) and all(isinstance(value, str) for value in own.values()):
        return Info(**{key: own[key] for key in ("name", "title", "licence", "source", "attribution") if key in own})
    return INFOS.get(recipe.get("dataset", ""))


def _optional(path: Path) -> dict[str, Any]:
    return read_json(path) if path.is_file() else {}


def _samples(folder: Path, within: str) -> str:
    """The sample sheets: pictures shown, text quoted, sound linked."""
    shown = []
    for path in sorted((folder / "samples").glob("*")):
        relative = within + path.relative_to(folder).as_posix()
        if path.name == NEIGHBOURS:
            shown.append(f"![samples and their nearest training pictures]({relative})\n\n{_NEIGHBOURS}")
        elif path.suffix in (".png", ".webp", ".gif"):
            shown.append(f"![samples, not chosen by hand]({relative})")
        elif path.suffix == ".txt":
            lines = path.read_text(encoding="utf-8", errors="replace").strip().splitlines()[:24]
            shown.append("```text\n" + "\n".join(lines).replace("```", "'''") + "\n```")
        elif path.suffix == ".wav":
            shown.append(f"[Listen to samples, not chosen by hand]({relative})")
    return "\n\n".join(shown)


def _what(
    found: entry.Entry, tasks: tuple[str, ...], folder: Path, recipe: dict[str, Any], labels: tuple[str, ...]
) -> str:
    weights = folder / "model.safetensors"
    about = inspect.cleandoc(sys.modules[found.model.__module__].__doc__ or "")
    rows = [
        ("Architecture", f"{found.title} ([paper]({found.paper}))"),
        ("Tasks", "; ".join(f"`{task}`: {entry.TASKS[task]}" for task in tasks)),
        ("Parameters", f"{recipe['parameters']:,}" if "parameters" in recipe else ""),
        ("Classes", ", ".join(labels)),
        ("Weights", f"{weights.stat().st_size / 1e6:.2f} MB, sha256 `{sha256_of(weights)}`"),
    ]
    return f"## What it is\n\n{about}\n\n{_table(('', ''), rows)}"


def _use(tasks: tuple[str, ...], folder: Path, name: str, repo: str, native: str, verse: bool, chat: bool) -> str:
    """Lines of code: with the library that opens it by itself, then with this zoo."""
    values = read_json(folder / "config.json")
    config = values["config"]
    place, parts = repo or name, _optional(folder / "graphs.json").get("parts", {})
    said = ["## Use"]
    if native == "transformers" and tasks[0] in snippets.READERS:
        kind, lines = snippets.READERS[tasks[0]]
        source = snippets.SOURCES.get(next(iter(values["labels"]), ""), "")
        said += [
            f"With [transformers](https://huggingface.co/docs/transformers) alone, as a `{kind}`:",
            "```python\n" + lines.replace("{place}", place).replace("{source}", source) + "\n```",
            f"A text may have {config['context_length']} tokens."
            + (" It is in small letters; `<zh>` or `<en>` before it says what to write." if "<" in source else ""),
        ]
    elif native == "transformers":
        said += [
            "With [transformers](https://huggingface.co/docs/transformers) alone, as a `GPT2LMHeadModel`:",
            f"```python\n{snippets.of_transformers(place, verse=verse, chat=chat)}\n```",
            f"A prompt and what follows it may have {config['context_length']} tokens together"
            + ("; the form of the poem is learnt here, and not enforced." if verse else "."),
        ]
    elif native == "diffusers":
        said += [
            f"With [diffusers](https://huggingface.co/docs/diffusers) alone, as {_PIPELINES[tasks[0]]}:",
            f"```python\n{snippets.of_diffusers(place, config)}\n```",
        ]
    elif lines := snippets.of_onnxruntime(parts, config, place, on_hub=bool(repo)):
        said += [
            "With [onnxruntime](https://onnxruntime.ai) and NumPy alone; `graphs.json` says what goes into each graph "
            "and what comes out:",
            f"```python\n{lines}\n```",
        ]
    if len(said) > 1 and not repo:
        said.append(f"Here `{name}` is the folder that this writes:\n\n```sh\n{_export(name, native)}\n```")
    python, options = snippets.of_zoo(tasks, place, verse=verse, chat=chat)
    said += [
        "With this zoo's code (a bundled name, a folder, or a Hub id `user/repo` all work):",
        f"```python\n{python}\n```",
        f"```sh\npython -m zoo sample {place} {options}\n```" if options else "",
        f'`zoo.load("{place}")` gives the bare PyTorch module.',
    ]
    return "\n\n".join(part for part in said if part)


def _export(name: str, native: str) -> str:
    return f"python -m zoo export {name} --format {native} --out {name}"


def _figures(figures: list[dict[str, Any]], name: str, metrics: dict[str, Any]) -> str:
    if not figures:
        return "## Figures\n\nNot measured on the test split yet."
    rows, notes, judges = [], [], {}
    for figure in figures:
        unit, mark = figure["unit"], ""
        if figure.get("note"):
            if figure["note"] not in notes:
                notes.append(figure["note"])
            mark = f" [{notes.index(figure['note']) + 1}]"
        if figure.get("judge"):
            judges[figure["judge"]] = figure["judge_sha256"]
        floor = figure.get("floor")
        rows.append(
            (
                figure["name"] + mark,
                value_text(figure["value"], unit),
                tolerance_text(figure["tolerance"], unit),
                "" if floor is None else value_text(floor, unit),
                f"{figure['better']} is better",
                figure["split"],
                f"{figure['samples']:,}",
                f"{figure['judge']} `{figure['judge_sha256'][:12]}`" if figure.get("judge") else "",
            )
        )
    heads = ("figure", "value", "tolerance", "to compare", "", "split", "samples", "judge")
    remarks = [f"[{i}] {note}." for i, note in enumerate(notes, 1)]
    remarks += [f"Judge {judge}: sha256 `{digest}`." for judge, digest in judges.items()]
    if split := metrics.get("data", {}).get("figures"):
        remarks.append(f"Test split: sha256 `{split}`.")
    return (
        f"## Figures\n\n{_table(heads, rows)}\n\n"
        + ("\n".join(f"- {remark}" for remark in remarks) + "\n\n" if remarks else "")
        + "Tolerance is how far a repetition on another machine may be off. Measure every figure again, from the "
        f"pinned weights, data and judges:\n\n```sh\nZOO_DATA=path/to/data python -m zoo verify {name}\n"
        f"python -m zoo verify {name} --quick  # on the bundled sample, in seconds\n```"
    )


def _training(recipe: dict[str, Any], info: Info | None) -> str:
    if not recipe:
        return ""
    bases = [one for one in (recipe.get("from"), *recipe.get("lent", ())) if one]
    steps, best = recipe.get("steps"), recipe.get("best_step")
    rows = [
        ("Command", f"`{recipe.get('command', '')}`"),
        ("Began from", "; ".join(f"`{one['name']}`, sha256 `{one['sha256'][:12]}`" for one in bases)),
        ("Data", f"{info.title}, training split, sha256 `{recipe.get('dataset_fingerprint', '')}`" if info else ""),
        ("Steps", f"{steps:,}, the best weights from step {best:,}" if steps and best is not None else ""),
        ("Wall time", _time_text(recipe.get("wall_seconds"))),
        ("CPU time", _time_text(recipe.get("cpu_seconds"))),
        ("Hardware", recipe.get("hardware", "")),
        ("Precision", {"no": "fp32"}.get(recipe.get("precision", ""), recipe.get("precision", ""))),
        ("Seed", str(recipe.get("seed", ""))),
        ("Code", f"commit `{recipe['git_commit']}`" if recipe.get("git_commit") else ""),
        ("Software", f"torch {recipe['torch']}" if recipe.get("torch") else ""),
        ("Finished", recipe.get("finished", "")),
    ]
    return (
        f"## How it was trained\n\n{_table(('', ''), rows)}\n\nEvery number of the run is in `recipe.json`. A + behind "
        "the commit means that files had changed since it."
    )


def _time_text(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _licences(recipe: dict[str, Any], info: Info | None) -> str:
    weights = recipe.get("licence_weights", "")
    rows = [("Code", "apache-2.0", "")]
    if info:
        attribution = f"{info.title}: {info.attribution}. [Source]({info.source})" if info.attribution else info.title
        rows.append(("Data", recipe.get("licence_data", info.licence), attribution))
    rows.append(("Weights", weights, _SHARE_ALIKE if "-sa-" in weights else ""))
    return f"## Licences\n\n{_table(('what', 'licence', 'note'), rows)}"


def _limits(tasks: tuple[str, ...], dataset: str, verse: bool, chat: bool, binarised: bool) -> str:
    limits = [limit for task in tasks for limit in _LIMITS.get(task, ())] + ([_VERSE_LIMIT] if verse else [])
    limits += [_LIMITS_OF_DATA[dataset, task] for task in tasks if (dataset, task) in _LIMITS_OF_DATA]
    limits += [_BINARISED_LIMIT] if binarised else []
    limits += [_CROWD_LIMIT] if chat or entry.RETRIEVAL in tasks else []
    return "## Limits\n\n" + "\n".join(f"- {limit}" for limit in limits) if limits else ""


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a row whose second cell is empty says nothing and is left out."""
    lines = [heads, tuple("---" for _ in heads), *(row for row in rows if row[1])]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in line) + " |" for line in lines
    )
