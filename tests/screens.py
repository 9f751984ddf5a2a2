"""Takes a picture of every page of the app as it stands and lists them in docs/pages.md; looks whether one overflows.

    python tests/screens.py [PART ...] [--out docs/screenshots/pages]

The app is started and walked by its tabs, in English 1,280 pixels wide and in Chinese at 390. Where a page has a button
that makes something, it is pressed and its result awaited. A PART is a part of a page's name, such as `image` or
`group_enlarge`; without any, all are taken and listed. Exits with 1 where a page is wider than the window.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from serving import ROOT, served
from test_browser import WAIT, draw_seven, visitor

from zoo.data.source import read

LANGUAGES = {"en": ("en-US", 1280), "zh": ("zh-CN", 390)}
TABS = """() => [...document.querySelectorAll("[role=tab]")].filter(tab => tab.checkVisibility()).map(tab => {
    let depth = 0
    for (let outer = tab.parentElement; outer; outer = outer.parentElement) depth += outer.role === "tabpanel"
    return [tab.id, depth, tab.innerText.trim()]
})"""
"""The ids and words of the tabs in sight, each with how many tabs it lies within."""
LIST = ROOT / "docs" / "pages.md"
HEAD = """# The app, page by page

Each page as it stands after its button was pressed: in English on a desk, in Chinese on a telephone. The pictures are
taken by `python tests/screens.py`.
"""
RECORDING = ROOT / "zoo" / "pretrained" / "wavenet.spoken-digits" / "samples" / "sheet.wav"
"""What a page gets that wants a recording."""
UNDRIVEN = re.compile(r"doctor|replay|training|voice")
"""Pages that want a file or a training first."""


@dataclass(frozen=True)
class Place:
    """A page by its tabs' ids, outermost first."""

    path: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """The ids without what all share, such as "image-group_enlarge"."""
        return "-".join(part.removeprefix("tab_").removesuffix("-button") for part in self.path)


def open_place(page: Page, path: tuple[str, ...]) -> None:
    """Choose the tabs one after the other."""
    for part in path:
        page.locator(f'[role=tab][id="{part}"]:visible').first.click()
        page.wait_for_timeout(500)


def places(page: Page, path: tuple[str, ...] = (), words: tuple[str, ...] = ()) -> Iterator[Place]:
    """The pages under `path`: where it is opened, the tabs that come to sight one level further in."""
    open_place(page, path)
    inner = [(name, said) for name, depth, said in page.evaluate(TABS) if depth == len(path)]
    if not inner:
        yield Place(path, words)
    for name, said in inner:
        yield from places(page, (*path, name), (*words, said))


def run(page: Page, place: Place) -> None:
    """Give the page the picture, drawing or recording it wants, press its button and wait for the line below."""
    buttons = page.locator('button[id$="_run"]:visible')
    if UNDRIVEN.search(place.name) or not buttons.count():
        return
    prefix = str(buttons.first.get_attribute("id")).removesuffix("_run")
    given, pad = page.locator(f"#{prefix}_examples button:has(img)"), page.locator('[id$="_pad"]:visible')
    recorder, upload = (
        page.locator(f"#{prefix}_recording:visible"),
        page.locator(f"#{prefix}_picture:visible input[type=file]"),
    )
    if given.count():
        given.first.click()
        page.wait_for_timeout(3000)
    elif pad.count():
        draw_seven(page, str(pad.first.get_attribute("id")))
    elif upload.count():
        bytes_of: Any = read("emoji_names", "train", sample=True).columns["google"][0]
        upload.set_input_files({"name": "emoji.png", "mimeType": "image/png", "buffer": bytes_of["bytes"]})
        page.wait_for_timeout(3000)
    elif recorder.count():
        recorder.get_by_label("Upload file").first.click()
        recorder.locator("input[type=file]").set_input_files(RECORDING)
        page.wait_for_timeout(3000)
    buttons.first.click()
    source = page.locator(f"#{prefix}_source textarea")
    if source.count():
        try:
            expect(source.first).not_to_have_value("", timeout=WAIT)
        except AssertionError:
            print(f"{place.name}: nothing was made")
    page.wait_for_timeout(1500)


def listing(walked: Sequence[Place], folder: str) -> str:
    """The pages' headings and pictures as Markdown."""
    parts, tab = [HEAD], ""
    for place in walked:
        if place.words[0] != tab:
            tab = place.words[0]
            parts.append(f"## {tab}\n")
        said = ": ".join(place.words[1:]) or tab
        pictures = (
            f'<img src="{folder}/{place.name}-{language}.webp" alt="{said}, {language}" width="{width}">'
            for language, width in (("en", 560), ("zh", 180))
        )
        parts.append(f"**{said}**\n\n{' '.join(pictures)}\n")
    return "\n".join(parts)


def main() -> int:
    """Walk the app in both languages."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshots" / "pages")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    wide = 0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright, served(Path(folder)) as app:
        for language, (locale, width) in LANGUAGES.items():
            size = {"width": width, "height": 900}
            with visitor(playwright, Path(folder) / language, app.url, locale, viewport=size) as page:
                walked = list(places(page))
                if language == "en" and not arguments.parts:
                    LIST.write_text(listing(walked, os.path.relpath(arguments.out, LIST.parent)), encoding="utf-8")
                for place in walked:
                    if arguments.parts and not any(part in place.name for part in arguments.parts):
                        continue
                    open_place(page, place.path)
                    run(page, place)
                    page.evaluate("window.scrollTo(0, 0)")
                    taken = page.evaluate("document.documentElement.scrollWidth")
                    with Image.open(BytesIO(page.screenshot(full_page=True))) as picture:
                        picture.save(arguments.out / f"{place.name}-{language}.webp", quality=60, method=6)
                    wide += taken > width
                    print(f"{place.name} {language}: {taken} of {width} pixels wide", flush=True)
    return int(wide > 0)


if __name__ == "__main__":
    raise SystemExit(main())
