"""The study of learning times: its small problem is the whole one, and its runs resume."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from signalprop import datasets
from signalprop.studies import deep_linear as study
from signalprop.studies.deep_linear import checks
from signalprop.training import Watch

SMALL = study.Spec(weights="orthogonal", depth=2, width=64)


def test_a_small_problem_has_the_errors_of_the_whole(rng: np.random.Generator) -> None:
    """Up to what no linear map explains, and for inputs of lower rank than features too."""
    inputs = rng.standard_normal((50, 4)) @ rng.standard_normal((4, 7))
    targets = rng.standard_normal((50, 3))
    small = study.compressed(inputs, targets)
    assert small.inputs.shape == (7, 4)
    best = np.linalg.lstsq(inputs, targets)[0]
    unexplained = np.square(inputs @ best - targets).sum() / 100
    for _ in range(3):
        w = rng.standard_normal((3, 7))
        whole = np.square(inputs @ w.T - targets).sum() / 100
        ours = np.square(w @ small.inputs - small.targets).sum() / 2
        assert ours + unexplained == pytest.approx(whole, rel=1e-12)
    assert small.explainable + unexplained == pytest.approx(np.square(targets).sum() / 100)


def test_the_digits_have_ten_labels_of_mean_zero() -> None:
    of = study.problem("digits")
    images = datasets.load("digits").train
    assert of.inputs.shape[0] == 64
    assert (
        of.inputs.shape[1]
        == of.targets.shape[1]
        == np.linalg.matrix_rank(images.pixels(dtype=np.float64).reshape(len(images), -1))
    )
    assert np.square(of.inputs).sum() == pytest.approx(64)
    np.testing.assert_allclose(of.targets.sum(0), 0, atol=1e-12)
    assert len(checks.modes()) == 9


def test_orthogonal_weights_have_orthogonal_products() -> None:
    weights = study.starting_weights(study.Spec(depth=5, width=64))
    product = np.linalg.multi_dot(weights[::-1])
    np.testing.assert_allclose(product @ product.T, np.eye(10), atol=1e-12)
    assert [w.shape for w in weights] == [(64, 64)] * 4 + [(10, 64)]


def test_the_clock_stops_where_the_error_does() -> None:
    rate = 0.04
    left = np.array(list(study.descend(SMALL, rate, 200)))
    reached = study.steps_to(SMALL, rate, 200)
    assert reached == [int(np.argmax(left <= level)) for level in study.LEFT]
    assert study.steps_to(SMALL, rate, reached[-1] or 0) == reached
    assert study.steps_to(SMALL, rate, (reached[-1] or 0) - 1) == [*reached[:-1], None]
    assert study.steps_to(SMALL, 1.0, 200) == [None] * 3  # it diverges


def test_a_run_finds_the_best_rate_and_resumes(tmp_path: Path) -> None:
    class Stop(Exception):  # noqa: N818
        pass

    def stop(tried: int) -> None:
        if tried in (3, 9):
            raise Stop

    whole = study.run(SMALL, Watch())
    watch = Watch(tmp_path / "run.checkpoint", 0, stop)
    for _ in range(2):
        with pytest.raises(Stop):
            study.run(SMALL, watch)
    resumed = study.run(SMALL, Watch(watch.checkpoint))
    assert resumed.metrics == whole.metrics
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values)
    steps, rates = whole.arrays["steps"][:, -1], whole.arrays["rates"]
    best = list(rates).index(whole.metrics["rate"])
    assert steps[best] == whole.metrics["steps"] == steps[steps >= 0].min()
    assert len(rates) == best + 1 + study.WORSE
    every = [study.steps_to(SMALL, rate, 400)[-1] for rate in study.RATES[: len(rates)]]
    assert min(t for t in every if t is not None) == whole.metrics["steps"]


def test_what_never_learned_has_no_time() -> None:
    arrays = {"rates": np.array([1.0, 0.1]), "steps": np.array([[3, -1, -1], [-1, -1, -1]])}
    assert study.metrics(arrays) == {"steps": None, "rate": None}


@pytest.mark.parametrize("depths", [(2,), (5,)])
def test_courses_are_checked(depths: tuple[int, ...]) -> None:
    assert checks.check_courses(*depths).verdict == "reproduced"


def test_a_power_of_the_depth_is_found() -> None:
    depths = np.array([8.0, 16.0, 64.0])
    assert checks.exponent(depths, 3 * depths**1.5) == pytest.approx(1.5)
