"""Deep linear networks: every course by two routes, and gradients against autograd."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.special import hyp2f1

from signalprop.deep_linear import (
    aligned_weights,
    descent_step,
    learning_time,
    mode_descent,
    strength,
    velocity,
)

DEPTHS = (1, 2, 3, 7, 50, 1000, math.inf)


def antiderivative(u: float, s: float, depth: float) -> float:
    """Return the integral of du / (u^a (s - u)) by Gauss's hypergeometric function, D != 2."""
    b = 2 / depth - 1
    return float(u**b / (b * s) * hyp2f1(1, b, 1 + b, u / s))


@pytest.mark.parametrize("depth", [1, 3, 7, 50, 1000])
@pytest.mark.parametrize(("s", "start", "end"), [(1, 0.01, 0.99), (0.3, 1e-4, 0.2), (5, 2, 4.999)])
def test_learning_times_are_those_of_a_hypergeometric_function(
    depth: float, s: float, start: float, end: float
) -> None:
    exact = antiderivative(end, s, depth) - antiderivative(start, s, depth)
    assert learning_time(s, start, end, depth) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("s", "start", "end"), [(0.3, 1, 0.31), (2, 0.5, 1.5)])
def test_learning_times_are_integrals_of_the_velocity(
    depth: float, s: float, start: float, end: float
) -> None:
    """Also from above, where a mode is too strong at the start."""
    exact, error = quad(lambda u: 1 / velocity(u, s, depth), start, end, epsrel=1e-10)
    assert learning_time(s, start, end, depth) == pytest.approx(exact, abs=10 * error)


def test_learning_times_of_the_paper() -> None:
    """The closed form for three layers of units, and the limit of eq. 17."""
    assert learning_time(1, 0.01, 0.99, 2) == pytest.approx(math.log(99 * 99), rel=1e-14)
    assert learning_time(1, 0.01, 0.99, 2.000001) == pytest.approx(math.log(99 * 99), rel=1e-5)
    limit = 2 * math.log(99) + 100 - 1 / 0.99
    assert learning_time(1, 0.01, 0.99, math.inf) == pytest.approx(limit, rel=1e-14)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("s", "start"), [(0.5, 0.01), (2.0, 0.1), (0.5, 3.0)])
def test_strengths_and_learning_times_undo_each_other(depth: float, s: float, start: float) -> None:
    ends = s + (start - s) * np.array([1, 0.9, 0.5, 0.1, 0.01])
    times = [learning_time(s, start, end, depth) for end in ends]
    np.testing.assert_allclose(strength(times, s, start, depth), ends, rtol=1e-7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, 0.1, 0.2, 2), "s must be > 0, got 0"),
        ((1, 0, 0.2, 2), "start must be > 0, got 0"),
        ((1, 0.1, 0.2, 0.5), "depth must be >= 1, got 0.5"),
        ((1, 0.1, 1, 2), "end must lie between start = 0.1 and s = 1, got 1"),
        ((1, 0.2, 0.1, 2), "end must lie between start = 0.2 and s = 1, got 0.1"),
    ],
)
def test_what_is_out_of_range_is_named(
    arguments: tuple[float, float, float, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        learning_time(*arguments)


def test_times_must_rise() -> None:
    for times in ([-1.0, 0.0], [1.0, 0.5]):
        with pytest.raises(ValueError, match="times must be >= 0 and rising"):
            strength(times, 1, 0.1, 3)


# --- matrices -----------------------------------------------------------------------------


def test_a_step_is_that_of_autograd(rng: np.random.Generator) -> None:
    sizes, rate = (5, 7, 6, 3), 0.07
    weights = [rng.standard_normal((b, a)) for a, b in pairwise(sizes)]
    inputs, targets = rng.standard_normal((5, 9)), rng.standard_normal((3, 9))
    parameters = [torch.tensor(w, requires_grad=True) for w in weights]
    product = torch.linalg.multi_dot(parameters[::-1])
    cost = (product @ torch.tensor(inputs) - torch.tensor(targets)).square().sum() / 2
    cost.backward()  # type: ignore[no-untyped-call]
    assert descent_step(weights, inputs, targets, rate) == pytest.approx(cost.item(), rel=1e-13)
    for weight, parameter in zip(weights, parameters, strict=True):
        assert parameter.grad is not None
        stepped = parameter.detach() - rate * parameter.grad
        np.testing.assert_allclose(weight, stepped.numpy(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_aligned_matrices_learn_mode_by_mode(depth: int, rng: np.random.Generator) -> None:
    """At any rate, to rounding."""
    target = rng.standard_normal((3, 6)) / 3
    left, s, right = np.linalg.svd(target, full_matrices=False)
    weights = aligned_weights(target, depth, 8, 0.2, rng)
    assert [w.shape for w in weights][:: max(1, depth - 1)][0] == ((3, 6) if depth == 1 else (8, 6))
    courses = mode_descent(s, 0.2, depth, 0.05, 40)
    for course in courses:
        product = np.linalg.multi_dot(weights[::-1]) if depth > 1 else weights[0]
        np.testing.assert_allclose(product, left * course @ right, atol=1e-12)
        descent_step(weights, np.eye(6), target, 0.05)


def test_descent_follows_the_flow_up_to_the_rate() -> None:
    s, start, depth, time = 0.7, 0.05, 4, 20.0
    exact = strength([time], s, start, depth)[0]
    off = []
    for steps in (400, 800, 1600):
        course = mode_descent([s], start, depth, time / steps / depth, steps)
        off.append(course[-1, 0] - exact)
    assert off[0] / off[1] == pytest.approx(2, abs=0.1)
    assert off[1] / off[2] == pytest.approx(2, abs=0.05)


def test_several_rates_are_several_networks() -> None:
    s, rates = np.array([0.5, 1.0]), np.array([0.01, 0.1, 50.0])
    together = mode_descent(s, 0.1, 3, rates[:, None], 30)
    assert together.shape == (31, 3, 2)
    for k, rate in enumerate(rates):
        np.testing.assert_array_equal(together[:, k], mode_descent(s, 0.1, 3, rate, 30))
    assert not np.isfinite(together[-1, 2]).any()
