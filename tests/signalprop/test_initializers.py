"""Starting weights against their formulas and against torch.nn.init."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from signalprop.initializers import (
    kaiming_,
    lecun_,
    orthogonal_,
    standard_,
    variance_scaling_,
    xavier_,
)

Fill = Callable[..., Tensor]
SHAPES = [(300, 500), (500, 300), (40, 30, 5, 3)]

# Variance by the papers' formulas, n and m the fans in and out.
RULES: dict[str, tuple[Fill, str, Callable[[int, int], float]]] = {
    "standard": (standard_, "uniform", lambda n, m: 1 / (3 * n)),
    "xavier uniform": (xavier_, "uniform", lambda n, m: 2 / (n + m)),
    "xavier normal": (partial(xavier_, distribution="normal"), "normal", lambda n, m: 2 / (n + m)),
    "kaiming": (kaiming_, "normal", lambda n, m: 2 / n),
    "kaiming uniform": (partial(kaiming_, distribution="uniform"), "uniform", lambda n, m: 2 / n),
    "kaiming backward": (partial(kaiming_, fan="out"), "normal", lambda n, m: 2 / m),
    "kaiming leaky": (partial(kaiming_, slope=0.25), "normal", lambda n, m: 2 / (1.0625 * n)),
    "lecun": (lecun_, "normal", lambda n, m: 1 / n),
    "lecun uniform": (partial(lecun_, distribution="uniform"), "uniform", lambda n, m: 1 / n),
}

# (kurtosis - 1): the variance of N squares is this over N, in units of the squared variance.
SQUARE_SPREAD = {"uniform": 9 / 5 - 1, "normal": 3 - 1}


def generator(seed: int = 5) -> torch.Generator:
    """Return a source of randomness of its own."""
    return torch.Generator().manual_seed(seed)


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the fans in and out of a (fan_out, fan_in, *kernel) tensor."""
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rule", RULES)
def test_mean_and_variance_are_the_formula_within_sampling_error(
    rule: str, shape: tuple[int, ...]
) -> None:
    fill, distribution, formula = RULES[rule]
    variance = formula(*fans(shape))
    weight = fill(torch.empty(shape, dtype=torch.float64), generator=generator())
    count = weight.numel()
    assert abs(float(weight.mean())) < 4 * math.sqrt(variance / count)
    spread = math.sqrt(SQUARE_SPREAD[distribution] / count)
    assert float(weight.square().mean()) == pytest.approx(variance, rel=4 * spread)


@pytest.mark.parametrize("rule", RULES)
def test_the_distribution_is_the_one_asked_for(rule: str) -> None:
    """A uniform fills its interval to the brim; a normal has the tail of one (4th moment)."""
    fill, distribution, formula = RULES[rule]
    weight = fill(torch.empty(300, 500, dtype=torch.float64), generator=generator())
    deviation = math.sqrt(formula(500, 300))
    if distribution == "uniform":
        bound = math.sqrt(3) * deviation
        largest = float(weight.abs().max())
        # The gap to the bound is exponential, of mean bound / count: e^-20 that it is 20 times it.
        assert bound * (1 - 20 / weight.numel()) < largest <= bound
    else:
        kurtosis = float((weight / deviation).pow(4).mean())
        assert kurtosis == pytest.approx(3, abs=4 * math.sqrt(96 / weight.numel()))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (xavier_, nn.init.xavier_uniform_),
        (partial(xavier_, distribution="normal"), nn.init.xavier_normal_),
        (kaiming_, partial(nn.init.kaiming_normal_, nonlinearity="relu")),
        (
            partial(kaiming_, distribution="uniform"),
            partial(nn.init.kaiming_uniform_, nonlinearity="relu"),
        ),
        (
            partial(kaiming_, slope=0.25, fan="out"),
            partial(nn.init.kaiming_normal_, a=0.25, mode="fan_out"),
        ),
        (lecun_, partial(nn.init.kaiming_normal_, nonlinearity="linear")),
        (standard_, partial(nn.init.kaiming_uniform_, a=math.sqrt(5))),
    ],
    ids=["xavier-u", "xavier-n", "kaiming-n", "kaiming-u", "leaky-out", "lecun", "standard"],
)
def test_the_named_rules_are_those_of_torch(
    ours: Fill, theirs: Fill, shape: tuple[int, ...]
) -> None:
    """Bit for bit."""
    a = ours(torch.empty(shape), generator=generator())
    b = theirs(torch.empty(shape), generator=generator())
    assert torch.equal(a, b)


@pytest.mark.parametrize(("inputs", "outputs"), [(1024, 100), (7, 9), (1000, 1000)])
def test_standard_is_what_a_linear_layer_of_torch_starts_with(inputs: int, outputs: int) -> None:
    """Bit for bit, from torch's global generator; the layer draws its weights first."""
    state = torch.get_rng_state()
    try:
        torch.manual_seed(3)
        layer = nn.Linear(inputs, outputs)
        torch.manual_seed(3)
        ours = standard_(torch.empty(outputs, inputs))
    finally:
        torch.set_rng_state(state)
    assert torch.equal(ours, layer.weight)


@pytest.mark.parametrize("rule", RULES)
def test_weights_are_filled_in_place_and_depend_on_the_generator_alone(rule: str) -> None:
    fill = RULES[rule][0]
    weight = torch.empty(20, 30)
    assert fill(weight, generator=generator()) is weight
    torch.rand(1)  # moves the global generator
    again, other = torch.empty(20, 30), torch.empty(20, 30)
    assert torch.equal(fill(again, generator=generator()), weight)
    assert not torch.equal(fill(other, generator=generator(6)), weight)


