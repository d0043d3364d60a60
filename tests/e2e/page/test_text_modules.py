"""Unit tests of the modules that put texts on the page, run in a browser."""

from __future__ import annotations

import json
from typing import Any

from tests.e2e.page.conftest import Evaluate
from tests.vectors import vectors


def test_texts_are_drawn_without_markup(evaluate: Evaluate) -> None:
    """The same text as the grammar's, and no other elements than those of its nodes."""
    code = """({formatted}, texts) => texts.map((text) => {
        const shown = formatted(text, {});
        shown.querySelectorAll(".host").forEach((host) => host.remove());
        const elements = [...shown.querySelectorAll("*")];
        return [shown.textContent, elements.map((one) => one.localName), elements.flatMap((one) => one.href ?? [])];
    })"""
    for vector, (text, names, links) in zip(
        vectors("formatting"),
        evaluate("/client/ui/formatted.js", code, [v["text"] for v in vectors("formatting")]),
        strict=True,
    ):
        assert text == "".join(texts_in({"blocks": vector["blocks"]}))
        assert set(names) <= {"p", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "a", "span"}
        assert all(link.startswith(("https://", "http://")) for link in links)


def texts_in(node: dict[str, Any]) -> list[str]:
    children = [child for name in ("children", "items", "blocks") for child in node.get(name, [])]
    return [node["text"]] if "text" in node else [text for child in children for text in texts_in(child)]


def test_addresses_become_links(evaluate: Evaluate) -> None:
    code = """({formatted}, texts) =>
        texts.map((text) => [...formatted(text).querySelectorAll("a")].map((a) => a.textContent))"""
    plain = [v for v in vectors("links") if not set("*_~[") & set(v["text"])]
    assert evaluate("/client/ui/formatted.js", code, [v["text"] for v in plain]) == [v["links"] for v in plain]


def test_names_are_compared_without_accents_and_spellings(evaluate: Evaluate) -> None:
    same = [
        *(
            ("\u0141\u00f3d\u017a", "lodz"),
            ("\u00d8rsted", "orsted"),
            ("\u0110\u1eb7ng", "dang"),
            ("Stra\u00dfe", "STRASSE"),
        ),
        *(
            ("\u0130stanbul", "istanbul"),
            ("Is\u0131k", "isik"),
            ("\u00c6r\u00f8", "aero"),
            ("\u00de\u00f3r", "thor"),
            ("O\u2019Brien", "o'brien"),
        ),
        *(
            ("Zo\u00eb", "zoe"),
            ("Zoe\u0308", "zoe"),
            ("\u0623\u062d\u0645\u062f", "\u0627\u062d\u0645\u062f"),
            ("\u0639\u0644\u06cc", "\u0639\u0644\u064a"),
        ),
        *(
            ("\u0641\u0627\u0637\u0645\u0629", "\u0641\u0627\u0637\u0645\u0647"),
            ("\u0645\u0640\u0640\u062d", "\u0645\u062d"),
            ("\uff21\uff22", "ab"),
        ),
        *(
            ("Anne\u2011Marie", "anne-marie"),
            ("a\u200db\u00adc", "abc"),
            ("\u0490\u0430\u043d\u043d\u0430", "\u0433\u0430\u043d\u043d\u0430"),
        ),
    ]
    code = "({folded}, names) => names.map((name) => folded(name))"
    one, other = (evaluate("/client/ui/folded.js", code, list(names)) for names in zip(*same, strict=True))
    assert one == other


