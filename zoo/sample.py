"""What `python -m zoo sample` makes: by what a checkpoint does, the options it takes and the file it writes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from zoo import entry

_PROSE = ("max_new_tokens", "temperature", "top_k", "top_p", "repetition_penalty", "seed")


@dataclass(frozen=True)
class Kind:
    """A way to use a checkpoint. `make` takes its name and the options given, prints words, and gives the result's
    source and what is to be written to a file with `suffix`: `always`, or only where it is asked for. Where there are
    `others` that the file may have, `make` is told which as the option "suffix"."""

    options: tuple[str, ...]
    suffix: str
    make: Callable[[str, dict[str, Any]], tuple[Any, bytes]]
    always: bool = True
    needs: str = ""
    """The option that it cannot do without."""
    others: tuple[str, ...] = ()


def sample(name: str, given: Mapping[str, Any], out: Path | None) -> str:
    """Use a checkpoint that `zoo.generate.library` knows, with the options that were `given` -> a line on its source.

    Raises ValueError for one that generates nothing, for options that it does not take or lacks, and an `out` that
    cannot be; and InputError as the functions of `zoo.generate` do.
    """
    kind = KINDS[kind_of(name)]
    for option in given:
        if option not in kind.options:
            flags = ", ".join(_flag(o) for o in kind.options)
            raise ValueError(f"{name} takes no {_flag(option)}; it takes {flags} and --out")
    if kind.needs and kind.needs not in given:
        raise ValueError(f"{name} needs {_flag(kind.needs)}")
    options = dict(given)
    if "seed" in kind.options:
        options.setdefault("seed", 0)
    if out is None and kind.always:
        seed = f"-seed{options['seed']}" if "seed" in options else ""
        out = Path(f"{name.replace('/', '-').replace('@', '-')}{seed}{kind.suffix}")
    suffixes = (kind.suffix, *kind.others)
    if out is not None and (out.suffix.lower() not in suffixes or not out.parent.is_dir()):
        raise ValueError(
            f"--out is {str(out)!r}; {name} writes {' and '.join(suffixes)} files, into a folder that exists"
        )
    if kind.others:
        options["suffix"] = kind.suffix if out is None else out.suffix.lower()
    source, data = kind.make(name, options)
    if out is not None:
        out.write_bytes(data)
    return f"{source.line()} · {out}" if out is not None else str(source.line())


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def kind_of(name: str) -> str:
    """The key of KINDS by which a checkpoint is used. Raises ValueError for one that generates nothing."""
    from zoo.data.sequences import PRONOUNCING
    from zoo.generate import chat, library, text, translate

    tasks = library.does(library.config_of(name))
    if entry.TRANSLATION in tasks:
        return "pronunciation" if PRONOUNCING in library.labels_of(name) else entry.TRANSLATION
    if entry.TEXT_GENERATION in tasks and text.is_verse(name):
        return "verse"
    if name in chat.choices():
        return entry.RETRIEVAL
    if entry.IMAGE_TRANSLATION in tasks:
        return "enlarging" if translate.way_of(name).source == "small" else entry.IMAGE_TRANSLATION
    for task in tasks:
        if task in KINDS:
            return task
    raise ValueError(f"{name} generates nothing: it does {', '.join(tasks)}")


def _drawn(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate.image import Pictures, draw_live
    from zoo.generate.provenance import png

    found = _last(name, draw_live(name, **options), Pictures)
    return found.source, png(found.sheet, found.source.record)


def _spoken(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate.audio import Sound, speak
    from zoo.generate.provenance import wav

    found = _last(name, speak(name, **options), Sound)
    return found.source, wav(found.waveform, found.sample_rate, found.source.record)


def _played(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate.audio import Sound
    from zoo.generate.notes import play_note
    from zoo.generate.provenance import wav

    found = _last(name, play_note(name, **options), Sound)
    return found.source, wav(found.waveform, found.sample_rate, found.source.record)


def _drummed(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import drums
    from zoo.generate.provenance import wav

    if "instrument" in options:
        given = {key: value for key, value in options.items() if key in ("instrument", "seed")}
        if len(given) < len(options):
            raise ValueError(f"{name} makes one sound of --instrument; --pattern and what goes with it are for beats")
        found = drums.hit(name, **given)
    else:
        found = drums.beat(name, **options)
    return found.source, wav(found.waveform, found.sample_rate, found.source.record)


def _sung(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import chorale
    from zoo.generate.melody import melody_of_midi
    from zoo.generate.provenance import midi, png, wav

    suffix = options.pop("suffix")
    if "midi" in options:
        if "melody" in options:
            raise ValueError("the melody is given twice, by --melody and by --midi; give one")
        options["melody"] = melody_of_midi(options.pop("midi"))
    if "melody" in options and "bars" in options:
        raise ValueError("--bars is for music without a melody, which says itself how long it is")
    make = chorale.harmonise if "melody" in options else chorale.compose
    found = _last(name, make(name, **options), chorale.Chorale)
    record = found.source.record
    if suffix == ".mid":
        return found.source, midi(found.notes, found.tempo, record)
    if suffix == ".png":
        return found.source, png(found.roll, replace(record, result="roll"))
    return found.source, wav(found.waveform, found.sample_rate, record)


def _said(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate.provenance import wav
    from zoo.generate.speech import say

    found = say(name, **options).sound
    return found.source, wav(found.waveform, found.sample_rate, found.source.record)


def _resynthesised(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate.provenance import wav
    from zoo.generate.vocoder import resynthesise

    found = resynthesise(name, *_recording(options.pop("recording")), **options)
    print("distance: {:.3f}; by Griffin-Lim {:.3f}".format(*found.distances))
    made = found.vocoded
    return made.source, wav(made.waveform, made.sample_rate, made.source.record)


def _last(name: str, steps: Iterator[Any], kind: type) -> Any:
    """The result, of `kind`, that comes after the shares that are done, which a bar shows."""
    from tqdm import tqdm

    with tqdm(total=1.0, desc=name, disable=None, leave=False, bar_format="{desc}: {percentage:3.0f}%|{bar}|") as bar:
        for step in steps:
            if isinstance(step, kind):
                return step
            bar.update(step - bar.n)
    raise ValueError(f"{name} made nothing")


def _written(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import text

    return _streamed(name, text.write(name, **options))


def _composed(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import text

    return _streamed(name, text.compose(name, **options))


def _replied(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import chat

    return _streamed(name, chat.reply(name, (), options.pop("text"), **options))


def _streamed(name: str, steps: Iterator[Any]) -> tuple[Any, bytes]:
    """Print what is new as it comes."""
    shown, found = "", None
    for found in steps:
        if found.text.startswith(shown):
            print(found.text[len(shown) :], end="", flush=True)
            shown = found.text
    if found is None:
        raise ValueError(f"{name} wrote nothing")
    print()
    return _kept(found)


def _kept(found: Any) -> tuple[Any, bytes]:
    from zoo.generate.provenance import txt

    return found.source, txt(found.text, found.source.record).encode()


def _printed(found: Any) -> tuple[Any, bytes]:
    print(found.text)
    return _kept(found)


def _translated(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import translation

    return _printed(translation.translate(name, **options))


def _pronounced(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import translation

    return _printed(translation.pronounce(name, **options))


def _filled(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import masked

    found = masked.fill(name, **options)
    print(found.text)
    for number, blank in enumerate(found.blanks, 1):
        print(f"  {number}: " + ", ".join(f"{one.token} {100 * one.probability:.1f} %" for one in blank))
    return _kept(found)


def _classified(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import masked
    from zoo.generate.provenance import txt

    found = masked.classify(name, **options)
    told = "\n".join(f"{label}  {100 * share:.1f} %" for label, share in found.classes)
    print(told)
    return found.source, txt(told, found.source.record).encode()


def _picture(path: Path) -> Any:
    from zoo.data.media import MediaError, read_picture

    try:
        return read_picture(path, opaque=False)
    except MediaError as error:
        raise ValueError(f"--picture is {str(path)!r}: {error}") from error


def _recording(path: Path) -> Any:
    from zoo.data.media import MediaError, read_audio

    try:
        return read_audio(path)
    except MediaError as error:
        raise ValueError(f"--recording is {str(path)!r}: {error}") from error


def _changed(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import translate
    from zoo.generate.provenance import png

    found = translate.translate(name, _picture(options.pop("picture")), **options)
    return found.source, png(found.images[1], found.source.record)


def _enlarged(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import translate
    from zoo.generate.provenance import png

    found = translate.enlarge(name, _picture(options["picture"])).pictures
    return found.source, png(found.images[1], found.source.record)


def _joined(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import joint
    from zoo.generate.provenance import png, wav

    said = options.pop("said", None)
    if said is not None and (said.suffix.lower() != ".wav" or not said.parent.is_dir()):
        raise ValueError(f"--said is {str(said)!r}; the sound is written to a .wav file, into a folder that exists")
    picture = _picture(options["picture"]) if "picture" in options else None
    sound = _recording(options["recording"]) if "recording" in options else None
    found = joint.give(name, joint.given(options.get("text", ""), picture, sound), seed=options["seed"])
    print(joint.in_words(found.word))
    if said is not None:
        said.write_bytes(wav(found.sound.waveform, found.sound.sample_rate, found.source.record))
    return found.source, png(found.picture, found.source.record)


def _prompted(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate.image import Pictures
    from zoo.generate.prompting import draw
    from zoo.generate.provenance import png

    found = _last(name, draw(name, **options), Pictures)
    return found.source, png(found.sheet, found.source.record)


def _matched(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import matching

    if ("text" in options) == ("picture" in options):
        raise ValueError(f"{name} needs either --text, to find emoji, or --picture, to describe it")
    if "text" in options:
        return _printed(matching.find(name, **options))
    return _printed(matching.describe(name, _picture(options.pop("picture")), **options))


def _described(name: str, options: dict[str, Any]) -> tuple[Any, bytes]:
    from zoo.generate import describing

    found = describing.describe_picture(name, _picture(options.pop("picture")), **options)
    source, data = _printed(found)
    print(" ".join(f"{one.text or 'the end'} {100 * one.probability:.1f} %" for one in found.tokens))
    return source, data


KINDS = {
    entry.IMAGE_GENERATION: Kind(("label", "count", "seed", "truncation", "steps", "guidance"), ".png", _drawn),
    entry.IMAGE_TRANSLATION: Kind(
        ("picture", "how", "back", "strength", "seed"), ".png", _changed, needs="picture"
    ),
    "enlarging": Kind(("picture",), ".png", _enlarged, needs="picture"),
    entry.ANY_TO_ANY: Kind(("text", "picture", "recording", "said", "seed"), ".png", _joined),
    entry.AUDIO_GENERATION: Kind(("digits", "speaker", "temperature", "seed"), ".wav", _spoken),
    entry.NOTE_GENERATION: Kind(("note", "instrument", "temperature", "seed"), ".wav", _played),
    entry.SOUND_GENERATION: Kind(("instrument", "pattern", "tempo", "swing", "bars", "seed"), ".wav", _drummed),
    entry.MUSIC_GENERATION: Kind(
        ("melody", "midi", "bars", "temperature", "top_p", "tempo", "seed"), ".wav", _sung, others=(".mid", ".png")
    ),
    entry.TEXT_TO_SPEECH: Kind(("text", "speed", "temperature", "seed"), ".wav", _said, needs="text"),
    entry.VOCODING: Kind(("recording", "temperature", "seed"), ".wav", _resynthesised, needs="recording"),
    entry.TEXT_GENERATION: Kind(("prompt", *_PROSE, "bits"), ".txt", _written, always=False),
    "verse": Kind(
        ("form", "title", "author", "acrostic", "temperature", "top_k", "top_p", "seed"), ".txt", _composed,
        always=False,
    ),
    entry.RETRIEVAL: Kind(("text", *_PROSE), ".txt", _replied, always=False, needs="text"),
    entry.TRANSLATION: Kind(("text", "direction", "beams"), ".txt", _translated, always=False, needs="text"),
    "pronunciation": Kind(("text", "beams"), ".txt", _pronounced, always=False, needs="text"),
    entry.FILL_MASK: Kind(("text", "top"), ".txt", _filled, always=False, needs="text"),
    entry.TEXT_CLASSIFICATION: Kind(("text",), ".txt", _classified, always=False, needs="text"),
    entry.TEXT_TO_IMAGE: Kind(
        ("text", "style", "count", "seed", "steps", "guidance"), ".png", _prompted, needs="text"
    ),
    entry.IMAGE_TEXT_MATCHING: Kind(("text", "picture", "language", "top"), ".txt", _matched, always=False),
    entry.CAPTIONING: Kind(
        ("picture", "language", "beams"), ".txt", _described, always=False, needs="picture"
    ),
}  # fmt: skip
"""What a checkpoint can be used for, by task; some tasks have several ways."""
OPTIONS = tuple(dict.fromkeys(option for kind in KINDS.values() for option in kind.options))
