"""What stands in a person's folder or file, of which kind and in which class, without decoding anything."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from zoo.data.own_source import ENDINGS, MAX_ITEMS, NAMED, WORDS, Found, Item, Kind, OwnDataError, Report, split_named
from zoo.data.own_table import find_rows
from zoo.data.source import Info

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar")
_ABOUT = re.compile(r"(readme|licen[cs]e|copying|notice|authors|attribution)([._]\w+)?(\.(md|txt))?", re.IGNORECASE)
_COLUMNS: dict[Kind, tuple[str, ...]] = {
    "image": ("image", "img", "picture", "photo"),
    "text": ("text", "content", "story", "document", "sentence"),
    "audio": ("audio", "sound", "speech"),
}


def find(path: Path, kind: Kind, *, licence: str = "", skip_damaged: bool = False) -> Found:
    """Look through a folder or file without decoding anything. Raises OwnDataError as `open_own` says."""
    if not path.exists():
        raise OwnDataError(f"{path} does not exist; give a folder or a file of {WORDS[kind]}")
    if path.is_file() and path.suffix.lower() in _ARCHIVES:
        raise OwnDataError(f"{path} is an archive; unpack it and give the folder")
    allowed = f"{', '.join(ENDINGS[kind])} or .parquet"
    if path.is_file() and path.suffix.lower() != ".parquet" and path.suffix.lower() not in sum(ENDINGS.values(), ()):
        raise OwnDataError(f"{path} is {path.suffix or 'without an ending'}; allowed for {WORDS[kind]} are {allowed}")
    try:
        files = sorted(_files(path)) if path.is_dir() else [path]
    except OSError as error:
        raise OwnDataError(f"{path} cannot be looked through: {error}") from error
    if not files:
        raise OwnDataError(f"{path} is empty; give a folder of {WORDS[kind]} ({allowed})")
    name = path.resolve().stem if path.is_file() else path.resolve().name
    report = Report(name, kind)
    info = _described(path, name, licence)
    tables = [file for file in files if file.suffix.lower() == ".parquet"]
    if tables:
        return find_rows(path, kind, tables, info, report, _COLUMNS[kind], skip_damaged=skip_damaged)
    return _find_files(path, kind, files, info, report, skip_damaged=skip_damaged)


def _files(folder: Path) -> Iterator[Path]:
    """Files below a folder but hidden ones; links to folders are not followed."""

    def stop(error: OSError) -> None:
        raise error

    for here, folders, names in os.walk(folder, onerror=stop):
        folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
        yield from (Path(here) / name for name in names if not name.startswith(".") and name != "Thumbs.db")


def _find_files(path: Path, kind: Kind, files: list[Path], info: Info, report: Report, *, skip_damaged: bool) -> Found:
    root = path if path.is_dir() else path.parent
    by_kind: dict[str, list[Path]] = {}
    for file in files:
        about = _ABOUT.fullmatch(file.name) and len(files) > 1
        kinds = [k for k, endings in ENDINGS.items() if file.suffix.lower() in endings]
        by_kind.setdefault(kinds[0] if kinds and not about else "about" if about else "other", []).append(file)
    for file in by_kind.get("about", []):
        report.skip("a description of the data", file.relative_to(root).as_posix())
    for file in by_kind.get("other", []):
        report.skip(f"not one of {', '.join(ENDINGS[kind])}", file.relative_to(root).as_posix())
    there = {k: by_kind[k] for k in ENDINGS if k in by_kind}
    counts = ", ".join(f"{len(found):,} {WORDS[k]}" for k, found in there.items())
    if not there:
        endings = Counter(file.suffix.lower() or "no ending" for file in files)
        held = ", ".join(f"{n:,} {ending}" for ending, n in endings.most_common(NAMED))
        raise OwnDataError(f"{path} holds no {WORDS[kind]} ({', '.join(ENDINGS[kind])}), but {held}")
    if kind not in there:
        raise OwnDataError(f"{path} holds {counts}; this model learns from {WORDS[kind]} ({', '.join(ENDINGS[kind])})")
    if len(there) > 1 and not skip_damaged:
        raise OwnDataError(
            f"{path} holds {counts}; give a folder of {WORDS[kind]} alone, or ask for the others to be left out"
        )
    for other in there.keys() - {kind}:
        for file in there[other]:
            report.skip(f"{WORDS[other]}, where {WORDS[kind]} are wanted", file.relative_to(root).as_posix())
    chosen = there[kind]
    if len(chosen) > MAX_ITEMS:
        raise OwnDataError(f"{path} holds {len(chosen):,} {WORDS[kind]}; at most {MAX_ITEMS:,} are read")
    parts = {file: file.relative_to(root).parts for file in chosen}
    tops = {split_named(p[0]) for p in parts.values() if len(p) > 1}
    named = "train" in tops and "" not in tops  # sub-folders train, validation, test: classes are one further down
    deep = int(named)
    items = [
        Item(
            "/".join(p),
            file,
            label=p[deep] if len(p) > 1 + deep else "",
            split=split_named(p[0]) if named and len(p) > 1 else "",
        )
        for file, p in parts.items()
    ]
    report.found = len(items)
    return Found(path, info, items, len(items), report, skip_damaged, names_classes=any(item.label for item in items))


def _described(path: Path, name: str, licence: str) -> Info:
    """The Info of own data: licence and title from the front matter of README.md where the folder has one."""
    said = _front_matter(path / "README.md")
    return Info(name, said.get("pretty_name", name), licence or said.get("license", "unknown"), "own data")


def _front_matter(path: Path) -> dict[str, str]:
    """Top-level words of the YAML between the first two lines of dashes; a list gives its first member."""
    try:
        text = path.read_text(encoding="utf-8")[:20_000]
    except (OSError, UnicodeDecodeError):
        return {}
    block = re.match(r"---\s*\n(.*?)\n---", text, re.DOTALL)
    lines = re.findall(r"^(\w+):[ \t]*(?:\n- *)?(\S[^\n]*)$", block.group(1), re.MULTILINE) if block else []
    return {key: value.strip("'\" ") for key, value in lines}
