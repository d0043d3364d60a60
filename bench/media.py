"""``python -m bench.media`` measures how much media slow down chat.

A 30 MB video and ten 5 MB photos go to a group of 50 while 50 pairs chat at the fixed rate of P3. The run compares that
with the same chat without media, on one stack. Media are stored in a local directory instead of Cloudinary; the worker
does everything else as in production.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from pathlib import Path

import msgspec

from bench import scenarios
from bench.ledger import Ledger, Pair
from bench.loop import BenchError, Connection, Loop
from bench.one_stack import one_stack, save
from bench.procfs import rss_kib, trees
from bench.systems import Parley, System
from bench.websocket import WebSocketConnection

PAIRS, RATE = 50, 200.0
MEMBERS = 50
PHOTOS, PHOTO_MB, VIDEO_MB = 10, 5, 30
AT_ONCE = 3  # concurrent uploads
PIECE = 256 * 1024
ALL_THERE_SECONDS = 120.0
MUST_RATIO, MUST_MIB = 1.5, 30.0
USERS = 2 * PAIRS + MEMBERS + 1  # the last one is not a member


class MediaParley(Parley):
    """Runs as development, so that media are stored locally. Its other settings are those of the other scenarios."""


class _Attachment(msgspec.Struct, rename="camel"):
    media_id: str
    status: str


class _Data(msgspec.Struct, rename="camel"):
    id: str | None = None
    attachments: list[_Attachment] = []
    media_id: str = ""
    code: str = ""


class _Event(msgspec.Struct):
    event: str
    data: _Data


_decode = msgspec.json.Decoder(_Event).decode


class Member(WebSocketConnection):
    """A member of the group; records which media its messages show as ready."""

    __slots__ = ("crowd", "ready")

    def __init__(self, loop: Loop, address: tuple[str, int], token: str, crowd: Crowd) -> None:
        super().__init__(loop, address, "/ws", f"Authorization: Bearer {token}\r\n")
        self.crowd = crowd
        self.ready: set[str] = set()

    def on_ready(self) -> None:
        self.send_text(b'{"event":"join","data":{}}')

    def on_text(self, payload: bytes) -> None:
        event = _decode(payload)
        if event.event == "joined":
            self.crowd.ready_sessions += 1
        elif event.event in ("media_failed", "error"):
            raise BenchError(f"{event.event}: {payload[:300]!r}")
        elif event.event in ("receive_message", "message_updated"):
            self.ready |= {a.media_id for a in event.data.attachments if a.status == "ready"}


class Crowd:
    def __init__(self) -> None:
        self.ready_sessions = 0
        self.members: list[Member] = []
        self.named: list[str] = []
        self.expected = 0

    def all_there(self) -> bool:
        """Returns whether every member sees every medium as ready, in the message that names it."""
        everything = set(self.named)
        return len(everything) == self.expected and all(everything <= member.ready for member in self.members)


class Upload(Connection):
    """Uploads each file of the queue, then sends a message that names it. Reads files as fast as the server does."""

    __slots__ = ("crowd", "file", "group", "queue", "rest", "state", "token")

    def __init__(self, loop: Loop, address: tuple[str, int], token: str, group: int, queue: list[Path], crowd: Crowd):
        super().__init__(loop, address)
        self.token, self.group, self.queue, self.crowd = token, group, queue, crowd
        self.file: io.BufferedReader | None = None
        self.rest = b""

    def on_open(self) -> None:
        self.next_file()

    def next_file(self) -> None:
        if not self.queue:
            self.close()
            return
        path = self.queue.pop(0)
        self.file = path.open("rb")
        kind = "video/quicktime" if path.suffix == ".mov" else "image/jpeg"
        head = (
            f'--b\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
            f"Content-Type: {kind}\r\n\r\n"
        ).encode()
        size = len(head) + path.stat().st_size + len(b"\r\n--b--\r\n")
        self.state = "upload"
        self.request(f"/api/v1/media?conversationId={self.group}", "multipart/form-data; boundary=b", size, head)

    def request(self, path: str, content_type: str, size: int, body: bytes) -> None:
        lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Authorization: Bearer {self.token}"]
        lines += [f"Content-Type: {content_type}", f"Content-Length: {size}"]
        self.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.more()

    def more(self) -> None:
        """Writes pieces of the file until the socket blocks."""
        while not self.out and self.file is not None:
            piece = self.file.read(PIECE)
            if not piece:
                self.file.close()
                self.file = None
                piece = b"\r\n--b--\r\n"
            self.write(piece)

    def on_event(self, events: int) -> None:
        super().on_event(events)
        if not self.closed:
            self.more()

    def on_data(self, data: bytes) -> None:
        self.rest += data
        head, _, body = self.rest.partition(b"\r\n\r\n")
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if not lengths or len(body) < int(lengths[0].split(b":")[1]):
            return
        self.rest = b""
        status = int(head.split(b" ", 2)[1])
        if self.state == "upload" and status == 202:
            media_id = json.loads(body)["mediaId"]
            self.crowd.named.append(media_id)
            self.state = "message"
            message = {"conversationId": self.group, "message": "", "attachments": [{"mediaId": media_id}]}
            encoded = json.dumps(message).encode()
            self.request("/api/v1/messages", "application/json", len(encoded), encoded)
        elif self.state == "message" and status in (201, 202):
            self.next_file()
        else:
            raise BenchError(f"{self.state}: {status} {body[:300]!r}")


def noise_jpeg(megabytes: float) -> bytes:
    """Returns a random image of about that size."""
    from PIL import Image

    side = int(math.sqrt(megabytes * 1e6 / 0.55))
    written = io.BytesIO()
    Image.effect_noise((side, side), 80).convert("RGB").save(written, "JPEG", quality=92)
    return written.getvalue()


def noise_video(path: Path, megabytes: float) -> None:
    """Writes a video of ten incompressible pictures per second."""
    import av
    from PIL import Image

    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=10)
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuvj420p"
        stream.bit_rate = 40_000_000
        frame = av.VideoFrame.from_image(Image.effect_noise((1280, 720), 80).convert("RGB"))
        written = 0
        while written < megabytes * 1e6:
            for packet in stream.encode(frame.reformat(format="yuvj420p")):
                written += packet.size
                container.mux(packet)
        container.mux(stream.encode(None))


def files(directory: Path) -> list[Path]:
    video = directory / "video.mov"
    noise_video(video, VIDEO_MB)
    made = [video]
    for n in range(PHOTOS):
        made.append(directory / f"photo-{n}.jpg")
        made[-1].write_bytes(noise_jpeg(PHOTO_MB))
    return made


def talk(loop: Loop, ledger: Ledger, in_turn: Iterator[Pair], system: System, until: float, done: Done) -> float:
    """Sends at the fixed rate for ``until`` seconds and until ``done()``. Returns the peak memory of web, in MiB."""
    web = [pid for pid, role in trees(system.stack.roots).items() if role == "web"]
    send = scenarios.paced(ledger, in_turn, RATE)
    peak, next_look = 0.0, 0.0

    def tick(now: float) -> float:
        nonlocal peak, next_look
        if now >= next_look:
            peak, next_look = max(peak, rss_kib(web) / 1024), now + 0.5
        return send(now)

    end = time.perf_counter() + until
    if not loop.run(lambda: time.perf_counter() >= end and done(), ALL_THERE_SECONDS, tick):
        raise BenchError(f"not all media were ready after {ALL_THERE_SECONDS:.0f} s")
    return peak


def measure(system: MediaParley, seconds: float, rounds: int, paths: list[Path]) -> dict[str, float]:
    """Returns the median of each figure. A round lasts ``seconds`` without media, then until all media are ready."""
    crowd, members = Crowd(), range(2 * PAIRS, 2 * PAIRS + MEMBERS)
    group = system.open_group(members)
    found = []
    with scenarios.fresh_loop(system) as loop:
        ledger = Ledger()
        in_turn = cycle(scenarios.connect_pairs(system, loop, ledger, PAIRS, "websocket"))
        tokens = [system.tokens[number] for number in members]
        makers = [lambda token=token: Member(loop, system.address, token, crowd) for token in tokens]
        crowd.members = scenarios.join(loop, crowd, makers)
        talk(loop, ledger, in_turn, system, 3.0, lambda: True)
        for _ in range(rounds):
            found.append(
                one_round(system, loop, ledger, in_turn, seconds, lambda: send(system, loop, crowd, group, paths))
            )
            alone, beside = found[-1]["alone_receive_p99_ms"], found[-1]["media_receive_p99_ms"]
            print(f"  p99 {alone:.1f} ms alone, {beside:.1f} beside media", flush=True)
        scenarios.settle(loop, ledger)
    check_outsider(system, crowd.named)
    medians = {name: statistics.median(figures[name] for figures in found) for name in found[0]}
    medians["web_growth_mib"] = max(figures["web_growth_mib"] for figures in found)
    medians["receive_p99_ratio"] = medians["media_receive_p99_ms"] / medians["alone_receive_p99_ms"]
    medians["ack_p99_ratio"] = medians["media_ack_p99_ms"] / medians["alone_ack_p99_ms"]
    return medians


Done = Callable[[], bool]


def send(system: MediaParley, loop: Loop, crowd: Crowd, group: int, paths: list[Path]) -> Done:
    """Starts the uploads. Returns the check whether every member has all media."""
    queue = list(paths)
    crowd.expected += len(queue)
    for _ in range(AT_ONCE):
        Upload(loop, system.address, system.tokens[2 * PAIRS], group, queue, crowd)
    return crowd.all_there


def one_round(
    system: MediaParley, loop: Loop, ledger: Ledger, in_turn: Iterator[Pair], seconds: float, begin: Callable[[], Done]
) -> dict[str, float]:
    ledger.forget_times()
    alone_mib = talk(loop, ledger, in_turn, system, seconds, lambda: True)
    alone = ledger.times()
    ledger.forget_times()
    began = time.perf_counter()
    with scenarios.measured(system) as window:
        media_mib = talk(loop, ledger, in_turn, system, 0.0, begin())
    with_media, took = ledger.times(), time.perf_counter() - began
    return {
        **{f"alone_{name}": value for name, value in alone.items()},
        **{f"media_{name}": value for name, value in with_media.items()},
        "all_there_seconds": took,
        "web_growth_mib": media_mib - alone_mib,
        **{f"cpu_s_{role}": used for role, used in sorted(window.cpu.items())},
    }


def check_outsider(system: MediaParley, media: list[str]) -> None:
    """Checks that a non-member gets 404 on every address of every medium, and that a member gets the bytes.

    Without the second check, the first would prove nothing. Raises BenchError.
    """
    connection = http.client.HTTPConnection(*system.address, timeout=10)
    for media_id in media:
        for path in (media_id, f"{media_id}?variant=thumbnail", f"{media_id}/url", f"{media_id}/url?variant=thumbnail"):
            for user, expected in ((USERS - 1, (404,)), (2 * PAIRS + 1, (200, 302))):
                headers = {"Authorization": f"Bearer {system.tokens[user]}"}
                connection.request("GET", f"/api/v1/media/{path}", headers=headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status not in expected:
                    raise BenchError(f"user {user} got {answer.status} for {path}")
    connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.media", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of the part without media (default 15)")
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds; the medians are printed (default 3)")
    parser.add_argument("--both-cores", action="store_true", help="run the stack on both cores, beside the generator")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as directory:
        MediaParley.settings = {
            "APP_ENV": "development",
            "MEDIA_DIR": str(Path(directory) / "kept"),
            "UPLOADS_PER_MINUTE": "0",
        }
        paths = files(Path(directory))
        with one_stack(MediaParley, USERS, both_cores=options.both_cores) as system:
            figures = measure(system, options.seconds, options.rounds, paths)
    for name, value in figures.items():
        print(f"  {name:24} {value:,.2f}")
    ratio, growth = figures["receive_p99_ratio"], figures["web_growth_mib"]
    print(f"text p99 {ratio:.2f}× (must {MUST_RATIO}), web grew {growth:.1f} MiB (must {MUST_MIB}), outsiders got 404")
    save("media", figures)
    return 0 if ratio <= MUST_RATIO and growth < MUST_MIB else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchError as error:
        sys.exit(f"bench: {error}")
