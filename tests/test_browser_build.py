"""The static page in a real Chromium, against what Python makes of the same seeds; it may speak to its origin only."""

from __future__ import annotations

import base64
import http.server
import io
import json
import logging
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
import tiny_zoo
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from test_browser import chromium
from test_noise import KNOWN_ANSWERS

from zoo import export, hub
from zoo.data import tokenizer as tokenizers
from zoo.data.audio import fit_length
from zoo.data.dialogue import ROLES, TOPICS, train_chat, train_pieces
from zoo.data.pairs import fitted
from zoo.data.sequences import PRONOUNCING, TRANSLATING, Pair, spelling, train_sentences
from zoo.data.text import END
from zoo.export import browser
from zoo.export.browser import BrowserError
from zoo.generate import (
    audio,
    chat,
    crossmodal,
    image,
    latents,
    library,
    masked,
    numbers,
    provenance,
    sampling,
    styles,
    text,
    translate,
    translation,
)
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
ENGLISH = ("Where is the station?", "I would like a cup of tea.", "He bought the red book.", "Do you like this film?",
           "Who is the director?", "The ticket is cheap.", "I like the film.")  # fmt: skip
CHINESE = ("车站在哪里？", "我想喝一杯茶。", "他买了那本红色的书。", "你喜欢这部电影吗？", "导演是谁？", "门票很便宜。",
           "我喜欢这部电影。")  # fmt: skip


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


@pytest.mark.parametrize("kind", ["characters", "bytes", "chat", "pairs", "letters", "words"])
def test_texts_become_the_same_tokens(shared: Page, kind: str) -> None:
    said = (*ENGLISH, *CHINESE)
    ours = {
        "characters": lambda: tokenizers.load(ROOT / "zoo" / "pretrained" / "gpt.tang"),
        "bytes": lambda: tokenizers.train_subwords(
            [*ENGLISH * 2, "    def f(self):\n        return 42\n" * 3], 420, (END,)
        ),
        "chat": lambda: train_chat(said, 240),
        "pairs": _sentences,
        "letters": spelling,
        "words": lambda: train_pieces(said * 2, 260),
    }[kind]()
    texts = [
        "ROMEO:\nBut <unk> soft!", "春望 <bos>五言绝句，。🙂", "", "a\u0301é", "[CLS] un##known [MASK], naïve café ÀÉ",
        "Where's  the   station?\n\n\tHere — “1,234” it’s\n", "   \n  x = y[3] + 12345678  # ok\n", "x" * 120,
        "你好，世界！我叫Tom，12岁。", "👩‍👩‍👧 𠮷 \u00a0\u3000\ufeff \ufffd ½ ٣ １２", "<zh> i'd like <eos> that",
        "AH0 N AE1 zoo's -.-", "русский 日本語テスト 한국어",
    ]  # fmt: skip
    code = """const t = new m.Tokenizer(JSON.parse(given[0])); return given[1].map(text => {
        const ids = t.encode(text), half = ids.filter((_, i) => i % 2);
        return [ids, t.encodeBare(text), t.decode(ids), t.decode(half)] })"""
    found = call(shared, "generate/tokenizer.js", code, [ours.to_str(), texts])
    for text_given, theirs in zip(texts, found, strict=True):
        ids = ours.encode(text_given).ids
        wanted = [ids, ours.encode(text_given, add_special_tokens=False).ids, ours.decode(ids), ours.decode(ids[1::2])]
        # What a BERT reads is never written: tokens are shown one by one.
        assert theirs[: 2 if kind == "words" else 4] == wanted[: 2 if kind == "words" else 4], text_given
    assert browser._reads(json.loads(ours.to_str()))


