"""Stems of words: "running" and "runs" have the stem "run"."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from functools import lru_cache

import Stemmer

from app.core.search_text import fold

# Frequent words that show the language of a text, without their accents.
_FREQUENT = {
    "english": "the and of is are was were to in that this with you have not for it he she they what will would from",
    "german": "der die das und ist nicht ich du wir sie ein eine mit auf fur von dem den zu im auch noch wie war hat",
    "french": "le la les des et est une un dans pour pas que qui je tu nous vous avec sur ce cette il elle sont aux",
    "spanish": "el la los las y es una un en para no que con por se lo su mi como pero esta muy del al son",
    "italian": "il lo la gli le e una un di che per non con sono ma come questo della nel mi ti anche piu ho",
    "portuguese": "o a os as e uma um de que nao com por para se na no do da em mas como voce eu esta muito",
    "dutch": "de het een en is niet ik je van dat met op voor zijn ook maar nog naar wat hebben wij er aan",
    "swedish": "och det att en ett jag inte som ar pa med for har den till vi om av du men kan sig",
    "danish": "og det at en et jeg ikke som er pa med for har den til vi om af du men kan sig hvad",
    "norwegian": "og det at en et jeg ikke som er pa med for har den til vi om av du men kan seg hva",
    "finnish": "ja on ei se etta mutta han oli mina sina ovat olla kun niin tama myos jos mita",
    "polish": "nie sie jest na to ze co jak ale jestem tak mnie dla czy juz tylko bylo przez",
    "turkish": "bir ve bu da de icin cok ne ben sen var yok ama gibi daha mi ile olarak",
    "hungarian": "az egy es nem hogy van is meg csak ez mint de volt vagy mar kell",
    "romanian": "si nu este in la pe cu un o de ce mai sunt am pentru din care sa",
    "indonesian": "yang dan di itu dengan untuk tidak ini dari dalam akan pada saya adalah ke ada",
}
_BY_SCRIPT = (
    ("russian", re.compile("[а-я]")),
    ("greek", re.compile("[α-ω]")),
    ("arabic", re.compile("[ء-ي]")),
    ("hindi", re.compile("[\u0900-\u097f]")),
    ("tamil", re.compile("[\u0b80-\u0bff]")),
    ("armenian", re.compile("[\u0561-\u0587]")),
)
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {}
for _name, _words in _FREQUENT.items():
    for _word in _words.split():
        _LANGUAGES_OF[_word] = (*_LANGUAGES_OF.get(_word, ()), _name)
_UNKNOWN = "english"
_LATIN = re.compile("[a-z]+")
SHORTEST = 3  # of a word that has a stem

_stemmers = threading.local()


def language_of(words: Iterable[str]) -> str:
    """Returns the language in which most of the folded words are frequent words; English if there is none."""
    counts: dict[str, int] = {}
    for word in words:
        for name in _LANGUAGES_OF.get(word, ()):
            counts[name] = counts.get(name, 0) + 1
    return max(counts, key=counts.__getitem__) if counts else _UNKNOWN


def stems_in(words: Iterable[str]) -> set[str]:
    """Returns the stems of the folded words of one text, in the language of the text."""
    known = list(words)
    latin = [word for word in known if len(word) >= SHORTEST and _LATIN.fullmatch(word)]
    found = set(_stem(language_of(known), latin)) if latin else set()
    if len(latin) < len(known):
        for word in known:
            found.update(_stem(name, [word])[0] for name in _languages_by_script(word))
    return found


@lru_cache(maxsize=4096)
def stems_of(word: str) -> frozenset[str]:
    """Returns the stems that one folded word has in all languages of its script: its language is not known."""
    if len(word) < SHORTEST:
        return frozenset()
    names = tuple(_FREQUENT) if _LATIN.fullmatch(word) else _languages_by_script(word)
    return frozenset(_stem(name, [word])[0] for name in names) - {""}


def _languages_by_script(word: str) -> tuple[str, ...]:
    if word.isascii() or len(word) < SHORTEST:
        return ()
    return tuple(name for name, letters in _BY_SCRIPT if letters.search(word))


def _stem(language: str, words: list[str]) -> list[str]:
    """Stems folded words. Stemmers of some languages put accents into a stem, so stems are folded again."""
    if not hasattr(_stemmers, "by_language"):
        _stemmers.by_language = {}
    stemmer = _stemmers.by_language.get(language)
    if stemmer is None:
        stemmer = _stemmers.by_language[language] = Stemmer.Stemmer(language)
    return [stem if stem.isascii() else fold(stem) for stem in stemmer.stemWords(words)]
