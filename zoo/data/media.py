"""Readers of what strangers upload: pictures and sounds, judged by their headers before anything is decoded.

Only PNG, JPEG and WEBP, WAV, FLAC and OGG are opened, in this process, by Pillow and libsndfile. Sizes are read
from the first bytes by our own few lines, so that a small file that would unfold into gigabytes costs nothing.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

MAX_FILE_BYTES = 32 << 20
"""Size of an uploaded file, before anything else of it is looked at."""
MAX_FRAMES = 16
"""Frames of an animated picture; the first one is taken."""
MAX_SCANS = 50
"""Passes over its pixels that a JPEG may ask for, those of a thumbnail among them; progressive ones have about ten."""
MAX_FILL = 1024
"""Bytes between two parts of a JPEG's header that stand for nothing."""
MIN_RATE, MAX_RATE = 8_000, 48_000
"""Samples a second that a sound may have."""
_KINDS = ("PNG", "JPEG", "WEBP")
_CONTAINERS = ("WAV", "WAVEX", "FLAC", "OGG")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What undoes each orientation that EXIF tag 0x0112 can state."""
DAMAGED = (OSError, SyntaxError, ValueError, EOFError, struct.error, LookupError, TypeError, ArithmeticError)
"""What Pillow's decoders raise on damaged files."""


class InputError(ValueError):
    """What a person gave is refused; the message is meant for that person, as it is."""


class MediaError(InputError):
    """An uploaded file cannot be used; the message says what it is and what is allowed."""


def _open(path: str | os.PathLike[str]) -> IO[bytes]:
    path = Path(path)
    try:
        if not path.is_file():
            raise MediaError("there is no such file")
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise MediaError(f"the file has {size / 1e6:,.1f} MB; at most {MAX_FILE_BYTES / 1e6:.0f} MB are read")
        if size == 0:
            raise MediaError("the file is empty (0 bytes)")
        return open(path, "rb")
    except (OSError, ValueError) as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError("the file cannot be opened") from error


def _sizes(file: IO[bytes]) -> tuple[str, int, int]:
    """Format, width and height as the first bytes of a picture declare them. Decodes nothing."""
    head = file.read(32)
    try:
        if head.startswith(b"\x89PNG\r\n\x1a\n"):
            if head[12:16] != b"IHDR":
                raise MediaError("the PNG has no header")
            return "PNG", *struct.unpack(">II", head[16:24])
        if head.startswith(b"\xff\xd8\xff"):
            return "JPEG", *_jpeg_size(file)
        if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
            return "WEBP", *_webp_size(head)
    except struct.error as error:
        raise MediaError("the picture ends before its header does") from error
    raise MediaError("the file is no picture that is read here; PNG, JPEG and WEBP are allowed")


def _jpeg_size(file: IO[bytes]) -> tuple[int, int]:
    """Width and height of the first frame header (marker SOF0 to SOF15) of a JPEG."""
    file.seek(2)
    fill = 0
    for _ in range(1000):
        mark, kind = struct.unpack("BB", file.read(2))
        if mark != 0xFF:
            break
        while kind == 0xFF and fill < MAX_FILL:
            (kind,) = struct.unpack("B", file.read(1))
            fill += 1
        if kind == 0x01 or 0xD0 <= kind <= 0xD7:  # markers without a body
            continue
        (length,) = struct.unpack(">H", file.read(2))
        if 0xC0 <= kind <= 0xCF and kind not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack(">xHH", file.read(5))
            return width, height
        if kind in (0xD9, 0xDA, 0xFF) or length < 2:
            break
        file.seek(length - 2, os.SEEK_CUR)
    raise MediaError("the JPEG has no frame header")


