"""A beginning -> a text that goes on, and a form -> a poem that keeps it; both are streamed."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zoo.data.dialogue import ROLES
from zoo.entry import TEXT_GENERATION
from zoo.generate import library
from zoo.generate.inputs import InputError, number, one_of, quoted, seed_of, whole, words
from zoo.generate.library import Loaded, Source, source_of
from zoo.runtime import pause, pressed

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from zoo.generate.prose import Odds

LINES = {"五言绝句": (4, 5), "七言绝句": (4, 7), "五言律诗": (8, 5), "七言律诗": (8, 7)}
"""Lines, and characters a line, of each form of regulated verse (`zoo.data.text` has them too, but needs torch)."""
FORMS = tuple(LINES)
MAX_PROMPT = 2000
"""Characters of a prompt."""
MAX_NEW_TOKENS = 1000
EXACT, QUICK = 32, 8
"""Bits of the products by which a text is written."""
MAX_ALTERNATIVES = 20
"""Tokens that `write_with_odds` shows beside each one."""
MAX_TEMPERATURE, MAX_TOP_K, MAX_PENALTY = 2.0, 100_000, 2.0
MAX_TITLE, MAX_AUTHOR = 20, 5
"""Characters of a poem's title and of its author's name."""
PAUSE = 0.05
"""Seconds at least between two pieces of a stream; in a rush `zoo.runtime.pause` makes them more."""
DEADLINE = 100.0
"""Seconds after which a text ends where it is."""
_TYPOGRAPHY = str.maketrans(
    {"‘": "'", "’": "'", "‚": "'", "“": "'", "”": "'", "„": "'", "–": "-", "—": "--", "…": "...", "\u00a0": " "}
    | {"\u3000": " ", "\t": " ", '"': "'"}
)
"""What keyboards put for the characters of plain texts."""
_DOUBLE = frozenset("“”„")


@dataclass(frozen=True)
class Writing:
    """A text as far as it is written. `tokens` counts new ones, `seconds` runs from the first; `done` when it ends.

    `prompt` is the beginning of `text` that was given, as the model read it. `odds` are the new tokens one by one,
    where they were asked for. `ended` says of a text that is done that it came to an end of its own, as poems do, and
    was not cut off.
    """

    text: str
    tokens: int
    seconds: float
    done: bool
    source: Source
    prompt: str = ""
    odds: tuple[Odds, ...] = ()
    ended: bool = False


def write(
    model: str = "gpt.shakespeare",
    prompt: str = "",
    *,
    max_new_tokens: int = 300,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 0.95,
    repetition_penalty: float = 1.0,
    seed: int = 0,
    bits: int | None = EXACT,
) -> Iterator[Writing]:
    """Go on from `prompt` (up to 2,000 characters; empty begins a line, or a story) with a text checkpoint.

    Yields the text so far, the prompt included, every 50 ms (250 ms in a rush); the last one is `done`: after
    `max_new_tokens`, or where the model ends a story or a module. `max_new_tokens` 1 to 1,000, `temperature` 0 (the
    likeliest token) to 2, `top_k` 0 (all) to 100,000, `top_p` above 0 to 1, `repetition_penalty` 1 to 2. With `bits` 8
    the products are of 8 bits, which takes less than half the time where a checkpoint has them: a seed then writes
    another text, and its record says so; with None, that is done while many visitors wait. Raises InputError before
    anything is loaded, but for a prompt whose characters the model does not know, and 8 bits that it has not.
    """
    asked = _asked(model, prompt, max_new_tokens, temperature, top_k, top_p, repetition_penalty, seed)
    return _write(library.get(model, TEXT_GENERATION), model, *asked, alternatives=0, bits=_bits(bits))


def write_with_odds(
    model: str = "gpt.shakespeare",
    prompt: str = "",
    *,
    max_new_tokens: int = 300,
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 0.95,
    repetition_penalty: float = 1.0,
    seed: int = 0,
    alternatives: int = 5,
    bits: int | None = EXACT,
) -> Iterator[Writing]:
    """As `write`, the same text, with the `odds` of each token written so far.

    They are the model's own probability of it, and those of the `alternatives` (1 to 20) likeliest tokens in its place.
    """
    shown = whole("the number of alternatives", alternatives, 1, MAX_ALTERNATIVES)
    asked = _asked(model, prompt, max_new_tokens, temperature, top_k, top_p, repetition_penalty, seed)
    return _write(library.get(model, TEXT_GENERATION), model, *asked, alternatives=shown, bits=_bits(bits))


def _asked(
    model: str,
    prompt: object,
    max_new_tokens: object,
    temperature: object,
    top_k: object,
    top_p: object,
    repetition_penalty: object,
    seed: object,
) -> tuple[str, int, dict[str, Any], float, int]:
    """What was asked of `write`, checked: prompt, length, sampling, penalty and seed."""
    checked = (
        words("the prompt", prompt, longest=MAX_PROMPT),
        whole("the length", max_new_tokens, 1, MAX_NEW_TOKENS),
        _sampling(temperature, top_k, top_p),
        number("the repetition penalty", repetition_penalty, 1.0, MAX_PENALTY),
        seed_of(seed),
    )
    if is_verse(model):
        raise InputError(f"{model} writes poems by form; use it under Poem, or as compose()")
    if is_chat(model):
        raise InputError(f"{model} answers messages; use it under Chat, or as reply()")
    return checked


def _bits(bits: object) -> int | None:
    if bits is None:
        return None
    if type(bits) is not int or bits not in (EXACT, QUICK):
        raise InputError(f"the bits are {quoted(bits)}; allowed are {EXACT} and {QUICK}")
    return bits


def compose(
    model: str = "gpt.tang",
    form: str = "五言绝句",
    *,
    title: str = "",
    author: str = "",
    acrostic: str = "",
    temperature: float = 0.8,
    top_k: int = 0,
    top_p: float = 0.9,
    seed: int = 0,
) -> Iterator[Writing]:
    """Write a poem in one of FORMS, whose numbers of lines and of characters a line always hold.

    `title` has up to 20 characters and `author` up to 5, `acrostic` gives the first characters of the first lines.
    Yields the poem so far, a couplet a line, as `write` does; the last one is `done`. Ranges as for `write`.
    Raises InputError before anything is loaded, but for characters that the model does not know.
    """
    from zoo.generate.verse import is_han

    form = one_of("the form", form, FORMS)
    title = "".join(words("the title", title, longest=MAX_TITLE).split())
    author = "".join(words("the author", author, longest=MAX_AUTHOR).split())
    acrostic = "".join(words("the acrostic", acrostic, longest=64).split())
    lines, _ = LINES[form]
    if len(acrostic) > lines:
        raise InputError(f"the acrostic {quoted(acrostic)} has {len(acrostic)} characters; {form} has {lines} lines")
    for character in acrostic:
        if not is_han(character):
            raise InputError(f"the acrostic has {quoted(character)}; it takes Chinese characters only")
    options = _sampling(temperature, top_k, top_p)
    seed = seed_of(seed)
    if not is_verse(model):
        raise InputError(f"{model} has not learnt the forms of verse; choose a checkpoint such as gpt.tang")
    return _compose(library.get(model, TEXT_GENERATION), model, form, title, author, acrostic, options, seed)


def is_verse(model: str) -> bool:
    """Whether a text checkpoint writes poems by form: its labels are the forms. Raises InputError; loads nothing."""
    return bool(set(FORMS) & set(library.labels_of(model, TEXT_GENERATION)))


def is_chat(model: str) -> bool:
    """Whether a text checkpoint writes turns of a chat: its labels are the roles. Raises InputError; loads nothing."""
    return tuple(library.labels_of(model, TEXT_GENERATION)) == ROLES


def _sampling(temperature: object, top_k: object, top_p: object) -> dict[str, Any]:
    found = {
        "temperature": number("the temperature", temperature, 0.0, MAX_TEMPERATURE),
        "top_k": whole("top-k", top_k, 0, MAX_TOP_K),
        "top_p": number("top-p", top_p, 0.0, 1.0),
    }
    if found["top_p"] == 0.0:
        raise InputError("top-p is 0; allowed are numbers above 0, up to 1")
    if 0.0 < found["temperature"] < 0.01:
        raise InputError(
            f"the temperature is {temperature}; allowed are 0, or numbers from 0.01 to {MAX_TEMPERATURE:g}"
        )
    return found


@lru_cache(maxsize=8)
def _tokenizer_of(folder: Path, sha256: str) -> Tokenizer:
    from zoo.data import tokenizer

    return tokenizer.load(folder)


def tokenizer_of(found: Loaded) -> Tokenizer:
    """The checkpoint's tokenizer. Raises InputError when it is missing, damaged or of another size than the model."""
    try:
        tokenizer = _tokenizer_of(found.folder, found.sha256)
    except ValueError as error:
        raise InputError(f"{found.name} cannot be used: {error}") from error
    size, wanted = tokenizer.get_vocab_size(), found.network.config.vocab_size
    if size != wanted:
        raise InputError(f"{found.name} cannot be used: its tokenizer has {size:,} tokens, its model {wanted:,}")
    return tokenizer


