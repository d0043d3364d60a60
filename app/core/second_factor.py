"""The second factor: one-time codes (TOTP) and recovery codes. Requests, answers, and the form of codes."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Literal

from msgspec import Meta, Struct

# The kind of code that proved the second factor. The audit records it.
Proof = Literal["one-time code", "recovery code"]

RECOVERY_CODES = 10
RECOVERY_BYTES = 10  # of chance in one code: too many to try, so a fast hash is enough to store it
_GROUP = 4
_ONE_TIME_CODE = re.compile(r"[0-9]{6}", re.ASCII)
_SEPARATORS = re.compile(r"[\s-]")

Code = Annotated[
    str, Meta(min_length=1, max_length=64, description="Six digits of the authenticator, or a recovery code")
]
CurrentPassword = Annotated[str, Meta(max_length=1024)]


class BeginSecondFactor(Struct, frozen=True):
    password: CurrentPassword


class ConfirmSecondFactor(Struct, frozen=True):
    """``code`` is the authenticator's."""

    code: Code


class ProveSecondFactor(Struct, frozen=True):
    """The proof that is needed to turn the second factor off or to get new recovery codes."""

    password: CurrentPassword
    code: Code


class LogInWithCode(Struct, frozen=True):
    """``challenge`` is from the answer to the password."""

    challenge: Annotated[str, Meta(min_length=1, max_length=1024)]
    code: Code


class PendingSecondFactor(Struct, frozen=True):
    """The secret for the authenticator, which is shown once. ``uri`` has the form that authenticators read
    (``otpauth://totp/…``).
    """

    secret: str
    uri: str


class RecoveryCodes(Struct, rename="camel", frozen=True):
    """Each code works once. They are shown once, and only their hashes are stored."""

    recovery_codes: list[str]


def normal_code(text: str) -> str:
    """Returns the code as it is compared: without spaces and hyphens, in lower case."""
    return _SEPARATORS.sub("", text).lower()


def is_one_time_code(code: str) -> bool:
    return _ONE_TIME_CODE.fullmatch(code) is not None


def grouped(code: str) -> str:
    """Returns a recovery code in the form in which people copy it: ``abcd-efgh-…``."""
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))


def recovery_hash(code: str) -> bytes:
    """Returns the hash that is stored for a recovery code in its normal form."""
    return hashlib.sha256(b"parley recovery code\0" + code.encode(errors="replace")).digest()
