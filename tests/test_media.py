"""The readers of uploads: right pixels and samples out of every allowed kind, and words for everything else."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tests.peak import forget, peak
from zoo.data.media import InputError, MediaError, read_audio, read_picture

RED = (200, 30, 40)


def save(path: Path, image: Image.Image, **options: object) -> Path:
    image.save(path, **options)
    return path


def png(width: int, height: int, *, bits: int = 8, colour: int = 0, rows: bytes = b"") -> bytes:
    """A PNG by hand, so that its header may promise what it does not hold."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def wav(path: Path, samples: np.ndarray, rate: int = 8000, **options: str) -> Path:
    soundfile.write(path, samples, rate, **options)
    return path


def tone(seconds: float, rate: int = 8000) -> np.ndarray:
    return (0.5 * np.sin(np.arange(int(seconds * rate)) * 0.3)).astype(np.float32)


# Pictures


@pytest.mark.parametrize(("suffix", "options"), [("png", {}), ("jpg", {"quality": 95}), ("webp", {"lossless": True})])
def test_each_allowed_kind_of_picture_is_read(tmp_path: Path, suffix: str, options: dict[str, object]) -> None:
    image = read_picture(save(tmp_path / f"a.{suffix}", Image.new("RGB", (30, 20), RED), **options))
    assert (image.mode, image.size) == ("RGB", (30, 20))
    assert np.abs(np.asarray(image).astype(int) - RED).max() <= 4


def test_the_extension_does_not_matter_but_the_content_does(tmp_path: Path) -> None:
    assert read_picture(save(tmp_path / "a.txt", Image.new("L", (3, 3), 9), format="PNG")).getpixel((1, 1)) == 9
    with pytest.raises(MediaError, match="PNG, JPEG and WEBP are allowed"):
        read_picture(save(tmp_path / "a.png", Image.new("L", (3, 3)), format="GIF"))


def test_a_single_pixel_is_a_picture(tmp_path: Path) -> None:
    assert read_picture(save(tmp_path / "a.png", Image.new("L", (1, 1), 77))).getpixel((0, 0)) == 77


def test_transparency_shows_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (2, 1), (0, 0, 0, 0))
    clear.putpixel((1, 0), (*RED, 255))
    image = read_picture(save(tmp_path / "a.png", clear))
    assert [image.getpixel((x, 0)) for x in (0, 1)] == [(255, 255, 255), RED]
    half = read_picture(save(tmp_path / "b.png", Image.new("LA", (1, 1), (0, 128))))
    assert half.mode == "L" and abs(half.getpixel((0, 0)) - 127) <= 1


def test_a_palette_with_a_transparent_colour_is_read(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, 0, 0, 0])
    image.putpixel((1, 0), 1)
    opened = read_picture(save(tmp_path / "a.png", image, transparency=1))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [RED, (255, 255, 255)]


def test_sixteen_bits_are_scaled_and_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 257 * 64, 257 * 128, 65535]], np.uint16)
    image = read_picture(save(tmp_path / "a.png", Image.fromarray(values)))
    assert image.mode == "L" and np.asarray(image).tolist() == [[0, 64, 128, 255]]