def count_tokens(model: str, text: str) -> int:
    """How many tokens `text` is to a checkpoint that reads texts, without marks around it. Raises InputError."""
    return len(tokenizer_of(library.get(model)).encode(text, add_special_tokens=False).ids)


def _write(
    found: Loaded,
    name: str,
    prompt: str,
    count: int,
    options: dict[str, Any],
    penalty: float,
    seed: int,
    *,
    alternatives: int,
    bits: int | None,
) -> Iterator[Writing]:
    from zoo.generate.prose import continue_text, continue_tokens

    network = found.network
    if bits == QUICK or (bits is None and pressed()):
        quick = network.quick()
        if quick is None and bits == QUICK:
            raise InputError(f"{name} has no products of {QUICK} bits; take {EXACT}")
        network = quick or network
    parameters = {"prompt": prompt, "max_new_tokens": count, **options, "repetition_penalty": penalty}
    parameters |= {} if network is found.network else {"bits": QUICK}
    tokenizer, source = tokenizer_of(found), source_of(found, name, "text.write", parameters, seed=seed)
    prompt = _readable(tokenizer, prompt, name)
    begun = shown = time.monotonic()
    text, tokens, late = prompt, 0, False
    odds: list[Odds] = []
    settings = {"count": count, "repetition_penalty": penalty, "seed": seed, **options}
    pieces: Iterator[str | Odds] = (
        continue_tokens(network, tokenizer, prompt, **settings, alternatives=alternatives)
        if alternatives
        else continue_text(network, tokenizer, prompt, **settings)
    )
    for piece in pieces:
        odds += [] if isinstance(piece, str) else [piece]
        text += piece if isinstance(piece, str) else piece.text
        tokens, now = tokens + 1, time.monotonic()
        if late := now - begun > DEADLINE:
            break
        if now - shown >= pause(PAUSE) or tokens == 1:
            shown = now
            yield Writing(text, tokens, now - begun, False, _so_far(source, tokens), prompt, tuple(odds))
    seconds, ended = time.monotonic() - begun, tokens < count and not late
    yield Writing(text, tokens, seconds, True, _so_far(source, tokens), prompt, tuple(odds), ended)