def test_few_emoji_alone_are_shown_large(evaluate: Evaluate) -> None:
    england = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
    large = [
        "👍",
        "👍🏽 ❤️",
        "👨\u200d👩\u200d👧\u200d👦",
        "🇩🇪",
        "🇩🇪🇫🇷 🇯🇵",
        "1️⃣",
        "#\u20e3",
        england,
        england * 3,
        "👁️\u200d🗨️",
        "🏳️\u200d🌈",
    ]
    other = ["", "1", "123", "a", "👍 ok", "🇩", "👍" * 4 + "x", "#", "**", "1️⃣2", "\u200d"]
    code = "({isBigEmoji}, texts) => texts.map((text) => isBigEmoji(text))"
    assert evaluate("/client/ui/text.js", code, large + other) == [True] * len(large) + [False] * len(other)


HONEST_HOSTS = [
    "https://example.org/x",
    "https://m\u00fcller.example/",
    "https://mu\u0308ller.example/",
    "https://\u4f8b\u3048.jp/",
    "https://\u043f\u0440\u0438\u043c\u0435\u0440.\u0440\u0444/",
    "https://vi\u1ec7t.example/",
    "https://bra\u0219ov.example/",
    "https://\ud55c\uad6d.example/",
    "https://\u0645\u062b\u0627\u0644.example/",
    "https://example.org/\u0430?q=\u2044#\u0430",
]
DECEIVING_HOSTS = [
    "https://\u0430pple.example/",
    "https://\u0430\u0440\u0440\u04cf\u0435.com/",
    "https://g\u03bf\u03bfgle.example/",
    "https://g\u0585\u0585gle.example/",
    "https://goog\u04cfe.example/",
    "https://bank.example\u2044x.evil.example/",
    "https://bank.example\u2215x.evil.example/",
    "https://bank.example\u29f8x.evil.example/",
    "https://bank.example\u2571x.evil.example/",
    "https://bank.example\u0338x.evil.example/",
    "https://bank.example\u4e3fx.evil.example/",
    "https://\u0261oogle.example/",
    "https://b\u1d00nk.example/",
    "https://\U0001f4a9.example/",
    "https://a\u15eamin.example/",
]


def test_host_that_looks_like_another_is_also_shown_as_it_is(evaluate: Evaluate) -> None:
    code = """({formatted}, texts) => texts.map((text) => {
        const shown = formatted(text, {});
        return [shown.querySelector("a")?.textContent, shown.querySelector(".host")?.textContent ?? ""];
    })"""
    honest = evaluate("/client/ui/formatted.js", code, HONEST_HOSTS)
    assert honest == [[text, ""] for text in HONEST_HOSTS]
    deceiving = evaluate("/client/ui/formatted.js", code, DECEIVING_HOSTS)
    assert [link for link, _ in deceiving] == DECEIVING_HOSTS
    for link, host in deceiving:
        assert "xn--" in host, link
        assert host.isascii()


def test_addresses_keep_the_order_of_their_parts(evaluate: Evaluate) -> None:
    """In a text from right to left, the slash at the end would be drawn before the address."""
    code = """({formatted}, texts) => texts.map((text) => formatted(text).querySelector("a").dir)"""
    texts = ["\u05e9\u05dc\u05d5\u05dd https://a.example/x/ \u05e9", "[\u05e9](https://a.example/x/)"]
    assert evaluate("/client/ui/formatted.js", code, texts) == ["ltr", "auto"]


def test_labelled_link_shows_where_it_leads(evaluate: Evaluate) -> None:
    code = """({formatted}, text) => {
        const shown = formatted(text);
        return [shown.textContent, shown.querySelector("a").href, shown.querySelector("a").title];
    }"""
    shown = evaluate("/client/ui/formatted.js", code, "see [the **docs**](https://docs.example/a)")
    assert shown == ["see the docs (docs.example)", "https://docs.example/a", "https://docs.example/a"]


def test_only_mentioned_members_are_marked(evaluate: Evaluate) -> None:
    code = """({formatted}, text) => {
        const known = {isName: (name) => ["ann", "all"].includes(name), isMe: (name) => name === "ann"};
        return [...formatted(text, known).querySelectorAll(".mention")].map((one) => [one.textContent, one.className]);
    }"""
    text = "**@ann.** @ben a@ann.example ＠all--ok `@ann`"
    assert evaluate("/client/ui/formatted.js", code, text) == [["@ann", "mention me"], ["＠all", "mention"]]


