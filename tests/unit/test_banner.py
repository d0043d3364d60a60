"""The text that `make run` prints when the server is ready."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev import banner


@pytest.mark.parametrize("people", [{}, {"alice": 1, "bob": 2}])
def test_banner_names_the_folder_of_mails(capsys: pytest.CaptureFixture[str], people: dict[str, int]) -> None:
    outbox = Path("/home/ann archer/chat/outbox")
    banner.show("http://127.0.0.1:8000", people, "key", 1.0, outbox.as_uri())
    assert f"Mails are not sent but written to {outbox}\n" in capsys.readouterr().out


@pytest.mark.parametrize("url", ["", "smtp://chat:secret@mail.example"])
def test_banner_shows_no_mail_server(capsys: pytest.CaptureFixture[str], url: str) -> None:
    banner.show("http://127.0.0.1:8000", {}, "", 1.0, url)
    assert capsys.readouterr().out == "\nParley is ready at http://127.0.0.1:8000 (1.0 s). Ctrl-C stops it.\n\n"
