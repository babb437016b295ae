"""Words of an inventory in Markdown: whatever they are, they stay words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tenancy.words import in_code, in_markdown

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)
MEANING = st.sampled_from(["@team", "![x](https://e.example)", "<b>", "`", "``", "[x]", "#1", "*"])
WORDS = st.lists(st.one_of(PRINTABLE, MEANING, st.builds("".join, st.lists(MEANING))), min_size=1)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("size: standard → large", "size: standard → large"),
        ("which `up` refuses: first deploy `state: decommissioned`",) * 2,
        ("+orders.>, -audit.created; new", "+orders.>, -audit.created; new"),
        ("+orders.*, -b.*", "`+orders.*`, `-b.*`"),
        (
            "+![x](https://evil.example/p.png), @team",
            "`+![x](https://evil.example/p.png)`, `@team`",
        ),
        ("+a.`b", "``+a.`b``"),
        ("`@team`", "`` `@team` ``"),
        ("a\\ b", "`a\\` b"),
        ("www.evil.example", "`www.evil.example`"),
        ("#17 <b> &lt; ~~x~~", "`#17` `<b>` `&lt`; `~~x~~`"),
        ("``` ```", "```` ``` ```` ```` ``` ````"),
    ],
)
def test_a_word_that_is_more_than_a_word_becomes_code(text: str, written: str) -> None:
    assert in_markdown(text) == written


def parts(markdown: str) -> list[tuple[str, str]]:
    """The kinds and contents of what a reader of Markdown finds in a paragraph."""
    [inline] = [each for each in MarkdownIt().parse(f"- x: {markdown}") if each.type == "inline"]
    return [(each.type, each.content) for each in inline.children or []]


@given(WORDS)
def test_a_reader_of_markdown_finds_text_and_code_and_no_other_thing(words: list[str]) -> None:
    found = parts(in_markdown(" ".join(words)))
    assert {kind for kind, _ in found} <= {"text", "code_inline"}
    text = "".join(content for kind, content in found if kind == "text")
    assert not any(mark in text for mark in ("@", "#", "<", "://", "www."))
    assert "".join(content for _, content in found).replace(" ", "") == (
        "x:" + "".join(word for word in words)
    )


@given(PRINTABLE)
def test_code_is_what_it_was(text: str) -> None:
    assert parts(in_code(text)) == [("text", "x: "), ("code_inline", text)]