def test_long_text_begins_with_a_part(evaluate: Evaluate) -> None:
    code = "({beginning}, texts) => texts.map(beginning)"
    texts = [
        "short",
        "a\n" * 10,
        "a\n" * 3000,
        "word " * 1000,
        "x" * 8000,
        "```\n" + "code\n" * 100 + "```",
        "😀" * 4000,
    ]
    short, ten, lines, words, letters, code_block, emoji = evaluate("/client/ui/formatted.js", code, texts)
    assert (short, ten) == (None, None)
    assert lines == "a\n" * 19 + "a …"
    assert words == ("word " * 320).strip() + " …"
    assert letters == "x" * 1600 + " …"
    assert code_block == "```\n" + "code\n" * 19 + "```"
    assert emoji == "😀" * 800 + " …"


def test_changes_by_the_server_of_the_host_name_nobody_who_made_them(evaluate: Evaluate) -> None:
    code = """({systemText}, changes) => {
        const names = {1: "You", 2: "Ben", 3: "Cyd"};
        const store = {me: {id: 1}, people: {name: (id) => names[id]}};
        return changes.map((system) => systemText(store, {senderId: null, message: "written", system}));
    }"""
    texts = {
        "The group was created": {"type": "created"},
        "You were added": {"type": "added", "userIds": [1]},
        "Ben was added": {"type": "added", "userIds": [2]},
        "You, Ben and Cyd were added": {"type": "added", "userIds": [2, 1, 3]},
        "Ben was removed": {"type": "removed", "userIds": [2]},
        "Ben and Cyd were removed": {"type": "removed", "userIds": [2, 3]},
        "You are now an owner": {"type": "role", "userId": 1, "role": "owner"},
        "Ben is now an admin": {"type": "role", "userId": 2, "role": "admin"},
        "Cyd is now a member": {"type": "role", "userId": 3, "role": "member"},
        "The group is now called “Shop”": {"type": "info", "name": "Shop"},
        "The group picture was changed": {"type": "info", "avatarUrl": None},
        "The group description was changed": {"type": "info", "description": "d"},
        "Only admins can write now": {"type": "info", "readOnly": True},
        "All members can write now": {"type": "info", "readOnly": False},
        "New members can't see earlier messages now": {"type": "info", "history": "joined"},
        "New members can see earlier messages now": {"type": "info", "history": "all"},
        "The group was changed": {"type": "info", "metadata": {}},
        "written": None,
    }
    assert evaluate("/client/ui/system_text.js", code, list(texts.values())) == list(texts)


def test_quotation_shows_that_its_message_was_deleted_or_has_only_attachments(evaluate: Evaluate) -> None:
    code = """({quotedIn, quoteText}, [messages, loaded]) => messages.map((message) => {
        const quoted = quotedIn(message, (id) => loaded[id]);
        return quoted && quoteText(quoted);
    })"""
    loaded = {"words": {"message": "**Hi**"}, "gone": {"deletedAt": "t"}, "file": {"message": "", "attachments": [{}]}}
    texts = {
        '{"quoted": {"message": "**Hi**"}, "replyTo": "words"}': "Hi",
        '{"quoted": {"message": ""}, "replyTo": "file"}': "Attachment",
        '{"quoted": {}, "replyTo": "gone"}': "Deleted message",
        '{"replyTo": "words"}': "Hi",
        '{"replyTo": "file"}': "Attachment",
        '{"replyTo": "gone"}': "Deleted message",
        '{"replyTo": "unknown"}': None,
        "{}": None,
    }
    messages = [json.loads(message) for message in texts]
    assert evaluate("/client/ui/system_text.js", code, [messages, loaded]) == list(texts.values())
