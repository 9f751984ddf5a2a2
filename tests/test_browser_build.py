"""The static page in a real Chromium, against what Python makes of the same seeds; it may speak to its origin only."""

from __future__ import annotations

import base64
import http.server
import io
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import soxr
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from test_browser import chromium
from test_noise import KNOWN_ANSWERS

from zoo.data import tokenizer as tokenizers
from zoo.export import browser
from zoo.export.browser import BrowserError
from zoo.generate import audio, crossmodal, image, numbers, provenance, sampling, text
from zoo.generate.drawing import ink_of, like_clothes, like_digits
from zoo.generate.replay import Replay, replay
from zoo.noise import MAX_SEED, Noise

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "zoo" / "data" / "samples" / "spoken_digits" / "data" / "test-00000-of-00001.parquet"
PATH = "/some/path/"
"""Where the page lies: under a path, for it must not ask for anything from the root."""
FLAGS = ["--headless=new", "--no-sandbox", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run", "--autoplay-policy=no-user-gesture-required"]  # fmt: skip
SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"]
WAIT = 90_000
DAMAGED = "DAMAGED"


class Host:
    """A plain server of files under PATH, such as any static host is; it notes what is asked, and can spoil a file."""

    def __init__(self, folder: Path) -> None:
        host = self
        self.asked: list[str] = []
        self.sent = 0
        self.spoilt: dict[str, Callable[[bytes], bytes | None]] = {}

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.split("?")[0].removeprefix(PATH)
                host.asked.append(name)
                path = folder / (name or "index.html")
                body = path.read_bytes() if self.path.startswith(PATH) and path.is_file() else None
                if body is not None and name in host.spoilt:
                    body = host.spoilt[name](body)
                if body is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Type", self.guess_type(str(path)))
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                host.sent += len(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"
        self.url = self.origin + PATH
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return browser.build(tmp_path_factory.mktemp("page") / "site")


@pytest.fixture
def host(site: Path) -> Iterator[Host]:
    running = Host(site)
    yield running
    running.close()


@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="module")
def engine(playwright: Playwright) -> Iterator[Browser]:
    running = playwright.chromium.launch(executable_path=chromium(), headless=True, args=[*FLAGS, "--disable-gpu"])
    yield running
    running.close()


@contextmanager
def visitor(
    engine: Browser, host: Host, *, complains: bool = False, **options: Any
) -> Iterator[tuple[Page, BrowserContext]]:
    """The page in a fresh browser context; fails when it asked another origin, or (unless it `complains`) erred."""
    context = engine.new_context(**{"viewport": {"width": 1280, "height": 900}, "locale": "en-US", **options})
    wrong: list[str] = []
    context.on(
        "request", lambda request: request.url.startswith((host.origin, "blob:", "data:")) or wrong.append(request.url)
    )
    page = context.new_page()
    if not complains:
        page.on("console", lambda message: message.type == "error" and wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
    try:
        page.goto(host.url)
        page.get_by_role("tab").first.wait_for(timeout=WAIT)
        yield page, context
        assert not wrong, "\n".join(wrong)
    finally:
        context.close()


@pytest.fixture(scope="module")
def shared(site: Path, engine: Browser) -> Iterator[Page]:
    """One visit for what only reads."""
    running = Host(site)
    with visitor(engine, running) as (page, _):
        yield page
    running.close()


def call(page: Page, module: str, code: str, given: Any = None) -> Any:
    """The value of JavaScript `code`, in which `m` is a module of the page and `given` the argument."""
    return page.evaluate(
        f"async (given) => {{ const m = await import(new URL({module!r}, document.baseURI).href); {code} }}", given
    )


def open_tab(page: Page, *names: str) -> None:
    for name in names:
        page.locator(f"#tab-{name}").click()


def run(page: Page, prefix: str) -> None:
    """Click the button of an action and wait for its end; it must end well."""
    page.locator(f"#{prefix}-run").click()
    ended(page, prefix)
    expect(page.locator(f"#{prefix}-status")).not_to_have_class("status failed")


def ended(page: Page, prefix: str) -> None:
    page.locator(f".work:has(#{prefix}-run) .results:not([aria-busy])").wait_for(timeout=WAIT)


def saved(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.locator(f"#{button}").click()
    return Path(download.value.path()).read_bytes()


def draw_seven(page: Page, pad: str) -> None:
    page.locator(f"#{pad}").scroll_into_view_if_needed()
    box = page.locator(f"#{pad}").bounding_box()
    assert box
    at = [
        (box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in ((0.33, 0.3), (0.66, 0.3), (0.48, 0.75))
    ]
    page.mouse.move(*at[0])
    page.mouse.down()
    for point in at[1:]:
        page.mouse.move(*point, steps=6)
    page.mouse.up()


def pixels_of(page: Page, canvas: str) -> np.ndarray:
    """RGBA of a canvas, uint8 (h, w, 4)."""
    url = page.evaluate("id => document.getElementById(id).toDataURL()", canvas)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))).convert("RGBA"))


