"""Row R14: pictures and sounds made to do harm, each read rightly or refused with a reason, at little cost.

Each file is read by a process forked for it, which measures itself: memory and time of the processor from the reader's
first line to its last, and every program that it would start.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import resource
import signal
import struct
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image

from tests.faults.rows import Found
from tests.peak import peak

ROOT = Path(__file__).parents[2]
MEGABYTES, SECONDS = 64, 0.5
_HANGS = 30
"""Seconds of the clock after which a file is given up."""
_STARTS = (
    "subprocess.Popen", "os.posix_spawn", "os.fork", "os.forkpty", "os.exec", "os.system", "os.spawn", "socket.connect",
)  # fmt: skip
RED, RATE = (200, 30, 40), 8000


@dataclass(frozen=True)
class Case:
    """A file, and what must come of it: values that are within `off` of these, or (a str) a reason that matches."""

    name: str
    data: bytes
    right: np.ndarray | str
    off: float = 0.0
    or_refused: bool = False
    """Whether a refusal is as good."""


# Pictures


def noise(width: int, height: int, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


def plain(width: int, height: int, colour: Any = RED, mode: str = "RGB") -> np.ndarray:
    return np.asarray(Image.new(mode, (width, height), colour))


def saved(image: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(width: int, height: int, rows: bytes, *, bits: int = 8, colour: int = 2, before: bytes = b"") -> bytes:
    """A PNG by hand: its header may promise what it does not hold, and there may be other chunks before the pixels."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def squeezed(size: int) -> bytes:
    """So many zeros, deflated."""
    packer, found = zlib.compressobj(9), io.BytesIO()
    for _ in range(size >> 20):
        found.write(packer.compress(bytes(1 << 20)))
    found.write(packer.flush())
    return found.getvalue()


def resized_jpeg(data: bytes, width: int, height: int) -> bytes:
    """The same with another size in its header."""
    at = re.search(rb"\xff[\xc0\xc2]\x00", data)
    assert at is not None
    return data[: at.start() + 5] + struct.pack(">HH", height, width) + data[at.start() + 9 :]


