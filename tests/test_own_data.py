"""One's own data: what goes in comes out as batches, splits stay, and what cannot be used is said before training."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from PIL import Image

from zoo import entry
from zoo.data.audio import PEAK, Clips
from zoo.data.image import Images
from zoo.data.load import load
from zoo.data.own import Own, OwnDataError, open_own
from zoo.data.own_source import Found, Report, sha256
from zoo.data.own_split import divide
from zoo.data.own_text import blocks, decode, likeness
from zoo.data.own_verse import poems_of
from zoo.data.source import Info, find
from zoo.data.text import FORMS, SPECIAL, Poems, Prose
from zoo.data.tokenizer import train_characters
from zoo.models.audio.mel_resnet import MelResNetConfig
from zoo.models.audio.wavenet import WaveNetConfig
from zoo.models.image.dcgan import DCGANConfig
from zoo.models.image.vae import VAEConfig
from zoo.models.text.gpt import GPTConfig
from zoo.noise import Noise

DRAWS, WRITES, SPEAKS = (entry.IMAGE_GENERATION,), (entry.TEXT_GENERATION,), (entry.AUDIO_GENERATION,)
GREY, COLOUR = VAEConfig(image_size=8), VAEConfig(image_size=8, channels=3)
TEXT, SOUND = GPTConfig(context_length=16), WaveNetConfig()
SPLITS = ("train", "validation", "test")
ENGLISH = train_characters(["abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,'-\n"])


def picture(seed: int, size: tuple[int, int] = (12, 10), mode: str = "RGB") -> Image.Image:
    return Image.fromarray(Noise(seed).integers_array(256, size[1], size[0], 3).astype(np.uint8)).convert(mode)


def pictures(folder: Path, count: int, first: int = 0, **kind: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(first, first + count):
        picture(i, **kind).save(folder / f"{i:03d}.png")
    return folder


def tone(seconds: float = 0.3, rate: int = 8000, pitch: float = 440.0) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return (0.4 * np.sin(2 * np.pi * pitch * time)).astype(np.float32)


def sound(path: Path, wave: np.ndarray, rate: int = 8000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, wave, rate)
    return path


def prose(seed: int, words: int) -> str:
    """Made-up sentences, each on a line."""
    letters = "".join(chr(97 + i) for i in Noise(seed).integers_array(26, words * 5))
    parts = [letters[i : i + 5] for i in range(0, len(letters), 5)]
    return "".join(" ".join(parts[i : i + 8]) + ".\n" for i in range(0, words, 8))


def everything(own: Own) -> list[np.ndarray]:
    return [own.split(name).batch(np.arange(len(own.split(name))))["image"].numpy() for name in SPLITS]


def remarks(own: Own) -> str:
    return "\n".join(own.report.lines())


# Pictures


def test_pictures_of_any_size_and_mode_become_squares_of_the_models_kind(tmp_path: Path) -> None:
    pictures(tmp_path, 20)
    pictures(tmp_path, 3, first=100, mode="L", size=(5, 30))
    Image.fromarray(Noise(7).integers_array(65536, 9, 9).astype(np.uint16)).save(tmp_path / "deep.png")
    picture(300).convert("P").save(tmp_path / "palette.png")
    picture(301).save(tmp_path / "photo.jpg")
    picture(302).save(tmp_path / "web.webp", lossless=True)
    for config, channels in ((GREY, 1), (COLOUR, 3)):
        own = open_own(tmp_path, DRAWS, config)
        found = everything(own)
        assert sum(map(len, found)) == 27 and own.report.found == 27
        assert own.report.used == {name: len(own.split(name)) for name in SPLITS}
        for images in found:
            assert images.shape[1:] == (channels, 8, 8) and images.dtype == np.float32
            assert images.min() >= -1 and images.max() <= 1
    assert "3 are smaller than 8 pixels and enlarged: 100.png, 101.png, 102.png" in remarks(own)
    assert "1 have 16 bits a pixel, brought to 8: deep.png" in remarks(own)
    assert "4 are grey, used as colour: 100.png, 101.png, 102.png, deep.png" in remarks(own)


def test_the_middle_is_kept_transparency_is_white_and_a_turned_photo_stands_up(tmp_path: Path) -> None:
    wide = np.zeros((8, 24, 3), np.uint8)
    wide[:, 8:16] = 255, 0, 0  # the middle third
    Image.fromarray(wide).save(tmp_path / "wide.png")
    Image.new("RGBA", (9, 9), (10, 20, 30, 0)).save(tmp_path / "clear.png")
    half = Image.new("RGB", (16, 16), "black")
    half.paste("lime", (0, 0, 8, 16))  # the left half; a quarter turn to the right puts it on top
    exif = Image.Exif()
    exif[0x0112] = 6
    half.save(tmp_path / "turned.png", exif=exif)
    own = open_own(tmp_path, DRAWS, COLOUR)
    images = dict(zip(["clear", "turned", "wide"], _in_order(own, tmp_path), strict=True))
    assert (images["clear"] == 1).all()
    assert (images["wide"][0] == 1).all() and (images["wide"][1:] == -1).all()
    assert (images["turned"][1, :3] > 0.9).all() and (images["turned"][1, 5:] < -0.9).all()
    assert "1 have transparency, which is flattened on white: clear.png" in remarks(own)
    assert "1 are turned upright as their EXIF says: turned.png" in remarks(own)
    assert "1 are not square; their middle is used: wide.png" in remarks(own)


def _in_order(own: Own, folder: Path) -> list[np.ndarray]:
    """Pictures in the order of their names, found by their split and the order within it."""
    files = sorted(folder.glob("*.png"))
    where = divide(
        Found(folder, own.info, [], 0, Report("", "image"), False),
        [sha256(file.read_bytes()) for file in files],
        [""] * len(files),
        [file.name for file in files],
    )
    found = everything(own)
    return [
        found[s][list(where[name]).index(i)]
        for i in range(len(files))
        for s, name in enumerate(SPLITS)
        if i in where[name]
    ]


def test_sub_folders_are_classes_in_sorted_order_where_the_model_has_classes(tmp_path: Path) -> None:
    for number, name in enumerate(("10", "9", "cat")):
        pictures(tmp_path / name, 6, first=100 * number)
    pictures(tmp_path, 2, first=900)
    own = open_own(tmp_path, DRAWS, DCGANConfig(num_classes=4))
    train = own.split("train")
    assert train.labels == ("9", "10", "cat")
    assert sorted(set(train.batch(np.arange(len(train)))["label"].tolist())) == [0, 1, 2]
    assert "classes: 9 6, 10 6, cat 6" in remarks(own)
    assert "left out, in no class: 2 (900.png, 901.png)" in remarks(own)
    with pytest.raises(OwnDataError, match="has 3 classes .*; the model has 2"):
        open_own(tmp_path, DRAWS, DCGANConfig(num_classes=2))
    plain = open_own(tmp_path, DRAWS, GREY)
    assert plain.split("train").labels == () and sum(plain.report.used.values()) == 20


def test_a_flat_folder_is_one_class_which_no_classifier_takes(tmp_path: Path) -> None:
    pictures(tmp_path / "roses", 9)
    own = open_own(tmp_path / "roses", DRAWS, DCGANConfig(num_classes=10))
    assert own.split("train").labels == ("roses",)
    assert not own.split("train").batch(np.arange(5))["label"].any()
    with pytest.raises(OwnDataError, match="one class; a classifier needs at least 2"):
        open_own(tmp_path / "roses", (entry.IMAGE_CLASSIFICATION,), SimpleNamespace(num_classes=10))


# Splits


@pytest.mark.parametrize("source", ["outline", "damaged", "noisy", "small"])
def test_a_translator_gets_pairs_whose_sources_are_made_of_the_pictures(source: str, tmp_path: Path) -> None:
    pictures(tmp_path, 12)
    config = SimpleNamespace(source=source, target="google", image_size=16, channels=3, scale=4)
    own = open_own(tmp_path, (entry.IMAGE_TRANSLATION,), config)
    plain = open_own(tmp_path, DRAWS, SimpleNamespace(image_size=16, channels=3))
    for split in SPLITS:
        rows = np.arange(len(own.split(split)))
        sources, targets = (own.split(split).batch(rows)[key].numpy() for key in ("source", "target"))
        side = 4 if source == "small" else 16
        assert sources.shape[1:] == (3, side, side) and targets.shape[1:] == (3, 16, 16)
        assert not np.array_equal(sources, targets)
        if split != "train":  # whose pictures are mirrored and shifted
            assert np.allclose(targets, plain.split(split).batch(rows)["image"].numpy(), atol=1e-6)
    assert own.fingerprint == plain.fingerprint == own.split("test").fingerprint


def test_ones_own_pictures_have_one_style(tmp_path: Path) -> None:
    pictures(tmp_path, 12)
    config = SimpleNamespace(source="google", target="twitter", image_size=16, channels=3)
    with pytest.raises(OwnDataError, match="one style; sources that are made of pictures are outline, damaged"):
        open_own(tmp_path, (entry.IMAGE_TRANSLATION,), config)


def test_files_stay_in_their_split_when_others_come_and_names_change(tmp_path: Path) -> None:
    def split_of(folder: Path) -> dict[bytes, str]:
        own = open_own(folder, DRAWS, GREY)
        return {image.tobytes(): name for name, images in zip(SPLITS, everything(own), strict=True) for image in images}

    before = split_of(pictures(tmp_path, 300, size=(8, 8), mode="L"))
    sizes = [list(before.values()).count(name) for name in SPLITS]
    assert sum(sizes) == 300 and 15 <= sizes[1] <= 30 and 15 <= sizes[2] <= 30
    pictures(tmp_path, 60, first=1000, size=(8, 8), mode="L")
    for file in list(tmp_path.glob("0*.png")):
        file.rename(tmp_path / f"renamed {file.name}")
    after = split_of(tmp_path)
    assert len(after) == 360
    assert {image: after[image] for image in before} == before


@pytest.mark.parametrize("count", [2, 3, 9, 10, 21, 40, 137])
def test_validation_and_test_are_five_to_ten_percent_but_at_least_one(count: int) -> None:
    found = Found(Path("x"), Info("x", "x", "", ""), [], 0, Report("x", "image"), False)
    hashes = [sha256(bytes([i])) for i in range(count)]
    rows = divide(found, hashes, [""] * count, hashes)
    assert set(rows["train"]).isdisjoint(rows["validation"])
    if count == 2:
        assert rows["test"] is rows["validation"] and "test is validation" in found.report.facts[0]
        return
    assert sorted(np.concatenate(list(rows.values()))) == list(range(count))
    for name in ("validation", "test"):
        assert max(1, count / 20) <= len(rows[name]) <= max(1, count / 10)


def test_copies_share_a_split_and_are_said(tmp_path: Path) -> None:
    pictures(tmp_path, 30, size=(8, 8), mode="L")
    for file in sorted(tmp_path.glob("*.png")):
        (tmp_path / f"copy of {file.name}").write_bytes(file.read_bytes())
    own = open_own(tmp_path, DRAWS, GREY)
    prints = [{image.tobytes() for image in images} for images in everything(own)]
    assert sum(map(len, prints)) == 30 and sum(own.report.used.values()) == 60
    assert "30 are copies of other items, in the same split: copy of 000.png = 000.png" in remarks(own)


def test_splits_that_a_folder_names_are_kept_and_their_copies_left_out_of_training(tmp_path: Path) -> None:
    pictures(tmp_path / "train" / "a", 20)
    pictures(tmp_path / "train" / "b", 20, first=100)
    pictures(tmp_path / "test" / "a", 5, first=200)
    (tmp_path / "train" / "b" / "seen.png").write_bytes((tmp_path / "test" / "a" / "200.png").read_bytes())
    own = open_own(tmp_path, DRAWS, DCGANConfig(num_classes=2))
    assert own.split("train").labels == ("a", "b")
    assert own.report.used["test"] == 5 and sum(own.report.used.values()) == 45
    assert "left out, copies of validation or test items: 1 (train/b/seen.png)" in remarks(own)


def test_the_fingerprint_is_of_the_contents_not_of_the_names(tmp_path: Path) -> None:
    first = open_own(pictures(tmp_path / "a", 5), DRAWS, GREY)
    for i, file in enumerate(sorted(pictures(tmp_path / "b", 5).iterdir())):
        file.rename(tmp_path / "b" / f"z{9 - i}.png")
    assert open_own(tmp_path / "b", DRAWS, GREY).fingerprint == first.fingerprint == first.split("test").fingerprint
    pictures(tmp_path / "b", 1, first=50)
    assert open_own(tmp_path / "b", DRAWS, GREY).fingerprint != first.fingerprint


# Texts


def test_a_text_becomes_windows_of_the_models_tokens(tmp_path: Path) -> None:
    (tmp_path / "story.txt").write_text(prose(1, 900))
    own = open_own(tmp_path / "story.txt", WRITES, TEXT, tokenizer=ENGLISH)
    assert own.info.name == "story" and own.info.licence == "unknown"
    written = {name: ENGLISH.decode(own.split(name).ids.tolist()) for name in SPLITS}
    assert sorted("".join(written.values()).splitlines()) == sorted(prose(1, 900).splitlines())
    for name in SPLITS:
        data = own.split(name)
        batch = data.batch(np.arange(min(4, len(data))))
        assert batch["ids"].shape == batch["targets"].shape and batch["ids"].shape[1] == 16
        assert bool((batch["ids"][:, 1:] == batch["targets"][:, :-1]).all())
        assert 0.03 < len(written[name]) / len(prose(1, 900)) < 0.13 or name == "train"


def test_what_is_appended_to_a_text_moves_no_block_but_the_last() -> None:
    text = prose(2, 2000)
    before, after = blocks(text, 256), blocks(text + prose(3, 500), 256)
    assert before[:-2] == after[: len(before) - 2]
    assert "".join(before) == text and all(len(block) <= 384 for block in before)


def test_a_folder_of_texts_is_one_data_set_without_its_readme(tmp_path: Path) -> None:
    for i in range(30):
        (tmp_path / f"{i}.md").write_text(prose(i, 40))
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-4.0\npretty_name: 'Thirty tales'\n---\nZZZZ QQQQ\n")
    own = open_own(tmp_path, WRITES, TEXT, tokenizer=ENGLISH)
    assert (own.info.licence, own.info.title) == ("cc-by-4.0", "Thirty tales")
    assert not any("Z" in ENGLISH.decode(own.split(name).ids.tolist()) for name in SPLITS)
    assert "left out, a description of the data: 1 (README.md)" in remarks(own)
    assert open_own(tmp_path, WRITES, TEXT, tokenizer=ENGLISH, licence="mit").info.licence == "mit"


CHINESE = "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。我是在这里的人，他不在。\n"


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-8", "UTF-8"), ("utf-8-sig", "UTF-8"), ("utf-16", "UTF-16"), ("utf-32", "UTF-32"), ("gb18030", "GB18030")],
)
def test_encodings_that_can_be_told_are_read(encoding: str, said: str) -> None:
    assert decode(("a\r\n" + CHINESE).encode(encoding)) == ("a\n" + CHINESE, said)
    assert decode(b"\xfe\xff" + CHINESE.encode("utf-16-be")) == (CHINESE, "UTF-16")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Un café près de la forêt, où l'été s'éteignait déjà.\n", "latin-1"),
        ("élève, été, forêt", "cp1252"),
        ("「白日依山盡，黃河入海流。」" * 3, "big5"),
        ("白い日が山に沈み、黄河は海に流れる。" * 3, "shift-jis"),
        ("저녁 해는 산을 넘어 지고, 황하는 바다로 흐른다.", "euc-kr"),
        ("Белое солнце опирается на горы", "cp1251"),
    ],
)
def test_another_encoding_is_an_error_that_names_the_byte(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    offset = next(i for i, byte in enumerate(data) if byte > 127)
    with pytest.raises(OwnDataError, match=rf"byte 0x{data[offset]:02X} at offset {offset} is not UTF-8.*GB18030"):
        decode(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("no mark".encode("utf-16-le"), "holds a zero at character 1 "),
        (b"\xff\xfea\xd8", "marked as UTF-16, which it is not from byte"),
        (b"\xef\xbb\xbfabc\xff", "marked as UTF-8, which it is not from byte 3 on"),
    ],
)
def test_broken_texts_are_errors(data: bytes, message: str) -> None:
    with pytest.raises(OwnDataError, match=message):
        decode(data)


def test_characters_that_a_tokenizer_does_not_know_are_written_by_their_likeness_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(prose(1, 900) + "“Ça – ‘naïve’…” 7 \t7 % ß＆Ａ <unk>\n")
    own = open_own(tmp_path, WRITES, TEXT, tokenizer=ENGLISH)
    text = "".join(ENGLISH.decode(own.split(name).ids.tolist()) for name in SPLITS)
    assert "'Ca - 'naive'...'     ssA unk\n" in text
    unknown = ENGLISH.token_to_id("<unk>")
    assert not any((own.split(name).ids == unknown).any() for name in SPLITS)
    assert "written by their likeness: '\\t' 1 times as ' '" in remarks(own)
    assert "left out: '7' 2 times" in remarks(own)


def test_the_nearest_known_character_wins() -> None:
    assert likeness("“", "\"'".__contains__) == '"'
    assert likeness("“", "'".__contains__) == "'"
    assert likeness("？", "，。".__contains__) == "。"
    assert likeness("？", "?".__contains__) == "?"
    assert likeness("字", "abc".__contains__) == ""


def test_a_text_in_another_language_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(CHINESE * 40 + prose(1, 60), encoding="utf-8")
    with pytest.raises(
        OwnDataError, match=r"unknown to the model's tokenizer, most often .*at most 20%.*train a new one"
    ):
        open_own(tmp_path, WRITES, TEXT, tokenizer=ENGLISH)
    own = open_own(tmp_path, WRITES, TEXT)  # without a tokenizer one is made of the training text
    data: Any = own.split("train")
    assert data.tokenizer.decode(data.ids[:40].tolist()) in (CHINESE * 40 + prose(1, 60))
    assert data.tokenizer is own.split("test").tokenizer  # type: ignore[attr-defined]


def test_special_tokens_that_a_person_typed_are_text(tmp_path: Path) -> None:
    tokenizer = train_characters(["abcdefghijklmnopqrstuvwxyz .<>\n"], ("<eos>",))
    (tmp_path / "a.txt").write_text(prose(1, 900).replace(".", " <eos>."))
    own = open_own(tmp_path, WRITES, TEXT, tokenizer=tokenizer)
    assert not any((own.split(name).ids == tokenizer.token_to_id("<eos>")).any() for name in SPLITS)
    assert tokenizer.encode("<eos>").ids == [tokenizer.token_to_id("<eos>")], "as it was before"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Too short.\n", "has 1 different training items"),
        (
            "a" * 19 + "\n" + ("z" * 19 + "\n") * 2,
            "60 characters, 20 of them for train; windows of 16 tokens need about 192",
        ),
    ],
)
def test_a_text_that_is_too_short_is_an_error_with_numbers(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(OwnDataError, match=message):
        open_own(tmp_path, WRITES, TEXT, tokenizer=ENGLISH)


QUATRAIN = "静夜思\n李白\n床前明月光，疑是地上霜。\n举头望明月，低头思故乡。"
SCROLL = "朝辞白帝彩云间，千里江陵一日还。两岸猿声啼不住，轻舟已过万重山。"


def test_poems_are_found_with_or_without_title_marks_and_line_ends() -> None:
    plain = "春晓\n春眠不觉晓\n处处闻啼鸟\n夜来风雨声\n花落知多少"
    text = "\n\n".join(
        [QUATRAIN, f"【早发白帝城】\n〔唐〕李白\n{SCROLL}", f"{SCROLL}\n{SCROLL}\n{SCROLL}", plain, "不是诗。"]
    )
    poems, others = poems_of(text)
    lines = ["床前明月光", "疑是地上霜", "举头望明月", "低头思故乡"]
    assert poems[0] == ("五言绝句", "李白", "静夜思", lines)
    assert poems[1][:3] == ("七言绝句", "李白", "早发白帝城")
    assert [poem[0] for poem in poems[2:5]] == ["七言绝句"] * 3
    assert poems[5][2] == "春晓" and poems[5][3][0] == "春眠不觉晓"
    assert others == ["不是诗。"]


def test_a_tokenizer_of_verse_gets_verse(tmp_path: Path) -> None:
    verse = Poems("tang_poems", "train", sample=True)
    tokenizer, source = verse.tokenizer, verse.poems
    written = [
        f"{title}\n{author}\n" + "\n".join(f"{a}，{b}。" for a, b in zip(x[::2], x[1::2], strict=True))
        for _, author, title, x in source
    ]
    (tmp_path / "poems.txt").write_text("\n\n".join(written), encoding="gb18030")
    own = open_own(tmp_path, WRITES, GPTConfig(context_length=96), tokenizer=tokenizer)
    assert own.split("train").labels == tuple(FORMS)
    assert sum(own.report.used.values()) == len(source)
    batch = own.split("train").batch(np.arange(3))
    assert batch["ids"].shape == batch["targets"].shape and int(batch["ids"][0, 0]) == tokenizer.token_to_id("<bos>")
    assert "1 are GB18030: poems.txt" in remarks(own)
    (tmp_path / "poems.txt").write_text(prose(1, 99))
    with pytest.raises(OwnDataError, match="0 poems in a form that this model knows"):
        open_own(tmp_path, WRITES, TEXT, tokenizer=train_characters([SCROLL], SPECIAL))


# Sounds


def test_sounds_of_any_rate_become_words_at_the_models_rate(tmp_path: Path) -> None:
    for i, (ending, rate) in enumerate(
        [("wav", 8000), ("flac", 44100), ("ogg", 22050), ("mp3", 48000), ("wav", 11127)]
    ):
        for take in range(4):
            pitch = 300.0 + 100 * i + take
            wave = np.concatenate([np.zeros(rate // 5), tone(0.3, rate, pitch), np.zeros(rate // 2)])
            stereo = np.stack([wave, wave], axis=1)
            sound(tmp_path / f"{i}_{take}.{ending}", stereo if take else wave, rate)
    own = open_own(tmp_path, SPEAKS, SOUND)
    for name in SPLITS:
        data: Any = own.split(name)
        batch = data.batch(np.arange(len(data)))
        assert batch.keys() == Clips("spoken_digits", "test", sample=True).batch(np.arange(2)).keys()
        np.testing.assert_allclose(np.abs(batch["waveform"].numpy()).max(1), PEAK, rtol=1e-5)
        assert (np.abs(data.lengths / 8000 - 0.32) < 0.06).all(), "silence is trimmed, the tone is kept"
        assert batch["waveform"].shape[1] % 800 == 0
        for wave, digit in zip(data.waveforms, data.digits, strict=True):
            spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave)), 1 << 15))
            pitch = spectrum.argmax() * 8000 / (1 << 15)
            assert abs(pitch - (300 + 100 * digit + 1.5)) < 4, "the pitch survives the change of rate"
    assert sum(own.report.used.values()) == 20
    assert "15 are stereo, mixed to mono" in remarks(own)


def test_long_sounds_are_cut_and_silent_or_short_ones_left_out(tmp_path: Path) -> None:
    for i in range(5):
        sound(tmp_path / f"{i}_a_0.wav", tone(0.4, pitch=200 + i))
    sound(tmp_path / "7_a_0.wav", tone(3.0))
    sound(tmp_path / "8_a_0.wav", np.zeros(4000, np.float32))
    sound(tmp_path / "9_a_0.wav", tone(0.01))
    sound(tmp_path / "9_a_1.wav", np.zeros(0, np.float32))
    own = open_own(tmp_path, SPEAKS, SOUND)
    longest = max(int(own.split(name).lengths.max()) for name in SPLITS)  # type: ignore[union-attr]
    assert longest == 9600 and sum(own.report.used.values()) == 6
    assert "1 are longer than 1.2 s and cut: 7_a_0.wav" in remarks(own)
    assert "left out, silent: 2 (8_a_0.wav, 9_a_1.wav)" in remarks(own)
    assert "left out, shorter than 0.05 s: 1 (9_a_0.wav)" in remarks(own)


def spoken(data: Any) -> list[tuple[int, int]]:
    return sorted({(int(d), int(v)) for d, v in zip(data.digits, data.voices, strict=True)})


def everyone(own: Own) -> list[tuple[int, int]]:
    return sorted({pair for name in SPLITS for pair in spoken(own.split(name))})


@pytest.mark.parametrize("names", [("3", "5"), ("three", "Five"), ("三", "五")])
def test_sub_folders_named_as_digits_are_those_digits(names: tuple[str, str], tmp_path: Path) -> None:
    for number, name in enumerate(names):
        for take in range(4):
            sound(tmp_path / name / f"{take}.wav", tone(pitch=300 + 50 * number + take))
    own = open_own(tmp_path, SPEAKS, SOUND)
    assert own.split("train").labels == tuple("0123456789")
    assert everyone(own) == [(3, 0), (5, 0)]


def test_file_names_say_digit_and_voice(tmp_path: Path) -> None:
    for number, name in enumerate(("2_theo_0", "2_theo_1", "2_anna_0", "9_jackson_0", "9_jackson_1")):
        sound(tmp_path / f"{name}.wav", tone(pitch=300 + 50 * number))
    sound(tmp_path / "hello.wav", tone(pitch=900))
    own = open_own(tmp_path, SPEAKS, SOUND, speakers=("george", "jackson", "lucas", "nicolas", "theo", "yweweler"))
    assert everyone(own) == [(2, 0), (2, 4), (9, 1)]
    assert "voices: jackson 2, theo 2; 1 of others count as george" in remarks(own)
    assert "left out, no word in the folder's or file's name: 1 (hello.wav)" in remarks(own)
    assert everyone(open_own(tmp_path, SPEAKS, SOUND)) == [(2, 0), (2, 2), (9, 1)]
    assert everyone(open_own(tmp_path, SPEAKS, WaveNetConfig(num_speakers=2))) == [(2, 0), (9, 0)]


def test_other_words_are_numbered_and_have_durations_for_every_word_and_voice(tmp_path: Path) -> None:
    for number, name in enumerate(("no", "yes")):
        for take in range(5):
            sound(tmp_path / name / f"{take}.wav", tone(0.2 + 0.3 * number, pitch=300 + 50 * number + take))
    data: Any = open_own(tmp_path, SPEAKS, SOUND).split("train")
    assert data.labels[:3] == ("no", "yes", "2") and len(data.labels) == 10
    statistics = data.duration_statistics()
    assert statistics.shape == (10, 6, 2) and np.isfinite(statistics).all()
    np.testing.assert_allclose(np.exp(statistics[:2, 0, 0]), [0.2, 0.5], rtol=0.1)
    classifier = (entry.AUDIO_CLASSIFICATION,)
    assert open_own(tmp_path, classifier, MelResNetConfig()).split("test").labels == ("no", "yes")
    with pytest.raises(OwnDataError, match="one class; a classifier needs at least 2"):
        open_own(tmp_path / "no", classifier, MelResNetConfig())


# Tables


def table(path: Path, columns: dict[str, Any], features: dict[str, Any] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    found = pa.table(columns)
    if features:
        found = found.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(found, path)


def png(seed: int) -> dict[str, Any]:
    buffer = io.BytesIO()
    picture(seed, (8, 8)).save(buffer, "PNG")
    return {"bytes": buffer.getvalue(), "path": f"{seed}.png"}


def test_a_hub_folder_of_pictures_keeps_its_splits_and_class_names(tmp_path: Path) -> None:
    features = {"image": {"_type": "Image"}, "kind": {"_type": "ClassLabel", "names": ["rose", "daisy", "tulip"]}}
    columns = {"image": [png(i) for i in range(40)], "kind": [i % 2 for i in range(39)] + [-1]}
    table(tmp_path / "data" / "train-00000-of-00001.parquet", columns, features)
    table(tmp_path / "data" / "test-00000-of-00001.parquet", {"image": [png(100)], "kind": [2]}, features)
    (tmp_path / "README.md").write_text("---\nlicense:\n- cc-by-2.0\n---\n")
    own = open_own(tmp_path, DRAWS, DCGANConfig(image_size=32, num_classes=3))
    assert own.split("train").labels == ("rose", "daisy", "tulip")
    assert own.report.used["test"] == 1 and own.split("test").batch(np.arange(1))["label"].tolist() == [2]
    assert sum(own.report.used.values()) == 40 and own.info.licence == "cc-by-2.0"
    assert "left out, in no class: 1 (train-00000-of-00001.parquet row 39)" in remarks(own)


def test_hub_folders_of_texts_and_sounds_are_read_and_empty_rows_left_out(tmp_path: Path) -> None:
    table(tmp_path / "t" / "train.parquet", {"id": list(range(31)), "text": [*(prose(i, 40) for i in range(30)), ""]})
    own = open_own(tmp_path / "t", WRITES, TEXT, tokenizer=ENGLISH)
    assert own.report.found == 31 and "left out, empty: 1 (train.parquet row 30)" in remarks(own)
    clips = []
    for i in range(6):
        buffer = io.BytesIO()
        soundfile.write(buffer, tone(pitch=300 + i), 8000, format="FLAC")
        clips.append({"bytes": buffer.getvalue(), "path": None})
    columns = {"audio": clips, "label": ["no", "yes"] * 3, "speaker": ["ada", "ada", "bob", "bob", "ada", "bob"]}
    table(tmp_path / "s" / "train.parquet", columns)
    assert everyone(open_own(tmp_path / "s", SPEAKS, SOUND)) == [(0, 0), (0, 1), (1, 0), (1, 1)]
    with pytest.raises(OwnDataError, match=r"has no column of pictures, but id \(int64\), text \(text\)"):
        open_own(tmp_path / "t", DRAWS, GREY)


def test_a_damaged_table_is_named_and_tables_of_several_sets_are_refused(tmp_path: Path) -> None:
    table(tmp_path / "a" / "train.parquet", {"text": ["x"]})
    table(tmp_path / "b" / "train.parquet", {"text": ["x"]})
    with pytest.raises(OwnDataError, match=r"in 2 folders \(a, b\); give one of them"):
        open_own(tmp_path, WRITES, TEXT)
    (tmp_path / "a" / "train.parquet").write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(OwnDataError, match=r"train\.parquet cannot be read as Parquet"):
        open_own(tmp_path / "a", WRITES, TEXT)


# What cannot be used


def _nothing(folder: Path) -> Path:
    return folder / "nowhere"


def _empty(folder: Path) -> Path:
    (folder / ".hidden").write_text("x")
    return folder


def _one(folder: Path) -> Path:
    return pictures(folder, 1)


def _one_and_its_copy(folder: Path) -> Path:
    pictures(folder, 1)
    (folder / "again.png").write_bytes((folder / "000.png").read_bytes())
    return folder


def _archive(folder: Path) -> Path:
    (folder / "all.zip").write_bytes(b"PK\x03\x04")
    return folder / "all.zip"


def _document(folder: Path) -> Path:
    (folder / "all.docx").write_bytes(b"PK\x03\x04")
    return folder / "all.docx"


def _strange(folder: Path) -> Path:
    (folder / "a.gif").write_bytes(b"GIF89a")
    (folder / "b.xyz").write_bytes(b"x")
    return folder


def _texts(folder: Path) -> Path:
    (folder / "a.txt").write_text("x")
    return folder


def _mixed(folder: Path) -> Path:
    (folder / "a.txt").write_text("x")
    sound(folder / "b.wav", tone())
    return pictures(folder, 3)


def _zero(folder: Path) -> Path:
    (folder / "zero.png").write_bytes(b"")
    return pictures(folder, 3)


def _huge(folder: Path) -> Path:
    data = bytearray((pictures(folder, 3) / "000.png").read_bytes())
    data[16:24] = (10_000).to_bytes(4, "big") * 2  # 100 megapixels by the header
    (folder / "huge.png").write_bytes(data)
    return folder


def _cut(folder: Path) -> Path:
    data = (pictures(folder, 3, size=(40, 40)) / "000.png").read_bytes()
    (folder / "cut.png").write_bytes(data[: len(data) // 2])
    return folder


def _lie(folder: Path) -> Path:
    (folder / "lie.png").write_text("this is a text")
    return pictures(folder, 3)


def _link(folder: Path) -> Path:
    os.symlink(folder / "gone.png", folder / "link.png")
    return pictures(folder, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_nothing, r"nowhere does not exist; give a folder or a file of pictures"),
        (_empty, r"is empty; give a folder of pictures \(\.png, \.jpg"),
        (_one, r"has 1 different training items; at least 2"),
        (_one_and_its_copy, r"has 1 different training items \(2 with their copies\)"),
        (_archive, r"all\.zip is an archive; unpack it"),
        (_document, r"all\.docx is \.docx; allowed for pictures are \.png"),
        (_strange, r"holds no pictures \(\.png.*but 1 \.gif, 1 \.xyz"),
        (_texts, r"holds 1 texts; this model learns from pictures"),
        (_mixed, r"holds 3 pictures, 1 texts, 1 sounds; give a folder of pictures alone"),
        (_zero, r"1 of 4 pictures cannot be read: zero\.png \(empty \(0 bytes\)\)"),
        (_huge, r"huge\.png \(the picture has 10,000 x 10,000 pixels \(100\.0 megapixels\); at most 50"),
        (_cut, r"cut\.png \(the PNG cannot be decoded; it is damaged or cut short\)"),
        (_lie, r"lie\.png \(the file is no picture"),
        (_link, r"link\.png \(not a plain file\)"),
    ],
)
def test_what_cannot_be_used_is_said_before_training(
    make: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    path = make(tmp_path)
    with pytest.raises(OwnDataError, match=message):
        open_own(path, DRAWS, GREY)


@pytest.mark.parametrize("make", [_mixed, _zero, _huge, _cut, _lie, _link])
def test_it_is_left_out_where_that_was_asked_for(make: Callable[[Path], Path], tmp_path: Path) -> None:
    own = open_own(make(tmp_path), DRAWS, GREY, skip_damaged=True)
    assert sum(own.report.used.values()) == 3
    assert any(line.startswith("left out, ") for line in own.report.lines())


def test_nothing_usable_is_an_error_even_when_damage_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("no picture")
    with pytest.raises(OwnDataError, match=r"no usable pictures among 1 \(damaged: the file is no picture"):
        open_own(tmp_path, DRAWS, GREY, skip_damaged=True)


def test_damaged_sounds_and_texts_are_named(tmp_path: Path) -> None:
    for i in range(3):
        sound(tmp_path / "s" / f"{i}_a_0.flac", tone(pitch=300 + i))
    data = (tmp_path / "s" / "0_a_0.flac").read_bytes()
    (tmp_path / "s" / "4_a_0.flac").write_bytes(data[: len(data) // 2])
    with pytest.raises(OwnDataError, match=r"1 of 4 sounds cannot be read: 4_a_0\.flac \(not readable as WAV"):
        open_own(tmp_path / "s", SPEAKS, SOUND)
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "good.txt").write_text(prose(1, 900))
    (tmp_path / "t" / "bad.txt").write_bytes("déjà vu".encode("latin-1"))
    with pytest.raises(OwnDataError, match=r"bad\.txt \(byte 0xE9 at offset 1 is not UTF-8"):
        open_own(tmp_path / "t", WRITES, TEXT)
    assert open_own(tmp_path / "t", WRITES, TEXT, skip_damaged=True).report.found == 2


def test_a_report_names_five_of_many(tmp_path: Path) -> None:
    for i in range(8):
        (tmp_path / f"bad{i}.png").write_bytes(b"")
    pictures(tmp_path, 3)
    with pytest.raises(OwnDataError, match=r"8 of 11 pictures cannot be read: bad0\.png .*bad4\.png .* and 3 more"):
        open_own(tmp_path, DRAWS, GREY)
    own = open_own(tmp_path, DRAWS, GREY, skip_damaged=True)
    assert "8 (bad0.png, bad1.png, bad2.png, bad3.png, bad4.png and 3 more)" in remarks(own)


def test_a_batch_larger_than_the_data_is_an_error(tmp_path: Path) -> None:
    pictures(tmp_path, 10)
    assert open_own(tmp_path, DRAWS, GREY, batch_size=8).report.used["train"] == 8
    with pytest.raises(OwnDataError, match="gives 8 training samples; a batch of 9 needs as many"):
        open_own(tmp_path, DRAWS, GREY, batch_size=9)


def test_the_zoos_own_sets_give_the_same_samples_by_either_door(tmp_path: Path) -> None:
    """The bundled samples, opened as a stranger's folder, are the zoo's own pictures and text again."""
    root = Path(__file__).parent.parent / "zoo" / "data" / "samples"
    own = open_own(root / "mnist", DRAWS, DCGANConfig(image_size=28 + 4, num_classes=10))
    assert own.split("test").labels == Images("mnist", "test", sample=True).labels
    text = open_own(root / "tiny_shakespeare", WRITES, GPTConfig(context_length=64))
    assert text.report.used.keys() == set(SPLITS)
    for name in SPLITS:
        ours: Any = text.split(name)
        theirs = Prose("tiny_shakespeare", name, sample=True, context_length=64)
        written = [data.tokenizer.decode(data.ids[:500].tolist()) for data in (ours, theirs)]
        assert written[0][:300] == written[1][:300]


def _damaged(folder: Path, name: str, column: str, monkeypatch: pytest.MonkeyPatch, row: int = 10) -> None:
    """A copy of a bundled set of whose test rows one is broken, where the zoo looks for it."""
    found = pq.read_table(find(name, "test", sample=True))
    rows = found.column(column).to_pylist()
    rows[row] = {"bytes": rows[row]["bytes"][: len(rows[row]["bytes"]) // 2], "path": None}
    at = found.schema.get_field_index(column)
    broken = pa.array(rows, found.schema.field(at).type)
    path = folder / name / "data" / "test-00000-of-00001.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(found.set_column(at, found.schema.field(at), broken), path)
    monkeypatch.setenv("ZOO_DATA", str(folder))


@pytest.mark.parametrize(
    ("name", "column", "what"), [("mnist", "image", "picture"), ("spoken_digits", "audio", "clip")]
)
def test_a_damaged_row_of_the_zoos_sets_is_named_and_refused_or_left_out(
    name: str, column: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    whole: Any = load(name, "test", WaveNetConfig(), sample=True)
    _damaged(tmp_path, name, column, monkeypatch)
    with pytest.raises(ValueError, match=rf"{what} 10 of {name}/test cannot be decoded"):
        load(name, "test", WaveNetConfig())
    kept: Any = load(name, "test", WaveNetConfig(), skip=True)
    assert len(kept) == len(whole) - 1 and f"{what} 10 of {name}/test" in caplog.text
    labels = [data.batch(np.arange(len(data)))["label"].tolist() for data in (whole, kept)]
    assert labels[1] == labels[0][:10] + labels[0][11:]


@pytest.mark.parametrize(
    ("name", "file", "column", "model", "what"),
    [
        ("emoji_vendors", "emoji", "google", "", r"picture 2 of emoji_vendors/test \(google\)"),
        ("emoji_names", "emoji", "google", "contrastive", r"picture 2 of emoji_names/test \(google\)"),
        ("emoji_names", "emoji", "google", "text_to_image", r"picture 2 of emoji_names/test \(google\)"),
        ("telephone_prompts", "telephone_prompts", "audio", "tts", "recording 2 of telephone_prompts/test"),
        ("telephone_prompts", "telephone_prompts", "audio", "waveglow", "recording 2 of telephone_prompts/test"),
    ],
)
def test_a_damaged_row_is_named_and_refused_or_left_out_whoever_learns_from_it(
    name: str, file: str, column: str, model: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    caplog: Any,
) -> None:  # fmt: skip
    from train.recipe import preset

    config = preset(model, "tiny").config if model else SimpleNamespace(image_size=32)
    whole = load(name, "test", config, sample=True)
    _damaged(tmp_path, file, column, monkeypatch, row=2)
    with pytest.raises(ValueError, match=f"{what} cannot be decoded"):
        load(name, "test", config)
    kept = load(name, "test", config, skip=True)
    assert 0 < len(kept) < len(whole) and re.search(f"{what} cannot be decoded and is left out", caplog.text)