def _sentences() -> Any:
    """A tokenizer of sentences with as many tokens as that of letters and phonemes has."""
    pairs = [Pair("en-zh", *pair) for pair in zip(ENGLISH * 2, CHINESE * 2, strict=True)]
    return train_sentences(pairs, spelling().get_vocab_size())


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
        assert np.abs(np.array(found[1]) - fit_length(wanted, 8000)).max() < 0.01 * np.abs(wanted).max()


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
    """On the page and in the saved file, whose record makes it again, at most one of 255 levels apart."""
    levels = np.asarray(wanted.convert("RGB"))
    assert apart(pixels_of(page, canvas)[..., :3], levels).max() <= 1
    again = remade(saved(page, f"{canvas}-save"))
    assert apart(again.marked.payload(), levels).max() <= 1
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
        (tmp_path / "broken.wav").write_bytes(b"RIFF" + bytes(99))
        page.locator("#voice-file").set_input_files(tmp_path / "broken.wav")
        expect(page.locator("#voice-told.failed")).to_contain_text("This browser can read no sound in that")


def _give(page: Page, folder: Path, waveform: np.ndarray, rate: int) -> None:
    path = folder / f"{len(list(folder.iterdir()))}.wav"  # Chromium complains of a file that changes while it is read
    soundfile.write(path, waveform, rate, subtype="FLOAT")
    page.locator("#voice-file").set_input_files(path)


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


# --- the panels of models that may not be bundled ---


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A zoo of untrained checkpoints of the kinds that the bundled ones may lack, with their graphs."""
    folder, said = tmp_path_factory.mktemp("small"), (*ENGLISH, *CHINESE)
    layers, two_heads = (
        {"encoder_layers": 1, "decoder_layers": 1},
        {"num_layers": 1, "num_classes": len(TOPICS), "replies": False},
    )
    letters, stories = (
        tokenizers.train_characters([tiny_zoo.PROSE]),
        tokenizers.train_subwords(ENGLISH * 2, 320, (END,)),
    )
    for name, dataset, labels, tokenizer, fields in (
        ("rnn.shakespeare-gru", "tiny_shakespeare", (), letters, {"cell": "gru"}),
        ("gpt.stories", "fairy_tales", (), stories, {}),
        ("gpt.dialogue", "dialogue", ROLES, train_chat(said, 200), {}),
        ("seq2seq.en-zh", "tatoeba_en_zh", TRANSLATING, _sentences(), layers),
        ("bert.both", "dialogue", tuple(TOPICS), train_pieces(said * 2, 200), two_heads),
        ("mlp_gan.mnist", "mnist", (), None, {}),
        ("vae.conditional", "mnist", (), None, {"num_classes": 10}),
        ("stylegan.fashion-mnist", "fashion_mnist", tiny_zoo.CLOTHES, None, {"image_size": 8, "latent_dim": 88}),
        ("diffusion.mnist", "mnist", tiny_zoo.DIGITS, None, {"widths": (8,), "attention": 1}),
        ("pix2pix.outline", "emoji", (), None, {"source": "outline", "target": "google"}),
        ("pix2pix.inpaint", "emoji", (), None, {"source": "damaged", "target": "all"}),
        ("cyclegan.openmoji-twitter", "emoji", (), None, {"source": "openmoji", "target": "twitter"}),
        ("srgan.emoji", "emoji", (), None, {}),
    ):  # fmt: skip
        made = tiny_zoo.make(folder, name, dataset, labels, tokenizer, fields)
        logging.disable(logging.DEBUG)  # torch's exporter tells of its every step, and pytest would keep it all
        try:
            export.write_graphs(made)
        finally:
            logging.disable(logging.NOTSET)
    # Of the sizes of the translator, and so with its weights: its graphs serve again.
    speller = tiny_zoo.make(folder, "seq2seq.g2p", "cmudict", (PRONOUNCING,), spelling(), layers)
    assert export.copy_graphs(folder / "seq2seq.en-zh", speller)
    return folder


@pytest.fixture(scope="module")
def small_page(small: Path, tmp_path_factory: pytest.TempPathFactory, engine: Browser) -> Iterator[Page]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(browser, "PRETRAINED", small)
        host = Host(browser.build(tmp_path_factory.mktemp("small") / "site"))
    with visitor(engine, host) as (page, _):
        yield page
    host.close()


@pytest.fixture
def visit(small: Path, small_page: Page, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    """The page of the small zoo, which is Python's zoo as well."""
    monkeypatch.setattr(hub, "PRETRAINED", small)
    library._loaded.clear()
    yield small_page
    library._loaded.clear()


