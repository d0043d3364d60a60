"""Sound and video, read by FFmpeg's libraries (PyAV) in a worker: how long, how large, a poster, a waveform.

Memory: one decoded frame, and one number for each hundredth of a second of sound.
"""

from __future__ import annotations

import array
from typing import NamedTuple

import av
import av.error
from av.container import InputContainer
from PIL import Image

from app.media.image_info import ImageInfo, UnreadableError
from app.media.image_size import Size
from app.media.pictures import image_info_of

POINTS = 64
SAMPLE_RATE = 8000
STEP = SAMPLE_RATE // 100
# A recording of four hours of silence takes a megabyte: its end need not be looked at.
MAX_STEPS = 4 * 3600 * 100
_FAULTS = (av.error.FFmpegError, ValueError, IndexError, MemoryError, OverflowError)


class Recording(NamedTuple):
    """``seconds`` to the millisecond. ``looks``: of a video, with its poster. ``waveform``: 64 numbers of 0 to 100."""

    seconds: float | None
    looks: ImageInfo | None
    waveform: list[int] | None


def play(path: str, *, max_pixels: int) -> Recording:
    """Raise UnreadableError where there is neither picture nor sound in it."""
    try:
        with av.open(path, metadata_errors="ignore") as container:
            assert isinstance(container, InputContainer)  # noqa: S101 - for mypy: opened to be read
            looks = _poster(container, max_pixels) if container.streams.video else None
            seconds = _seconds(container)
        if looks is not None:
            return Recording(seconds, looks, None)
        levels = _levels(path)
    except UnreadableError:
        raise
    except _FAULTS as error:
        raise UnreadableError("unreadable") from error
    if not levels:
        raise UnreadableError("unreadable")
    # A recording that was written while it was made does not say how long it is.
    return Recording(seconds or round(len(levels) * STEP / SAMPLE_RATE, 3), None, _points(levels))


def _seconds(container: InputContainer) -> float | None:
    return round(container.duration / 1_000_000, 3) if container.duration and container.duration > 0 else None


def _poster(container: InputContainer, max_pixels: int) -> ImageInfo | None:
    """Of the first picture. None where there is only a cover picture to a sound."""
    stream = container.streams.video[0]
    if stream.disposition & av.stream.Disposition.attached_pic:
        return None
    if stream.width * stream.height > max_pixels:
        raise UnreadableError("too_large")
    stream.thread_type = "NONE"
    for frame in container.decode(stream):
        looks = image_info_of(_upright(frame))
        return looks._replace(size=Size(*_turned(frame.width, frame.height, frame.rotation)))
    raise UnreadableError("unreadable")


def _turned(width: int, height: int, degrees: int) -> tuple[int, int]:
    return (height, width) if degrees % 180 == 90 else (width, height)


def _upright(frame: av.VideoFrame) -> Image.Image:
    image: Image.Image = frame.to_image()  # type: ignore[no-untyped-call]
    return image.rotate(frame.rotation, expand=True) if frame.rotation % 360 else image


def _levels(path: str) -> array.array[int]:
    """The loudest sample of each hundredth of a second, 0 to 32768."""
    levels = array.array("H")
    with av.open(path, metadata_errors="ignore") as container:
        assert isinstance(container, InputContainer)  # noqa: S101 - for mypy: opened to be read
        if not container.streams.audio:
            return levels
        resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE, frame_size=STEP)
        for frame in container.decode(container.streams.audio[0]):
            for part in resampler.resample(frame):
                samples = array.array("h", bytes(part.planes[0])[: part.samples * 2])
                levels.append(min(32768, max(*samples, -min(samples))))
            if len(levels) >= MAX_STEPS:
                break
    return levels


def _points(levels: array.array[int]) -> list[int]:
    """Each point the loudest of its part, the loudest of all 100."""
    loudest = max(levels) or 1
    count = len(levels)
    parts = (
        levels[count * n // POINTS : max(count * (n + 1) // POINTS, count * n // POINTS + 1)] for n in range(POINTS)
    )
    return [round(100 * max(part) / loudest) for part in parts]
