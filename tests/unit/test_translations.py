"""Languages of the server: the choice for a person, plural forms, and errors."""

from __future__ import annotations

from gettext import c2py

import pytest
from babel import Locale
from babel.messages.pofile import read_po

from app.core.error_texts import translated
from app.core.errors import Conflict, Invalid, NotFound
from app.core.languages import ENGLISH, LANGUAGES
from app.core.push_notice import Message, notice_of
from app.translations import FOLDER, best_language, checked_locale, texts_in

OTHERS = [language for language in LANGUAGES if language != ENGLISH]
GROUP = Message(7, "id", 3, 1, "Ann", "Club", "Hello", None, "2026-01-01T00:00:00.000Z")


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        (["de-AT", "en"], "de"),
        (["DE"], "de"),
        (["pt-BR", "fr-CA", "en"], "fr"),
        (["ar-EG"], "ar"),
        (["pt", "ko"], None),
        (["*"], None),
        ([], None),
    ],
)
def test_first_language_that_has_a_catalogue_is_used(tags: list[str], language: str | None) -> None:
    assert best_language(tags) == language


def test_locale_gets_its_usual_form() -> None:
    given = ["de", "de-at", "DE", "zh-hant-tw", "pt-BR", "es-419", "ja"]
    assert [checked_locale(tag) for tag in given] == ["de", "de-AT", "de", "zh-Hant-TW", "pt-BR", "es-419", "ja"]


@pytest.mark.parametrize(
    "tag", ["xx", "tlh", "und", "root", "de_DE", "../de", "english", "de-" + "a" * 40, "12", "d" * 36]
)
def test_unknown_locale_is_refused(tag: str) -> None:
    with pytest.raises(Invalid) as refused:
        checked_locale(tag)
    assert refused.value.extra["errors"] == [{"field": "locale", "message": "is not the tag of a known language"}]


def test_texts_of_a_language_without_a_catalogue_are_english() -> None:
    assert [texts_in(tag).language for tag in (None, "en-GB", "pt-BR", "de-AT")] == ["en", "en", "en", "de"]


@pytest.mark.parametrize("language", OTHERS)
def test_plural_forms_are_those_of_the_language(language: str) -> None:
    """The rule in the catalogue's header must agree with Unicode's CLDR for every number."""
    with (FOLDER / f"{language}.po").open("rb") as source:
        catalogue = read_po(source, locale=language)
    rule, index = Locale.parse(language).plural_form, c2py(catalogue.plural_expr)
    order = [name for name in ("zero", "one", "two", "few", "many", "other") if name in {*rule.tags, "other"}]
    for count in (*range(250), 1_000, 1_000_000, 1_000_001):
        assert order[index(count)] == rule(count), count


def test_arabic_has_six_forms() -> None:
    forms = [texts_in("ar").counted("File", "{count} files", count) for count in (0, 1, 2, 3, 11, 100)]
    assert forms == ["لا ملفات", "ملف", "ملفان", "3 ملفات", "11 ملفًا", "100 ملف"]


def test_names_may_contain_braces() -> None:
    assert texts_in("de").text("{sender} mentioned you: {text}", sender="{text}", text="{x}") == (
        "{text} hat dich erwähnt: {x}"
    )


def test_arabic_keeps_names_apart_from_the_sentence() -> None:
    assert texts_in("ar").text("{sender}: {text}", sender="Ann", text="Hi") == "\u2068Ann\u2069: \u2068Hi\u2069"


def test_error_is_translated_and_its_code_is_not() -> None:
    problem = translated(Conflict("This username is taken.").as_problem(), texts_in("fr"))
    assert problem["code"] == "conflict"
    assert problem["type"] == "urn:parley:problem:conflict"
    assert (problem["title"], problem["detail"]) == ("Conflit", "Ce nom d’utilisateur est déjà pris.")


def test_fields_and_values_of_an_error_are_translated() -> None:
    error = Invalid.field("password", "must have at least 8 characters")
    problem = translated(error.as_problem(), texts_in("de"))
    assert problem["errors"] == [{"field": "password", "message": "muss mindestens 8 Zeichen haben"}]
    assert problem["detail"] == "password: muss mindestens 8 Zeichen haben"


def test_texts_for_developers_stay_english() -> None:
    problem = translated(NotFound("The cursor is from another list.").as_problem(), texts_in("de"))
    assert (problem["title"], problem["detail"]) == ("Nicht gefunden", "The cursor is from another list.")


def test_notification_is_in_the_language_of_the_receiver() -> None:
    def words(language: str, preview: str = "full", unread: int = 3, **changes: object) -> tuple[str, str]:
        values = {name: getattr(GROUP, name) for name in GROUP.__struct_fields__}
        message = Message(**{**values, **changes})
        made = notice_of(message, preview=preview, unread=unread, badge=5, texts=texts_in(language))
        return made.title, made.body

    assert words("de", text=None, attached="image", attachments=2) == ("Club", "Ann: 2 Fotos")
    assert words("es", group=None, text=None, attached="audio") == ("Ann", "Mensaje de voz")
    assert words("fr", mentioned=True) == ("Club", "Ann vous a mentionné\u00a0: Hello")
    assert words("en", mentioned=True) == ("Club", "Ann mentioned you: Hello")
    assert words("ja", preview="none", unread=4) == ("新着メッセージ4件", "")
    assert words("ar", preview="none", unread=2) == ("رسالتان جديدتان", "")
    assert words("de", preview="sender", group=None) == ("Ann", "Neue Nachricht")
