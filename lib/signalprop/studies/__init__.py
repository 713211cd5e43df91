"""The studies: one module for each result of a paper."""

from __future__ import annotations

from ..claims import Claim
from ..runner import Study
from . import glorot_saturation

STUDIES: dict[str, Study] = {study.name: study for study in (glorot_saturation.STUDY,)}
"""Every study by name."""

CLAIMS: list[Claim] = []
"""Every claim, in the order of the book."""