def test_cmyk_comes_out_in_its_colours(tmp_path: Path) -> None:
    cyan = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    image = read_picture(save(tmp_path / "a.jpg", cyan, quality=95))
    assert image.mode == "RGB" and np.abs(np.asarray(image)[8, 8].astype(int) - (0, 255, 255)).max() <= 12


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photograph_is_upright(tmp_path: Path, orientation: int) -> None:
    values = np.zeros((16, 32), np.uint8)
    values[:8, :8] = 255  # bright in the upper left corner
    upright = Image.fromarray(values)
    undo = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Pillow's transposes that turn the upright picture away
    turned = upright if orientation == 1 else upright.transpose(Image.Transpose(undo[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = read_picture(save(tmp_path / "a.png", turned, exif=exif))
    assert np.array_equal(np.asarray(image), values)


@pytest.mark.parametrize("kind", ["WEBP", "PNG"])
def test_the_first_frame_of_an_animation_is_taken_and_many_frames_are_refused(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), (i * 10, 0, 0)) for i in range(17)]
    few = save(tmp_path / "few", frames[5], format=kind, save_all=True, append_images=frames[6:8], lossless=True)
    many = save(tmp_path / "many", frames[0], format=kind, save_all=True, append_images=frames[1:], lossless=True)
    assert read_picture(few).getpixel((0, 0)) == (50, 0, 0)
    with pytest.raises(MediaError, match="17 frames; at most 16"):
        read_picture(many)


def lossy_webp(width: int, height: int) -> bytes:
    body = b"VP8 " + struct.pack("<I", 10) + b"\x30\x01\x00\x9d\x01\x2a" + struct.pack("<HH", width, height)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def canvas_webp(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    body = b"VP8X" + struct.pack("<I", 10) + b"\x02\0\0\0" + size
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def lossless_webp(width: int, height: int) -> bytes:
    body = b"VP8L" + struct.pack("<IBI", 5, 0x2F, (width - 1) | (height - 1) << 14)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def jpeg(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (8, 8)).save(file, "JPEG")
    data = bytearray(file.getvalue())
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("make", "width", "height"),
    [
        (png, 20_000, 20_000),
        (jpeg, 20_000, 20_000),
        (jpeg, 65_000, 65_000),
        (lossy_webp, 16_383, 16_383),
        (lossless_webp, 16_384, 16_384),
        (canvas_webp, 20_000, 20_000),
        (png, 2**31 - 1, 2**31 - 1),
        (png, 4_000_001, 1),
    ],
)  # fmt: skip
def test_a_picture_of_too_many_pixels_is_refused_by_its_header(
    tmp_path: Path, make: Callable[[int, int], bytes], width: int, height: int
) -> None:
    path = tmp_path / "huge"
    path.write_bytes(make(width, height))
    forget()
    before = peak()
    with pytest.raises(MediaError, match=f"{width:,} x {height:,} pixels .* at most 4 megapixels"):
        read_picture(path)
    assert peak() - before < 64


def test_a_real_picture_of_too_many_pixels_is_refused(tmp_path: Path) -> None:
    big = tmp_path / "big.png"
    big.write_bytes(png(20_000, 2_000, bits=1, rows=bytes((20_000 // 8 + 1) * 2_000)))
    assert big.stat().st_size < 20_000  # which would unfold into 40 million pixels
    with pytest.raises(MediaError, match="40.0 megapixels"):
        read_picture(big)
    assert read_picture(big, max_pixels=40_000_000).size == (20_000, 2_000)


def test_a_jpeg_that_wants_to_be_gone_over_without_end_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.new("L", (200, 200), 99).save(file, "JPEG", progressive=True)
    whole, path = file.getvalue(), tmp_path / "a.jpg"
    last = whole.rindex(b"\xff\xda")
    path.write_bytes(whole[:last] + whole[last:-2] * 200 + b"\xff\xd9")
    with pytest.raises(MediaError, match="more than 50 scans"):
        read_picture(path)
    path.write_bytes(whole)
    assert read_picture(path).size == (200, 200)


def test_a_jpeg_of_padding_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8" + b"\xff" * 20_000_000)
    begun = time.process_time()
    with pytest.raises(MediaError, match="no frame header"):
        read_picture(path)
    assert time.process_time() - begun < 0.5


@pytest.mark.parametrize("mode", ["I;16", "RGBA", "LA"])
def test_the_largest_picture_takes_few_times_its_pixels(tmp_path: Path, mode: str) -> None:
    path = save(tmp_path / "a.png", Image.new(mode, (2000, 2000)), compress_level=1)
    code = (
        "from tests.peak import peak\nfrom zoo.data.media import read_picture\nfrom PIL import Image\n"
        f"Image.new({mode!r}, (8, 8)).save({str(tmp_path / 'b.png')!r})\nread_picture({str(tmp_path / 'b.png')!r})\n"
        "before = peak()\n"
        f"read_picture({str(path)!r})\nprint(peak() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 64


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd8\xff\xe0", b"RIFF\0\0\0\0WEBP", b"RIFF\0\0\0\0WEBPVP8 ",
        b"GIF89a" + bytes(40), b"BM" + bytes(60), b"II*\0" + bytes(60), b"%PDF-1.4", b"<svg/>", bytes(100),
        png(10, 10), png(0, 0), png(10, 10, bits=3), png(10, 10, colour=9), png(0, 5), lossless_webp(5, 5),
        lossy_webp(5, 5), canvas_webp(5, 5), jpeg(0, 0), b"\xff\xd8\xff\xda" + bytes(50), b"\xff\xd8" + b"\xff" * 4000,
    ],
)  # fmt: skip
def test_damaged_and_foreign_pictures_are_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(data)
    with pytest.raises(MediaError) as caught:
        read_picture(path)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_every_truncation_and_flipped_byte_of_a_picture_is_read_or_refused(tmp_path: Path, kind: str) -> None:
    file = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    Image.fromarray(noise).save(file, kind, exif=Image.Exif())
    whole, path = file.getvalue(), tmp_path / "a"
    for at in range(0, len(whole), 2):
        flipped = bytearray(whole)
        flipped[at] ^= 0xFF
        for data in (whole[:at], bytes(flipped)):
            path.write_bytes(data)
            try:
                image = read_picture(path)
            except MediaError:
                continue
            assert image.mode in ("L", "RGB") and image.width * image.height <= 4_000_000


def test_a_missing_file_a_folder_and_a_strange_name_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path, "a\0b", "x" * 5000):
        for reader in (read_picture, read_audio):
            with pytest.raises(MediaError):
                reader(path)


def test_a_media_error_is_shown_to_the_person_as_other_refused_input_is() -> None:
    assert issubclass(MediaError, InputError) and issubclass(InputError, ValueError)


# Sounds


@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("WAV", "PCM_16"), ("WAV", "PCM_U8"), ("WAV", "PCM_24"), ("WAV", "FLOAT"), ("WAV", "DOUBLE"), ("WAV", "ULAW"),
     ("WAVEX", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS")],
)  # fmt: skip
def test_each_allowed_kind_of_sound_is_read(tmp_path: Path, kind: str, subtype: str) -> None:
    samples, rate = read_audio(wav(tmp_path / "a.raw", tone(0.5), format=kind, subtype=subtype))
    assert samples.dtype == np.float32 and samples.ndim == 1 and rate == 8000
    assert abs(len(samples) - 4000) <= 400 and 0.4 < np.abs(samples).max() <= 0.6


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_common_sample_rates_are_kept(tmp_path: Path, rate: int) -> None:
    samples, found = read_audio(wav(tmp_path / "a.wav", tone(0.1, rate), rate))
    assert found == rate and len(samples) == int(0.1 * rate)


def test_two_channels_become_their_mean(tmp_path: Path) -> None:
    both = np.stack([np.full(100, 0.5), np.full(100, -0.25)], axis=1)
    samples, _ = read_audio(wav(tmp_path / "a.wav", both, subtype="FLOAT"))
    assert np.allclose(samples, 0.125)


def test_loud_floats_are_scaled_to_full_scale(tmp_path: Path) -> None:
    samples, _ = read_audio(wav(tmp_path / "a.wav", tone(0.1) * 40, subtype="FLOAT"))
    assert np.allclose(samples, tone(0.1) * 40 / np.abs(tone(0.1) * 40).max(), atol=1e-6)


@pytest.mark.parametrize(
    ("seconds", "rate", "channels", "words"),
    [
        (600, 8000, 1, "600.0 seconds; at most 30"),
        (30.1, 8000, 1, "30.1 seconds; at most 30"),
        (0, 8000, 1, "0 seconds"),
        (1, 4000, 1, "4,000 samples a second; 8,000 to 48,000"),
        (1, 96_000, 1, "96,000 samples a second"),
        (0.1, 8000, 3, "3 channels; one or two"),
    ],
)
def test_sounds_outside_the_limits_are_refused(
    tmp_path: Path, seconds: float, rate: int, channels: int, words: str
) -> None:
    path = wav(tmp_path / "a.wav", np.zeros((int(seconds * rate), channels), np.int16), rate)
    with pytest.raises(MediaError, match=words):
        read_audio(path)


def test_thirty_seconds_are_allowed(tmp_path: Path) -> None:
    assert len(read_audio(wav(tmp_path / "a.wav", np.zeros(240_000, np.int16)))[0]) == 240_000


def test_values_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    for value in (np.nan, np.inf, -np.inf):
        samples = tone(0.1)
        samples[7] = value
        with pytest.raises(MediaError, match="NaN or infinite"):
            read_audio(wav(tmp_path / "a.wav", samples, subtype="FLOAT"))


def test_other_containers_are_refused_by_their_first_bytes(tmp_path: Path) -> None:
    for kind in ("AIFF", "AU", "CAF", "W64", "MP3"):
        with pytest.raises(MediaError, match="WAV, FLAC and OGG are allowed"):
            read_audio(wav(tmp_path / "a.wav", tone(0.2), format=kind))
    webm = b"\x1aE\xdf\xa3webm"
    for data in (webm, b"", b"RIFF", b"RIFF\0\0\0\0WAVE", b"fLaC", b"OggS", b"ID3" + bytes(99), bytes(99)):
        (tmp_path / "b.wav").write_bytes(data)
        with pytest.raises(MediaError):
            read_audio(tmp_path / "b.wav")


def test_a_header_that_promises_more_than_there_is_is_not_believed(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", tone(0.25))
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = struct.pack("<I", 0xFFFFFFF0)
    path.write_bytes(bytes(data))
    samples, _ = read_audio(path)
    assert len(samples) == 2000


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_truncations_and_flipped_bytes_of_a_sound_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    path = wav(tmp_path / "whole", tone(0.05), format=kind)
    whole, damaged = path.read_bytes(), tmp_path / "damaged"
    for at in range(0, min(len(whole), 600), 5):
        flipped = bytearray(whole)
        flipped[at] ^= 0xFF
        for data in (whole[:at], bytes(flipped)):
            damaged.write_bytes(data)
            try:
                samples, rate = read_audio(damaged)
            except MediaError:
                continue
            assert 0 < len(samples) <= 30 * rate and np.abs(samples).max() <= 1 and np.isfinite(samples).all()
