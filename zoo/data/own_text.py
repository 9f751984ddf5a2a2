"""One's own texts: any of a few encodings -> ids of a model's tokenizer, split by blocks."""

from __future__ import annotations

import codecs
import unicodedata
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.data.own_source import NAMED, Found, OwnDataError, sha256
from zoo.data.own_split import divide
from zoo.data.own_verse import read_verse
from zoo.data.source import SPLITS
from zoo.data.text import POEM, Verses, Windows, window_of
from zoo.data.tokenizer import UNKNOWN, train_characters

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MAX_CHARACTERS = 200_000_000
"""Characters of all texts together: their ids are held in memory."""
MOST_UNKNOWN = 0.2
"""Share of the characters that may be left out because the tokenizer does not know them."""
BLOCK_WINDOWS = (16, 8, 4, 2)
"""Windows in a block, the longest that gives MIN_BLOCKS; what is split is blocks, or texts shorter than one."""
MIN_BLOCKS = 20
_MARKS = (  # the longer mark first: UTF-32's begins like UTF-16's
    (codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF8, "UTF-8"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"),
)  # fmt: skip
_COMMON = frozenset("的一是不了在人有我他這这之以而为為，。、！？：；“”《》")
"""What Chinese cannot do without: bytes of another encoding, read as GB18030, give next to none of it."""
_QUOTE, _DASH = ('"', "'"), ("-",)
_LIKENESS: dict[str, tuple[str, ...]] = {
    '"': ("'",), "“": _QUOTE, "”": _QUOTE, "„": _QUOTE, "«": _QUOTE, "»": _QUOTE, "「": _QUOTE, "」": _QUOTE,
    "‘": ("'",), "’": ("'",), "‚": (",", "，"), "`": ("'",), "´": ("'",),
    "–": _DASH, "—": _DASH, "−": _DASH, "‐": _DASH, "‑": _DASH, "―": _DASH, "…": ("...",), "\t": (" ",),
    "、": ("，", ","), "；": ("，",), "：": ("，",), ",": ("，",), ";": ("，",), ":": ("，",),
    "。": (".",), ".": ("。",), "！": ("。",), "？": ("。",), "!": ("。",), "?": ("。",),
    "ß": ("ss",), "æ": ("ae",), "œ": ("oe",), "Æ": ("Ae",), "Œ": ("Oe",), "ø": ("o",), "Ø": ("O",),
}  # fmt: skip
"""By what a character is written where the tokenizer knows the other only."""


def decode(data: bytes) -> tuple[str, str]:
    """The text of a file, with "\\n" line ends, and its encoding: UTF-8, UTF-16 and UTF-32 with a mark, or GB18030.

    Raises OwnDataError naming the byte that is not UTF-8, for another encoding.
    """
    mark, encoding = next(((mark, name) for mark, name in _MARKS if data.startswith(mark)), (b"", "UTF-8"))
    try:  # the codecs of UTF-16 and UTF-32 take their mark themselves
        text = data[3:].decode("utf-8") if mark == codecs.BOM_UTF8 else data.decode(encoding)
    except UnicodeDecodeError as error:
        if mark:
            raise OwnDataError(f"marked as {encoding}, which it is not from byte {error.start:,} on") from error
        text, encoding = _chinese(data, error), "GB18030"
    at = text.find("\0")
    if at >= 0:
        raise OwnDataError(f"no text: it holds a zero at character {at:,} (binary, or UTF-16 without its mark)")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\ufeff", ""), encoding


def _chinese(data: bytes, fault: UnicodeDecodeError) -> str:
    """The text if it is Chinese in GB18030, else the error."""
    other = OwnDataError(
        f"byte 0x{data[fault.start]:02X} at offset {fault.start:,} is not UTF-8; allowed are UTF-8, UTF-16 with its "
        "mark, and GB18030: save the text as UTF-8"
    )
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        raise other from fault
    foreign = [c for c in text if ord(c) > 127]
    if sum(c in _COMMON for c in foreign) < 0.02 * len(foreign):
        raise other
    return text


def read_texts(found: Found, config: Any, tokenizer: Tokenizer | None) -> dict[str, Windows] | dict[str, Verses]:
    """Decode all texts and split them: {"train", "validation", "test"}. Raises OwnDataError as `open_own` says.

    Running text is cut into blocks of up to 16 windows at line or sentence ends; the hash of a block gives its split.
    """
    texts, names, splits = [], [], []
    for item in found.progress():
        if item.path is None and not item.data.strip():  # tables of lines have empty ones between paragraphs
            found.report.skip("empty", item.name)
            continue
        try:
            text, encoding = decode(item.read())
            if not text.strip():
                raise OwnDataError("empty (white space alone)")
        except OwnDataError as error:
            found.damage(item.name, str(error))
            continue
        if encoding != "UTF-8":
            found.report.change(f"are {encoding}", item.name)
        texts.append(text if text.endswith("\n") else text + "\n")
        names.append(item.name)
        splits.append(item.split)
        found.hashes.append(sha256(text.encode()))
    found.settle()
    total = sum(map(len, texts))
    if total > MAX_CHARACTERS:
        raise OwnDataError(f"{found.path} has {total:,} characters; at most {MAX_CHARACTERS:,} are read")
    found.report.facts.append(f"{total:,} characters")
    if tokenizer is not None and tokenizer.token_to_id(POEM) is not None:
        return read_verse(found, texts, splits, tokenizer)
    return _prose(found, texts, names, splits, window_of(config), tokenizer)


def _prose(
    found: Found,
    texts: list[str],
    names: list[str],
    splits: list[str],
    context_length: int,
    tokenizer: Tokenizer | None,
) -> dict[str, Windows]:
    for windows in BLOCK_WINDOWS:
        size = windows * context_length
        items = zip(texts, names, splits, strict=True)
        cut = [(block, name, split) for text, name, split in items for block in blocks(text, size)]
        if len(cut) >= MIN_BLOCKS:
            break
    pieces, places, stated = map(list, zip(*cut, strict=True))
    rows = divide(found, [sha256(piece.encode()) for piece in pieces], stated, places)
    passages: dict[str, str] = {name: "".join(pieces[i] for i in rows[name]) for name in SPLITS}
    tokenizer = tokenizer or train_characters([passages["train"]])
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(piece)
    translation = known_only(found, counts, tokenizer)
    passages = {name: text.translate(translation) for name, text in passages.items()}
    made: dict[str, Windows] = {
        name: Windows(found.info, "", tokenizer, ids_of(tokenizer, text), context_length, moves=name == "train")
        for name, text in passages.items()
    }
    for name, data in made.items():
        if len(data) < 1:
            raise OwnDataError(
                f"{found.path} has {sum(map(len, texts)):,} characters, {len(passages[name]):,} of them for {name}; "
                f"windows of {context_length} tokens need about {12 * context_length:,} in all"
            )
    found.report.facts.append(f"windows of {context_length} tokens, of blocks of about {size:,} characters")
    return made


def blocks(text: str, size: int) -> list[str]:
    """Cut a text into pieces of `size` / 2 to `size` * 3 / 2 characters that end with a line, or else a sentence.

    What is appended to a text moves the ends of its last pieces only.
    """
    found, start = [], 0
    while len(text) - start > size + size // 2:
        low, high = start + size // 2, start + size
        end = max(text.rfind("\n", low, high), 0) or max(text.rfind(". ", low, high), text.rfind("。", low, high), 0)
        end = end + 1 if end else high
        found.append(text[start:end])
        start = end
    found.append(text[start:])
    return [piece if piece.endswith("\n") else piece.rstrip(" ") + "\n" for piece in found if piece.strip()]


def known_only(found: Found, counts: Counter[str], tokenizer: Tokenizer) -> dict[int, str]:
    """What stands for each character that the tokenizer does not know (its likeness, or nothing), for `str.translate`.

    Raises OwnDataError where more than a fifth would be left out.
    """
    unknown_id = tokenizer.token_to_id(UNKNOWN)

    def known(character: str) -> bool:
        ids = tokenizer.encode(character, add_special_tokens=False).ids
        return bool(ids) and unknown_id not in ids

    table = {c: likeness(c, known) for c in sorted(counts) if not known(c)}
    lost = {c: counts[c] for c, instead in table.items() if not instead}
    written = {c: counts[c] for c, instead in table.items() if instead}
    if sum(lost.values()) > MOST_UNKNOWN * counts.total():
        raise OwnDataError(
            f"{found.path}: {sum(lost.values()):,} of {counts.total():,} characters "
            f"({sum(lost.values()) / counts.total():.0%}) are unknown to the model's tokenizer, most often "
            f"{_most(lost)}; at most {MOST_UNKNOWN:.0%} may be. Begin from a model of this language, or train a new one"
        )
    if written:
        found.report.facts.append(f"unknown to the tokenizer, written by their likeness: {_most(written, table)}")
    if lost:
        found.report.facts.append(f"unknown to the tokenizer, left out: {_most(lost)}")
    return str.maketrans(table)


def likeness(character: str, known: Callable[[str], bool]) -> str:
    """What stands for a character in known ones, or "": its look-alike, or its letter without accents."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c))
    further = _LIKENESS.get(plain, ())
    for candidate in (*_LIKENESS.get(character, ()), plain, *further):
        if candidate and candidate != character and all(map(known, candidate)):
            return candidate
    return ""


def _most(counts: dict[str, int], instead: dict[str, str] | None = None) -> str:
    """The most frequent of some characters, with what is written for them."""
    first = sorted(counts, key=lambda c: (-counts[c], c))[:NAMED]
    said = [f"{c!r} {counts[c]:,} times" + (f" as {instead[c]!r}" if instead else "") for c in first]
    more = f" and {len(counts) - NAMED:,} more" if len(counts) > NAMED else ""
    return ", ".join(said) + more


def ids_of(tokenizer: Tokenizer, text: str) -> np.ndarray:
    """Ids int64 (t,) of a long text, encoded in pieces; special tokens that a person typed are text like any other."""
    parts = [np.zeros(0, np.int64)]
    before = tokenizer.encode_special_tokens
    tokenizer.encode_special_tokens = True
    try:
        for at in range(0, len(text), 1 << 20):
            pieces = [text[i : i + 4096] for i in range(at, min(at + (1 << 20), len(text)), 4096)]
            encoded = tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
            parts += [np.array(one.ids, np.int64) for one in encoded]
    finally:
        tokenizer.encode_special_tokens = before
    return np.concatenate(parts)
