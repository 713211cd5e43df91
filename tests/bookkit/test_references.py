"""References are rewritten on request only, and never from a run that is not whole."""

from __future__ import annotations

import pytest

from .throwaway import Book, printed


@pytest.fixture
def chapter(book: Book) -> Book:
    book.chapter("chapter", "import toy", "print(toy.CHI)")
    book.reference("chapter", ("import toy", []), ("print(toy.CHI)", printed("0.79841237")))
    return book


def test_update_writes_the_same_bytes_and_removes_what_has_no_chapter(chapter: Book) -> None:
    references = chapter.root / "tests/references"
    expected = (references / "chapter.json").read_bytes()
    chapter.reference("chapter", ("old", []))
    chapter.reference("renamed", ("old", []))
    assert chapter.test("--update-references").status == pytest.ExitCode.OK
    assert (references / "chapter.json").read_bytes() == expected
    assert not (references / "renamed.json").exists()


def test_update_takes_nothing_from_a_chapter_that_fails(book: Book) -> None:
    book.chapter("chapter", "print(1)", "1 / 0")
    book.reference("chapter", ("old", []))
    before = (book.root / "tests/references/chapter.json").read_bytes()
    assert book.test("--update-references").status == pytest.ExitCode.TESTS_FAILED
    assert (book.root / "tests/references/chapter.json").read_bytes() == before


def test_part_of_a_chapter_is_refused(chapter: Book) -> None:
    result = chapter.test("book/chapter.md::Cell 1")
    assert result.status == pytest.ExitCode.USAGE_ERROR
    assert "2 of the 3 tests of chapter.md are left out" in result.text.replace("book/", "")


def test_damaged_reference(chapter: Book) -> None:
    chapter.write("tests/references/chapter.json", "[{")
    result = chapter.test("book")
    assert result.status == pytest.ExitCode.INTERRUPTED
    assert "chapter.json is damaged" in result.text
