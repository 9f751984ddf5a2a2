"""Row R21: markup and scripts through everything that a visitor or a stranger's file can say, in Chromium.

The page may ask nobody but its own server, and a function of the page that only a script could call stays uncalled.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from playwright.sync_api import Error, Page, sync_playwright

from tests.faults.rows import Found

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_zoo
from screens import LANGUAGES, Place, open_place, places
from serving import served
from test_browser import FLAGS, WAIT, chromium

from zoo.checkpoint import write_json
from zoo.data.tokenizer import train_characters
from zoo.generate.provenance import Record, png, txt, wav

FIELDS = ", ".join(f"{kind}:visible:not([readonly]):enabled" for kind in ("textarea", "input[type=text]"))
SETTLED = """() => document.querySelector('[data-testid=toast-body]')
|| !document.querySelector('.generating, .pending')"""
EVIL = "https://evil.example"
CANARY = """() => {
window.hurts = [];
window.hurt = (what) => { window.hurts.push(String(what || "called")); };
document.addEventListener("securitypolicyviolation", (event) => window.refused = (window.refused || 0) + 1);
}"""
PAYLOADS = (
    f"<script>hurt(1)</script><script src={EVIL}/a.js></script>",
    f"<img src={EVIL}/b.png onerror=hurt(2)><img src=x onerror='hurt(2)'>",
    "<svg/onload=hurt(3)><svg><animate onbegin=hurt(3) attributeName=x dur=1s></svg>",
    "javascript:hurt(4)//'\"><a href=javascript:hurt(4) id=canary>x</a>",
    f"![a]({EVIL}/c.png) [b](javascript:hurt(5)) <{EVIL}/d> {EVIL}/e [f][g]\n\n[g]: {EVIL}/h",
    f"<iframe srcdoc='<script>parent.hurt(6)</script>'></iframe><iframe src={EVIL}/i></iframe>",
    f"<style>@import url({EVIL}/j.css);*{{background:url({EVIL}/k.png)}}</style><link rel=stylesheet href={EVIL}/l>",
    "{{constructor.constructor('hurt(7)')()}}${hurt(7)}<%=hurt(7)%>#{hurt(7)}",
    "<math><mtext></table><mglyph><style><img src=x onerror=hurt(8)></style>",
    "\"><input autofocus onfocus=hurt(9)><details open ontoggle=hurt(9)><video><source onerror=hurt(9)></video>",
    "data:text/html,<script>hurt(10)</script>\" onmouseover=hurt(10) style=\"position:fixed;inset:0",
    f"<base href={EVIL}/><form action={EVIL}/m><button autofocus>x</button></form><meta http-equiv=refresh content=0>",
    f"<object data={EVIL}/n></object><embed src='data:image/svg+xml,<svg onload=hurt(11)>'><audio src={EVIL}/o>",
    "</textarea></script></style></title><img src=x onerror=hurt(12)>",
    "$$\\href{javascript:hurt(13)}{x}$$ \\(\\url{javascript:hurt(13)}\\) ```html\n<img src=x onerror=hurt(13)>\n```",
    "&lt;img src=x onerror=hurt(14)&gt; &#60;img src=x onerror=hurt(14)&#62; \\u003cimg src=x onerror=hurt(14)\\u003e",
)  # fmt: skip
"""Each calls `hurt` with its number or asks EVIL for something, if anything of it is taken for more than text."""
EACH = 4
"""Payloads that the inputs of a page get; files and addresses get all."""
LETTERS = tiny_zoo.PROSE + "".join(sorted({letter for payload in PAYLOADS for letter in payload if letter.isascii()}))


@dataclass
class Watch:
    """What the page did that it may not do, and how much was tried."""

    url: str
    done: list[str] = field(default_factory=list)
    tried: Counter[str] = field(default_factory=Counter)
    inert: Counter[str] = field(default_factory=Counter)
    """Of what was kept from doing harm: by what."""

    def on(self, context: Any) -> None:
        """Look at everything that the browser asks and opens."""
        context.on("request", self._asked)
        context.on("page", self._opened)

    def _opened(self, page: Page) -> None:
        if len(page.context.pages) > 2:
            self.done.append(f"another window opened: {page.url}")
        page.on("dialog", self._spoke)
        page.on("framenavigated", lambda frame: self._went(frame.url))

    def _spoke(self, dialog: Any) -> None:
        if dialog.type != "beforeunload":
            self.done.append(f"a dialog: {dialog.message[:200]}")
        dialog.accept()

    def _went(self, url: str) -> None:
        if not url.startswith((self.url, "about:", "chrome-error:")):
            self.done.append(f"the page went to {url[:200]}")

    def _asked(self, request: Any) -> None:
        if not request.url.startswith((f"{self.url}/", "data:", "blob:")):
            self.done.append(f"asked {request.url[:200]}")

    def look(self, page: Page, what: str, count: int = 1) -> None:
        """After something was tried: has anything run, in any frame?"""
        self.tried[what] += count
        for frame in page.frames:
            try:
                ran = frame.evaluate("() => { const seen = window.hurts || []; window.hurts = []; return seen; }")
                refused = frame.evaluate("() => { const n = window.refused || 0; window.refused = 0; return n; }")
            except Error:  # it is gone
                continue
            self.done += [f"a script ran: {one}" for one in ran]
            self.inert["refused by the policy"] += refused
        made = page.evaluate("() => document.querySelectorAll('[onerror],[onload],a[href^=\"javascript\"]').length")
        self.inert["elements made of a payload"] += made
        self.done[:] = [one if " | " in one else f"{one} | {what}" for one in self.done]


def attacked(folder: Path, rng: random.Random, *, payloads: int, pages: int, languages: int) -> Found:
    """So many payloads through the inputs of so many pages, in one language or both, and through every kind of file."""
    pretrained = _hostile_zoo(folder / "pretrained", everything=pages > 10)
    chosen = rng.sample(PAYLOADS, min(payloads, len(PAYLOADS)))
    first = f"from pathlib import Path; from zoo import hub; hub.PRETRAINED = Path({str(pretrained)!r})"
    watches = []
    with served(folder, first=first) as app, sync_playwright() as playwright:
        for language in list(LANGUAGES)[:languages]:
            watch = Watch(app.url)
            watches.append(watch)
            with _browser(playwright, folder / language, LANGUAGES[language][0], watch) as page:
                _addresses(page, watch, chosen)
                page.goto(app.url)
                page.get_by_role("tab").first.wait_for(timeout=WAIT)
                for place in list(islice(places(page), pages)):
                    _inputs(page, watch, place, rng.sample(chosen, min(EACH, len(chosen))))
                _cards(page, watch, pages)
                _logs(page, watch, chosen)
                _results(page, watch, chosen)
    tried = sum((watch.tried for watch in watches), Counter())
    inert = sum((watch.inert for watch in watches), Counter())
    failures = [one for watch in watches for one in watch.done]
    ran, asked = (sum(word in one for one in failures) for word in ("a script ran", "asked "))
    figure = f"{tried.total():,} tried in {languages} languages: {ran} run, {asked} made"
    return Found(figure, failures[:60], {"tried": tried, "kept from harm": inert})


def _hostile_zoo(folder: Path, everything: bool) -> Path:
    """Tiny checkpoints whose cards, labels, data, licences, figures and timelines are payloads."""
    tiny_zoo.build(folder)
    for name in ("dcgan.fashion-mnist", "gpt.shakespeare"):
        for path in sorted((folder / name).rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        (folder / name).rmdir()
    labels = tuple(payload[:200] for payload in PAYLOADS[:10])
    tiny_zoo.make(folder, "dcgan.fashion-mnist", "fashion_mnist", labels)
    tiny_zoo.make(folder, "gpt.shakespeare", "tiny_shakespeare", tokenizer=train_characters([LETTERS]))
    if everything:
        tiny_zoo.more(folder)
    timeline = tiny_zoo.write_timeline(folder / "gpt.shakespeare", ".txt")
    for path in timeline.glob("*.txt"):
        path.write_text("\n".join(PAYLOADS), encoding="utf-8")
    for number, one in enumerate(sorted(folder.iterdir())):
        payload = PAYLOADS[number % len(PAYLOADS)]
        front = f"---\nlicense: {payload!r}\n---\n" if number % 2 else ""
        (one / "README.md").write_text(f"{front}# {payload}\n\n" + "\n\n".join(PAYLOADS), encoding="utf-8")
        recipe = json.loads((one / "recipe.json").read_text())
        write_json(one / "recipe.json", recipe | {"licence_weights": payload})
        figures = [{"name": payload, "value": 1.5, "unit": payload}]
        write_json(one / "metrics.json", {"figures": figures})
    return folder


@contextmanager
def _browser(playwright: Any, folder: Path, locale: str, watch: Watch) -> Iterator[Page]:
    context = playwright.chromium.launch_persistent_context(
        str(folder / "profile"), executable_path=chromium(), headless=True, args=FLAGS, locale=locale,
        viewport={"width": 1280, "height": 900},
    )  # fmt: skip
    context.add_init_script(f"({CANARY})()")
    watch.on(context)
    try:
        yield context.new_page()
    finally:
        context.close()


def _addresses(page: Page, watch: Watch, payloads: list[str]) -> None:
    """What an address can say to the page."""
    from urllib.parse import quote

    for payload in payloads:
        said = quote(payload, safe="")
        page.goto(f"{watch.url}/?lang={said}&__theme={said}&view={said}&{said}={said}#{said}")
        page.get_by_role("tab").first.wait_for(timeout=WAIT)
        watch.look(page, "address")


def _inputs(page: Page, watch: Watch, place: Place, payloads: list[str]) -> None:
    """Each payload in every text of a page at once, and its buttons pressed."""
    open_place(page, place.path)
    for payload in payloads:
        fields = page.locator(FIELDS)
        count = 0
        for number in range(fields.count()):
            try:
                fields.nth(number).fill(payload, timeout=2000)
                fields.nth(number).press("Tab", timeout=2000)
                count += 1
            except Error:  # a list that closed, or a page that was drawn anew
                continue
        if not count:
            return
        pressed = page.locator('button[id$="_run"]:visible, button[id="models_add"]:visible, button.primary:visible')
        if pressed.count():
            with suppress(Error):
                pressed.first.click(timeout=2000)
            _settle(page)
        watch.look(page, f"input of {place.name}", count)
        for closer in page.locator(".toast-close:visible").all():
            closer.click()


def _settle(page: Page) -> None:
    """Wait until an answer is there: a message, or the end of what runs."""
    with suppress(Error):
        page.wait_for_function(SETTLED, timeout=10_000)
    page.wait_for_timeout(400)


def _cards(page: Page, watch: Watch, models: int) -> None:
    """The cards, the table and the classes of strangers' checkpoints."""
    open_place(page, ("tab_models-button", "tab_catalogue-button"))
    for number in range(models):
        page.locator("#models_name input").click()
        options = page.get_by_role("option")
        if number >= options.count():
            page.keyboard.press("Escape")
            break
        options.nth(number).click()
        page.wait_for_timeout(700)
        watch.look(page, "card")
    open_place(page, ("tab_image-button",))
    for picker in page.locator("[id^=draw_] input[role=listbox]:visible").all():
        picker.click()
        watch.look(page, "label")
        page.keyboard.press("Escape")
    open_place(page, ("tab_training-button", "tab_course-button"))
    if page.locator("#course_model input").count():
        page.locator("#course_model input").click()
        page.get_by_role("option").first.click()
        page.wait_for_timeout(1000)
    watch.look(page, "timeline")


