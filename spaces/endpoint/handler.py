"""Serves one checkpoint of the zoo on Hugging Face Inference Endpoints: the Inference Toolkit makes an
`EndpointHandler` of the repository's folder, and calls it with each request. docs/hosting.md tells how to deploy it.

A request is JSON, {"inputs": ..., "parameters": {...}}; `inputs` is, by what the checkpoint does,
  text:        how the text begins; for poems the title       -> [{"generated_text": ...}]
  chat:        what one says                                  -> [{"generated_text": ...}]
  translation: a text in one of its languages                 -> [{"translation_text": ...}]
  phonemes:    English words                                  -> [{"generated_text": a line a word}]
  blanks:      a text with [MASK] in it                       -> [[{"token_str": ..., "score": ...}, ...] for each]
  topics:      a text                                         -> [{"label": ..., "score": ...}, ...]
  pictures:    a class of the model, or "" for all in turn    -> [{"image": PNG in base64}]
  changes:     a picture, to be changed or enlarged           -> [{"image": PNG in base64}]
  speech:      digits such as "42"                            -> [{"audio": WAV in base64, "sampling_rate": 8000}]
  reading:     English, at most 300 characters                -> [{"audio": WAV in base64, "sampling_rate": 8000}]
  drums:       an instrument, or a pattern of a beat          -> [{"audio": WAV in base64, "sampling_rate": 16000}]
  music:       a melody such as "G4 C5 D5 E5:2", or ""        -> [{"audio": WAV, "sampling_rate": 22050, "midi": MIDI}]
  vocoding:    a recording of a voice                         -> [{"audio": WAV in base64, "sampling_rate": 8000}]
  joint:       {"word": ..., "picture": ..., "sound": ...},
               any of them, or none                           -> [{"word": ..., "image": PNG, "audio": WAV, ...}]
  drawings:    a description of an emoji                      -> [{"image": PNG in base64}]
  matches:     {"text": a description}                        -> [{"label": ..., "score": ...}, ...]
               or a picture, with candidate_labels or without -> [{"label": ..., "score": ...}, ...]
  judges:      a picture or a sound                           -> [{"label": ..., "score": ...}, ...]
A picture or a sound is a file in base64 or, as the toolkit hands over other content types, as it is. `parameters` are
those of the zoo's own functions: seed, temperature, form, label, count, speaker, ... A value that cannot be used raises
a ValueError whose words say what is allowed, which the toolkit answers with 400.
"""

import base64
import binascii
import inspect
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # the package `zoo` stands beside this file

from zoo import entry, hub, sample
from zoo.config import suggestion
from zoo.data.audio import fit_length
from zoo.data.media import read_audio, read_picture
from zoo.data.pairs import as_floats, fitted
from zoo.generate import (
    audio,
    chat,
    chorale,
    crossmodal,
    describing,
    drawing,
    drums,
    image,
    joint,
    library,
    masked,
    matching,
    notes,
    prompting,
    provenance,
    speech,
    text,
    translate,
    translation,
    vocoder,
)
from zoo.generate.inputs import InputError
from zoo.generate.sampling import probabilities