def test_recurrent_models_and_pieces_of_words_write_token_for_token(visit: Page) -> None:
    open_tab(visit, "text", "write")
    visit.locator("#write-length").fill("120")  # more than the GPT sees at once
    visit.locator("#write-temperature").fill("1")
    for name, prompt, wants_end in (
        ("gpt.stories", "He likes the red cup", False), ("gpt.stories", "Who is it", True),
        ("rnn.shakespeare-gru", "First:\nIt", False),
    ):  # fmt: skip
        for seed in range(99):
            *_, wanted = text.write(name, prompt, max_new_tokens=120, temperature=1.0, seed=seed)
            if wanted.ended == wants_end:
                break
        visit.locator("#write-model").select_option(name)
        visit.locator("#write-prompt").fill(prompt)
        visit.locator("#write-seed").fill(str(seed))
        run(visit, "write")
        assert wanted.ended == wants_end and visit.locator("#write-result").text_content() == wanted.text
    again = remade(saved(visit, "write-save"))
    assert again.holds and again.marked.payload() == wanted.text
    expect(visit.locator(".intro").first).to_contain_text("has read only Shakespeare")


def test_a_chat_remembers_what_was_said(visit: Page) -> None:
    open_tab(visit, "text", "chat")
    history: list[tuple[str, str]] = []
    for seed, message in enumerate(("Do you like  this film?", "导演是谁？")):
        visit.locator("#chat-message").fill(message)
        visit.locator("#chat-seed").fill(str(seed))
        run(visit, "chat")
        *_, wanted = chat.reply("gpt.dialogue", history, message, seed=seed)
        history += [("user", " ".join(message.split())), ("bot", wanted.text)]
        assert visit.locator("#chat-result p").all_text_contents() == [said for _, said in history]
        assert remade(saved(visit, "chat-save")).holds
    visit.locator("#chat-message").fill("Привет")
    visit.locator("#chat-run").click()
    expect(visit.locator("#chat-status.failed")).to_contain_text("cannot read П р и в е т", timeout=WAIT)
    visit.locator("#chat-forget").click()
    expect(visit.locator("#chat-result p")).to_have_count(0)


def test_texts_are_translated_and_words_pronounced_alike(visit: Page) -> None:
    open_tab(visit, "text", "translating")
    for given in ("Where is the tea?  I like it", "我喜欢这部电影。这部我喜欢"):
        visit.locator("#translate-text").fill(given)
        run(visit, "translate")
        wanted = translation.translate("seq2seq.en-zh", given, beams=1)
        assert visit.locator("#translate-result").text_content() == wanted.text
        assert remade(saved(visit, "translate-save")).holds
    visit.locator("#translate-text").fill("Who 猫?")
    visit.locator("#translate-direction").select_option("zh-en")
    visit.locator("#translate-run").click()
    expect(visit.locator("#translate-status.failed")).to_contain_text("has never read 猫", timeout=WAIT)
    open_tab(visit, "pronouncing")
    visit.locator("#pronounce-text").fill("Naïve 'quotes', Mr. x-ray!")
    run(visit, "pronounce")
    wanted = translation.pronounce("seq2seq.g2p", "Naïve 'quotes', Mr. x-ray!", beams=1)
    assert visit.locator("#pronounce-result").text_content() == wanted.text
    assert remade(saved(visit, "pronounce-save")).holds


def test_blanks_are_filled_and_topics_told_alike(visit: Page) -> None:
    open_tab(visit, "text", "filling")
    visit.locator("#fill-text").fill("Who is the ___? 导演[MASK]谁")
    run(visit, "fill")
    wanted = masked.fill("bert.both", "Who is the ___? 导演[MASK]谁")
    assert visit.locator("#fill-result").text_content() == wanted.text
    shown = [blank.locator("dt").all_text_contents() for blank in visit.locator("#fill-candidates > div").all()]
    assert shown == [[one.token for one in blank] for blank in wanted.blanks]
    assert remade(saved(visit, "fill-save")).holds
    open_tab(visit, "topic")
    run(visit, "topic")
    told = masked.classify("bert.both", visit.locator("#topic-text").input_value()).classes
    assert visit.locator("#topic-result dt").all_text_contents() == [name for name, _ in told]
    shares = [float(share.removesuffix(" %")) for share in visit.locator("#topic-result dd").all_text_contents()]
    assert np.abs(np.array(shares) - [100 * share for _, share in told]).max() < 0.06