def spoken(digit: str) -> tuple[np.ndarray, int]:
    """A recording of `digit` from the samples that come with the zoo, and its sample rate."""
    rows = pq.read_table(SAMPLES).to_pylist()
    (recording, *_) = [row["audio"]["bytes"] for row in rows if str(row["label"]) == digit]
    return soundfile.read(io.BytesIO(recording), dtype="float32")


def remade(data: bytes) -> Replay:
    """What `replay` says of a file that the page saved."""
    *_, last = replay(provenance.look(data))
    assert isinstance(last, Replay)
    return last


def apart(a: Any, b: Any) -> np.ndarray:
    return np.abs(np.asarray(a, np.int64) - np.asarray(b, np.int64))


# --- the same functions in two languages ---


@pytest.mark.parametrize("case", KNOWN_ANSWERS)
def test_philox_in_the_browser_gives_the_known_answers(shared: Page, case: str) -> None:
    counter, key, answer = ([int(word, 16) for word in words.split()] for words in KNOWN_ANSWERS[case])
    assert (
        call(
            shared, "generate/noise.js", "return [...m.philox(Uint32Array.from(given[0]), ...given[1])]", [counter, key]
        )
        == answer
    )


@pytest.mark.parametrize(("seed", "stream"), [(0, 0), (1, 2), (2**32 + 5, 7 * 2**32 + 11), (MAX_SEED, 2)])
def test_noise_in_the_browser_is_bit_for_bit_pythons(shared: Page, seed: int, stream: int) -> None:
    noise = Noise(seed, stream)
    wanted = [noise.words(7), noise.uniform_array(1001), noise.normal_array(20_001), noise.integers_array(10, 500)]
    found = call(
        shared,
        "generate/noise.js",
        """const n = new m.Noise(...given);
        return [n.words(7), n.uniform(1001), n.normal(20001), n.integers(10, 500)].map(x => [...x])""",
        [seed, stream],
    )
    for ours, theirs in zip(wanted, found, strict=True):
        assert np.array_equal(ours, np.array(theirs, ours.dtype))


def test_a_token_is_chosen_as_python_chooses_it(shared: Page) -> None:
    cases, wanted = [], []
    for case in range(200):
        noise = Noise(case, 5)
        logits = np.round(noise.normal_array(60) * 3, 1)  # rounded, so that there are ties
        options = {
            "temperature": [0.0, 0.6, 1.0, 1.7][case % 4],
            "topK": [0, 5, 17][case % 3],
            "topP": [1.0, 0.9, 0.05][case % 5 % 3],
        }
        penalty, seen = [1.0, 1.3][case % 2], sorted({int(i) for i in noise.integers_array(60, 12)})
        uniform = noise.uniform_array(1)
        cases.append([logits.tolist(), seen, penalty, float(uniform[0]), options])
        penalised = sampling.penalise(logits[None], [np.array(seen)], penalty)
        wanted.append(
            int(
                sampling.choose(
                    penalised, uniform, temperature=options["temperature"], top_k=options["topK"], top_p=options["topP"]
                )[0]
            )
        )
    found = call(
        shared,
        "generate/sampling.js",
        """return given.map(([logits, seen, penalty, uniform, options]) =>
        m.choose(m.penalise(Float32Array.from(logits), seen, penalty), uniform, options))""",
        cases,
    )
    assert found == wanted


