"""The app as a visitor sees it: every tab, in both languages, in a real Chromium that may speak to our origin only."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import tiny_zoo
from playwright.sync_api import Page, expect, sync_playwright
from serving import Served, served

from zoo.generate.drums import GROOVES, HIT
from zoo.generate.provenance import read

FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
HARMLESS = re.compile(r"WebGL|GL Driver|GPU stall|PixiJS")
"""Console errors that the drawing pad's canvas writes where there is no graphics card."""
LEAVING = re.compile(r"AbortError: signal is aborted|Connection errored out")
"""What gradio's client writes when the page is left while its stream is open."""
LANGUAGES = {"en": ("en-US", "Text", "Write"), "zh-CN": ("zh-CN", "文字", "写")}
WAIT = 60_000


def chromium() -> str:
    """Path of a Chromium or Chrome. Fails, rather than skips, when there is none: this test is part of the promise."""
    given = os.environ.get("ZOO_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not found or not Path(found).exists():
        where = f"ZOO_CHROMIUM is {given}, and there is nothing there" if given else "no Chromium was found"
        pytest.fail(
            f"{where}. Get one with `apt-get install chromium` (or `python -m playwright install chromium`),"
            " or set ZOO_CHROMIUM=/path/to/chrome."
        )
    return found


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="module")
def playwright() -> Iterator[Any]:
    with sync_playwright() as running:
        yield running


@contextmanager
def visitor(
    playwright: Any, folder: Path, url: str, locale: str = "en-US", *, leaves: bool = False, **options: Any
) -> Iterator[Page]:
    """A page of the app in a fresh browser; the block fails when it asked another origin or anything went wrong.

    With `leaves` the visit loads the page anew, which cuts the streams that were open.
    """
    context = playwright.chromium.launch_persistent_context(
        str(folder / "profile"), executable_path=chromium(), headless=True, args=FLAGS, locale=locale,
        **{"viewport": {"width": 1280, "height": 900}, **options},
    )  # fmt: skip
    complaints: list[str] = []
    page = context.new_page()

    def console(message: Any) -> None:
        harmless = HARMLESS.search(message.text) or (leaves and LEAVING.search(message.text))
        if message.type == "error" and not harmless:
            complaints.append(f"console: {message.text}")

    def failed(request: Any) -> None:
        # The stream of a finished or stopped run is closed by the page itself.
        if request.failure != "net::ERR_ABORTED":
            complaints.append(f"failed: {request.url} {request.failure}")

    def asked(request: Any) -> None:
        if not request.url.startswith((url.partition("?")[0], "data:", "blob:")):
            complaints.append(f"left the origin: {request.url}")

    page.on("console", console)
    page.on("pageerror", lambda error: complaints.append(f"page error: {error}"))
    page.on("requestfailed", failed)
    context.on("request", asked)
    try:
        page.goto(url)
        page.get_by_role("tab").first.wait_for(timeout=WAIT)
        yield page
        assert not complaints, "\n".join(complaints)
    finally:
        context.close()


def open_tab(page: Page, *names: str) -> None:
    for name in names:
        page.locator(f'[role=tab][id^="tab_{name}"]:visible').first.click()


def made(page: Page, prefix: str) -> None:
    """Wait for the quiet line under a result: it is written when the result is there."""
    expect(page.locator(f"#{prefix}_source textarea")).to_have_value(re.compile(r"weights [0-9a-f]{8}"), timeout=WAIT)


def shown(page: Page, elem_id: str) -> None:
    """Wait for a picture to be drawn."""
    image = page.locator(f"#{elem_id} img").first
    expect(image).to_be_visible(timeout=WAIT)
    page.wait_for_function("image => image.complete && image.naturalWidth > 20", arg=image.element_handle())