def test_every_generator_draws_what_python_draws(visit: Page) -> None:
    open_tab(visit, "image", "draw")
    for name, label in (
        ("mlp_gan.mnist", None), ("vae.conditional", "7"), ("stylegan.fashion-mnist", "Bag"), ("diffusion.mnist", "3"),
    ):  # fmt: skip
        visit.locator("#draw-model").select_option(name)
        if label:
            visit.locator("#draw-label").select_option(label=label)
        visit.locator("#draw-seed").fill("5")
        options: dict[str, Any] = {"count": 9, "truncation": 0.8}
        if name == "mlp_gan.mnist":
            visit.locator("#draw-side").fill("3")
        if name == "diffusion.mnist":
            expect(visit.locator("#draw-side")).to_have_value("2")  # many steps are slow
            visit.locator(".advanced:has(#draw-steps) summary").click()
            visit.locator("#draw-guidance").fill("2.5")
            options = {"count": 4, "guidance": 2.5}
        run(visit, "draw")
        _same_picture(visit, "draw-result", image.draw(name, label, seed=5, **options).sheet)
    visit.locator("#draw-guidance").fill("1")
    run(visit, "draw")
    _same_picture(visit, "draw-result", image.draw("diffusion.mnist", "3", count=4, seed=5, guidance=1.0).sheet)

    open_tab(visit, "morph")
    visit.locator("#morph-model").select_option("vae.conditional")
    visit.locator("#morph-label").select_option(label="4")
    visit.locator(".advanced:has(#morph-frames) summary").click()
    visit.locator("#morph-frames").fill("16")
    run(visit, "morph")
    strip = image.interpolate("vae.conditional", waypoints=5, frames=16, label="4")[1]
    _same_picture(visit, "morph-strip", strip)


def test_styles_are_taken_mixed_and_moved_alike(visit: Page) -> None:
    open_tab(visit, "image", "styles")
    visit.locator("#styles-rows").fill("3")
    run(visit, "styles")
    _same_picture(visit, "styles-result", latents.styles_by_class("vae.conditional", styles=3).sheet)
    open_tab(visit, "mix")
    visit.locator("#mix-label").select_option(label="Coat")
    visit.locator("#mix-crossover").fill("2")
    run(visit, "mix")
    mixed = styles.mix("stylegan.fashion-mnist", "Coat", seed=0, seed_fine=1, crossover=2, truncation=0.8)
    _same_picture(visit, "mix-result", mixed.sheet)
    open_tab(visit, "directions")
    visit.locator("#directions-2").fill("-1.5")
    run(visit, "directions")
    moved = styles.edit("stylegan.fashion-mnist", "T-shirt/top", seed=2, amounts=[2, -1.5, 0, 0, 0, 0], truncation=0.8)
    _same_picture(visit, "directions-result", moved.sheet)


def test_the_schedules_of_noise_are_pythons(shared: Page) -> None:
    from zoo.nn.ddim import Schedule

    for kind, length in (("cosine", 1000), ("linear", 1000), ("cosine", 37)):
        schedule = Schedule(kind, length, "v")
        code = """const { signals, spreads } = m.levels({ noise_schedule: given[0], train_steps: given[1] });
        return [[...signals], [...spreads], [1, 7, 37].map((steps) => m.times(given[1], steps))]"""
        *levels, times = call(shared, "generate/diffusion.js", code, [kind, length])
        assert times == [schedule.times(steps) for steps in (1, 7, 37)]
        for ours, theirs in zip(schedule.levels(), levels, strict=True):
            assert np.abs(ours - np.array(theirs, np.float32)).max() <= 1e-7  # the last bit of the smallest


