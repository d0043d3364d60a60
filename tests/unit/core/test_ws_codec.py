"""The frame codec: encoders, close payloads, memory of an idle decoder, and the edges of its fast path."""

from __future__ import annotations

import ast
import gc
import sys
from pathlib import Path

import pytest
from wsproto.frame_protocol import FrameProtocol

from app.core import ws_codec, ws_frames, ws_handshake, ws_partial_message
from app.core.ws_codec import (
    OP_BINARY,
    OP_CLOSE,
    OP_PING,
    OP_PONG,
    OP_TEXT,
    FrameDecoder,
    FrameFailure,
    encode_binary,
    encode_close,
    encode_ping,
    encode_pong,
    encode_text,
    parse_close,
)
from app.core.ws_frames import unmask
from tests.conformance.frames import CONTINUATION, frame, masked

SIZES = (0, 1, 125, 126, 127, 65535, 65536, 70000)
MESSAGE = '{"event":"send_message","data":{"message":"žluťoučký kůň"}}'.encode()


def decoded_by_a_client(data: bytes) -> list[tuple[int, bytes | str | tuple[int, str]]]:
    """Returns the frames as wsproto reads them.

    As a client it rejects masked frames and lengths that are not minimal.
    """
    client = FrameProtocol(client=True, extensions=[])
    client.receive_bytes(data)
    return [(int(one.opcode), one.payload) for one in client.received_frames()]


@pytest.mark.parametrize("size", SIZES)
def test_client_decodes_our_messages(size: int) -> None:
    assert decoded_by_a_client(encode_binary(b"\xff" * size)) == [(OP_BINARY, b"\xff" * size)]
    assert decoded_by_a_client(encode_text(b"x" * size)) == [(OP_TEXT, "x" * size)]


@pytest.mark.parametrize(("size", "header"), [(0, 2), (125, 2), (126, 4), (65535, 4), (65536, 10)])
def test_header_uses_the_shortest_length(size: int, header: int) -> None:
    assert len(encode_text(bytes(size))) == header + size


def test_client_decodes_our_control_frames() -> None:
    assert decoded_by_a_client(encode_ping()) == [(OP_PING, b"")]
    assert decoded_by_a_client(encode_ping(b"p" * 125)) == [(OP_PING, b"p" * 125)]
    assert decoded_by_a_client(encode_pong(b"\xff")) == [(OP_PONG, b"\xff")]


@pytest.mark.parametrize("encode", [encode_ping, encode_pong])
def test_encoding_a_control_payload_over_125_bytes_raises(encode) -> None:
    with pytest.raises(ValueError, match="125"):
        encode(bytes(126))


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1011, 1013, 4401, 4408, 4429])
def test_client_decodes_our_close_codes(code: int) -> None:
    assert decoded_by_a_client(encode_close(code, "why")) == [(OP_CLOSE, (code, "why"))]
    assert parse_close(encode_close(code, "why")[2:]) == (code, "why")


def test_close_without_a_code() -> None:
    assert encode_close(1005) == b"\x88\x00"
    assert encode_close(1005, "is not sent") == b"\x88\x00"


@pytest.mark.parametrize("code", [0, 999, 1004, 1006, 1015, 2999, 5000, 70000])
def test_encoding_a_forbidden_close_code_raises(code: int) -> None:
    with pytest.raises(ValueError, match=str(code)):
        encode_close(code)


def test_long_close_reason_is_cut_between_characters() -> None:
    sent = encode_close(1000, "€" * 60)
    assert len(sent) <= 2 + 125
    assert parse_close(sent[2:]) == (1000, "€" * 41)