def draw_seven(page: Page, pad: str) -> None:
    expect(page.locator(f'#{pad} button[aria-label="Brush"].highlight')).to_be_visible(timeout=WAIT)
    box = page.locator(f"#{pad} canvas").last.bounding_box()
    assert box
    at = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ((0.33, 0.3), (0.66, 0.3), (0.48, 0.75))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_tab_works(app: Served, playwright: Any, tmp_path: Path, language: str) -> None:
    locale, first_tab, write = LANGUAGES[language]
    with visitor(playwright, tmp_path, app.url, locale) as page:
        expect(page.locator("html")).to_have_attribute("lang", language)
        expect(page.locator('[role=tab][id^="tab_text"]').first).to_have_text(first_tab)
        expect(page.locator("#write_run")).to_have_text(write)

        page.locator("#write_run").click()
        expect(page.locator("#write_result textarea")).to_have_value(
            re.compile(r"ROMEO:.{20,}", re.DOTALL), timeout=WAIT
        )
        made(page, "write")
        open_tab(page, "poem")
        page.locator("#poem_example_0").click()
        expect(page.locator("#poem_result textarea")).to_have_value(re.compile("^春.*。$", re.DOTALL), timeout=WAIT)
        made(page, "poem")

        open_tab(page, "image")
        page.locator("#draw_run").click()
        made(page, "draw")
        shown(page, "draw_result")
        open_tab(page, "group_walk", "morph")
        page.locator("#morph_run").click()
        made(page, "morph")
        shown(page, "morph_result")
        shown(page, "morph_strip")
        open_tab(page, "map")
        page.locator("#map_dice").click()
        made(page, "map")
        shown(page, "map_result")
        open_tab(page, "group_edit", "redraw")
        draw_seven(page, "redraw_pad")
        page.locator("#redraw_run").click()
        made(page, "redraw")
        shown(page, "redraw_result")
        for way in ("slide", "arithmetic"):
            open_tab(page, way)
            page.locator(f"#{way}_run").click()
            made(page, way)
            shown(page, f"{way}_result")
        open_tab(page, "group_create")
        page.locator("#draw_result img").first.click()
        expect(page.locator("#draw_kept img").first).to_be_visible(timeout=WAIT)

        open_tab(page, "audio")
        page.locator("#speak_run").click()
        made(page, "speak")
        shown(page, "speak_spectrogram")
        expect(page.locator("#speak_result .waveform-container, #speak_result #waveform").first).to_be_visible()

        open_tab(page, "crossmodal")
        page.locator("#type_example_2").click()
        made(page, "cross")
        expect(page.locator("#cross_words textarea")).to_have_value(re.compile("forty-two · 四十二"))
        shown(page, "cross_picture")
        open_tab(page, "sketch")
        draw_seven(page, "sketch_pad")
        page.locator("#sketch_run").click()
        expect(page.locator("#cross_words textarea")).to_have_value(re.compile("^(?!forty)"), timeout=WAIT)
        expect(page.locator("#cross_judged .output-class")).to_have_text(re.compile(r"^\s*\d\s*$"))
        made(page, "cross")

        open_tab(page, "training")
        at_step = {"en": "step 0 of", "zh-CN": "第 0 步"}[language]
        shown(page, "course_picture")
        page.locator("#course_moment input[type=number]").fill("1")
        page.locator("#course_moment input[type=number]").press("Enter")
        expect(page.locator("#course_source textarea")).to_have_value(re.compile(f"^{at_step}"), timeout=WAIT)
        shown(page, "course_picture")
        expect(page.locator("#course_curves svg")).to_have_count(2)
        open_tab(page, "doctor")
        page.locator("#doctor_examine").click()
        found = {"en": "What was looked for", "zh-CN": "检查了什么"}[language]
        expect(page.locator("#doctor_report")).to_contain_text(found, timeout=WAIT)
        expect(page.locator("#doctor_report article svg").first).to_be_visible()

        open_tab(page, "models")
        header = {"en": "Parameters", "zh-CN": "参数量"}[language]
        expect(page.locator("#models_table")).to_contain_text("gpt.shakespeare")
        expect(page.locator("#models_table")).to_contain_text(header)
        expect(page.locator("#models_card")).to_contain_text(re.compile(r"\w{4,}"))
        untranslated = page.locator("gradio-app").evaluate(
            "app => app.outerHTML.match(/.{60}(__i18n__|zoo_\\w+).{60}/)"
        )
        assert not untranslated