def _logs(page: Page, watch: Watch, payloads: list[str]) -> None:
    """Logs of trainings whose names and words are payloads."""
    open_place(page, ("tab_training-button", "tab_doctor-button", "tab_own-button"))
    for payload in payloads:
        lines: list[dict[str, Any]] = [
            {"step": step, "loss": 2 - step / 2000, payload: step, f"validation/{payload}": 1.0, "gradient_norm": 1e9}
            for step in range(50, 1050, 50)
        ]
        lines.append({"step": 1050, "event": "nonfinite", "where": payload, "batch": [payload], "message": payload})
        settings = {"model": payload, "samples": 9, "batch_size": 8, "settings": {payload: payload, "dropout": payload}}
        name = re.sub(r"[/\0]", "_", payload)[:120]
        _send(page, "doctor_files", [
            (f"{name}.jsonl", "".join(json.dumps(line) + "\n" for line in lines).encode()),
            ("run.json", json.dumps(settings).encode()),
        ])  # fmt: skip
        page.locator("#doctor_upload").click()
        _settle(page)
        watch.look(page, "log")


def _results(page: Page, watch: Watch, payloads: list[str]) -> None:
    """Files that say they were made here, and say payloads beside."""
    import numpy as np
    from PIL import Image

    open_place(page, ("tab_models-button", "tab_replay-button"))
    for payload in payloads:
        record = Record(
            "text.write", payload[:200], revision=payload[:100], seed=1, licence=payload[:200],
            parameters={"prompt": payload, payload: payload},
        )  # fmt: skip
        name = re.sub(r"[/\0]", "_", payload)[:120]
        picture = Image.new("L", (64, 64), 128)
        for suffix, data in (
            ("txt", txt(payload, record).encode()), ("png", png(picture, record)),
            ("wav", wav(np.zeros(800, np.float32), 8000, record)), ("txt", payload.encode()),
        ):  # fmt: skip
            _send(page, "replay_file", [(f"{name}.{suffix}", data)])
            page.wait_for_timeout(600)
            _settle(page)
            watch.look(page, "result file")


def _send(page: Page, elem_id: str, files: list[tuple[str, bytes]]) -> None:
    """Take away what lies in a place for files, and put these there."""
    clear = page.locator(f'#{elem_id} button[aria-label="Clear"], #{elem_id} button[aria-label="清除"]')
    if clear.count():
        clear.first.click()
    page.locator(f"#{elem_id} input[type=file]").first.set_input_files(
        [{"name": name, "mimeType": "application/octet-stream", "buffer": data} for name, data in files]
    )
    page.wait_for_timeout(500)