def _check_scans(file: IO[bytes]) -> None:
    """Refuse a JPEG that would be gone over without end: a scan of all its pixels takes but a few bytes."""
    file.seek(0)
    scans, last = 0, b""
    while block := file.read(1 << 16):
        scans += (last + block).count(b"\xff\xda")
        if scans > MAX_SCANS:
            raise MediaError(f"the JPEG has more than {MAX_SCANS} scans; at most so many are allowed")
        last = block[-1:]


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height of a WEBP: of its canvas, or of the one frame it has."""
    kind, body = head[12:16], head[20:]
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack("<xI", body[:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        width, height = struct.unpack("<6xHH", body[:10])
        return width & 0x3FFF, height & 0x3FFF
    raise MediaError("the WEBP has no header")


def read_picture(path: str | os.PathLike[str], *, max_pixels: int = 4_000_000, opaque: bool = True) -> Image.Image:
    """Read an uploaded picture: mode "L" if it is grey, else "RGB"; upright, opaque (on white), 8 bits a channel.

    Without `opaque`, one that is transparent in places stays so, as "RGBA".

    PNG, JPEG and WEBP of at most `max_pixels` pixels and 16 frames (the first is taken). 16-bit values are scaled,
    CMYK and palettes converted, EXIF's rotation undone. Raises MediaError with what was found and what is allowed.
    """
    with _open(path) as file:
        return decode_picture(file, max_pixels=max_pixels, opaque=opaque)


def decode_picture(file: IO[bytes], *, max_pixels: int, opaque: bool = True) -> Image.Image:
    """The same from an open file or bytes in memory."""
    kind, width, height = _sizes(file)
    _check_pixels(width, height, max_pixels)
    if kind == "JPEG":
        _check_scans(file)
    file.seek(0)
    try:
        with Image.open(file, formats=_KINDS) as image:
            _check_pixels(*image.size, max_pixels)
            frames = getattr(image, "n_frames", 1)
            if frames > MAX_FRAMES:
                raise MediaError(f"the picture has {frames:,} frames; at most {MAX_FRAMES} are allowed")
            image.load()
            plain = image.convert("RGBA") if not opaque and image.has_transparency_data else _plain(image)
            return _upright(plain, _orientation(image))
    except Image.DecompressionBombError as error:
        raise MediaError("the picture unfolds to more than it declares") from error
    except DAMAGED as error:
        if isinstance(error, MediaError):
            raise
        raise MediaError(f"the {kind} cannot be decoded; it is damaged or cut short") from error


def _check_pixels(width: int, height: int, limit: int) -> None:
    if width < 1 or height < 1:
        raise MediaError(f"the picture declares {width} x {height} pixels")
    if width * height > limit:
        raise MediaError(
            f"the picture has {width:,} x {height:,} pixels ({width * height / 1e6:,.1f} megapixels); "
            f"at most {limit / 1e6:g} megapixels are allowed"
        )


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(0x0112, 1)
    except DAMAGED:
        return 1  # a damaged EXIF block says nothing about the pixels
    return found if isinstance(found, int) else 1


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TURNS[orientation]) if orientation in _TURNS else image


def _plain(image: Image.Image) -> Image.Image:
    """Any mode that the three formats can have -> "L" or "RGB", on white."""
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits a pixel, grey
        values = np.asarray(image).clip(0, 65535).astype(np.uint32)
        values += 128  # in place: the largest picture allowed has four million values
        values //= 257
        return Image.fromarray(values.astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("L" if image.mode in ("1", "L", "LA", "La") else "RGB", image.size, "white")
        image = image if image.mode == "RGBA" else image.convert("RGBA")
        white.paste(image, mask=image)
        return white
    return image.convert("L" if image.mode in ("1", "L") else "RGB")


def read_audio(path: str | os.PathLike[str], *, max_seconds: float = 30.0) -> tuple[np.ndarray, int]:
    """Read an uploaded sound -> waveform float32 (t,) in [-1, 1], the mean of its channels, and its sample rate.

    WAV, FLAC and OGG with 8 to 48 kHz, one or two channels and at most `max_seconds` by the header and by what
    is read. Louder floats are scaled down to a peak of 1. Raises MediaError with what was found and what is allowed.
    """
    import soundfile

    with _open(path) as file:
        head = file.read(12)
        wave = head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE"
        if not wave and head[:4] not in (b"fLaC", b"OggS"):
            raise MediaError("the file is no sound that is read here; WAV, FLAC and OGG are allowed")
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        try:  # by number, not by name: the ending ".raw" would make libsndfile believe anything
            with soundfile.SoundFile(file.fileno(), closefd=False) as sound:
                rate = _check_sound(sound, max_seconds)
                limit = int(max_seconds * rate)
                samples = sound.read(limit + 1, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, OSError, ValueError, TypeError) as error:
            if isinstance(error, MediaError):
                raise
            raise MediaError("the sound cannot be decoded; it is damaged, cut short or of an unknown kind") from error
    if len(samples) > limit:
        raise MediaError(f"the sound is longer than its header says; at most {max_seconds:g} seconds are allowed")
    if len(samples) == 0:
        raise MediaError("the sound has no samples (0 seconds)")
    if not np.isfinite(samples).all():
        raise MediaError("the sound holds values that are no numbers (NaN or infinite)")
    waveform = samples.mean(axis=1, dtype=np.float64)
    return (waveform / max(1.0, float(np.abs(waveform).max()))).astype(np.float32), rate


def _check_sound(sound: Any, max_seconds: float) -> int:
    if sound.format not in _CONTAINERS:
        raise MediaError(f"the sound is {sound.format}; WAV, FLAC and OGG are allowed")
    if not MIN_RATE <= sound.samplerate <= MAX_RATE:
        raise MediaError(
            f"the sound has {sound.samplerate:,} samples a second; {MIN_RATE:,} to {MAX_RATE:,} are allowed"
        )
    if sound.channels > 2:
        raise MediaError(f"the sound has {sound.channels} channels; one or two are allowed")
    seconds = sound.frames / sound.samplerate
    if seconds > max_seconds:
        raise MediaError(f"the sound lasts {seconds:,.1f} seconds; at most {max_seconds:g} are allowed")
    return int(sound.samplerate)