def _so_far(source: Source, tokens: int) -> Source:
    """The source of a text that ends after `tokens`: asked for so many, the same beginning is written again."""
    parameters = {**source.record.parameters, "max_new_tokens": tokens}
    return replace(source, record=replace(source.record, parameters=parameters))


def _readable(tokenizer: Tokenizer, prompt: str, name: str) -> str:
    """The prompt in characters that the model has read: typographic quotes and dashes, and accents, become plain.

    Raises InputError naming characters that it has never met: it could only guess at them.
    """
    known = tokenizer.get_vocab()
    if all(c in known for c in prompt):
        return prompt
    prompt = "".join(c if c in known else _plain(c, known) for c in prompt)
    unknown = list(dict.fromkeys(c for c in prompt if c not in known))
    if unknown:
        shown = " ".join(unknown[:8]) + (" …" if len(unknown) > 8 else "")
        raise InputError(f"{name} has never read {shown} and cannot go on from there; {_alphabet(known)}")
    return prompt


def _plain(character: str, known: dict[str, int]) -> str:
    if character in _DOUBLE and '"' in known:
        return '"'
    apart = unicodedata.normalize("NFKD", character.translate(_TYPOGRAPHY))
    return "".join(c for c in apart if not unicodedata.combining(c)) or character


def _alphabet(known: dict[str, int]) -> str:
    """What a model knows, for a message: "it knows A-Z, a-z, the space and ! , . ?"."""
    characters = sorted(c for c in known if len(c) == 1)
    if len(characters) > 200:
        return f"it knows {len(characters):,} characters"
    ranges = [f"{a}-{z}" for a, z in ("AZ", "az", "09") if all(chr(c) in known for c in range(ord(a), ord(z) + 1))]
    covered = {chr(c) for r in ranges for c in range(ord(r[0]), ord(r[2]) + 1)}
    others = [c for c in characters if c not in covered and not c.isspace()]
    return f"it knows {', '.join(ranges)} and {' '.join(others)}" if ranges else f"it knows {' '.join(others)}"