def test_a_parameter_is_filled_without_a_trace_in_its_graph() -> None:
    weight = nn.Parameter(torch.empty(4, 5))
    assert xavier_(weight) is weight
    assert weight.is_leaf
    assert weight.requires_grad
    assert weight.grad_fn is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": torch.empty(5)}, r"weight must have 2 dimensions or more, got shape \(5,\)"),
        ({"scale": 0.0}, "scale must be positive, got 0.0"),
        ({"scale": -1.0}, "scale must be positive, got -1.0"),
        ({"scale": math.nan}, "scale must be positive, got nan"),
        ({"fan": "sideways"}, "fan must be one of in, out, average, got 'sideways'"),
        ({"distribution": "cauchy"}, "distribution must be one of uniform, normal, got 'cauchy'"),
    ],
)
def test_an_argument_out_of_range_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {
        "weight": torch.empty(3, 4),
        "scale": 1.0,
        "fan": "in",
        "distribution": "uniform",
    }
    with pytest.raises(ValueError, match=message):
        variance_scaling_(**(arguments | change))


# --- orthogonal matrices ------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gain", [1.0, 1.5, -0.5])
@pytest.mark.parametrize("shape", [(60, 60), (90, 40), (40, 90), (30, 5, 2, 2), (10, 5, 3, 3)])
def test_rows_or_columns_are_orthonormal_to_rounding(
    shape: tuple[int, ...], gain: float, dtype: torch.dtype
) -> None:
    """Whichever are fewer; Householder's QR is off by a few roundings times the root of n."""
    weight = orthogonal_(torch.empty(shape, dtype=dtype), gain, generator=generator())
    matrix = weight.flatten(1)
    matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.t()
    error = (matrix @ matrix.t() / gain**2 - torch.eye(len(matrix), dtype=dtype)).norm(2)
    assert float(error) < 4 * math.sqrt(len(matrix)) * torch.finfo(dtype).eps


@pytest.mark.parametrize("shape", [(60, 60), (90, 40), (40, 90), (30, 5, 2, 2), (10, 5, 3, 3)])
def test_orthogonal_matrices_are_those_of_torch(shape: tuple[int, ...]) -> None:
    """Bit for bit."""
    ours = orthogonal_(torch.empty(shape), 1.5, generator=generator())
    theirs = nn.init.orthogonal_(torch.empty(shape), 1.5, generator=generator())
    assert torch.equal(ours, theirs)


MATRICES, SIZE = 4000, 6


def haar_violation(matrices: Tensor) -> float:
    r"""Return how many standard errors the moments of traces are from those of the Haar measure.

    Over O(n) the powers of a matrix have traces of mean 0, 1, 0 and of mean square 1, 3, 3, as
    long as n is at least twice the power (Diaconis & Shahshahani 1994).
    """
    powers = [torch.linalg.matrix_power(matrices, k) for k in (1, 2, 3)]
    traces = torch.stack([p.diagonal(dim1=1, dim2=2).sum(1) for p in powers], dim=1)
    moments = torch.cat([traces, traces.square()], dim=1)
    expected = torch.tensor([0, 1, 0, 1, 3, 3], dtype=torch.float64)
    errors = moments.std(0) / math.sqrt(len(matrices))
    return float(((moments.mean(0) - expected) / errors).abs().max())


def test_orthogonal_matrices_are_uniform_over_the_group() -> None:
    source = generator()
    shape = (SIZE, SIZE)
    matrices = torch.stack(
        [
            orthogonal_(torch.empty(shape, dtype=torch.float64), generator=source)
            for _ in range(MATRICES)
        ]
    )
    assert haar_violation(matrices) < 4
    turned = matrices @ matrices[0].t()  # uniform still, if it was
    assert haar_violation(turned[1:]) < 4
    negative = int((torch.linalg.det(matrices) < 0).sum())
    assert abs(negative - MATRICES / 2) < 4 * math.sqrt(MATRICES) / 2


def test_without_the_choice_of_signs_they_would_not_be() -> None:
    """The moments tell: LAPACK's own signs make the trace negative."""
    gaussian = torch.empty(MATRICES, SIZE, SIZE, dtype=torch.float64)
    q = torch.linalg.qr(gaussian.normal_(generator=generator())).Q
    assert haar_violation(q) > 40


def test_an_orthogonal_parameter_is_filled_in_place_from_the_generator_alone() -> None:
    weight = nn.Parameter(torch.empty(4, 5))
    assert orthogonal_(weight, generator=generator()) is weight
    assert weight.requires_grad
    assert weight.grad_fn is None
    torch.rand(1)  # moves the global generator
    assert torch.equal(orthogonal_(torch.empty(4, 5), generator=generator()), weight)
    assert not torch.equal(orthogonal_(torch.empty(4, 5), generator=generator(6)), weight)


@pytest.mark.parametrize(
    ("weight", "gain", "message"),
    [
        (torch.empty(5), 1.0, r"weight must have 2 dimensions or more, got shape \(5,\)"),
        (torch.empty(3, 4), math.nan, "gain must be finite, got nan"),
        (torch.empty(3, 4), math.inf, "gain must be finite, got inf"),
    ],
)
def test_an_impossible_orthogonal_matrix_is_refused(
    weight: Tensor, gain: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        orthogonal_(weight, gain)
