"""Character tokenizers in the `tokenizers` library's own format: one tokenizer.json, readable everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tokenizers import Tokenizer

UNKNOWN = "<unk>"


def train_characters(texts: Iterable[str], special: Sequence[str] = (), minimum: int = 1) -> Tokenizer:
    """A tokenizer with one token a character that occurs at least `minimum` times; `special` tokens come first."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    characters = sorted(c for c, n in counts.items() if n >= minimum)
    vocabulary = {token: i for i, token in enumerate([UNKNOWN, *special, *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([UNKNOWN, *special])
    return tokenizer


def load(folder: Path) -> Tokenizer:
    """Read tokenizer.json of a checkpoint folder. Raises ValueError naming the file when it is missing or damaged."""
    from tokenizers import Tokenizer

    path = folder / "tokenizer.json"
    if not path.is_file() or path.stat().st_size > 16 << 20:
        raise ValueError(f"{path} is missing or above 16 MB")
    try:
        return Tokenizer.from_str(path.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises nothing narrower
        raise ValueError(f"{path} is not a tokenizer: {error}") from error
