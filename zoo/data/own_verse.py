"""Poems in one's own text: paragraphs of regulated verse, with a title and an author above them or without."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from zoo.data.own_source import NAMED, Found, OwnDataError, sha256
from zoo.data.own_split import divide
from zoo.data.source import SPLITS
from zoo.data.text import FORMS, Verses, poem_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Poem = tuple[str, str, str, list[str]]
"""Form, author, title, lines."""
MOST_UNKNOWN = 0.2
"""Share of the characters of the poems that the tokenizer may not know."""
_FORM_OF = {shape: form for form, shape in FORMS.items()}
_ENDS = re.compile(r"[，。！？；、,.!?;]+")
_HEAD = re.compile(r"^(作者|诗人|题目|标题)\s*[：:]\s*|[\[【〔（(《][唐宋][\]】〕）)》]|[《》【】\[\]〔〕<>]")


def verse_lines(line: str) -> list[str]:
    """The verses of a written line, or nothing if they are not all of 5 or all of 7 characters."""
    found = [part for part in _ENDS.split(re.sub(r"\s+", "", line)) if part]
    return found if len({len(part) for part in found}) == 1 and len(found[0]) in (5, 7) else []


def poems_of(text: str) -> tuple[list[Poem], list[str]]:
    """The regulated poems of a text, and the beginnings of the paragraphs that are none.

    Paragraphs stand apart by an empty line. The lines above the verses are the title and the author. A paragraph whose
    written lines are each a whole poem is as many poems.
    """
    found: list[Poem] = []
    others = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        written = [line.strip() for line in paragraph.splitlines() if line.strip()]
        marked = any(_ENDS.search(line) for line in written)  # then what has no mark is no verse
        bodies = [verse_lines(line) if not marked or _ENDS.search(line) else [] for line in written]
        start = next((i for i, body in enumerate(bodies) if body), len(written))
        if not marked:  # a title of five characters looks like a verse: count from the end
            start = len(written) - (8 if len(written) >= 8 else 4)
        if start < 0 or start > 2 or not all(bodies[start:]):
            others.append(paragraph[:12].replace("\n", " "))
            continue
        title, author = ([_HEAD.sub("", line).strip() for line in written[:start]] + ["", ""])[:2]
        lines = [line for body in bodies[start:] for line in body]
        form = _form(lines)
        singly = [_form(body) for body in bodies[start:]]
        if form:
            found.append((form, author, title, lines))
        elif all(singly) and not start:
            found += [(one, "", "", body) for one, body in zip(singly, bodies, strict=True)]
        else:
            others.append(paragraph[:12].replace("\n", " "))
    return found, others


def _form(lines: list[str]) -> str:
    return _FORM_OF.get((len(lines), len(lines[0])), "") if len(set(map(len, lines))) == 1 else ""


def read_verse(found: Found, texts: list[str], splits: list[str], tokenizer: Tokenizer) -> dict[str, Verses]:
    """The poems of all texts, split by the hash of their lines. Raises OwnDataError if they are too few or foreign."""
    poems: list[tuple[Poem, str]] = []
    for text, split in zip(texts, splits, strict=True):
        here, others = poems_of(text)
        poems += [(poem, split) for poem in here]
        for beginning in others:
            found.report.skip("not 4 or 8 lines of 5 or of 7 characters", beginning)
    forms = ", ".join(f"{form} ({count} x {length})" for form, (count, length) in FORMS.items())
    if len(poems) < 2:
        raise OwnDataError(
            f"{found.path} has {len(poems)} poems in a form that this model knows ({forms}); at least 2 are needed, "
            "an empty line between them"
        )
    known = tokenizer.get_vocab()
    counts = Counter(c for (*_, lines), _ in poems for c in poem_text(lines))
    unknown = {c: n for c, n in counts.items() if c not in known}
    most = ", ".join(f"{c!r} {unknown[c]:,} times" for c in sorted(unknown, key=lambda c: (-unknown[c], c))[:NAMED])
    if sum(unknown.values()) > MOST_UNKNOWN * counts.total():
        raise OwnDataError(
            f"{found.path}: {sum(unknown.values()):,} of {counts.total():,} characters of the poems are unknown to the "
            f"model's tokenizer, most often {most}; at most {MOST_UNKNOWN:.0%} may be. Simplified characters are known"
        )
    if unknown:
        found.report.facts.append(f"unknown to the tokenizer, kept as unknown: {most}")
    number = Counter(form for (form, *_), _ in poems)
    found.report.facts.append("poems: " + ", ".join(f"{form} {number[form]:,}" for form in FORMS))
    hashes = [sha256("".join(lines).encode()) for (*_, lines), _ in poems]
    rows = divide(found, hashes, [split for _, split in poems], [lines[0] for (*_, lines), _ in poems])
    return {
        name: Verses(found.info, "", tokenizer, [poems[i][0] for i in rows[name]], moves=name == "train")
        for name in SPLITS
    }