def test_a_digit_is_spoken_into_the_microphone(app: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, app.url, permissions=["microphone"]) as page:
        open_tab(page, "crossmodal", "voice")
        page.locator("#voice_recording .record-button").click()
        page.wait_for_timeout(1500)
        page.locator("#voice_recording .stop-button").click()
        expect(page.locator("#voice_recording .waveform-container, #voice_recording #waveform").first).to_be_visible()
        page.locator("#voice_run").click()
        made(page, "cross")
        expect(page.locator("#cross_judged .output-class")).to_have_text(re.compile(r"^\s*\d\s*$"))


def test_results_can_be_downloaded_as_png_and_wav(app: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, app.url, accept_downloads=True) as page:
        for tab, prefix, result, magic in (
            ("image", "draw", "draw_result", b"\x89PNG"),
            ("audio", "speak", "speak_result", b"RIFF"),
        ):
            open_tab(page, tab)
            page.locator(f"#{prefix}_run").click()
            made(page, prefix)
            page.locator(f"#{result}").hover()
            with page.expect_download() as download:
                page.locator(f'#{result} a[download], #{result} button[aria-label="Download"]').first.click()
            assert Path(download.value.path()).read_bytes().startswith(magic)


SLOW = """import time
from zoo.engine.graphs import Graphs
step = Graphs.step
Graphs.step = lambda self, ids, state: (time.sleep(0.01), step(self, ids, state))[1]"""
"""A machine on which 1,000 tokens take ten seconds and more, so that there is something to stop."""


def test_stop_stops_the_writing(playwright: Any, tmp_path: Path) -> None:
    with served(tmp_path, first=SLOW) as app, visitor(playwright, tmp_path, app.url) as page:
        page.locator("#write_length input[type=number]").fill("1000")
        page.locator("#write_length input[type=number]").press("Enter")
        page.locator("#write_run").click()
        result = page.locator("#write_result textarea")
        expect(result).to_have_value(re.compile(r"ROMEO:.{5,}", re.DOTALL), timeout=WAIT)
        page.locator("#write_stop").click()
        page.wait_for_timeout(700)
        stopped = result.input_value()
        page.wait_for_timeout(1000)
        assert result.input_value() == stopped and len(stopped) < 1000
        page.locator("#write_run").click()  # and the machine is free
        made(page, "write")