@pytest.mark.parametrize(
    ("payload", "result"),
    [(b"", (1005, "")), (b"\x03\xe8", (1000, "")), (b"\x0f\xa1caf\xc3\xa9", (4001, "café"))],
)
def test_valid_close_payloads_are_parsed(payload: bytes, result: tuple[int, str]) -> None:
    assert parse_close(payload) == result


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        (b"\x03", 1002),
        (b"\x03\xed", 1002),
        (b"\x13\x88", 1002),
        (b"\x03\xe8\xff", 1007),
        (b"\x03\xed\xff", 1002),
    ],
)
def test_invalid_close_payloads_fail(payload: bytes, code: int) -> None:
    with pytest.raises(FrameFailure) as failure:
        parse_close(payload)
    assert failure.value.code == code


def test_close_codes_are_accepted_by_range() -> None:
    allowed = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
    for code in range(1 << 16):
        payload = code.to_bytes(2, "big")
        if code in allowed:
            assert parse_close(payload) == (code, "")
        else:
            with pytest.raises(FrameFailure):
                parse_close(payload)


@pytest.mark.parametrize("size", [*range(18), 125, 300, 511, 512, 513, 514, 515, 516, 4099, 65536])
def test_both_unmask_paths_equal_plain_xor(size: int) -> None:
    payload = bytes(number * 7 & 0xFF for number in range(size))
    for key in (b"\x00\x00\x00\x00", b"\xff\x00\x80\x01", b"\x12\x34\x56\x78"):
        assert unmask(payload, key) == masked(payload, key)


@pytest.mark.parametrize("size", [0, 1, 124, 125, 126, 127, 128, 133, 512, 513, 65535, 65536])
def test_whole_message_in_one_read(size: int) -> None:
    decoder = FrameDecoder()
    text = b"x" * size
    assert decoder.feed(frame(OP_TEXT, text)) == [(OP_TEXT, text)]
    assert decoder.feed(frame(OP_TEXT, text)) == [(OP_TEXT, text)]
    assert decoder.failure is None


@pytest.mark.parametrize("announced", [126, 127])
def test_length_marker_is_not_taken_for_a_length(announced: int) -> None:
    """126 and 127 announce a longer length, even if exactly 126 or 127 bytes follow the six-byte header."""
    read = bytes((0x81, 0x80 | announced)) + b"\x00" * (4 + announced)
    decoder = FrameDecoder()
    assert decoder.feed(read) == []
    assert decoder.failure is not None
    assert decoder.failure.code == 1002


@pytest.mark.parametrize("size", [0, 1, 100, 125])
def test_needless_16_bit_length_fails(size: int) -> None:
    decoder = FrameDecoder()
    assert decoder.feed(frame(OP_TEXT, b"x" * size, length_bytes=2)) == []
    assert decoder.failure is not None
    assert (decoder.failure.code, decoder.failure.reason) == (1002, "length not minimal")


def test_64_bit_length_is_not_read_as_16_bits() -> None:
    """The frame has exactly as many bytes as the first two bytes of its 64-bit length announce."""
    decoder = FrameDecoder()
    assert decoder.feed(b"\x81\xff" + (150).to_bytes(2, "big") + bytes(4) + b"x" * 150) == []
    assert decoder.failure is not None
    assert decoder.failure.code == 1009


def test_messages_and_control_frames_in_one_read() -> None:
    read = frame(OP_TEXT, MESSAGE) + frame(OP_PING, b"p") + frame(OP_TEXT, b"{}") + frame(OP_BINARY, b"\xff")
    assert FrameDecoder().feed(read) == [
        (OP_TEXT, MESSAGE),
        (OP_PING, b"p"),
        (OP_TEXT, b"{}"),
        (OP_BINARY, b"\xff"),
    ]


def test_good_frames_before_a_failure_are_returned() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(frame(OP_TEXT, b"{}") + b"\xff") == [(OP_TEXT, b"{}")]
    assert decoder.failure is not None
    assert (decoder.failure.code, decoder.failure.reason) == (1002, "reserved bit set")
    assert decoder.failure.__traceback__ is None


