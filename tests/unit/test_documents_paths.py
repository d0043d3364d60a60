"""Every path and link that a document or a comment names exists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "client/*.md", "bench/*.md", "sdk/python/*.md")
    for path in ROOT.glob(pattern)
    if path.is_relative_to(ROOT)
)
SOURCES = (
    "app",
    "tasks",
    "dev",
    "bench",
    "migrations",
    "tests",
    "client",
    "sdk",
    "gunicorn.conf.py",
    "celeryconfig.py",
)
SUFFIXES = {".py", ".js", ".lua", ".css", ".html", ".mts"}
# Short names in a document are relative to its subject.
BASES = {
    "docs/decisions/page.md": ("app/web/static/page",),
    "docs/how-to/add-a-language.md": ("app/web/static/page",),
    "docs/decisions/groups.md": ("app/message_log/lua",),
    "docs/decisions/measurements.md": ("app/message_log/lua",),
}
FOLDERS = "app|bench|client|dev|docs|migrations|sdk|tasks|tests"
FILE = re.compile(r"[\w.-]+(?:/[\w.-]+)*\.(?:py|js|mts|lua|md|yml|ini|toml|html|css|png)")
FOLDER = re.compile(rf"(?:{FOLDERS})(?:/[\w.-]+)*/?")
# Examples, files of a deployment, and files that exist only at run time.
NO_FILES = {"widget.js", "photo.jpg", "server.py", "parley.js"}


def named_paths(text: str) -> Iterator[str]:
    for word in re.findall(r"`([^`\s]+)`", text):
        if FILE.fullmatch(word) or FOLDER.fullmatch(word):
            yield word


def links(text: str) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)|src=\"([^\"]+)\"", text):
        address = (target[0] or target[1]).partition("#")[0]
        if address and "://" not in address and not address.startswith("/"):
            yield address


def exists(path: str, document: Path) -> bool:
    bases = [ROOT, document.parent, *(ROOT / base for base in BASES.get(str(document.relative_to(ROOT)), ()))]
    return any((base / path).exists() for base in bases)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_paths_and_links_of_a_document_exist(document: Path):
    text = document.read_text()
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    missing = {path for path in named_paths(prose) if path not in NO_FILES and not exists(path, document)}
    missing |= {link for link in links(prose) if not (document.parent / link).exists()}
    assert missing == set()


def anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_to_headings_exist(document: Path):
    for address, anchor in re.findall(r"\]\(([^)\s#:]*)#([^)\s]+)\)", document.read_text()):
        target = (document.parent / address) if address else document
        assert anchor in anchors(target), f"{address}#{anchor}"


def source_files() -> Iterator[Path]:
    for name in SOURCES:
        path = ROOT / name
        files = [path] if path.is_file() else path.rglob("*")
        yield from (file for file in files if file.suffix in SUFFIXES and "node_modules" not in file.parts)


def test_documents_and_tests_that_the_source_cites_exist():
    cited = re.compile(r"(?<![\w/.])(?:docs|tests)/[\w/.-]+\.(?:md|py|json|js|mts|png)\b|bench/README\.md")
    missing = {
        f"{file.relative_to(ROOT)}: {path}"
        for file in source_files()
        for path in cited.findall(file.read_text(errors="replace"))
        if not (ROOT / path).exists()
    }
    assert missing == set()


@pytest.mark.parametrize("page", ["message-path.md", "architecture.md", "operations.md"])
def test_names_in_a_page_exist_in_the_source(page: str):
    files = [ROOT / "celeryconfig.py", ROOT / "gunicorn.conf.py", *(ROOT / "tasks").glob("*.py")]
    words = {word for path in [*files, *(ROOT / "app").rglob("*.py")] for word in re.findall(r"\w+", path.read_text())}
    prose = re.sub(r"^```.*?^```", "", (ROOT / "docs" / page).read_text(), flags=re.MULTILINE | re.DOTALL)
    names = {name for name in re.findall(r"`([A-Za-z_.]+)`", prose) if "_" in name and not FILE.fullmatch(name)}
    # test_documents_metrics.py checks metrics; the Procfile reads WORKER_QUEUES.
    names = {name for name in names if not name.startswith(("parley_", "WORKER_"))}
    assert {name for name in names if not {name.rpartition(".")[2], name.lower()} & words} == set()


def test_every_page_is_in_the_index():
    index = (ROOT / "docs/index.md").read_text()
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")} - {"index.md"}
    assert {page for page in pages if f"({page})" not in index} == set()