@pytest.mark.parametrize("name", ["gpt.shakespeare", "gpt.tang"])
def test_texts_become_the_same_tokens(shared: Page, name: str) -> None:
    ours = tokenizers.load(ROOT / "zoo" / "pretrained" / name)
    texts = ["ROMEO:\nBut <unk> soft!", "春望 <bos>五言绝句，。🙂", "", "a\u0301é"]
    code = """const t = new m.CharacterTokenizer(await (await fetch(given[0])).json());
    return given[1].map(text => { const ids = t.encode(text); return [ids, t.decode(ids)] })"""
    found = call(shared, "generate/tokenizer.js", code, [f"models/{name}/tokenizer.json", texts])
    encoded = [ours.encode(given).ids for given in texts]
    assert found == [[ids, ours.decode(ids)] for ids in encoded]


def test_numbers_are_read_and_written_alike(shared: Page) -> None:
    given = [
        "7", "042", "1,234", "12,34", "４２", "seven", "forty-two", "four two", "zero", "and", "twenty twenty-six",
        "a hundred and five", "two million three thousand and one", "nineteen hundred", "oh seven", "seventy seventy",
        "七", "四十二", "四二", "〇七", "三万五", "三百五", "一千零二十六", "十五", "两万",
        "壹佰贰拾叁", "万", "十十", "四十 二", "hundred", "x", "-3",
    ]  # fmt: skip
    digits = [
        "0",
        "7",
        "10",
        "13",
        "42",
        "100",
        "105",
        "110",
        "1001",
        "10000",
        "10010",
        "12345678",
        "007",
        "20000000",
        "1000000",
    ]
    code = "return [given[0].map(m.digitsOf), given[1].map(m.inEnglish), given[1].map(m.inChinese)]"
    found = call(shared, "generate/numbers.js", code, [given, digits])
    assert found[0] == [numbers.digits_of(one) for one in given]
    assert found[1:] == [[in_words(one) for one in digits] for in_words in (numbers.in_english, numbers.in_chinese)]


