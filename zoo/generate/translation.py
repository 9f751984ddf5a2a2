"""A text -> the same in another language, and words -> how they sound; each token with the model's own probability."""

from __future__ import annotations

import re
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from zoo.data.sequences import LETTERS, PRONOUNCING, TRANSLATING, as_source, never_written, number_of, tidy
from zoo.data.text import END
from zoo.engine import Network
from zoo.entry import TRANSLATION
from zoo.generate import library
from zoo.generate.beam import Hypothesis, log_chances, odds_of_target, search
from zoo.generate.inputs import InputError, one_of, quoted, whole, words
from zoo.generate.library import Loaded, Source, source_of
from zoo.generate.prose import Odds
from zoo.generate.text import tokenizer_of
from zoo.generate.verse import is_han

if TYPE_CHECKING:
    from tokenizers import Tokenizer

AUTO = "auto"
MAX_TEXT = 1000
"""Characters of a text, or of words that are to be pronounced."""
MAX_SENTENCES, MAX_WORDS = 20, 40
MAX_BEAMS = 8
LONG = 30
"""Tokens of a sentence above which it is longer than 999 of 1,000 that the translator has read."""
STRANGE = 2.3
"""Pieces an English word, over a sentence, above which it falls apart as 1 of 200 sentences of the data does and those
of other languages do: the translator has met few of its words."""
ROWS = 32
"""Sequences that are searched side by side."""
_ENDING = re.compile(
    r"(?<=[。！？；])(?![”’\"。！？；])|(?<=[.!?;])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bMs\.)(?<!\bDr\.)\s+|\n+"
)
"""Between two sentences."""
_MARKS = ',!?;:"()[]“”‘’…—。，！？；：、'
_IPA = {
    **{"AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "aʊ", "AY": "aɪ", "EH": "ɛ", "ER": "ɝ", "EY": "eɪ", "IH": "ɪ"},
    **{"IY": "i", "OW": "oʊ", "OY": "ɔɪ", "UH": "ʊ", "UW": "u"},
    **{"B": "b", "CH": "tʃ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "dʒ", "K": "k", "L": "l"},
    **{"M": "m", "N": "n", "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w"},
    **{"Y": "j", "Z": "z", "ZH": "ʒ"},
}
_WEAK = {"AH0": "ə", "ER0": "ɚ"}
_STRESS = {"1": "ˈ", "2": "ˌ"}


@dataclass(frozen=True)
class Sentence:
    """One sentence: what the model read, what it wrote, token by token, and what it would have written otherwise.

    A `long` sentence is longer than nearly all that it learnt from, and of a `strange` one it has met few of the words,
    or they are of another language: what comes out is its best effort, and not to be relied on.
    """

    read: str
    text: str
    tokens: tuple[Odds, ...]
    others: tuple[str, ...]
    long: bool
    strange: bool


@dataclass(frozen=True)
class Translation:
    """A text in another language. It was read sentence by sentence: each is translated by itself."""

    text: str
    direction: str
    sentences: tuple[Sentence, ...]
    seconds: float
    source: Source


@dataclass(frozen=True)
class Pronunciation:
    """A word and how it sounds: phonemes of ARPAbet, the same in the IPA with the stress before its vowel, the tokens
    with their odds, and other pronunciations, likeliest first."""

    word: str
    phonemes: tuple[str, ...]
    ipa: str
    tokens: tuple[Odds, ...]
    others: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Spoken:
    """Words as they sound. `text` has a line a word: the word, its phonemes and its IPA."""

    text: str
    words: tuple[Pronunciation, ...]
    seconds: float
    source: Source


def translate(model: str = "seq2seq.en-zh", text: str = "", direction: str = AUTO, *, beams: int = 4) -> Translation:
    """Translate `text`, up to 1,000 characters and 20 sentences; each sentence by itself.

    `direction` is one that the model knows ("en-zh", "zh-en"), or "auto": a text with Chinese characters is Chinese.
    `beams` 1 (greedy) to 8. A missing full stop is put there, for nearly every sentence that was learnt has its mark.
    Raises InputError for an empty text, one in another language than the direction reads, one that is too long, and
    characters that the model has never read.
    """
    text = words("the text", text, longest=MAX_TEXT)
    count = whole("the number of beams", beams, 1, MAX_BEAMS)
    if not text.strip():
        raise InputError("the text is empty; give a sentence to translate")
    known = _directions(model, TRANSLATING)
    chosen = one_of("the direction", direction, (AUTO, *known))
    if chosen == AUTO:
        chosen = "zh-en" if any(map(is_han, text)) else "en-zh"
        if chosen not in known:
            raise InputError(f"{model} cannot translate {chosen}; it knows {', '.join(known)}")
    _check_language(text, chosen)
    found = library.get(model, TRANSLATION)
    tokenizer = tokenizer_of(found)
    parts = [_ended(part, chosen) for part in sentences_of(text)]
    if not parts:
        raise InputError(f"{quoted(text.strip())} has no words; give a sentence to translate")
    if len(parts) > MAX_SENTENCES:
        raise InputError(f"the text has {len(parts)} sentences; at most {MAX_SENTENCES} are allowed")
    parts = [_readable(tokenizer, part, model) for part in parts]
    begun = time.monotonic()
    sources = [tokenizer.encode(as_source(part, chosen)).ids for part in parts]
    _check_lengths(sources, parts, found)
    made = written(found.network, tokenizer, sources, beams=count)
    sentences = tuple(_sentence(found.network, tokenizer, *one) for one in zip(parts, sources, made, strict=True))
    result = (" " if chosen.endswith("en") else "").join(sentence.text for sentence in sentences)
    parameters = {"text": text, "direction": chosen, "beams": count}
    source = source_of(found, model, "text.translate", parameters)
    return Translation(result, chosen, sentences, time.monotonic() - begun, source)


def pronounce(model: str = "seq2seq.g2p", text: str = "", *, beams: int = 4) -> Spoken:
    """Say how English words sound: up to 1,000 characters, 40 words, letters, apostrophes, hyphens and full stops.

    What is shown is what the model makes of the spelling; no dictionary is looked into. `beams` 1 (greedy) to 8.
    Raises InputError for an empty text, for digits and other scripts, and for a word that is too long.
    """
    text = words("the text", text, longest=MAX_TEXT)
    count = whole("the number of beams", beams, 1, MAX_BEAMS)
    _directions(model, (PRONOUNCING,))
    asked = [_word(part) for part in re.split(rf"[\s{re.escape(_MARKS)}]+", text) if part.strip("'-.")]
    if not asked:
        raise InputError("there is no word to pronounce; give one in English letters")
    if len(asked) > MAX_WORDS:
        raise InputError(f"the text has {len(asked)} words; at most {MAX_WORDS} are allowed")
    found = library.get(model, TRANSLATION)
    longest = found.network.config.context_length - 1
    for word in asked:
        if len(word) > longest:
            raise InputError(f"{quoted(word)} has {len(word)} letters; {model} reads words of at most {longest}")
    tokenizer = tokenizer_of(found)
    begun = time.monotonic()
    sources = [tokenizer.encode(as_source(word, PRONOUNCING)).ids for word in asked]
    made = written(found.network, tokenizer, sources, beams=count)
    said = tuple(
        Pronunciation(
            word, _phonemes(tokenizer, best[0].ids), ipa(_phonemes(tokenizer, best[0].ids)),
            _tokens(found.network, tokenizer, source, best[0].ids),
            tuple(_phonemes(tokenizer, one.ids) for one in best[1:]),
        )
        for word, source, best in zip(asked, sources, made, strict=True)
    )  # fmt: skip
    lines = "\n".join(f"{one.word}  {' '.join(one.phonemes)}  /{one.ipa}/" for one in said)
    source = source_of(found, model, "text.pronounce", {"text": text, "beams": count})
    return Spoken(lines, said, time.monotonic() - begun, source)


def _sentence(
    network: Network, tokenizer: Tokenizer, read: str, source: Sequence[int], best: Sequence[Hypothesis]
) -> Sentence:
    texts = tuple(dict.fromkeys(_text(tokenizer, one.ids) for one in best))  # the same may be written in two ways
    tokens = _tokens(network, tokenizer, source, best[0].ids)
    return Sentence(read, texts[0], tokens, texts[1:], len(source) > LONG, _strange(tokenizer, read))


def _strange(tokenizer: Tokenizer, sentence: str) -> bool:
    """Whether the Latin words of a sentence are mostly such as the tokenizer has no token for."""
    latin = [word.lower() for word in re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", sentence) if word[0] < "\u0250"]
    pieces = sum(len(tokenizer.encode(f" {word}", add_special_tokens=False).ids) for word in latin)
    return pieces > STRANGE * len(latin)


def written(
    network: Network, tokenizer: Tokenizer, sources: Sequence[Sequence[int]], *, beams: int
) -> list[list[Hypothesis]]:
    """The hypotheses of each source, ids with their end; those of like length are searched side by side."""
    end, forbidden = number_of(tokenizer, END), never_written(tokenizer)
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for start in range(0, len(order), ROWS):
        rows = order[start : start + ROWS]
        made = search(network, [sources[i] for i in rows], end=end, forbidden=forbidden, beams=beams)
        for i, best in zip(rows, made, strict=True):
            found[i] = best
    return found


def translated(
    network: Network, tokenizer: Tokenizer, texts: Sequence[str], direction: str, *, beams: int = 4
) -> list[str]:
    """The best target of each text, which is one sentence, or one word that is to be pronounced. Checks nothing."""
    sources = [tokenizer.encode(as_source(text, direction)).ids for text in texts]
    made = written(network, tokenizer, sources, beams=beams)
    return [_text(tokenizer, best[0].ids) for best in made]


def sentences_of(text: str) -> list[str]:
    """The sentences of a text, by their marks and by lines; what has no letter or digit is none."""
    return [part.strip() for part in _ENDING.split(text) if any(map(str.isalnum, part))]


def ipa(phonemes: Sequence[str]) -> str:
    """Phonemes of ARPAbet in the letters of the IPA; a mark of stress stands right before its vowel."""
    return "".join(
        _STRESS.get(one[-1], "") + (_WEAK[one] if one in _WEAK else _IPA[one.rstrip("012")]) for one in phonemes
    )


def _directions(model: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Those of `wanted` that a checkpoint knows; its labels say. Raises InputError when it knows none."""
    known = library.labels_of(model, TRANSLATION)
    found = tuple(direction for direction in wanted if direction in known)
    if not found:
        does = "pronounces" if PRONOUNCING in known else f"knows {', '.join(known) or 'no direction'}"
        raise InputError(f"{model} {does}, and not {' or '.join(wanted)}")
    return found


def _check_language(text: str, direction: str) -> None:
    chinese = "".join(filter(is_han, text))
    if direction == "en-zh" and chinese:
        raise InputError(f"the text has Chinese characters ({quoted(chinese)}), and en-zh reads English; choose zh-en")
    if direction == "zh-en" and not chinese:
        raise InputError(f"the text {quoted(text)} has no Chinese character, and zh-en reads Chinese; choose en-zh")


def _ended(sentence: str, direction: str) -> str:
    """The sentence, tidy, with a mark at its end."""
    sentence = tidy(sentence, direction.split("-")[0])
    if sentence[-1].isalnum():
        sentence += "." if direction.startswith("en") else "。"
    return sentence


def _readable(tokenizer: Tokenizer, sentence: str, model: str) -> str:
    """The sentence without accents that the model does not know. Raises InputError naming what else it does not."""

    def known(character: str) -> bool:
        return character.isspace() or tokenizer.token_to_id(character.lower()) is not None

    sentence = "".join(c if known(c) else _plain(c) for c in sentence)
    unknown = list(dict.fromkeys(c for c in sentence if not known(c)))
    if unknown:
        shown = " ".join(unknown[:8]) + (" …" if len(unknown) > 8 else "")
        simplified = " (it reads simplified characters)" if any(map(is_han, unknown)) else ""
        raise InputError(f"{model} has never read {shown}{simplified}, and would guess; say it in other words")
    return sentence


def _plain(character: str) -> str:
    apart = unicodedata.normalize("NFKD", character)
    return "".join(c for c in apart if not unicodedata.combining(c)) or character


def _check_lengths(sources: Sequence[Sequence[int]], parts: Sequence[str], found: Loaded) -> None:
    longest = found.network.config.context_length
    for source, part in zip(sources, parts, strict=True):
        if len(source) > longest:
            raise InputError(
                f"the sentence {quoted(part)} has {len(source)} tokens; {found.name} reads at most {longest}: "
                "make it shorter, or into several"
            )


def _word(text: str) -> str:
    """A word in small letters, without what stands around it. Raises InputError for characters that are no letters."""
    word = _plain(text).lower().strip("-")
    word = word if "." in word[:-1] else word.rstrip(".")
    word = word.strip("'") if word[:1] == word[-1:] == "'" else word
    unknown = list(dict.fromkeys(c for c in word if c not in LETTERS))
    if unknown:
        shown = " ".join(unknown[:8])
        why = "write numbers as words" if any(map(str.isdigit, unknown)) else "write it in English letters"
        raise InputError(f"{quoted(text)} has {shown}, which cannot be pronounced; {why}")
    return word


def _text(tokenizer: Tokenizer, ids: Sequence[int]) -> str:
    found: str = tokenizer.decode(list(ids), skip_special_tokens=True)
    return found


def _phonemes(tokenizer: Tokenizer, ids: Sequence[int]) -> tuple[str, ...]:
    return tuple(_text(tokenizer, ids).split())


def _tokens(network: Network, tokenizer: Tokenizer, source: Sequence[int], ids: Sequence[int]) -> tuple[Odds, ...]:
    """The tokens of a target with their probabilities."""
    end = number_of(tokenizer, END)
    return odds_of_target(tokenizer, ids, log_chances(network, source, ids, end), end)