def test_decoder_ignores_input_after_a_failure() -> None:
    decoder = FrameDecoder()
    decoder.feed(b"\xff")
    first = decoder.failure
    assert decoder.feed(frame(OP_TEXT, b"{}")) == []
    assert decoder.failure is first


def test_decoder_ignores_input_after_a_close() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(frame(OP_CLOSE) + frame(OP_TEXT, b"{}")) == [(OP_CLOSE, b"")]
    assert decoder.feed(frame(OP_TEXT, b"{}")) == []
    assert decoder.feed(b"\xff") == []
    assert decoder.failure is None


def test_empty_read_changes_nothing() -> None:
    decoder = FrameDecoder()
    assert decoder.feed(b"") == []
    decoder.feed(frame(OP_TEXT, MESSAGE)[:9])
    assert decoder.feed(b"") == []
    assert decoder.feed(frame(OP_TEXT, MESSAGE)[9:]) == [(OP_TEXT, MESSAGE)]


def test_message_over_the_callers_limit_fails_with_1009() -> None:
    assert FrameDecoder(5).feed(frame(OP_TEXT, b"12345")) == [(OP_TEXT, b"12345")]
    decoder = FrameDecoder(5)
    assert decoder.feed(frame(OP_TEXT, b"123456")) == []
    assert decoder.failure is not None
    assert decoder.failure.code == 1009


def test_payloads_are_immutable_bytes() -> None:
    decoder = FrameDecoder()
    reads = [
        frame(OP_TEXT, b"a"),
        frame(OP_TEXT, b"a", fin=False),
        frame(CONTINUATION, b"b"),
        frame(OP_PING, b"p"),
    ]
    payloads = [payload for read in reads for _, payload in decoder.feed(read)]
    assert payloads == [b"a", b"ab", b"p"]
    assert {type(payload) for payload in payloads} == {bytes}


def held_bytes(decoder: FrameDecoder) -> int:
    """Returns the size of the decoder and of the objects that it refers to."""
    own = [thing for thing in gc.get_referents(decoder) if not isinstance(thing, type | bool | int | None)]
    return sys.getsizeof(decoder) + sum(sys.getsizeof(thing) for thing in own)


def test_idle_decoder_takes_under_300_bytes() -> None:
    decoder = FrameDecoder()
    assert held_bytes(decoder) < 300
    decoder.feed(frame(OP_TEXT, b"x" * 60000)[:50000])
    assert held_bytes(decoder) > 0
    decoder.feed(frame(OP_TEXT, b"x" * 60000)[50000:])
    assert held_bytes(decoder) < 300
    assert decoder._partial is None
    assert not hasattr(decoder, "__dict__")


def test_announced_size_allocates_no_buffer() -> None:
    """An announced 64 KiB costs no memory until the bytes arrive."""
    decoder = FrameDecoder()
    decoder.feed(frame(OP_BINARY, bytes(65536))[:14])
    partial = decoder._partial
    assert partial is not None
    assert (
        sum(sys.getsizeof(thing) for thing in gc.get_referents(partial) if isinstance(thing, bytes | bytearray)) < 400
    )


def test_failed_or_closed_decoder_frees_its_buffer() -> None:
    for end in (b"\xff", frame(OP_CLOSE)):
        decoder = FrameDecoder()
        decoder.feed(frame(OP_BINARY, bytes(5000), fin=False) + end)
        assert decoder._partial is None


@pytest.mark.parametrize("module", [ws_codec, ws_frames, ws_handshake, ws_partial_message])
def test_module_imports_no_framework_clock_or_socket(module) -> None:
    """The modules import only the standard library and each other."""
    tree = ast.parse(Path(module.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {one.name for node in ast.walk(tree) if isinstance(node, ast.Import) for one in node.names}
    allowed = {
        "__future__",
        "base64",
        "binascii",
        "codecs",
        "collections.abc",
        "hashlib",
        "re",
        "app.core.ws_frames",
        "app.core.ws_partial_message",
    }
    assert names <= allowed
