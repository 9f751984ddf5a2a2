"""What a person's folder or file holds: its items one by one, their splits by hash, and a report of it all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from zoo.data.source import SPLITS, Info

Kind = Literal["image", "text", "audio"]
ENDINGS: dict[Kind, tuple[str, ...]] = {
    "image": (".png", ".jpg", ".jpeg", ".webp"),
    "text": (".txt", ".md"),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
}
"""Endings of the files that are read, by what they hold."""
WORDS: dict[Kind, str] = {"image": "pictures", "text": "texts", "audio": "sounds"}
MAX_ITEMS = 100_000
MAX_FILE_BYTES = 256 << 20
"""Size of one picture, text or sound."""
NAMED = 5
"""Names that a report gives of each sort of remark."""
_SPLIT_NAMES = {
    "train": "train", "training": "train", "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "test": "test", "testing": "test",
}  # fmt: skip


class OwnDataError(ValueError):
    """One's own data cannot be used; the message says what was given and what is allowed."""


def some(names: list[str]) -> str:
    """The first few of many names."""
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


@dataclass
class Report:
    """What was found, used, changed on the way in, and left out and why. Names stand under each remark."""

    name: str
    kind: Kind
    found: int = 0
    used: dict[str, int] = field(default_factory=dict)
    """Samples by split."""
    facts: list[str] = field(default_factory=list)
    changed: dict[str, list[str]] = field(default_factory=dict)
    skipped: dict[str, list[str]] = field(default_factory=dict)

    def change(self, what: str, name: str) -> None:
        """Note what was done to an item that is used."""
        self.changed.setdefault(what, []).append(name)

    def skip(self, why: str, name: str) -> None:
        """Note why an item is not used."""
        self.skipped.setdefault(why, []).append(name)

    def lines(self) -> list[str]:
        """The report for people, a remark a line."""
        used = ", ".join(f"{self.used[split]:,} {split}" for split in SPLITS if split in self.used)
        found = [f"{self.name}: {self.found:,} {WORDS[self.kind]} found; samples: {used}", *self.facts]
        for what, names in self.changed.items():
            found.append(f"all {what}" if len(names) == self.found > 1 else f"{len(names):,} {what}: {some(names)}")
        found += [f"left out, {why}: {len(names):,} ({some(names)})" for why, names in self.skipped.items()]
        return found


@dataclass(frozen=True)
class Item:
    """One picture, text or sound, not yet decoded."""

    name: str
    """Its path within the folder, or its row; what messages say."""
    path: Path | None
    data: bytes = b""
    label: str = ""
    """Its class: the sub-folder or the label column."""
    split: str = ""
    """The split that the data name for it."""
    speaker: str = ""

    def read(self) -> bytes:
        """The encoded bytes. Raises OwnDataError in words where there is nothing or too much, or reading fails."""
        if self.path is None:
            data = self.data
        else:
            try:
                if not self.path.is_file():  # a broken link, a pipe that would be waited for
                    raise OwnDataError("not a plain file")
                if self.path.stat().st_size > MAX_FILE_BYTES:
                    raise OwnDataError(f"more than {MAX_FILE_BYTES >> 20} MB")
                data = self.path.read_bytes()
            except OSError as error:
                raise OwnDataError(f"unreadable ({error.strerror})") from error
        if not data:
            raise OwnDataError("empty (0 bytes)")
        return data


@dataclass
class Found:
    """The items of one kind under a path, what describes them, and what reading them has brought to light."""

    path: Path
    info: Info
    items: Iterable[Item]
    count: int
    report: Report
    skip_damaged: bool
    names_classes: bool = False
    """Whether sub-folders or a column give classes."""
    classes: tuple[str, ...] = ()
    """Class names by number, where the data state them."""
    hashes: list[str] = field(default_factory=list)
    """sha256 of each item that is used, in order."""
    damaged: dict[str, str] = field(default_factory=dict)

    def progress(self) -> Iterator[Item]:
        """The items, with a bar once it takes a while."""
        from tqdm import tqdm

        bar = tqdm(self.items, total=self.count, desc=f"reading {self.info.name}", unit="file", delay=2.0, disable=None)
        yield from bar

    def damage(self, name: str, why: str) -> None:
        """Note an item that cannot be read."""
        self.damaged[name] = why
        self.report.skip(f"damaged: {why}", name)

    def settle(self) -> None:
        """Raise OwnDataError for damaged items unless they may be left out, and when nothing is left."""
        if self.damaged and not self.skip_damaged:
            named = [f"{name} ({why})" for name, why in self.damaged.items()]
            raise OwnDataError(
                f"{self.path}: {len(named):,} of {self.count:,} {WORDS[self.report.kind]} cannot be read: "
                f"{some(named)}; repair or remove them, or ask for damaged files to be left out"
            )
        if not self.hashes:
            why = "; ".join(f"{why}: {some(names)}" for why, names in self.report.skipped.items())
            raise OwnDataError(f"{self.path} has no usable {WORDS[self.report.kind]} among {self.count:,} ({why})")


def split_named(word: str) -> str:
    """The split that a word stands for, or ""."""
    return _SPLIT_NAMES.get(word.lower(), "")


def sha256(data: bytes) -> str:
    """The content hash that decides over splits."""
    return hashlib.sha256(data).hexdigest()


def features_of(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """The `datasets` features that a Parquet schema carries, by column."""
    try:
        return dict(json.loads((metadata or {}).get(b"huggingface", b"{}")).get("info", {}).get("features", {}))
    except (ValueError, AttributeError, TypeError):
        return {}
