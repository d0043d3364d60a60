"""The texts of errors that the page shows to people. REST translates them; other texts of errors are for developers.

``make check`` compares them with the source and with the catalogues. A ``{}`` stands for a value.
"""

from __future__ import annotations

import re
from typing import Any, Final

from app.core.languages import Texts

DETAILS: Final = (
    "Wrong password.",
    "This username is taken.",
    "The password was changed by another request.",
    "The second factor was changed by another request.",
    "This account no longer exists.",
    "Too many people are signing in at once.",
    "No such user.",
    "You have blocked this person, or their account is deleted.",
    "You cannot report your own messages or system messages.",
    "Another administrator has just changed this report.",
    "Only the author may edit a message.",
    "Only the author and admins may see earlier texts of a message.",
    "It is too late to edit this message.",
    "The message has been edited in the meantime.",
    "System messages cannot be changed.",
    "Your role does not allow this.",
    "Only admins of a group can manage its invites.",
    "A group needs an owner: make another member owner first.",
    "Too many of your uploads are still being processed.",
    "You are uploading too many files at once.",
    "Too many uploads at once.",
    "The upload took too long.",
    "The picture cannot be shown: it is damaged or too large.",
    "The file is not an image.",
    "You have stored too many pictures.",
    "The image has more than {} pixels.",
    "Your files use {} of {} bytes.",
    "{}: more than {} bytes.",
)
FIELDS: Final = (
    "is required",
    "is empty",
    "must not be the username",
    "is one of the commonest passwords; choose another",
    "has expired; sign in with the password again",
    "was used before or has expired",
    "3 to 32 of a–z, 0–9, _ . and -",
    "this name is reserved",
    "1 to 80 visible characters",
    "1 to 120 visible characters",
    "a word mixes letters of several scripts that look alike",
    "an https address",
    "name at least one user",
    "nothing to change",
    "neither text nor attachments",
    "exactly one emoji",
    "a message can have at most {} different ones",
    "contains no word to search for",
    "the group would have too many members",
    "a group has at most {} members",
    "more than {} members are online; use @{}",
    "must be in the future",
    "must be a date or an RFC 3339 time",
    "you cannot block yourself",
    "only one file per upload",
    "give either username or email",
    "no such time zone",
    "is not the tag of a known language",
    "must have at least {} characters",
    "must have at most {} characters",
)


def translated(problem: dict[str, Any], texts: Texts) -> dict[str, Any]:
    """Returns the problem with the title, the detail and the messages of its fields in the language of ``texts``.

    The code stays as it is, and so do texts that no person sees.
    """
    fields = problem.get("errors") or []
    said = [{**one, "message": _said(one["message"], texts)} for one in fields]
    changed = {"title": texts.text(problem["title"]), "detail": _said(problem["detail"], texts)}
    if len(said) == 1:
        changed["detail"] = f"{said[0]['field']}: {said[0]['message']}"
    return {**problem, **changed, **({"errors": said} if said else {})}


def _said(message: str, texts: Texts) -> str:
    if (said := texts.text(message)) != message:
        return said
    for english, pattern in _PATTERNS:
        match = pattern.fullmatch(message)
        if match:
            return _with_values(texts.text(english), match.groups())
    return message


def _with_values(text: str, values: tuple[str, ...]) -> str:
    parts = text.split("{}")
    return "".join(part + value for part, value in zip(parts, (*values, ""), strict=True))


def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("(.+)".join(re.escape(part) for part in english.split("{}")), re.DOTALL)


_PATTERNS = tuple((english, _pattern(english)) for english in (*DETAILS, *FIELDS) if "{}" in english)