def test_a_drawing_is_sized_and_centred_alike(shared: Page) -> None:
    for seed, (height, width) in enumerate([(320, 320), (40, 90), (200, 12), (9, 9)]):
        noise = Noise(seed)
        page = np.full((height, width), 250, np.uint8)
        top, left = (int(noise.integers_array(side // 3, 1)[0]) for side in (height, width))
        page[top : top + max(2, height // 2), left : left + max(2, width // 3)] = noise.integers_array(
            200, max(2, height // 2), max(2, width // 3)
        )
        code = """const ink = m.inkOf(Uint8Array.from(given[0]), given[1], given[2]);
        return [[...m.likeDigits(ink)], [...m.likeClothes(ink, 32)]]"""
        found = call(shared, "generate/drawing.js", code, [page.flatten().tolist(), height, width])
        ink = ink_of(page)
        for ours, theirs in zip((like_digits(ink), like_clothes(ink, 32)), found, strict=True):
            assert np.abs(ours.flatten() - np.array(theirs)).max() < 1e-6


def test_the_kernel_multiplies_matrices_of_any_size(shared: Page) -> None:
    for rows, size in ((1, 1), (5, 7), (96, 96), (128, 48)):
        values, x = Noise(rows).normal_array(rows, size), Noise(size).normal_array(size)
        code = """const [rows, size, values, by] = given, k = new m.Kernel(m.Kernel.room(rows, size) + rows + size + 8);
        const matrix = k.matrix(Float64Array.from(values), rows, size), x = k.vector(size), y = k.vector(rows);
        x.set(by); y.fill(1); k.multiply(matrix, x, y); return [...y]"""
        found = call(shared, "engine/kernel.js", code, [rows, size, values.flatten().tolist(), x.tolist()])
        assert np.abs(np.array(found) - (values.astype(np.float64) @ x + 1)).max() < 1e-5


def test_a_spoken_word_is_found_alike(shared: Page) -> None:
    said, rate = spoken("9")
    noise = Noise(1).normal_array(4 * 48_000)
    quiet, long = (
        noise[:20_000] * np.float32(0.01),
        np.concatenate([noise[:100] / 9, np.tile(said, 4), noise[:900] / 9]),
    )
    for waveform, given_rate in (
        (said, rate),
        (np.concatenate([quiet, soxr.resample(said, rate, 44_100), quiet]), 44_100),
        (np.concatenate([quiet, soxr.resample(said, rate, 48_000), quiet]), 48_000),
        (soxr.resample(said, rate, 11_025), 11_025),
        (long, rate),  # more than a second: the one with the most sound
    ):
        code = (
            "const w = m.spokenWord(Float32Array.from(given[0]), given[1]); return [[...w], [...m.fitLength(w, 8000)]]"
        )
        found = call(shared, "generate/speech.js", code, [waveform.tolist(), given_rate])
        wanted = crossmodal.spoken_word(waveform, given_rate)
        assert len(found[0]) == len(wanted)
        assert np.abs(np.array(found[0]) - wanted).max() < 0.01 * np.abs(wanted).max()
        assert np.abs(np.array(found[1]) - crossmodal.fit_length(wanted, 8000)).max() < 0.01 * np.abs(wanted).max()


def test_a_plane_through_latent_space_lies_alike(shared: Page) -> None:
    columns = Noise(3).normal_array(32, 2)
    axes, _ = np.linalg.qr(columns.astype(np.float64))
    found = call(
        shared, "generate/image.js", "return m.orthonormal(Float32Array.from(given), 32)", columns.flatten().tolist()
    )
    assert np.abs(np.array(found) - axes.T).max() < 1e-12


def test_a_spectrogram_has_the_same_colours(shared: Page) -> None:
    waveform = (np.sin(np.arange(9000) ** 1.3 / 40) * 0.5).astype(np.float32) + Noise(1).normal_array(
        9000
    ) * np.float32(0.01)
    found = call(
        shared,
        "generate/audio.js",
        "return [...m.spectrogram(Float32Array.from(given), 8000).pixels]",
        waveform.tolist(),
    )
    wanted = np.asarray(audio.spectrogram(waveform, 8000))
    assert apart(np.reshape(found, wanted.shape), wanted).max() <= 3  # of 255: a shade of the palette


def test_the_page_says_what_the_app_says(shared: Page) -> None:
    from zoo.ui import strings

    found = call(shared, "ui/strings.js", "return m.STRINGS")
    theirs = {key: tuple(words) for key, words in found.items()}
    both = theirs.keys() & strings._STRINGS.keys() - {"models_intro", "error_inside"}
    assert len(both) > 60
    assert {key: theirs[key] for key in both} == {key: strings._STRINGS[key] for key in both}


# --- the panels ---


def test_shakespeare_is_written_token_for_token(site: Path, host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        run(page, "write")  # 300 characters are more than it sees at once: its memory begins anew on the way
        data = saved(page, "write-save")
        *_, wanted = text.write("gpt.shakespeare", "ROMEO:", max_new_tokens=300, temperature=0.6, seed=3)
        assert page.locator("#write-result").text_content() == wanted.text
        expect(page.locator("#write-source")).to_contain_text(wanted.source.line())
        again = remade(data)
        assert again.holds and again.marked.payload() == wanted.text

        page.locator("#write-length").fill("60")
        page.locator("#write-temperature").fill("1")
        page.locator("#write-prompt").fill("Café — “wait”…")
        run(page, "write")
        *_, wanted = text.write("gpt.shakespeare", "Café — “wait”…", max_new_tokens=60, temperature=1.0, seed=3)
        assert page.locator("#write-result").text_content() == wanted.text
        page.locator("#write-prompt").fill("汉字")
        page.locator("#write-run").click()
        expect(page.locator("#write-status")).to_contain_text("has never read 汉 字", timeout=WAIT)


def test_poems_keep_form_and_acrostic_character_for_character(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        open_tab(page, "poem")
        page.locator("#poem-example-0").click()
        ended(page, "poem")
        *_, wanted = text.compose("gpt.tang", "五言绝句", acrostic="春夏秋冬", temperature=0.6, seed=1)
        assert page.locator("#poem-result").text_content() == wanted.text
        assert remade(saved(page, "poem-save")).holds
        page.locator("#poem-form").select_option("七言律诗")
        page.locator("#poem-title").fill("春望")
        page.locator("#poem-acrostic").fill("")
        page.locator("#poem-seed").fill(str(MAX_SEED))
        run(page, "poem")
        *_, wanted = text.compose("gpt.tang", "七言律诗", title="春望", temperature=0.6, seed=MAX_SEED)
        assert page.locator("#poem-result").text_content() == wanted.text
        page.locator("#poem-acrostic").fill("abc")
        page.locator("#poem-run").click()
        expect(page.locator("#poem-status")).to_contain_text("it takes Chinese characters only")


def test_pictures_are_within_a_grey_level_of_pythons(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        open_tab(page, "image")
        run(page, "draw")
        wanted = image.draw("dcgan.mnist", count=25, seed=0, truncation=0.8)
        expect(page.locator("#draw-source")).to_contain_text(wanted.source.line())
        _same_picture(page, "draw-result", wanted.sheet)
        page.locator("#draw-model").select_option("dcgan.fashion-mnist")
        page.locator("#draw-label").select_option(label="Sandal")
        page.locator("#draw-side").fill("10")
        page.locator("#draw-seed").fill("12345678901")
        run(page, "draw")
        _same_picture(
            page,
            "draw-result",
            image.draw("dcgan.fashion-mnist", "Sandal", count=100, seed=12345678901, truncation=0.8).sheet,
        )
        page.locator("#draw-model").select_option("vae.fashion-mnist")
        expect(page.locator("#draw-label")).to_be_hidden()
        run(page, "draw")
        _same_picture(
            page, "draw-result", image.draw("vae.fashion-mnist", count=100, seed=12345678901, truncation=0.8).sheet
        )

        open_tab(page, "morph")
        run(page, "morph")
        _, strip, source = image.interpolate("vae.mnist", seed=0, waypoints=5, frames=60)
        expect(page.locator("#morph-source")).to_contain_text(source.line())
        _same_picture(page, "morph-strip", strip)
        open_tab(page, "map")
        page.locator("#map-size").fill("7")
        page.locator("#map-seed").fill("5")
        run(page, "map")
        _same_picture(page, "map-result", image.latent_grid("vae.mnist", seed=5, size=7).sheet)
        open_tab(page, "redraw")
        page.locator("#redraw-run").click()
        expect(page.locator("#redraw-status")).to_contain_text("The pad is empty")
        draw_seven(page, "redraw-pad")
        run(page, "redraw")
        _same_picture(page, "redraw-result", image.reconstruct("vae.mnist", pixels_of(page, "redraw-pad")).sheet)


def _same_picture(page: Page, canvas: str, wanted: Any) -> None:
    """On the page and in the saved file, whose record makes it again, at most one of 255 grey levels apart."""
    levels = np.asarray(wanted)
    assert apart(pixels_of(page, canvas)[..., 0], levels).max() <= 1
    again = remade(saved(page, f"{canvas}-save"))
    assert apart(again.marked.payload()[..., 0], levels).max() <= 1
    assert {difference.what for difference in again.differences} <= {"library", "pixels", "packed"}


def test_digits_are_spoken_sample_for_sample(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        open_tab(page, "audio")
        page.locator("#speak-digits").fill("42")
        run(page, "speak")
        *_, wanted = audio.speak("wavenet.spoken-digits", "42", speaker="jackson", seed=0)
        assert isinstance(wanted, audio.Sound)
        expect(page.locator("#speak-source")).to_contain_text(wanted.source.line())
        again = remade(saved(page, "speak-result-save"))
        # A draw near the border of two codes may fall on either side, and what follows hears it: none did here.
        assert again.same, [difference.words() for difference in again.differences]
        assert apart(pixels_of(page, "speak-spectrogram")[..., :3], np.asarray(wanted.spectrogram)).max() <= 3
        expect(page.locator("#speak-result-play")).to_be_visible()
        page.locator("#speak-digits").fill("12a")
        page.locator("#speak-run").click()
        expect(page.locator("#speak-status")).to_contain_text("Only the digits 0 to 9 can be said")


def test_a_number_takes_every_form_and_is_read_as_python_reads_it(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        open_tab(page, "crossmodal")
        page.locator("#type-number").fill("四十二")
        run(page, "cross")
        expect(page.locator("#cross-words")).to_have_text("forty-two · 四十二")
        *_, made = crossmodal.realise("42")
        assert isinstance(made, crossmodal.Realisation)
        assert apart(pixels_of(page, "cross-picture")[..., 0], np.asarray(made.picture.sheet)).max() <= 1
        readings = [crossmodal.recognise_drawing(one) for one in made.picture.images]
        assert page.locator("#cross-best").text_content() == "".join(reading.digits for reading in readings)
        assert remade(saved(page, "cross-sound-save")).same

        open_tab(page, "sketch")
        draw_seven(page, "sketch-pad")
        run(page, "cross")
        seen = crossmodal.recognise_drawing(pixels_of(page, "sketch-pad"))
        best = sorted(seen.probabilities.items(), key=lambda item: -item[1])[:4]
        shown = page.locator("#cross-chances > div").all_text_contents()
        assert shown == [f"{number}{np.floor(100 * chance + 0.5):.0f}%" for number, chance in best]
        again = remade(saved(page, "cross-picture-save"))
        assert again.marked.record.parents[0].operation == "crossmodal.recognise_drawing"
        assert not [difference for difference in again.differences if difference.what == "chain"]


def test_a_spoken_digit_is_judged_as_python_judges_it(host: Host, engine: Browser, tmp_path: Path) -> None:
    with visitor(engine, host) as (page, _):
        open_tab(page, "crossmodal", "voice")
        page.locator("#cross-run").click()
        expect(page.locator("#cross-status")).to_contain_text("There is no recording yet")
        waveform, rate = spoken("7")
        _give(page, tmp_path, waveform, rate)
        expect(page.locator("#cross-words")).to_have_text("seven · 七", timeout=WAIT)
        ended(page, "cross")
        judged = crossmodal.recognise_speech(waveform, rate)
        expect(page.locator("#cross-source")).to_contain_text(judged.source.line())
        best = sorted(judged.probabilities.items(), key=lambda item: -item[1])[:4]
        shown = page.locator("#cross-chances > div").all_text_contents()
        assert [number for number, _ in best][:1] == [row[:1] for row in shown][:1] == ["7"]
        assert all(abs(float(row[1:-1]) / 100 - judged.probabilities[row[0]]) <= 0.01 for row in shown)
        again = remade(saved(page, "cross-sound-save"))
        (heard,) = again.marked.record.parents
        assert (heard.operation, heard.sha256) == ("crossmodal.recognise_speech", judged.source.record.sha256)
        assert heard.parents == (provenance.recording(waveform, rate),)
        assert not [difference for difference in again.differences if difference.what == "chain"]
        expect(page.locator("#voice-sound-play")).to_be_visible()

        _give(page, tmp_path, np.zeros(rate, np.float32), rate)
        expect(page.locator("#cross-status.failed")).to_contain_text("the recording is silent", timeout=WAIT)
        _give(page, tmp_path, np.zeros(31 * rate, np.float32), rate)
        expect(page.locator("#voice-told.failed")).to_have_text(
            "The recording lasts 31 seconds; 0.1 to 30 are allowed."
        )
        (tmp_path / "given.wav").write_bytes(b"RIFF" + bytes(99))
        page.locator("#voice-file").set_input_files(tmp_path / "given.wav")
        expect(page.locator("#voice-told.failed")).to_contain_text("This browser can read no sound in that")


def _give(page: Page, folder: Path, waveform: np.ndarray, rate: int) -> None:
    soundfile.write(folder / "given.wav", waveform, rate, subtype="FLOAT")
    page.locator("#voice-file").set_input_files(folder / "given.wav")


def test_the_microphone_records_a_digit_and_its_refusal_is_told(
    host: Host, playwright: Playwright, tmp_path: Path
) -> None:
    said, rate = spoken("7")
    silence = np.zeros(rate, np.float32)
    soundfile.write(tmp_path / "said.wav", np.concatenate([silence, said, silence, silence, silence]), rate)
    fake = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={tmp_path / 'said.wav'}%noloop"]
    engine = playwright.chromium.launch(
        executable_path=chromium(), headless=True, args=[*FLAGS, "--disable-gpu", *fake]
    )
    with visitor(engine, host) as (page, context):
        open_tab(page, "crossmodal", "voice")
        page.locator("#voice-record").click()
        expect(page.locator("#voice-told.failed")).to_contain_text("The microphone was refused")
        context.grant_permissions(["microphone"])
        page.locator("#voice-record").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#voice-record")).to_have_text("Stop2 s", timeout=WAIT)  # seconds that are left
        page.keyboard.press("Enter")
        expect(page.locator("#voice-record")).to_have_text("Record")
        expect(page.locator("#cross-words")).to_have_text("seven · 七", timeout=WAIT)
    engine.close()


# --- the page as a page ---


def test_it_works_without_a_network_after_the_first_visit(site: Path, engine: Browser) -> None:
    host = Host(site)
    with visitor(engine, host) as (page, context):
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        open_tab(page, "image")
        run(page, "draw")
        host.close()
        context.set_offline(True)
        page.reload()
        open_tab(page, "image")
        run(page, "draw")
        assert pixels_of(page, "draw-result")[..., 0].max() > 200
        open_tab(page, "models")
        expect(page.locator("#models-table td.kept")).to_have_count(1)
        open_tab(page, "text")
        page.locator("#write-run").click()
        expect(page.locator("#write-status")).to_contain_text(
            "cannot be reached, and it is not on this device yet", timeout=WAIT
        )


def test_a_new_version_waits_until_the_visitor_takes_it(site: Path, engine: Browser, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    host = Host(tmp_path / "site")
    with visitor(engine, host) as (page, _):
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        page.reload()
        index = tmp_path / "site" / "index.html"
        index.write_text(index.read_text().replace("<footer ", '<footer class="renewed" '))
        for name in ("manifest.json", "service-worker.js"):
            (tmp_path / "site" / name).unlink()
        browser._write_manifest(tmp_path / "site")
        page.reload()
        expect(page.locator("#update")).to_be_visible(timeout=WAIT)
        expect(page.locator("footer.renewed")).to_have_count(0)
        page.locator("#reload").click()
        expect(page.locator("footer.renewed")).to_have_count(1, timeout=WAIT)
        expect(page.locator("#update")).to_be_hidden()
    host.close()


def test_a_model_is_fetched_when_it_is_first_used_and_once(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        open_tab(page, "image")
        run(page, "draw")
        page.reload()
        open_tab(page, "image")
        run(page, "draw")
        models = [name for name in host.asked if name.startswith("models/")]
        assert sorted(models) == ["models/dcgan.mnist/generator.onnx", "models/dcgan.mnist/model.safetensors"]


def test_damaged_and_missing_files_are_told_in_words(host: Host, engine: Browser) -> None:
    weights = "models/gpt.shakespeare/model.safetensors"
    spoil = {"damaged": lambda body: body[:-1] + bytes([body[-1] ^ 1]), "missing": lambda body: None}
    with visitor(engine, host, complains=True) as (page, _):
        for how, change in spoil.items():
            host.spoilt[weights] = change
            page.locator("#write-run").click()
            expect(page.locator("#write-status.failed")).to_contain_text(
                f"{weights} {'came damaged' if how == 'damaged' else 'is missing'}", timeout=WAIT
            )
        host.spoilt.clear()
        run(page, "write")  # and a good file is taken the next time


def test_stop_stops_and_the_page_goes_on(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        page.locator("#write-length").fill("1000")
        page.locator("#write-run").click()
        expect(page.locator("#write-result")).to_contain_text("ROMEO:", timeout=WAIT)
        page.locator("#write-stop").click()
        ended(page, "write")
        stopped = page.locator("#write-result").text_content() or ""
        assert len(stopped) < 1000
        assert remade(saved(page, "write-save")).holds  # what there is can be made again
        page.locator("#write-length").fill("20")
        run(page, "write")
        assert len(page.locator("#write-result").text_content() or "") == len("ROMEO:") + 20


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_nothing_overflows_a_phone(host: Host, engine: Browser, language: str) -> None:
    options = {"viewport": {"width": 360, "height": 700}, "locale": language, "has_touch": True, "is_mobile": True}
    with visitor(engine, host, **options) as (page, _):
        expect(page.locator("html")).to_have_attribute("lang", language)
        for tabs in (
            "text write",
            "poem",
            "image draw",
            "morph",
            "map",
            "redraw",
            "audio",
            "crossmodal sketch",
            "voice",
            "models",
        ):
            open_tab(page, *tabs.split())
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, tabs
        open_tab(page, "audio")
        run(page, "speak")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_language_is_chosen_by_address_switch_and_browser(host: Host, engine: Browser) -> None:
    with visitor(engine, host, locale="zh-CN") as (page, _):
        expect(page.locator("#write-run")).to_have_text("写")
        page.locator("#language").click()
        expect(page.locator("#write-run")).to_have_text("Write")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        page.reload()  # the address remembers
        expect(page.locator("#write-run")).to_have_text("Write")


def test_it_is_used_by_keyboard_alone(host: Host, engine: Browser) -> None:
    with visitor(engine, host) as (page, _):
        page.locator("#tab-text").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tab-image")).to_be_focused()
        expect(page.locator("#panel-image")).to_be_visible()
        for _ in range(3):  # kinds, model, class
            page.keyboard.press("Tab")
        page.locator("#draw-seed").focus()
        page.keyboard.press("Enter")
        ended(page, "draw")
        expect(page.locator("#draw-result")).to_have_attribute("aria-label", "Pictures by dcgan.mnist, seed 0")
        unnamed = page.evaluate(
            """() => [...document.querySelectorAll("button, input, select, textarea, canvas[role]")].filter(e =>
            !e.textContent.trim() && !e.getAttribute("aria-label") && !e.labels?.length && !e.hidden).map(String)"""
        )
        assert unnamed == []


def test_webgpu_is_used_where_there_is_one_and_draws_the_same(host: Host, playwright: Playwright) -> None:
    engine = playwright.chromium.launch(executable_path=chromium(), headless=True, args=[*FLAGS, *SOFTWARE_GPU])
    with visitor(engine, host) as (page, _):
        assert page.evaluate("navigator.gpu.requestAdapter().then(Boolean)"), "Chromium gave no software WebGPU"
        open_tab(page, "image")
        run(page, "draw")
        expect(page.locator("#draw-source")).to_contain_text("WebGPU")
        assert "vendor/ort-wasm-simd-threaded.jspi.wasm.bin" in host.asked
        assert "vendor/ort-wasm-simd-threaded.wasm.bin" not in host.asked
        wanted = image.draw("dcgan.mnist", count=25, seed=0, truncation=0.8)
        assert apart(pixels_of(page, "draw-result")[..., 0], np.asarray(wanted.sheet)).max() <= 1
    engine.close()


# --- the build ---


def test_the_page_is_small_and_whole(site: Path) -> None:
    manifest = json.loads((site / "manifest.json").read_text())
    there = {path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file()}
    assert there == set(manifest["files"]) | {"manifest.json", "service-worker.js"}
    sizes = {name: stated["bytes"] for name, stated in manifest["files"].items()}
    assert sum(sizes.values()) < 40e6
    assert sum(sizes[name] for name in manifest["page"]) < 500_000  # what every visit needs before the first model
    assert f'"{manifest["version"]}"' in (site / "service-worker.js").read_text()


def test_the_lock_names_no_host_and_the_page_no_other_origin(site: Path) -> None:
    assert "http" not in (ROOT / "spaces" / "browser" / "package-lock.json").read_text()
    for path in (ROOT / "spaces" / "browser").rglob("*.*"):
        if path.suffix in (".html", ".css", ".js", ".webmanifest") and "node_modules" not in path.parts:
            for line in path.read_text(encoding="utf-8").splitlines():
                allowed = ("www.w3.org", "iptc.org", "purl.org", "ns.adobe.com")  # names of formats, never fetched
                assert "://" not in line or any(name in line for name in allowed), f"{path}: {line}"


def test_what_cannot_be_built_is_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("mine")
    with pytest.raises(BrowserError, match="holds something already"):
        browser.build(tmp_path / "full")
    with pytest.raises(BrowserError, match=r"'?nothing'? is no checkpoint; name a folder, or one of dcgan"):
        browser.build(tmp_path / "out", ["nothing"])
    copy = tmp_path / "dcgan.mnist"
    shutil.copytree(ROOT / "zoo" / "pretrained" / "dcgan.mnist", copy)
    (copy / "generator.onnx").write_bytes(b"other")
    with pytest.raises(BrowserError, match=r"generator\.onnx is not the file that graphs\.json states"):
        browser.build(tmp_path / "out", [str(copy)])
    source = tmp_path / "source"
    shutil.copytree(browser.SOURCE, source, ignore=shutil.ignore_patterns("node_modules"))
    monkeypatch.setattr(browser, "SOURCE", source)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrowserError, match=r"npm is missing.*Install Node"):
        browser.build(tmp_path / "other")
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error network request failed' >&2\nexit 1\n")
    npm.chmod(0o755)
    with pytest.raises(BrowserError, match=r"`npm ci` in .* failed.*npm says: npm error network request failed"):
        browser.build(tmp_path / "other")
    monkeypatch.setattr(browser, "SOURCE", tmp_path / "nowhere")
    with pytest.raises(BrowserError, match="is not there: the page is built from a clone"):
        browser.build(tmp_path / "other")