@pytest.fixture(scope="module")
def small_zoo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app over a zoo of untrained checkpoints, with a timeline of each kind."""
    folder = tmp_path_factory.mktemp("small")
    pretrained = folder / "pretrained"
    tiny_zoo.build(pretrained)
    tiny_zoo.make(pretrained, "wavegan.drums", "drums", tiny_zoo.DRUMS)
    tiny_zoo.make(pretrained, "wavenet.notes", "gm_notes", tiny_zoo.INSTRUMENTS, fields=tiny_zoo.PLAYS)
    for name, suffix in (("dcgan.mnist", ".webp"), ("gpt.shakespeare", ".txt"), ("wavenet.spoken-digits", ".flac")):
        tiny_zoo.write_timeline(pretrained / name, suffix)
    first = f"from pathlib import Path; from zoo import hub; hub.PRETRAINED = Path({str(pretrained)!r})"
    with served(folder, first=first) as running:
        yield running


def choose(page: Page, picker: str, name: str) -> None:
    page.locator(f"#{picker} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def test_the_slider_goes_through_a_training_without_asking_the_server(
    small_zoo: Served, playwright: Any, tmp_path: Path
) -> None:
    with visitor(playwright, tmp_path, small_zoo.url) as page:
        open_tab(page, "training")
        line, slider = page.locator("#course_source textarea"), page.locator("#course_moment input[type=range]")
        mark = page.locator("#course_curves svg .mark").first
        expect(line).to_have_value(re.compile("^step 90 of 90 .* validation accuracy 95.0 %"), timeout=WAIT)
        shown(page, "course_picture")
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
        box = slider.bounding_box()
        assert box
        page.mouse.move(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
        page.mouse.down()
        places = [mark.bounding_box()]
        for share, step in ((0.66, 40), (0.34, 10), (0.01, 0)):
            page.mouse.move(box["x"] + share * box["width"], box["y"] + box["height"] / 2, steps=4)
            expect(line).to_have_value(re.compile(f"^step {step} of 90"))
            places.append(mark.bounding_box())
            expect(page.locator("#course_picture img")).to_have_attribute("src", re.compile(f"{step:08d}"))
        page.mouse.up()
        across = [place["x"] for place in places if place]
        assert across == sorted(across, reverse=True) and across[0] > across[-1] + 100
        page.locator("#course_play").click()
        expect(line).to_have_value(re.compile("^step 90 of 90"), timeout=WAIT)
        assert not asked


def test_a_timeline_is_of_pictures_or_texts_or_sounds(small_zoo: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, small_zoo.url) as page:
        open_tab(page, "training")
        parts = {"dcgan.mnist": ["course_picture"], "gpt.shakespeare": ["course_text"],
                 "wavenet.spoken-digits": ["course_spectrogram", "course_sound"]}  # fmt: skip
        for name in ("wavenet.spoken-digits", "gpt.shakespeare", "dcgan.mnist"):
            choose(page, "course_model", name)
            expect(page.locator("#course_source textarea")).to_have_value(re.compile(f"\n{name}"), timeout=WAIT)
            for part in (part for some in parts.values() for part in some):
                expect(page.locator(f"#{part}")).to_be_visible(visible=part in parts[name])
        choose(page, "course_model", "gpt.shakespeare")
        expect(page.locator("#course_text textarea")).to_have_value("at step 90\n<b>bold</b>", timeout=WAIT)


_LISTEN = """() => {
window.heard = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (at) {
  window.heard.push({at, seconds: this.buffer.duration, asked: performance.now(), rate: this.buffer.sampleRate});
  return start.call(this, at);
};
}"""
"""JavaScript: keep what a page plays, and when."""


@pytest.mark.parametrize(("way", "prefix"), [("digits", "speak"), ("notes", "note")])
def test_a_sound_is_heard_piece_by_piece_and_once(
    small_zoo: Served, playwright: Any, tmp_path: Path, way: str, prefix: str
) -> None:
    with visitor(playwright, tmp_path, small_zoo.url) as page:
        page.evaluate(_LISTEN)
        open_tab(page, "audio", way)
        page.locator(f"#{prefix}_run").click()
        made(page, prefix)
        shown(page, f"{prefix}_spectrogram")
        heard = page.evaluate("heard")
        assert heard and all(one["at"] > 0 for one in heard)
        for one, following in pairwise(heard):  # later only where the machine made a piece too late
            assert following["at"] >= one["at"] + one["seconds"] - 1e-3
        assert heard[0]["rate"] == (16000 if way == "notes" else 8000)
        if way == "notes":
            assert sum(one["seconds"] for one in heard) == pytest.approx(1.0)
        assert page.locator(f"#{prefix}_result audio[autoplay]").count() == 0


def test_a_beat_is_clicked_together_by_mouse_and_by_keyboard_and_drums_are_rolled(
    small_zoo: Served, playwright: Any, tmp_path: Path
) -> None:
    with visitor(playwright, tmp_path, small_zoo.url) as page:
        open_tab(page, "audio", "drums")
        cells, source = page.locator("#drums_grid .zoo-cell"), page.locator("#drums_source textarea")
        lit = page.locator('#drums_grid .zoo-cell[aria-pressed="true"]')
        expect(cells).to_have_count(7 * 16, timeout=WAIT)
        before = lit.count()
        page.locator('[data-row="tom"] .zoo-cell').nth(3).click()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.locator('[data-row="cymbal"] .zoo-cell').nth(4)).to_be_focused()
        expect(lit).to_have_count(before + 2)
        page.locator("#drums_run").click()
        made(page, "drums")
        shown(page, "drums_spectrogram")
        page.locator("#drums_result").hover()
        with page.expect_download() as download:
            page.locator('#drums_result a[download], #drums_result button[aria-label="Download"]').first.click()
        record = read(Path(download.value.path()))
        rows = json.loads(record.parameters["pattern"])
        assert rows["tom"] == "...x............" and rows["cymbal"] == "....x..........." and len(rows) == 5
        assert "percussion" not in rows and record.parameters["tempo"] == 112

        page.locator('[data-row="snare"] .zoo-hear').click()
        expect(source).to_have_value(re.compile(r"^wavegan\.drums · seed 0 · "), timeout=WAIT)
        page.locator('[data-row="snare"] .zoo-reroll').click()
        expect(source).to_have_value(re.compile(r"^wavegan\.drums · seed [1-9]\d* · "), timeout=WAIT)
        rolled = re.findall(r"seed (\d+)", source.input_value())[0]
        page.locator("#drums_example_3").click()  # another groove, on the same kit
        expect(source).to_have_value(re.compile(r"^wavegan\.drums · seed 0 · "), timeout=WAIT)
        expect(page.locator("#drums_tempo input[type=number]")).to_have_value("100")
        expect(lit).to_have_count(sum(row.count(HIT) for row in GROOVES["funk"].rows.values()))
        page.locator('[data-row="snare"] .zoo-hear').click()
        expect(source).to_have_value(re.compile(rf"^wavegan\.drums · seed {rolled} · "), timeout=WAIT)
        page.locator("#drums_dice").click()  # another kit: nothing is left of what was rolled
        expect(source).not_to_have_value(re.compile(rf"seed ({rolled}|0) "), timeout=WAIT)
        kit = re.findall(r"seed (\d+)", source.input_value())[0]
        page.locator('[data-row="kick"] .zoo-hear').click()
        expect(source).to_have_value(re.compile(rf"^wavegan\.drums · seed {kit} · "), timeout=WAIT)

        for cell in lit.all()[::-1]:
            cell.click()
        page.locator("#drums_run").click()
        expect(page.get_by_test_id("toast-body")).to_contain_text("the pattern is empty", timeout=WAIT)
        for width in (1440, 820, 390, 360):
            page.set_viewport_size({"width": width, "height": 844})
            page.wait_for_timeout(100)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, width
            boxes = [cell.bounding_box() for cell in (cells.first, cells.nth(15))]
            assert all(box and box["width"] >= 24 and box["height"] >= 24 for box in boxes), (width, boxes)


def test_a_run_of_ones_own_is_examined(small_zoo: Served, playwright: Any, tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text("".join(f'{{"step": {step}, "loss": {2 - step / 2000}}}\n' for step in range(50, 1050, 50)))
    with visitor(playwright, tmp_path, small_zoo.url) as page:
        open_tab(page, "training", "doctor", "own")
        page.locator("#doctor_files input[type=file]").set_input_files(log)
        expect(page.locator("#doctor_files")).to_contain_text("log.jsonl", timeout=WAIT)
        page.locator("#doctor_upload").click()
        expect(page.locator("#doctor_report .zoo-verdict")).to_contain_text("Healthy", timeout=WAIT)
        expect(page.locator("#doctor_report .zoo-checks li")).not_to_have_count(0)


def test_a_kept_text_and_a_kept_drawing_are_dropped_and_made_again(
    app: Served, playwright: Any, tmp_path: Path
) -> None:
    with visitor(playwright, tmp_path, app.url) as page:
        page.locator("#write_run").click()
        expect(page.locator("#write_source textarea")).to_have_value(re.compile(" 300 tokens "), timeout=WAIT)
        with page.expect_download() as download:
            page.locator("#write_save").click()
        download.value.save_as(tmp_path / "kept.txt")
        open_tab(page, "crossmodal", "sketch")
        draw_seven(page, "sketch_pad")
        page.locator("#sketch_run").click()
        shown(page, "cross_picture")
        page.locator("#cross_picture").hover()
        with page.expect_download() as download:
            page.locator('#cross_picture a[download], #cross_picture button[aria-label="Download"]').first.click()
        download.value.save_as(tmp_path / "kept.png")
        open_tab(page, "models", "replay")
        for name, steps in (("kept.txt", 0), ("kept.png", 3)):
            page.locator("#replay_file input[type=file]").set_input_files(tmp_path / name)
            report = page.locator("#replay_report")
            expect(report.locator(".zoo-verdict.clear")).to_have_text("The same, byte for byte.", timeout=WAIT)
            expect(report.locator("h4")).to_have_count(steps)
            page.locator('#replay_file button[aria-label="Clear"]').click()
            page.evaluate("document.querySelector('#replay_report .zoo-verdict').className = 'zoo-verdict'")
        for which in ("before", "after"):
            shown(page, f"replay_{which}_picture")


def test_a_refusal_is_shown_in_words_and_runs_no_script(app: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, app.url) as page:
        open_tab(page, "crossmodal")
        page.evaluate("window.hurt = 0")
        page.locator("#type_number textarea, #type_number input").first.fill("<img src=x onerror='window.hurt=1'>")
        page.locator("#type_run").click()
        toast = page.get_by_test_id("toast-body")
        expect(toast).to_contain_text("<img src=x", timeout=WAIT)
        assert page.evaluate("window.hurt") == 0 and toast.locator("img").count() == 0

        open_tab(page, "models")
        page.locator("#models_source textarea, #models_source input").first.fill("no such place")
        page.locator("#models_add").click()
        expect(page.locator("#models_card .error").first).to_be_visible(timeout=WAIT)
        page.locator("#models_name input").click()
        page.get_by_role("option").nth(1).click()
        expect(page.locator("#models_card")).to_contain_text(re.compile(r"\w{4,}"), timeout=WAIT)


def test_the_switches_change_language_and_shade_and_remember_them(app: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, app.url, leaves=True) as page:
        page.locator("#zoo-language").click()
        expect(page.locator('[role=tab][id^="tab_text"]').first).to_have_text("文字", timeout=WAIT)
        page.locator("#type_number").wait_for(state="detached")
        page.locator("#write_length input[type=number]").fill("20")
        page.locator("#write_length input[type=number]").press("Enter")
        page.locator("#write_run").click()
        expect(page.locator("#write_source textarea")).to_have_value(
            re.compile("词元"), timeout=WAIT
        )  # the server's words
        page.locator("#zoo-shade").click()
        expect(page.locator("body")).to_have_class(re.compile("dark"))
        page.goto(app.url)
        expect(page.locator('[role=tab][id^="tab_text"]').first).to_have_text("文字", timeout=WAIT)
        expect(page.locator("body")).to_have_class(re.compile("dark"))
        page.locator("#zoo-language").click()
        expect(page.locator('[role=tab][id^="tab_text"]').first).to_have_text("Text", timeout=WAIT)


def test_the_history_of_runs_is_in_the_browser_in_its_language(app: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, f"{app.url}/?lang=zh-CN", leaves=True) as page:
        open_tab(page, "image")
        page.locator("#draw_run").click()
        made(page, "draw")
        with page.expect_popup() as opened:
            page.get_by_role("link", name="运行记录").click()
        runs = opened.value
        history = runs.locator("body")
        expect(history).to_contain_text("dcgan.mnist", timeout=WAIT)
        expect(history).to_contain_text("模型")
        assert "__i18n__" not in runs.inner_text("body").lower()
        assert runs.evaluate('JSON.stringify(localStorage).includes("dcgan.mnist")')


def test_a_chat_on_a_telephone_answers_and_nothing_lies_over_it(app: Served, playwright: Any, tmp_path: Path) -> None:
    with visitor(playwright, tmp_path, app.url, viewport={"width": 390, "height": 480}) as page:
        open_tab(page, "text", "chat")
        page.locator("#chat_run").click()
        expect(page.locator("#chat_result .bot").first).to_be_visible(timeout=WAIT)
        expect(page.locator("#chat_reset")).to_be_visible(timeout=WAIT)
        gap = page.evaluate(  # of one moment: the page glides to the answer meanwhile
            """() => document.querySelector("#chat_reset").getBoundingClientRect().top
                   - document.querySelector("#chat_result").getBoundingClientRect().bottom"""
        )
        assert gap >= 0


def test_nothing_is_wider_than_the_screen_and_all_stands_in_the_middle(
    app: Served, playwright: Any, tmp_path: Path
) -> None:
    with visitor(playwright, tmp_path, app.url, viewport={"width": 1440, "height": 844}) as page:
        for tab in (
            "text", "weighing", "poem", "image", "group_walk", "morph", "traverse", "group_edit", "redraw",
            "arithmetic", "slide", "audio", "crossmodal", "sketch", "training", "doctor", "own", "models", "replay",
        ):  # fmt: skip
            page.locator(f'[role=tab][id^="tab_{tab}"]:visible').first.evaluate("tab => tab.click()")
            for width in (1440, 820, 390, 360):
                page.set_viewport_size({"width": width, "height": 844})
                page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 30)))")
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (tab, width)
                box = page.locator(".zoo-tabs").bounding_box()
                assert box and abs(box["x"] + box["width"] / 2 - width / 2) <= 8, (tab, width)
