"""Data sets."""

from .shapeset import Shapeset as Shapeset
