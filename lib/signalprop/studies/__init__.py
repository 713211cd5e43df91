"""The studies: one module for each result of a paper."""

from __future__ import annotations

from ..claims import Claim
from ..runner import Study
from . import blog_post, glorot_saturation, jacobian_spectra, question
from .glorot_saturation import claims as glorot_saturation_claims
from .jacobian_spectra import claims as jacobian_spectra_claims
from .mean_field import claims as mean_field_claims
from .question import claims as question_claims

STUDIES: dict[str, Study] = {
    study.name: study for study in (glorot_saturation.STUDY, question.STUDY, jacobian_spectra.STUDY)
}
"""Every study by name."""

CLAIMS: list[Claim] = [
    *glorot_saturation_claims.CLAIMS,
    *question_claims.CLAIMS,
    *blog_post.CLAIMS,
    *mean_field_claims.CLAIMS,
    *jacobian_spectra_claims.CLAIMS,
]
"""Every claim, in the order of the book."""