def _compose(
    found: Loaded, name: str, form: str, title: str, author: str, acrostic: str, options: dict[str, Any], seed: int
) -> Iterator[Writing]:
    from zoo.generate.verse import compose_poems, unwritable

    parameters = {"form": form, "title": title, "author": author, "acrostic": acrostic, **options}
    tokenizer, source = tokenizer_of(found), source_of(found, name, "text.compose", parameters, seed=seed)
    if form not in found.labels or tokenizer.token_to_id(form) is None:
        raise InputError(f"{name} has not learnt {form}; it knows {', '.join(found.labels)}")
    if unknown := unwritable(tokenizer, acrostic):
        raise InputError(f"{name} has never read {unknown[0]}, so it cannot begin a line with it; choose another one")
    for what, given in (("title", title), ("author", author)):
        if given and all(tokenizer.token_to_id(c) is None for c in given):
            raise InputError(f"{name} knows no character of the {what} {quoted(given)}; write it in Chinese")
    count, length = LINES[form]
    needed, seen = 5 + len(title) + len(author) + count * (length + 1), found.network.config.context_length
    if needed > seen:
        raise InputError(f"{name} sees {seen} characters at once; {form} with this title needs {needed}")
    begun = shown = time.monotonic()
    tokens, text = 0, ""
    for poems in compose_poems(
        found.network, tokenizer, [form], title=title, author=author, acrostic=acrostic, seed=seed, **options
    ):
        text, now = _couplets(poems[0], form), time.monotonic()
        tokens = sum(map(len, poems[0]))
        if now - shown >= pause(PAUSE) or tokens == 1:
            shown = now
            yield Writing(text, tokens, now - begun, False, source)
    yield Writing(text, tokens, time.monotonic() - begun, True, source, ended=True)


def _couplets(lines: list[str], form: str) -> str:
    """A poem so far with a couplet a line, a comma after its first half and a full stop at its end."""
    _, length = LINES[form]
    text = ""
    for i, line in enumerate(lines):
        mark = "" if len(line) < length else "，" if i % 2 == 0 else "。\n"
        text += line + mark
    return text.rstrip("\n")
