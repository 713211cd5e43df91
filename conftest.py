"""Chapters are tests: see lib/bookkit/nbval_text.py."""

pytest_plugins = ["bookkit.nbval_text"]
