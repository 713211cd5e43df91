"""The study of learning speed: its networks are critical, its clocks right, its runs resume."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from signalprop.datasets import Augmented
from signalprop.meanfield import critical_point
from signalprop.studies import learning_speed as study
from signalprop.studies.learning_speed import checks, specs
from signalprop.training import Watch

SMALL = specs.Spec(depth=8, width=30, batch=50, steps=12, rate=0.03, data="digits")


@pytest.mark.parametrize("case", specs.CASES, ids=lambda case: case.label)
def test_printed_variances_are_critical(case: specs.Case) -> None:
    sigma_w2, _ = critical_point(case.activation, case.q_star)
    assert float(sigma_w2) == pytest.approx(case.sigma_w2, abs=1e-4)


@pytest.mark.parametrize("case", specs.CASES[::2], ids=lambda case: case.label)
def test_inputs_give_the_first_layer_its_variance(case: specs.Case) -> None:
    spec = specs.of_case(case, data="digits", depth=2, width=2000)
    stream = Augmented(study.data("digits").train, 0, 8)
    images = torch.from_numpy(stream.batch(1000, np.float32)[0]).flatten(1)
    with torch.no_grad():
        first = study.build(spec).layers[0](study.input_scale(spec) * images)
    # 64 random directions of pixels carry it: 1 / sqrt(32) of it, were they independent.
    assert float(first.square().mean()) == pytest.approx(case.q_star, rel=2 / 32**0.5)


def test_looks_come_at_growing_intervals() -> None:
    times = study.probe_times(100)
    assert times[:4] == [0, 1, 2, 3]
    assert times[-1] == 100
    assert np.all(np.diff(times[:-1], 2) >= -1)
    assert study.probe_times(0) == [0]


def test_the_clock_interpolates_in_logarithms() -> None:
    history = {"updates": np.array([0, 1, 4, 16]), "test": np.array([0.1, 0.2, 0.3, 0.4])}
    assert study.steps_to(0.25, history) == pytest.approx(2)
    assert study.steps_to(0.30, history) == pytest.approx(4)
    assert study.steps_to(0.15, history) == 1  # no logarithm of the start
    assert study.steps_to(0.05, history) == 0
    assert study.steps_to(0.5, history) is None


@pytest.mark.parametrize("optimizer", list(study.OPTIMIZERS))
def test_a_killed_run_resumes_to_the_same_result(tmp_path: Path, optimizer: str) -> None:
    spec = replace(SMALL, optimizer=optimizer, rate=0.001)
    whole = study.run(spec, Watch())
    checkpoint = tmp_path / "checkpoint"

    def kill(updates: int) -> None:
        if updates >= 6 and checkpoint.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        study.run(spec, Watch(checkpoint, 0.0, kill))
    resumed = study.run(spec, Watch(checkpoint, 0.0))
    assert resumed.metrics == whole.metrics
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values)


def test_rmsprop_from_one_begins_as_plain_descent() -> None:
    # The mean of squares is 0.9 + 0.1 g^2 at the first step, and 0.1 g^2 if it starts at zero.
    gradient = torch.tensor([1e-3, 0.5, 2.0])
    weight = torch.nn.Parameter(torch.zeros(3))
    weight.grad = gradient.clone()
    study.rmsprop_from_one([weight], lr=0.1).step()
    expected = -0.1 * gradient / (0.9 + 0.1 * gradient**2).sqrt()
    torch.testing.assert_close(weight.detach(), expected, rtol=2e-5, atol=0)  # eps is 1e-5


def test_training_ends_at_the_accuracy_asked_for() -> None:
    run = study.run(replace(SMALL, until=0.05), Watch())
    assert len(run.arrays["test"]) == 1  # more than that by chance
    assert run.metrics["steps"] is None


def test_what_is_watched_is_on_record() -> None:
    spec = replace(SMALL, steps=2, jacobians=3, kernel_images=20)
    arrays = study.run(spec, Watch()).arrays
    assert arrays["singular_values"].shape == (3, 3, 30)
    assert arrays["largest"].shape == (3,)
    assert np.all(arrays["largest"] >= arrays["signal"])


def test_a_network_not_seen_to_learn_takes_more_steps_than_it_had() -> None:
    never = checks.best("search, ReLU, gaussian")
    assert never.steps == np.inf
    assert never.at_least == never.trained == int(never.record.arrays["updates"][-1])
    assert str(never) == f"above {never.trained}"


def test_printed_times_belong_to_the_cases() -> None:
    printed = [(activation, w, sigma_w2) for activation, w, sigma_w2, _ in checks.SIX.values()]
    assert printed == [(c.activation, c.weights, c.sigma_w2) for c in specs.CASES]


def test_pairs_are_counted() -> None:
    steps = np.array([1.0, 2.0, 3.0])
    assert checks.pairs_in_order(np.array([5.0, 7.0, 6.0]), steps) == 2
    assert checks.pairs_in_order(steps, steps) == 3


@pytest.mark.parametrize("label", specs.FINALS)
def test_runs_go_on_at_the_rate_that_the_search_found(label: str) -> None:
    assert [rate for rate, _ in specs.FINALS[label]] == [checks.promising(f"search, {label}")]


@pytest.mark.parametrize("case", specs.CASES, ids=lambda case: case.label)
def test_further_seeds_learn_at_the_best_rate(case: specs.Case) -> None:
    assert specs.MORE_SEEDS[case.label][0] == checks.best_of(case).rate


@pytest.mark.parametrize("case", specs.CASES, ids=lambda case: case.label)
@pytest.mark.parametrize("optimizer", specs.PANEL_RATES)
def test_the_panels_go_on_where_the_search_did_not_end(optimizer: str, case: specs.Case) -> None:
    search = f"panel of {optimizer}, {case.label}"
    learned = any(math.isfinite(run.steps) for run in checks.timed(search))
    rate = specs.PANEL_FINALS[optimizer].get(case.label)
    assert rate == (None if learned else checks.promising(search))