def test_a_picture_is_brought_to_what_a_model_has_learnt_from_alike(shared: Page) -> None:
    noise = Noise(4)
    for height, width, size in ((45, 31, 16), (17, 20, 32)):
        given = noise.integers_array(256, height, width, 3).astype(np.uint8)
        given[: height // 2] = given[:1, :1]
        seen = fitted(Image.fromarray(given), size)
        wanted = [seen, translate._spoilt(seen, 9, None), _noisy(seen)]
        code = """const picture = { pixels: Uint8ClampedArray.from(given[0]), height: given[1], width: given[2] };
        const planes = m.coloured(picture, given[3]);
        return [planes, m.spoilt(planes, given[3], 9), m.noisy(planes, 9, 0.4)].map((one) => [...one])"""
        opaque = np.concatenate([given, np.full((height, width, 1), 255, np.uint8)], axis=2)
        found = call(shared, "generate/translate.js", code, [opaque.flatten().tolist(), height, width, size])
        for ours, theirs in zip(wanted, found, strict=True):
            assert np.array_equal(ours.transpose(2, 0, 1).flatten(), theirs)
    drawing = np.full((100, 80), 255, np.uint8)
    drawing[20:85, 15:23] = drawing[50:56, 15:70] = drawing[30:33, 10:60] = 20
    code = """const [values, height, width] = given, pixels = Uint8ClampedArray.from(values);
    return [32, 64].map((size) => [...m.sketch({ pixels, height, width }, size)])"""
    rgba = np.stack([drawing] * 3 + [np.full_like(drawing, 255)], axis=2)
    found = call(shared, "generate/translate.js", code, [rgba.flatten().tolist(), *drawing.shape])
    for size, theirs in zip((32, 64), found, strict=True):
        assert np.array_equal(translate.sketch(drawing, size).transpose(2, 0, 1).flatten(), theirs)


def _noisy(seen: np.ndarray) -> np.ndarray:
    """What `translate` makes of a picture when it adds noise for show."""
    from zoo.data.pairs import as_floats, noisy
    from zoo.generate.grid import to_bytes

    return to_bytes(noisy(as_floats(seen.transpose(2, 0, 1)), Noise(9), 0.4)[None])[0]


def test_pictures_are_coloured_restyled_repaired_and_enlarged_alike(visit: Page, tmp_path: Path) -> None:
    open_tab(visit, "image", "colour")
    visit.locator("#colour-run").click()
    expect(visit.locator("#colour-status")).to_contain_text("The pad is empty", timeout=WAIT)
    draw_seven(visit, "colour-pad")
    run(visit, "colour")
    pad = pixels_of(visit, "colour-pad")
    _same_picture(visit, "colour-result", translate.translate("pix2pix.outline", pad, how="drawing").sheet)

    given = Noise(2).integers_array(256, 12, 9, 3).astype(np.uint8).repeat(7, axis=0).repeat(7, axis=1)
    Image.fromarray(given).save(tmp_path / "given.png")
    bordered = np.pad(given, ((5, 20), (30, 0), (0, 0)), constant_values=255)  # a margin that is cut off
    Image.fromarray(bordered).save(tmp_path / "bordered.png")
    open_tab(visit, "style")
    visit.locator("#style-run").click()
    expect(visit.locator("#style-status")).to_contain_text("There is no picture yet")
    visit.locator("#style-picture-file").set_input_files(tmp_path / "bordered.png")
    visit.locator("#style-picture").wait_for()
    for back in (False, True):
        visit.locator("#style-back").set_checked(back)
        run(visit, "style")
        _same_picture(
            visit, "style-result", translate.translate("cyclegan.openmoji-twitter", bordered, back=back).sheet
        )
    (tmp_path / "broken.png").write_bytes(b"\x89PNG" + bytes(99))
    visit.locator("#style-picture-file").set_input_files(tmp_path / "broken.png")
    expect(visit.locator("#style-picture-told.failed")).to_contain_text("can read no picture in that")

    open_tab(visit, "restore")
    visit.locator("#restore-picture-example-3").click()
    example = pixels_of(visit, "restore-picture")[..., :3]
    run(visit, "restore")
    _same_picture(visit, "restore-result", translate.translate("pix2pix.inpaint", example, how="holes").sheet)
    draw_seven(visit, "restore-picture-marks")
    expect(visit.locator("#restore-how")).to_have_value("mask")
    run(visit, "restore")
    marks = Image.fromarray(pixels_of(visit, "restore-picture-marks"))
    repaired = translate.translate("pix2pix.inpaint", example, how="mask", mask=marks)
    _same_picture(visit, "restore-result", repaired.sheet)

    open_tab(visit, "enlarge")
    visit.locator("#enlarge-picture-file").set_input_files(tmp_path / "given.png")
    visit.locator("#enlarge-picture").wait_for()
    for how, shrink in (("as it is", False), ("shrunk", True)):
        visit.locator("#enlarge-how").select_option(how)
        run(visit, "enlarge")
        _same_picture(visit, "enlarge-result", translate.enlarge("srgan.emoji", given, shrink=shrink).pictures.sheet)


def test_no_panel_overflows_a_phone(visit: Page) -> None:
    wide = visit.viewport_size
    assert wide
    visit.set_viewport_size({"width": 360, "height": 700})
    for _ in range(2):
        for tabs in visit.evaluate("[...document.querySelectorAll('.tabs > button')].map((tab) => tab.id.slice(4))"):
            open_tab(visit, tabs)
            kinds = visit.locator(f"#panel-{tabs} .kinds > button")
            for kind in kinds.all() or [visit.locator(f"#tab-{tabs}")]:
                kind.click()
                width = visit.evaluate("document.documentElement.scrollWidth")
                assert width <= 360, (kind.get_attribute("id"), width)
        visit.locator("#language").click()
    visit.set_viewport_size(wide)


def test_what_the_page_cannot_run_is_told_in_words(site: Path, shared: Page, small: Path, tmp_path: Path) -> None:
    absent = json.loads((site / "models.json").read_text())["absent"]
    assert {"name": "resnet.fashion-mnist", "why": "judge"} in absent
    assert not (site / "models" / "resnet.fashion-mnist").exists()
    open_tab(shared, "models")
    expect(shared.locator("#models-absent")).to_contain_text("resnet.fashion-mnistit only judges what others make")
    keys = {f"why_{why}" for why in browser.OBSTACLES}
    assert keys <= set(call(shared, "ui/strings.js", "return Object.keys(m.STRINGS)"))

    shutil.copytree(small / "gpt.stories", tmp_path / "gpt.stories")
    stated = json.loads((tmp_path / "gpt.stories" / "tokenizer.json").read_text())
    stated["pre_tokenizer"] = {"type": "ByteLevel"}
    (tmp_path / "gpt.stories" / "tokenizer.json").write_text(json.dumps(stated))
    assert browser._obstacle(tmp_path / "gpt.stories") == "tokenizer"
    graphs = json.loads((small / "bert.both" / "graphs.json").read_text())
    for name, parts, why in (("replier", {"text_embedder": {}}, "retrieval"), ("other", {"stranger": {}}, "kind")):
        shutil.copytree(small / "mlp_gan.mnist", tmp_path / name)
        (tmp_path / name / "graphs.json").write_text(json.dumps(graphs | {"parts": parts}))
        assert browser._obstacle(tmp_path / name) == why
    (tmp_path / "other" / "graphs.json").unlink()
    with pytest.raises(BrowserError, match="other cannot run in the page: it has no graphs"):
        browser.build(tmp_path / "out", [str(tmp_path / "other")])


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
    assert max(sizes.values()) < 32e6  # what comes when a model is first used
    assert sum(sizes.values()) < 250e6  # a quarter of what a Space may hold
    assert sum(sizes[name] for name in manifest["page"]) < 650_000  # what every visit needs before the first model
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
    with pytest.raises(BrowserError, match=r"'?nothing'? is no checkpoint; name a folder, or one of .*dcgan"):
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