def scans(data: bytes, times: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each is a pass over all its pixels."""
    at = data.rindex(b"\xff\xda")
    return data[:at] + data[at:-2] * times + b"\xff\xd9"


def webp_canvas(width: int, height: int, body: bytes = b"") -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size + body
    return b"RIFF" + struct.pack("<I", len(parts) + 4) + b"WEBP" + parts


def exif(orientation: int) -> Image.Exif:
    found = Image.Exif()
    found[0x0112] = orientation
    return found


def zipped(size: int) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(size))
    return file.getvalue()


_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{f"&{chr(97 + i)};" * 10}">' for i in range(9))
    + ']><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text>&j;</text>'
    '<image href="file:///etc/passwd"/></svg>'
).encode()  # fmt: skip
_SCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(%pipe%touch struck) (w) file\nshowpage\n"
_KINDS = "PNG, JPEG and WEBP are allowed"
_MEGAPIXELS = "at most 4 megapixels are allowed"
_FRAMES = "20 frames; at most 16 are allowed"
_DAMAGED = "cannot be decoded; it is damaged or cut short"


def pictures() -> list[Case]:
    """Made anew each time: none of them is kept in the repository."""
    small, photo = noise(64, 48), np.asarray(Image.fromarray(noise(8, 6)).resize((64, 48)))
    grey, turned = noise(40, 30, 1), np.rot90(noise(40, 30, 1), 1)
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, 0, 0, 0])
    palette.putpixel((1, 0), 1)
    clear = np.dstack([noise(30, 20), np.zeros((20, 30), np.uint8)])
    sixteen = np.arange(400 * 2, dtype=np.uint16).reshape(20, 40) * 80
    row = noise(8, 1)
    wide = (b"\0" + (row.astype(">u2") * 257).astype(">u2").tobytes()) * 4  # RGB of 16 bits
    frames = [Image.new("RGB", (8, 8), (i * 10, 0, 0)) for i in range(20)]
    whole = saved(small, "PNG")
    large = noise(2000, 2000)
    flat = saved(Image.new("L", (2000, 2000), 99), "JPEG", progressive=True)
    rows = zlib.compress(b"".join(b"\0" + line.tobytes() for line in small))
    white_page = np.full((20, 30, 3), 255, np.uint8)
    return [
        Case("plain.png", whole, small),
        Case("plain.jpg", saved(photo, "JPEG", quality=95), photo, 40),
        Case("lossless.webp", saved(small, "WEBP", lossless=True), small),
        Case("lossy.webp", saved(photo, "WEBP", quality=95), photo, 60),
        Case("cmyk.jpg", saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "JPEG"), plain(16, 16, (0, 255, 255)), 14),
        Case("palette.png", saved(palette, "PNG"), np.array([[RED, (0, 0, 0)]], np.uint8)),
        Case("palette_clear.png", saved(palette, "PNG", transparency=1), np.array([[RED, (255,) * 3]], np.uint8)),
        Case("one_bit.png", saved(Image.fromarray(grey > 128), "PNG"), np.where(grey > 128, 255, 0)),
        Case("sixteen_bits.png", saved(sixteen, "PNG"), np.round(sixteen / 257), 1),
        Case("sixteen_bits_rgb.png", png(8, 4, zlib.compress(wide), bits=16), np.repeat(row, 4, axis=0), 1),
        Case("invisible.png", saved(clear, "PNG"), white_page),
        Case("grey_alpha.png", saved(Image.new("LA", (9, 9), (0, 128)), "PNG"), np.full((9, 9), 127), 1),
        Case("turned.png", saved(turned, "PNG", exif=exif(6)), grey),
        Case("turned_by_99.jpg", saved(photo, "JPEG", quality=95, exif=exif(99)), photo, 40),
        Case("damaged_exif.png", saved(small, "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff"), small),
        Case("endless_exif.jpg", saved(photo, "JPEG", quality=95, exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0"
             b"\xff\xff\xff\x7f\x08\0\0\0\x08\0\0\0"), photo, 40),
        Case("animated.webp", saved(frames[3], "WEBP", save_all=True, append_images=frames[4:7], lossless=True),
             plain(8, 8, (30, 0, 0))),
        Case("many_frames.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:]), _FRAMES),
        Case("many_frames.webp", saved(frames[0], "WEBP", save_all=True, append_images=frames[1:]), _FRAMES),
        Case("largest.png", saved(large, "PNG", compress_level=1), large),
        Case("largest_grey_16.png", saved(Image.new("I;16", (2000, 2000), 257 * 50), "PNG", compress_level=1),
             np.full((2000, 2000), 50)),
        Case("largest_alpha.png", saved(Image.new("RGBA", (2000, 2000), (*RED, 255)), "PNG", compress_level=1),
             plain(2000, 2000)),
        Case("largest_turned.jpg", saved(Image.new("RGB", (2000, 2000), RED), "JPEG", exif=exif(5)),
             plain(2000, 2000), 4),
        Case("largest_cmyk.jpg", saved(Image.new("CMYK", (2000, 2000), (0, 0, 0, 0)), "JPEG"),
             plain(2000, 2000, (255,) * 3), 4),
        Case("largest.webp", saved(Image.new("RGBA", (2000, 2000), (*RED, 255)), "WEBP", lossless=True, method=0),
             plain(2000, 2000)),
        Case("declared.png", png(2**31 - 1, 2**31 - 1, b""), _MEGAPIXELS),
        Case("unfolds.png", png(20_000, 20_000, squeezed(50 << 20), bits=1, colour=0), _MEGAPIXELS),
        Case("declared.jpg", resized_jpeg(saved(photo, "JPEG"), 65_000, 65_000), _MEGAPIXELS),
        Case("longer.jpg", resized_jpeg(saved(photo, "JPEG"), 2000, 2000), _DAMAGED, or_refused=True),
        Case("many_scans.jpg", scans(flat, 2000), np.full((2000, 2000), 99), 2, or_refused=True),
        Case("most_scans.jpg", scans(flat, 40), np.full((2000, 2000), 99), 2),
        Case("largest_progressive.jpg", saved(large, "JPEG", quality=95, progressive=True), large, 255),
        Case("canvas.webp", webp_canvas(16_384, 16_384), _MEGAPIXELS),
        Case("small_canvas.webp", webp_canvas(8, 8, saved(large[:64], "WEBP")[12:]), _DAMAGED),
        Case("words_unfold.png", png(64, 48, rows, before=chunk(b"zTXt", b"a\0\0" + squeezed(200 << 20))), small,
             or_refused=True),
        Case("profile_unfolds.png", png(64, 48, rows, before=chunk(b"iCCP", b"a\0\0" + squeezed(200 << 20))), small,
             or_refused=True),
        Case("pixels_without_end.png", png(64, 48, squeezed(200 << 20)), np.zeros((48, 64, 3))),
        Case("cut.png", whole[: len(whole) // 2], _DAMAGED),
        Case("cut.jpg", saved(photo, "JPEG")[:400], "damaged or cut short|no frame header|ends before"),
        Case("cut.webp", saved(small, "WEBP", lossless=True)[:900], _DAMAGED),
        Case("flipped.png", whole[:300] + bytes([whole[300] ^ 255]) + whole[301:], _DAMAGED),
        Case("padding.jpg", b"\xff\xd8" + b"\xff" * (8 << 20), "no frame header|ends before"),
        Case("picture.gif.png", saved(frames[0], "GIF"), _KINDS),
        Case("drawing.svg", _LAUGHS, _KINDS),
        Case("drawing.eps", _SCRIPT, _KINDS),
        Case("program.jpg", _SCRIPT, _KINDS),
        Case("many_pages.tif", saved(frames[0], "TIFF", save_all=True, append_images=frames[1:]), _KINDS),
        Case("zip_bomb.png", zipped(100 << 20), _KINDS),
        Case("page.html.png", b"<html><script>alert(1)</script></html>", _KINDS),
        Case("with_an_archive.png", whole + zipped(1000), small),
        Case("with_a_script.png", whole[:33] + chunk(b"tEXt", b"a\0<script>alert(1)</script>") + whole[33:], small),
        Case("nothing.png", b"", "empty"),
        Case("zeros.png", bytes(1 << 20), _KINDS),
    ]  # fmt: skip


# Sounds


def tone(seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(np.arange(int(seconds * rate)) * 0.3)).astype(np.float32)


def sound(samples: np.ndarray, rate: int = RATE, kind: str = "WAV", subtype: str | None = None) -> bytes:
    file = io.BytesIO()
    channels = samples.shape[1] if samples.ndim > 1 else 1
    with soundfile.SoundFile(file, "w", rate, channels, subtype, format=kind) as made:
        for at in range(0, len(samples), rate):  # libsndfile's Vorbis dies of a minute at once
            made.write(samples[at : at + rate])
    return file.getvalue()


def wave(
    samples: bytes, *, channels: int = 1, rate: int = RATE, bits: int = 16, tag: int = 1, length: int | None = None,
) -> bytes:  # fmt: skip
    """A WAV by hand, whose header may say anything."""
    frame = min(65_535, max(1, channels * bits // 8))
    layout = struct.pack("<HHIIHH", tag, channels, rate, (rate * frame) & 0xFFFFFFFF, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", 16) + layout
    body += b"data" + struct.pack("<I", len(samples) if length is None else length) + samples
    return b"RIFF" + struct.pack("<I", min(0xFFFFFFFF, len(body))) + body


def without_total(data: bytes) -> bytes:
    """A FLAC whose header does not say how many samples there are."""
    return data[:21] + bytes([data[21] & 0xF0]) + bytes(4) + data[26:]


_SOUNDS = "WAV, FLAC and OGG are allowed"
_UNDECODED = "cannot be decoded; it is damaged"


def sounds() -> list[Case]:
    mono = tone()
    pcm = (mono * 32767).astype("<i2").tobytes()
    both = np.stack([np.full(4000, 0.5), np.full(4000, -0.25)], axis=1)
    spoiled = {value: np.where(np.arange(4000) == 7, value, mono).astype(np.float32) for value in (np.nan, np.inf)}
    long = np.zeros(600 * RATE, np.int16)
    wide = np.full((30 * 48_000, 2), 0.25, np.float32)
    rf64 = b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, 2**60, 2**60, 2**59, 0)
    rf64 += b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, RATE, 2 * RATE, 2, 16) + b"data\xff\xff\xff\xff" + pcm
    return [
        Case("plain.wav", sound(mono), mono, 1e-4),
        Case("float.wav", sound(mono, subtype="FLOAT"), mono),
        Case("24_bits.wav", sound(mono, subtype="PCM_24"), mono, 1e-6),
        Case("ulaw.wav", sound(mono, subtype="ULAW"), mono, 0.02),
        Case("plain.flac", sound(mono, kind="FLAC"), mono, 1e-4),
        Case("plain.ogg", sound(mono, kind="OGG"), mono, 0.3),
        Case("both.wav", sound(both, subtype="FLOAT"), np.full(4000, 0.125)),
        Case("loud.wav", sound(40 * mono, subtype="FLOAT"), mono / np.abs(mono).max(), 1e-5),
        Case("longest.wav", sound(wide, 48_000, subtype="FLOAT"), np.full(30 * 48_000, 0.25)),
        Case("no_number.wav", sound(spoiled[np.nan], subtype="FLOAT"), "no numbers"),
        Case("infinite.wav", sound(spoiled[np.inf], subtype="DOUBLE"), "no numbers"),
        Case("slow.wav", wave(pcm, rate=1), "1 samples a second; 8,000 to 48,000 are allowed"),
        Case("fast.wav", wave(pcm, rate=2**31 - 1), "samples a second; 8,000 to 48,000 are allowed|" + _UNDECODED),
        Case("no_rate.wav", wave(pcm, rate=0), "0 samples a second|" + _UNDECODED),
        Case("many_channels.wav", wave(pcm * 20, channels=1000), "1000 channels; one or two|" + _UNDECODED),
        Case("most_channels.wav", wave(pcm * 20, channels=65_535), "channels; one or two|" + _UNDECODED),
        Case("promised.wav", wave(pcm, length=0xFFFFFFF0), mono, 1e-4),
        Case("promised.rf64.wav", rf64, mono, 1e-4, or_refused=True),
        Case("too_long.flac", sound(long, kind="FLAC"), "600.0 seconds; at most 30 are allowed"),
        Case("longer_than_it_says.flac", without_total(sound(long, kind="FLAC")), f"at most 30|longer|{_UNDECODED}"),
        Case("too_long.ogg", sound(long, kind="OGG"), "600.0 seconds; at most 30 are allowed"),
        Case("none.wav", wave(b""), "no samples"),
        Case("cut.flac", sound(mono, kind="FLAC")[:900], mono, or_refused=True),
        Case("no_bits.wav", wave(pcm, bits=0), _UNDECODED + "|allowed"),
        Case("mp3_in_it.wav", wave(pcm, tag=0x55), _UNDECODED + "|allowed"),
        Case("song.mp3", sound(mono, kind="MP3"), _SOUNDS),
        Case("song.aiff", sound(mono, kind="AIFF"), _SOUNDS),
        Case("list.m3u8", b"#EXTM3U\n#EXT-X-BYTERANGE:0\nfile:///etc/passwd\n", _SOUNDS),
        Case("film.webm", b"\x1aE\xdf\xa3" + bytes(5000), _SOUNDS),
        Case("with_an_archive.wav", sound(mono) + zipped(1000), mono, 1e-4),
        Case("zip_bomb.wav", zipped(100 << 20), _SOUNDS),
        Case("nothing.wav", b"", "empty"),
    ]  # fmt: skip


# One process for each


def _measured(path: Path, reader: Callable[[Path], Any]) -> dict[str, Any]:
    """Read a file in this process, which is there for it alone; values go to `path`.npy."""
    started: list[str] = []
    sys.addaudithook(lambda event, arguments: started.append(f"{event} {arguments}") if event in _STARTS else None)
    signal.alarm(_HANGS)
    before, held = resource.getrusage(resource.RUSAGE_SELF), peak()
    said, found = "", None
    try:
        found = reader(path)
    except ValueError as error:
        said = f"{type(error).__name__}: {error}"
    except BaseException as error:  # noqa: BLE001 every other is a fault of the reader
        said = f"wrongly {type(error).__name__}: {error}"
    after = resource.getrusage(resource.RUSAGE_SELF)
    if found is not None:
        np.save(f"{path}.npy", np.asarray(found))
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"said": said, "started": started, "megabytes": peak() - held, "seconds": seconds}


def _child(folder: Path) -> None:
    """Read every file of the folder, each in a fork of this process, and print what is to be known of it."""
    from zoo.data.media import read_audio, read_picture

    readers: dict[str, Callable[[Path], Any]] = {
        "pictures": read_picture,
        "sounds": lambda path: read_audio(path)[0],
    }
    for name in ("plain.png", "plain.jpg", "lossy.webp"):  # what is loaded with the first of a kind
        np.asarray(read_picture(folder / "pictures" / name))
    for name in ("plain.wav", "plain.flac", "plain.ogg"):
        read_audio(folder / "sounds" / name)
    for place, reader in readers.items():
        for path in sorted((folder / place).iterdir()):
            inward, outward = os.pipe()
            if not (process := os.fork()):
                os.write(outward, json.dumps(_measured(path, reader)).encode()[:60_000])
                os._exit(0)
            os.close(outward)
            with open(inward, "rb") as file:
                said = file.read()
            _, status = os.waitpid(process, 0)
            line = {"file": f"{place}/{path.name}", "status": status, **json.loads(said or b"{}")}
            print(json.dumps(line), flush=True)


def _fault(case: Case, found: dict[str, Any], values: Path) -> str:
    """What is wrong with what came of a case; "" for nothing."""
    if found["status"]:
        hung = found["status"] == signal.SIGALRM
        return f"it took more than {_HANGS} s" if hung else f"the process died: status {found['status']}"
    if found["started"]:
        return f"it started {found['started'][:3]}"
    if found["megabytes"] > MEGABYTES:
        return f"it took {found['megabytes']:.0f} MB"
    if found["seconds"] > SECONDS:
        return f"it took {found['seconds']:.2f} s"
    said = found["said"]
    if said:
        if not said.startswith("MediaError: ") or len(said) > 500 or str(values.parent) in said:
            return f"{said[:300]!r} is no reason for a person"
        wanted = case.right if isinstance(case.right, str) else "" if case.or_refused else None
        return "" if wanted is not None and re.search(wanted, said) else f"it was refused: {said!r}"
    if isinstance(case.right, str):
        return "" if case.or_refused else f"it was read; expected: {case.right}"
    array = np.load(values)
    if array.shape != case.right.shape:
        if case.or_refused and array.ndim == 1:  # what there was of a sound that is cut
            return "" if np.allclose(array, case.right[: len(array)], atol=1e-4) else "its beginning is wrong"
        return f"it came out as {array.shape}, not {case.right.shape}"
    off = np.abs(array.astype(np.float64) - case.right).max()
    return "" if off <= case.off + 1e-6 else f"it came out wrong, by {off:g}"


def read(folder: Path, rng: random.Random) -> Found:
    """Make the files, have them read, and compare."""
    cases = {f"pictures/{case.name}": case for case in pictures()} | {f"sounds/{case.name}": case for case in sounds()}
    for place, case in cases.items():
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / place).write_bytes(case.data)
    command = [sys.executable, "-m", "tests.faults.media", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    found = {line["file"]: line for line in map(json.loads, done.stdout.splitlines())}
    failures = [f"{place}: nothing is known of it: {done.stderr[-500:]}" for place in cases.keys() - found.keys()]
    for place, case in cases.items():
        if place in found and (fault := _fault(case, found[place], folder / f"{place}.npy")):
            failures.append(f"{place}: {fault}")
    lines = [line for line in found.values() if "seconds" in line]
    most = {key: max((line[key], line["file"]) for line in lines) for key in ("megabytes", "seconds")}
    refused = sum(bool(line["said"]) for line in lines)
    figure = (
        f"{len(cases) - len(failures)} of {len(cases)} right ({len(lines) - refused} read, {refused} refused with a "
        f"reason); +{most['megabytes'][0]:.0f} MB and {most['seconds'][0]:.2f} s at most; "
        f"{sum(len(line['started']) for line in lines)} subprocesses"
    )
    return Found(figure, failures, {"most": most, "said": {line["file"]: line["said"] for line in lines}})


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
