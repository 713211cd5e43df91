"""Fixtures of the tests of the machinery."""

from __future__ import annotations

import pytest

from .throwaway import Book


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory) -> Book:
    """Make a book without chapters, shared by the tests of a module."""
    book = Book(tmp_path_factory.mktemp("book"))
    book.write("lib/toy.py", "CHI = 0.79841237\n")
    return book
