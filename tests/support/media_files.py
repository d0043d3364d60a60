"""Small media of every kind, generated here, with a GPS position in the kinds that cameras put one into."""

from __future__ import annotations

import array
import io
import math
import struct
import wave
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from PIL import Image

ORIENTATION, GPS = 0x0112, 0x8825
SECRET = b"54.3210N secret"


def picture(width: int = 64, height: int = 48, seed: int = 1) -> Image.Image:
    """Returns a picture that differs for every seed."""
    image = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (image, image.rotate(180), Image.new("L", (width, height), seed % 256)))


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[ORIENTATION] = orientation
    block[0x010F] = "Secret Camera"
    block[GPS] = {1: "N", 2: (54.0, 19.0, 15.0), 3: "E", 4: (10.0, 8.0, 0.0)}
    return block


def image_bytes(form: str = "JPEG", *, size: tuple[int, int] = (64, 48), orientation: int = 1, **more: Any) -> bytes:
    written = io.BytesIO()
    picture(*size).save(written, form, exif=exif(orientation), **more)
    return written.getvalue()


def heavy_jpeg(megabytes: float, seed: int = 1) -> bytes:
    """Returns a valid photo of about this many megabytes.

    The noise is in the pixels, because noise elsewhere would be stripped.
    """
    side = int(math.sqrt(megabytes * 1_000_000 / 0.6))
    noise = Image.effect_noise((side, side), 100 + seed % 50)
    written = io.BytesIO()
    noise.convert("RGB").save(written, "JPEG", quality=92)
    return written.getvalue()


def video_bytes(
    directory: Path, *, seconds: float = 1.0, size: tuple[int, int] = (64, 48), secret: bool = False,
    pixel: Fraction | None = None,
) -> bytes:  # fmt: skip
    """``pixel`` is the sample aspect ratio: the shape of a stored pixel."""
    path = directory / "made.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        if pixel is not None:
            stream.sample_aspect_ratio = pixel
        for n in range(int(seconds * 10)):
            container.mux(stream.encode(av.VideoFrame.from_image(picture(*size, seed=n * 20))))
        container.mux(stream.encode(None))
        if secret:
            container.metadata["comment"] = SECRET.decode()
    return path.read_bytes()


def sound_bytes(directory: Path, *, seconds: float = 1.0, form: str = "webm") -> bytes:
    """Silence that becomes loud."""
    rate = 48_000
    path = directory / f"made.{form}"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=rate, layout="mono")
        for n in range(int(seconds * rate / 960)):
            loudness = 20_000 * n * 960 / (seconds * rate)
            samples = [int(loudness * math.sin((n * 960 + k) / 20)) for k in range(960)]
            frame = av.AudioFrame(format="s16", layout="mono", samples=960)
            frame.planes[0].update(array.array("h", samples).tobytes())
            frame.sample_rate, frame.pts, frame.time_base = rate, n * 960, Fraction(1, rate)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def wav_bytes(seconds: float = 1.0, rate: int = 8000) -> bytes:
    written = io.BytesIO()
    with wave.open(written, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(struct.pack("<h", n % 1000) for n in range(int(seconds * rate))))
    return written.getvalue()


def bomb_png(width: int = 60_000, height: int = 60_000) -> bytes:
    """Returns few bytes that claim to decode to many gigabytes."""
    import zlib

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
