"""The claims of no chapter: their checks find the verdicts, and can find others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from signalprop import studies
from signalprop.claims import Claim, check
from signalprop.studies import rectifiers
from signalprop.studies.glorot_saturation import checks as saturation_checks
from signalprop.studies.ledger import glorot_checks, other_checks
from signalprop.studies.ledger.claims import CLAIMS
from signalprop.studies.rectifiers import checks as rectifier_checks


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.id)
def test_a_check_finds_the_verdict_of_its_claim(claim: Claim) -> None:
    assert check(claim).agrees


def test_every_claim_of_the_book_has_a_name_of_its_own() -> None:
    count = Counter(claim.id for claim in studies.CLAIMS)
    assert [name for name, n in count.items() if n > 1] == []
    assert {claim.id for claim in CLAIMS} <= set(count)


def test_claims_that_reasons_point_to_exist() -> None:
    names = {claim.id for claim in studies.CLAIMS}
    families = {name.split(".")[0] for name in names}
    for claim in CLAIMS:
        words = claim.reason.replace("(", " ").replace(")", " ").split()
        ids = [w.strip(".,;:") for w in words if w.count(".") > 1 and w.split(".")[0] in families]
        assert set(ids) <= names, claim.id


def test_reading_checks_are_open_or_decided_by_the_text() -> None:
    """What is open says why: "not run" alone is not enough."""
    for claim in CLAIMS:
        if claim.verdict == "open":
            assert len(claim.reason) > 15, claim.id


@pytest.mark.parametrize(
    ("module", "name", "value", "function", "verdict"),
    [
        (glorot_checks, "FIGURE_11_SIGMOID", {5: 83.5, 10: 83.5}, "check_figure_11_sigmoid",
         "reproduced"),
        (glorot_checks, "RATES", (0.5, 0.2, 0.1), "check_escape_and_rate", "not reproduced"),
        (glorot_checks, "LUCK", 0.01, "check_luck", "partly reproduced"),
        (glorot_checks, "CENTRE", (0.15, 0.54, 0.9, 1.33, 2.75), "check_tanh_centre", "reproduced"),
        (glorot_checks, "UPPER_MODES", (0.6, 0.5, 0.5), "check_softsign_upper", "not reproduced"),
        (glorot_checks, "READING", 0.2, "check_deviations", "reproduced"),
        (glorot_checks, "READING", 0.001, "check_deviations", "not reproduced"),
        (glorot_checks, "CLASS_PRIORS", np.array([0.12, 0.88]), "check_chance",
         "refuted"),
        (glorot_checks, "CLASS_PRIORS", np.full(8, 0.12), "check_chance", "reproduced"),
        (other_checks, "TROUBLE", 0.9, "check_threshold", "reproduced"),
        (other_checks, "ALLOWED", 0.9, "check_batch", "reproduced"),
    ],
)  # fmt: skip
def test_a_check_can_find_otherwise(
    module: Any, name: str, value: Any, function: str, verdict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, value)
    assert getattr(module, function)().verdict == verdict


def test_a_higher_error_or_no_escape_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = {"sigmoid depth 5": 70.0}
    monkeypatch.setattr(
        saturation_checks, "final_errors", lambda n: np.full(3, errors.get(n, 80.0))
    )
    assert glorot_checks.check_best_depth().verdict == "not reproduced"
    monkeypatch.setattr(other_checks, "times", lambda runs: np.full(len(runs), np.inf))
    assert other_checks.check_equal_at_14().verdict == "not reproduced"
    monkeypatch.setattr(other_checks, "times", lambda runs: np.zeros(len(runs)))
    assert other_checks.check_adam().verdict == "reproduced"


def test_tanh_against_softplus_can_go_the_other_way(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = rectifiers.group("softplus")
    worse = [
        replace(r, metrics={**r.metrics, "test_error": r.metrics["test_error"] + 0.1}) for r in runs
    ]
    monkeypatch.setattr(rectifier_checks, "group", {"tanh": worse, "softplus": runs}.get)
    assert rectifier_checks.check_lower("softplus", "tanh").verdict == "not reproduced"
    monkeypatch.setattr(rectifier_checks, "group", {"tanh": runs, "softplus": runs}.get)
    assert rectifier_checks.check_lower("softplus", "tanh").verdict == "open"


def test_the_folk_range_of_zeros_can_be_right_or_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = rectifiers.group("relu")
    for zeros, start, verdict in ((0.65, 0.5, "reproduced"), (0.9, 0.3, "not reproduced")):
        made = [
            replace(
                r,
                metrics=dict(r.metrics) | {"zeros": zeros},
                arrays=dict(r.arrays) | {"zeros": np.full((2, 3), start)},
            )
            for r in runs
        ]
        monkeypatch.setattr(rectifiers, "group", lambda name, made=made: made)
        assert other_checks.check_folk_sparsity().verdict == verdict
