"""The studies: one module for each result of a paper."""

from __future__ import annotations

from ..claims import Claim
from ..runner import Study
from . import (
    blog_post,
    cifar_table,
    deep_cnn,
    deep_linear,
    glorot_saturation,
    glorot_table,
    he_depth,
    jacobian_spectra,
    learning_speed,
    lsuv,
    pretraining,
    question,
    rectifiers,
    rescaled_sigmoid,
    starts,
)
from .cifar_table import claims as cifar_table_claims
from .deep_cnn import claims as deep_cnn_claims
from .deep_linear import claims as deep_linear_claims
from .derivations import claims as derivations_claims
from .glorot_initialization import claims as glorot_initialization_claims
from .glorot_saturation import claims as glorot_saturation_claims
from .glorot_table import claims as glorot_table_claims
from .he_depth import claims as he_depth_claims
from .jacobian_spectra import claims as jacobian_spectra_claims
from .learning_speed import claims as learning_speed_claims
from .ledger import claims as ledger_claims
from .lsuv import claims as lsuv_claims
from .mean_field import claims as mean_field_claims
from .pretraining import claims as pretraining_claims
from .question import claims as question_claims
from .rectifiers import claims as rectifiers_claims
from .rescaled_sigmoid import claims as rescaled_sigmoid_claims
from .starts import claims as starts_claims

STUDIES: dict[str, Study] = {
    study.name: study
    for study in (
        glorot_saturation.STUDY,
        question.STUDY,
        pretraining.STUDY,
        glorot_table.STUDY,
        rectifiers.STUDY,
        he_depth.STUDY,
        lsuv.STUDY,
        rescaled_sigmoid.STUDY,
        cifar_table.STUDY,
        jacobian_spectra.STUDY,
        deep_linear.STUDY,
        learning_speed.STUDY,
        starts.STUDY,
        deep_cnn.STUDY,
    )
}
"""Every study by name."""

CLAIMS: list[Claim] = [
    *glorot_saturation_claims.CLAIMS,
    *question_claims.CLAIMS,
    *pretraining_claims.CLAIMS,
    *derivations_claims.CLAIMS,
    *glorot_initialization_claims.CLAIMS,
    *glorot_table_claims.CLAIMS,
    *rectifiers_claims.CLAIMS,
    *he_depth_claims.CLAIMS,
    *lsuv_claims.CLAIMS,
    *blog_post.CLAIMS,
    *rescaled_sigmoid_claims.CLAIMS,
    *cifar_table_claims.CLAIMS,
    *mean_field_claims.CLAIMS,
    *jacobian_spectra_claims.CLAIMS,
    *deep_linear_claims.CLAIMS,
    *learning_speed_claims.CLAIMS,
    *starts_claims.CLAIMS,
    *deep_cnn_claims.CLAIMS,
    *ledger_claims.CLAIMS,
]
"""Every claim, in the order of the book; those of no chapter last."""