class EndpointHandler:
    """The one checkpoint under zoo/pretrained, opened once; a voice, and beside it what it speaks through."""

    def __init__(self, path: str = "") -> None:
        names = sorted(folder.parent.name for folder in hub.PRETRAINED.glob("*/config.json"))
        names = library.choices(entry.TEXT_TO_SPEECH) or names
        if len(names) != 1:
            raise ValueError(f"{path or '.'} holds {len(names)} checkpoints; `zoo space build endpoint` puts in one")
        self.name = names[0]
        self.loaded = library.get(self.name)
        answers = {
            entry.TEXT_GENERATION: self.write,
            "verse": self.compose,
            entry.RETRIEVAL: self.reply,
            entry.TRANSLATION: self.translate,
            "pronunciation": self.pronounce,
            entry.FILL_MASK: self.fill,
            entry.TEXT_CLASSIFICATION: self.tell,
            entry.IMAGE_GENERATION: self.draw,
            entry.IMAGE_TRANSLATION: self.change,
            "enlarging": self.enlarge,
            entry.AUDIO_GENERATION: self.speak,
            entry.TEXT_TO_SPEECH: self.read,
            entry.NOTE_GENERATION: self.play,
            entry.SOUND_GENERATION: self.drum,
            entry.MUSIC_GENERATION: self.sing,
            entry.VOCODING: self.vocode,
            entry.ANY_TO_ANY: self.join,
            entry.TEXT_TO_IMAGE: self.illustrate,
            entry.IMAGE_TEXT_MATCHING: self.match,
            entry.CAPTIONING: self.caption,
            entry.IMAGE_CLASSIFICATION: self.see,
            entry.AUDIO_CLASSIFICATION: self.hear,
        }
        tasks = library.tasks_of(library.config_of(self.name)["model"])
        judges = (entry.IMAGE_CLASSIFICATION, entry.AUDIO_CLASSIFICATION)
        judge = next((task for task in judges if task in tasks), None)
        self.answer = answers[judge or sample.kind_of(self.name)]

    def __call__(self, data: dict[str, Any]) -> list[dict[str, Any]]:
        """Answer one request. Raises InputError, a ValueError."""
        if not isinstance(data, dict) or "inputs" not in data:
            raise InputError('a request is {"inputs": ..., "parameters": {...}}')
        parameters = data.get("parameters") or {}
        declared = inspect.signature(self.answer).parameters.values()
        known = [one.name for one in declared if one.kind == one.KEYWORD_ONLY]
        if not isinstance(parameters, dict):
            raise InputError(f"parameters must be an object; allowed in it are {', '.join(known)}")
        for name in parameters:
            if name not in known:
                given = str(name)[:40]
                raise InputError(f"{self.name} takes no parameter {given!r}{suggestion(given, known)}")
        return self.answer(data["inputs"], **parameters)

    def write(
        self, inputs: Any, *, max_new_tokens: int = 300, temperature: float = 0.8, top_k: int = 0, top_p: float = 0.95,
        repetition_penalty: float = 1.0, seed: int = 0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Continue a text."""
        *_, last = text.write(
            self.name, inputs, max_new_tokens=max_new_tokens, temperature=temperature, top_k=top_k, top_p=top_p,
            repetition_penalty=repetition_penalty, seed=seed,
        )  # fmt: skip
        return [{"generated_text": last.text}]

    def compose(
        self, inputs: Any, *, form: str = "五言绝句", author: str = "", acrostic: str = "", temperature: float = 0.8,
        top_k: int = 0, top_p: float = 0.9, seed: int = 0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Compose a poem with the given title."""
        *_, last = text.compose(
            self.name, form, title=inputs, author=author, acrostic=acrostic, temperature=temperature, top_k=top_k,
            top_p=top_p, seed=seed,
        )  # fmt: skip
        return [{"generated_text": last.text}]

    def reply(
        self, inputs: Any, *, history: Any = (), max_new_tokens: int = 60, temperature: float = 0.7, top_k: int = 0,
        top_p: float = 0.9, repetition_penalty: float = 1.0, seed: int = 0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Answer in a conversation; `history` is what was said before, a list of pairs (role, text)."""
        *_, last = chat.reply(
            self.name, history, inputs, max_new_tokens=max_new_tokens, temperature=temperature, top_k=top_k,
            top_p=top_p, repetition_penalty=repetition_penalty, seed=seed,
        )  # fmt: skip
        return [{"generated_text": last.text}]

    def translate(self, inputs: Any, *, direction: str = translation.AUTO, beams: int = 4) -> list[dict[str, Any]]:
        """Translate a text."""
        return [{"translation_text": translation.translate(self.name, inputs, direction, beams=beams).text}]

    def pronounce(self, inputs: Any, *, beams: int = 4) -> list[dict[str, Any]]:
        """Say how words sound."""
        return [{"generated_text": translation.pronounce(self.name, inputs, beams=beams).text}]

    def fill(self, inputs: Any, *, top: int = 5) -> list[list[dict[str, Any]]]:
        """Fill the blanks of a text."""
        blanks = masked.fill(self.name, inputs, top=top).blanks
        return [[{"token_str": one.token, "score": one.probability} for one in blank] for blank in blanks]

    def tell(self, inputs: Any) -> list[dict[str, Any]]:
        """Say what a text is about, the likeliest first."""
        return [{"label": label, "score": share} for label, share in masked.classify(self.name, inputs).classes]

    def draw(
        self, inputs: Any, *, count: int = 1, seed: int = 0, truncation: float = 1.0, steps: int | None = None,
        guidance: float | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Draw a sheet of pictures: a PNG that says how it was made; `python -m zoo replay` makes it again."""
        label = None if inputs in (None, "") else inputs
        made = image.draw(
            self.name, label, count=count, seed=seed, truncation=truncation, steps=steps, guidance=guidance
        )
        return [{"image": _base64(provenance.png(made.sheet, made.source.record))}]

    def change(
        self, inputs: Any, *, how: str | None = None, mask: str | None = None, back: bool = False,
        strength: float = 0.3, seed: int = 0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Change a picture; `mask` is one that is light where this one is to be repaired, in base64."""
        made = translate.translate(
            self.name, _picture(inputs), how=how, mask=None if mask is None else _picture(mask), back=back,
            strength=strength, seed=seed,
        )  # fmt: skip
        return [{"image": _base64(provenance.png(made.images[1], made.source.record))}]

    def enlarge(self, inputs: Any, *, shrink: bool = False) -> list[dict[str, Any]]:
        """Enlarge a picture."""
        made = translate.enlarge(self.name, _picture(inputs), shrink=shrink).pictures
        return [{"image": _base64(provenance.png(made.images[1], made.source.record))}]

    def speak(
        self, inputs: Any, *, speaker: str = "jackson", temperature: float = 1.0, seed: int = 0
    ) -> list[dict[str, Any]]:
        """Say digits."""
        *_, sound = audio.speak(self.name, inputs, speaker=speaker, temperature=temperature, seed=seed)
        return _sounding(sound)

    def read(self, inputs: Any, *, speed: float = 1.0, temperature: float = 0.6, seed: int = 0) -> list[dict[str, Any]]:
        """Read English aloud."""
        return _sounding(speech.say(self.name, inputs, speed=speed, temperature=temperature, seed=seed).sound)

    def play(
        self, inputs: Any, *, instrument: str = "acoustic_grand_piano", temperature: float = 1.0, seed: int = 0
    ) -> list[dict[str, Any]]:
        """Play a note, by its name."""
        *_, sound = notes.play_note(self.name, inputs, instrument, temperature=temperature, seed=seed)
        return _sounding(sound)

    def drum(
        self, inputs: Any, *, tempo: float | None = None, swing: float | None = None, bars: int = 2, seed: int = 0,
        seeds: Any = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """One sound of an instrument, or a beat of a pattern: the name of one, or rows of steps by instrument."""
        if isinstance(inputs, str) and inputs in drums.instruments(self.name):
            return _sounding(drums.hit(self.name, inputs, seed=seed))
        return _sounding(drums.beat(self.name, inputs, tempo=tempo, swing=swing, bars=bars, seed=seed, seeds=seeds))

    def sing(
        self, inputs: Any, *, bars: int = 8, temperature: float = 1.0, top_p: float = 0.95, tempo: float = 80.0,
        seed: int = 0,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Set a melody for four voices, or compose so many bars where there is none."""
        options = {"temperature": temperature, "top_p": top_p, "tempo": tempo, "seed": seed}
        if inputs in (None, ""):
            *_, made = chorale.compose(self.name, bars, **options)
        else:
            *_, made = chorale.harmonise(self.name, inputs, **options)
        record = made.source.record
        sound = _base64(provenance.wav(made.waveform, made.sample_rate, record))
        notes = _base64(provenance.midi(made.notes, made.tempo, record))
        return [{"audio": sound, "sampling_rate": made.sample_rate, "midi": notes}]

    def vocode(self, inputs: Any, *, temperature: float = 0.6, seed: int = 0) -> list[dict[str, Any]]:
        """Turn a recording into its spectrogram, and that into sound again."""
        made = vocoder.resynthesise(self.name, *_recording(inputs), temperature=temperature, seed=seed)
        return _sounding(made.vocoded)

    def join(self, inputs: Any, *, seed: int = 0) -> list[dict[str, Any]]:
        """A digit in any form, or in none, in every form."""
        what = inputs or {}
        if not isinstance(what, dict) or not what.keys() <= {"word", "picture", "sound"}:
            raise InputError("inputs must be an object with any of word, picture and sound")
        picture = _picture(what["picture"]) if what.get("picture") else None
        heard = _recording(what["sound"]) if what.get("sound") else None
        found = joint.give(self.name, joint.given(what.get("word", ""), picture, heard), seed=seed)
        made, record = found.sound, found.source.record
        return [
            {
                "word": found.word,
                "scores": found.probabilities,
                "image": _base64(provenance.png(found.picture, record)),
                "audio": _base64(provenance.wav(made.waveform, made.sample_rate, record)),
                "sampling_rate": made.sample_rate,
            }
        ]

    def illustrate(
        self, inputs: Any, *, style: str = prompting.STYLES[0], count: int = 4, seed: int = 0, steps: int | None = None,
        guidance: float | None = None,
    ) -> list[dict[str, Any]]:  # fmt: skip
        """Draw emoji of a text, on one sheet: a PNG that says how it was made."""
        *_, made = prompting.draw(
            self.name, inputs, style=style, count=count, seed=seed, steps=steps, guidance=guidance
        )
        return [{"image": _base64(provenance.png(made.sheet, made.source.record))}]

    def match(
        self, inputs: Any, *, candidate_labels: Any = None, language: str = "en", top: int = 8
    ) -> list[dict[str, Any]]:
        """Find emoji of a description, {"text": ...}, or the names or candidate labels that fit a picture."""
        if isinstance(inputs, dict):
            found = matching.find(self.name, inputs.get("text"), top=top)
        elif candidate_labels is not None:
            labels = matching.score(self.name, _picture(inputs), candidate_labels)
            return [{"label": label, "score": share} for label, share in labels]
        else:
            found = matching.describe(self.name, _picture(inputs), language=language, top=top)
        return [{"label": one.title, "score": one.share} for one in found.matches]

    def caption(self, inputs: Any, *, language: str = "en", beams: int = 4) -> list[dict[str, Any]]:
        """Say in English ("en") or Chinese ("zh") what a picture shows."""
        found = describing.describe_picture(self.name, _picture(inputs), language=language, beams=beams)
        return [{"generated_text": found.text}]

    def see(self, inputs: Any) -> list[dict[str, Any]]:
        """Judge a picture; one of a digit or of clothes is dark on light or light on dark."""
        picture, config = _picture(inputs, opaque=True), self.loaded.network.config
        if config.channels == 3:
            pixels = fitted(picture.convert("RGB"), config.image_size)
            return self._scores(as_floats(pixels.transpose(2, 0, 1)[None]))
        clothes = self.loaded.recipe.get("dataset") == "fashion_mnist"
        seen = (drawing.like_clothes if clothes else drawing.like_digits)(drawing.ink_of(picture))
        return self._scores(seen.astype("float32")[None, None] * 2 - 1)

    def hear(self, inputs: Any) -> list[dict[str, Any]]:
        """Judge a recording of one word, or of one drum."""
        given = _recording(inputs)
        config = self.loaded.network.config
        length = config.frames * config.hop_length
        if self.loaded.recipe.get("dataset") == "drums":
            return self._scores(drums.heard(*given, config.sample_rate, length)[None])
        return self._scores(fit_length(crossmodal.spoken_word(*given), length)[None])

    def _scores(self, inputs: Any) -> list[dict[str, Any]]:
        (logits,) = self.loaded.network.run("classifier", inputs=inputs)
        scores = probabilities(logits)[0].tolist()
        named = [{"label": label, "score": score} for label, score in zip(self.loaded.labels, scores, strict=True)]
        return sorted(named, key=lambda one: -one["score"])


def _picture(inputs: Any, *, opaque: bool = False) -> Any:
    """A picture from a file's bytes; what the toolkit has opened by itself stays as it is."""
    if not isinstance(inputs, str | bytes):
        return inputs
    with _file(inputs) as path:
        return read_picture(path, opaque=opaque)


def _recording(inputs: Any) -> tuple[Any, int]:
    """Samples and their rate from a file's bytes."""
    if not isinstance(inputs, str | bytes):
        raise InputError("inputs must be a sound: a WAV or FLAC file, in base64 where the request is JSON")
    with _file(inputs) as path:
        return read_audio(path)


def _sounding(sound: audio.Sound) -> list[dict[str, Any]]:
    encoded = _base64(provenance.wav(sound.waveform, sound.sample_rate, sound.source.record))
    return [{"audio": encoded, "sampling_rate": sound.sample_rate}]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@contextmanager
def _file(inputs: str | bytes) -> Iterator[Path]:
    """What a request holds, as a file: it is then read with every check that an upload gets."""
    try:
        data = base64.b64decode(inputs, validate=True) if isinstance(inputs, str) else inputs
    except (binascii.Error, ValueError) as error:
        raise InputError("inputs must be a file's bytes in base64") from error
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inputs"
        path.write_bytes(data)
        yield path
