"""The memory of a decode is estimated before it begins, and stays within the figures of operations.md."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from app.media.convert import FORMATS, convert
from app.media.decode_memory import DECODE_BYTES, MIB, bytes_to_decode
from app.media.image_info import UnreadableError
from app.media.pictures import decode_image
from tests.support.processes import ROOT, base_env

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
MEASURE = (
    "import sys; from app.media.inspect_in_subprocess import main; code = main(*sys.argv[1:]);"
    "print('\\npeak', code, open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"
)


def written(mode: str, pixels: float, form: str, **options: object) -> bytes:
    """Returns an image of one colour, which is small as a file."""
    side, file = int(pixels**0.5), io.BytesIO()
    Image.new(mode, (side, side)).save(file, form, **options)
    return file.getvalue()


def peak_of(path: Path, content_type: str) -> tuple[int, int]:
    """Returns the status and the peak in bytes of the process that decodes the image."""
    arguments = [sys.executable, "-c", MEASURE, str(path), content_type, "image", "50000000"]
    done = subprocess.run(arguments, cwd=ROOT, env=base_env(), capture_output=True, check=True)
    code, peak = done.stdout.rsplit(b"peak ", 1)[1].split()
    return int(code), int(peak) * 1024


LARGEST = {
    "RGB": lambda: (written("RGB", 49.9e6, "PNG"), "image/png"),
    "RGBA": lambda: (written("RGBA", 49.9e6, "PNG"), "image/png"),
    "LA": lambda: (written("LA", 49.9e6, "PNG"), "image/png"),
    "palette": lambda: (written("P", 49.9e6, "PNG"), "image/png"),
    "bits": lambda: (written("1", 49.9e6, "PNG"), "image/png"),
    "gif": lambda: (written("P", 49.9e6, "GIF"), "image/gif"),
    "webp": lambda: (written("RGB", 13e6, "WEBP", lossless=True, method=0), "image/webp"),
    "jpeg": lambda: (written("RGB", 49.9e6, "JPEG"), "image/jpeg"),
    "progressive": lambda: (written("RGB", 34e6, "JPEG", progressive=True, subsampling=0), "image/jpeg"),
    "heic": lambda: (written("RGB", 24.5e6, "HEIF", quality=30), "image/heic"),
    "heic with opacity": lambda: (written("RGBA", 10.5e6, "HEIF", quality=30), "image/heic"),
    "avif": lambda: (written("RGB", 22e6, "AVIF", speed=10), "image/avif"),
    "avif with opacity": lambda: (written("RGBA", 10e6, "AVIF", speed=10), "image/avif"),
}


@needs_linux
@pytest.mark.parametrize("kind", LARGEST)
def test_largest_images_stay_within_the_documented_memory(tmp_path: Path, kind: str) -> None:
    data, content_type = LARGEST[kind]()
    (tmp_path / "image").write_bytes(data)
    code, peak = peak_of(tmp_path / "image", content_type)
    documented = int(re.findall(r"decode takes at most (\d+) MiB", (ROOT / "docs/operations.md").read_text())[0]) * MIB
    estimated = bytes_to_decode(Image.open(io.BytesIO(data)))
    assert code == 0
    assert peak <= documented
    assert peak <= estimated + 40 * MIB, "Python and the decoders take less than 40 MiB"
    if estimated > 0.95 * DECODE_BYTES:
        assert peak > 0.8 * documented, "the documented figure is far above the measured one"


TOO_LARGE = {
    "webp": lambda: written("RGB", 20e6, "WEBP", lossless=True, method=0),
    "progressive": lambda: written("CMYK", 40e6, "JPEG", progressive=True),
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_image_that_needs_more_is_refused_before_it_is_decoded(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    data = TOO_LARGE[kind]()

    def load(_image: Image.Image) -> None:
        raise AssertionError("it was decoded")

    monkeypatch.setattr("app.media.pictures.image_info_of", load)
    with pytest.raises(UnreadableError) as caught:
        decode_image(data, max_pixels=50_000_000)
    assert caught.value.code == "too_large"


@pytest.mark.parametrize("content_type", FORMATS)
def test_picture_that_needs_more_is_refused_before_it_is_converted(
    content_type: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = written("RGBA", 1e6, FORMATS[content_type])
    monkeypatch.setattr("app.media.pictures.DECODE_BYTES", 13 * 1_000_000)
    monkeypatch.setattr("app.media.convert._written", lambda _image: pytest.fail("it was decoded"))
    with pytest.raises(UnreadableError) as caught:
        convert(data, content_type, max_pixels=50_000_000)
    assert caught.value.code == "too_large"


@needs_linux
def test_kernel_bounds_a_decode_whose_header_shows_less(tmp_path: Path) -> None:
    code = (
        "from app.media.decode_memory import PROCESS_BYTES, limit_memory; limit_memory();"
        "print(open('/proc/self/oom_score_adj').read().strip()); bytes(PROCESS_BYTES)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=base_env(), capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"1000\n", 1)
    assert b"MemoryError" in done.stderr


@needs_linux
def test_second_large_decode_waits_for_the_first(tmp_path: Path) -> None:
    code = (
        "import sys; from app.media.decode_memory import SMALL_BYTES, turn\n"
        "with turn(SMALL_BYTES + 1):\n print('decodes', flush=True); sys.stdin.read()"
    )

    def start() -> subprocess.Popen[bytes]:
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=base_env(TMPDIR=str(tmp_path)), **pipes)  # type: ignore[call-overload, no-any-return]

    with start() as first:
        assert first.stdout
        assert first.stdout.readline() == b"decodes\n"
        with start() as second:
            assert second.stdout
            first.kill()  # a killed decode gives up its turn, too
            assert second.stdout.readline() == b"decodes\n"
            second.kill()
