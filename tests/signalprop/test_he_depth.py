"""The study of depth: exact statements on factors, the specs, and a run on made-up images."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from signalprop.claims import Finding
from signalprop.convnets import DENSE_LAYERS, conv_stack
from signalprop.datasets import Examples, ImageSet
from signalprop.records import Record
from signalprop.studies import he_depth as study
from signalprop.studies.he_depth import checks, homogeneity
from signalprop.studies.he_depth.homogeneity import (
    factors,
    missing_factor,
    parameter_groups,
    rates,
)
from signalprop.studies.he_depth.sizes import Sizes
from signalprop.training import Watch

WEIGHTS = ("kaiming", "xavier", "xavier-first", "xavier-last")


def images(n: int, features: int = 3072) -> torch.Tensor:
    generator = torch.Generator().manual_seed(4)
    return torch.randn(n, features, generator=generator, dtype=torch.float64)


def spec(weights: str, **settings: object) -> study.Spec:
    return study.Spec(**{"depth": 12, "width": 8, "dense": 12, "weights": weights} | settings)


# --- factors ------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", WEIGHTS)
def test_starting_weights_are_those_of_kaiming_times_the_factors(weights: str) -> None:
    """Up to rounding: two rules draw the same normal numbers."""
    a = factors(weights, 12 - DENSE_LAYERS, 12)
    ours, plain = study.build(spec(weights)), study.build(spec("kaiming"))
    for one, other, factor in zip(ours.layers, plain.layers, a, strict=True):
        torch.testing.assert_close(one.weight, float(factor) * other.weight, rtol=1e-6, atol=0)
    missing = missing_factor(12 - DENSE_LAYERS)
    assert a.prod() == pytest.approx(1 / missing if weights == "xavier" else 1.0, rel=1e-12)


def rescale_(layers: Any, a: np.ndarray) -> None:
    """Multiply the weights of layer l by a_l, and its biases by the product up to it."""
    with torch.no_grad():
        for layer, one, all_below in zip(layers, a, np.cumprod(a), strict=True):
            layer.weight.mul_(one)
            layer.bias.mul_(all_below)


@pytest.mark.parametrize("weights", WEIGHTS[1:])
def test_every_layer_is_scaled_by_the_product_of_the_factors_below(weights: str) -> None:
    """Positive homogeneity, biases included, in float64 to rounding."""
    plain, scaled = (study.build(spec("kaiming")).double() for _ in range(2))
    for network in (plain, scaled):
        for layer in network.layers:
            torch.nn.init.normal_(layer.bias, 0, 0.1, generator=torch.Generator().manual_seed(5))
    a = factors(weights, 12 - DENSE_LAYERS, 12)
    rescale_(scaled.layers, a)
    x = images(5)
    with torch.no_grad():
        pairs = zip(plain.pre_activations(x), scaled.pre_activations(x), strict=True)
        for (ours, theirs), product in zip(pairs, np.cumprod(a), strict=True):
            torch.testing.assert_close(theirs, float(product) * ours, rtol=1e-11, atol=1e-15)


@pytest.mark.parametrize("weights", WEIGHTS[1:])
def test_gradients_are_those_of_the_chain_rule(weights: str) -> None:
    """dC/dW = dC/dV / a and dC/dbeta = dC/db / A, with the cost at the scaled logits."""
    plain, scaled = (study.build(spec("kaiming")).double() for _ in range(2))
    a = factors(weights, 12 - DENSE_LAYERS, 12)
    rescale_(scaled.layers, a)
    x, labels = images(6), torch.arange(6)
    F.cross_entropy(scaled(x), labels).backward()
    F.cross_entropy(float(a.prod()) * plain(x), labels).backward()
    layers = zip(plain.layers, scaled.layers, a, np.cumprod(a), strict=True)
    for one, other, factor, product in layers:
        torch.testing.assert_close(
            other.weight.grad, one.weight.grad / float(factor), rtol=1e-9, atol=1e-14
        )
        torch.testing.assert_close(
            other.bias.grad, one.bias.grad / float(product), rtol=1e-9, atol=1e-14
        )


@pytest.mark.parametrize("biases", [True, False])
@pytest.mark.parametrize("weights", WEIGHTS[1:])
def test_training_is_that_of_kaiming_at_other_rates(weights: str, biases: bool) -> None:
    assert checks.difference(weights, biases, updates=12) < 1e-9


def test_the_comparison_of_trainings_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the rates of the weights left alone, the two part."""

    def wrong(a: np.ndarray, rate: float) -> tuple[np.ndarray, np.ndarray]:
        return np.full(len(a), rate), rates(a, rate)[1]

    monkeypatch.setattr(homogeneity, "rates", wrong)
    assert checks.difference("xavier-first", updates=12) > 1e-4


def test_the_groups_hold_every_parameter_once() -> None:
    network = conv_stack("E", 9, 8, 8)
    a = factors("xavier-last", 6, 9)
    groups = parameter_groups(network.layers, a, rate=0.1, decay=0.5)
    held = [p for group in groups for p in group["params"]]
    assert {id(p) for p in held} == {id(p) for p in network.parameters()}
    assert len(held) == 18
    for group in groups:
        assert group["lr"] * group["weight_decay"] == pytest.approx(0.1 * 0.5, rel=1e-12)
    first, last = groups[0], groups[-2]
    assert first["lr"] == pytest.approx(0.2, rel=1e-12)
    assert last["lr"] == pytest.approx(0.1 / 2**6, rel=1e-12)


@pytest.mark.parametrize("a", [[1.0, -1.0], [1.0, 0.0], [1.0, math.inf]])
def test_factors_must_be_positive(a: list[float]) -> None:
    with pytest.raises(ValueError, match="a must be 2 positive numbers, got"):
        rates(a, 0.1)


def test_unknown_weights_and_impossible_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights must be one of kaiming, xavier.*, got 'he'"):
        factors("he", 2, 3)
    with pytest.raises(ValueError, match="convolutions must be from 1 to 3, got 4"):
        factors("xavier", 4, 3)


# --- the instrument -----------------------------------------------------------------------


def test_sizes_are_root_mean_squares() -> None:
    network = study.build(spec("xavier"))
    x, labels = images(7).float(), torch.arange(7)
    measured = Sizes(x, labels)(network)
    pre = [s.detach() for s in network.pre_activations(x)]
    F.cross_entropy(network(x), labels).backward()
    for l, layer in enumerate(network.layers):  # noqa: E741
        expected = {
            "signal": pre[l],
            "data": pre[l] - pre[l].mean(0),
            "gradient": layer.weight.grad,
            "weight": layer.weight.detach(),
        }
        for name, values in expected.items():
            size = float(np.sqrt(np.mean(values.double().numpy() ** 2)))
            assert measured[name][l] == pytest.approx(size, rel=1e-5)
    assert all(values.dtype == np.float32 for values in measured.values())


# --- specs and runs -----------------------------------------------------------------------


def test_specs_are_built_as_they_say() -> None:
    for one in (*study.SCALES["smoke"], *dict.fromkeys(study.SCALES["laptop"])):
        network = study.build(one)
        assert len(network.layers) == one.depth == len(study.initializers(one))
        assert all(layer.bias.requires_grad == one.biases for layer in network.layers)
        assert not any(layer.bias.any() for layer in network.layers)
        times = study.probe_times(one.updates)
        assert times[0] == 0
        assert times[-1] == one.updates
        assert all(b > a for a, b in itertools.pairwise(times))


def test_no_spec_of_a_scale_is_there_twice() -> None:
    for specs in study.SCALES.values():
        assert len(set(specs)) == len(specs)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    """Stand for CIFAR-10: images whose brightness says their class."""
    labels = np.arange(640) % 10
    noise = rng.integers(0, 40, (640, 3, 32, 32))
    pixels = (noise + 20 * labels[:, None, None, None]).astype(np.uint8)
    examples = Examples(pixels, labels)
    names = tuple("0123456789")
    made = ImageSet("cifar10", examples, examples.part(slice(200)), names)
    monkeypatch.setattr(study, "data", lambda: made)


def test_a_run_measures_and_learns(made_up: None) -> None:
    one = spec("kaiming", depth=9, updates=150, batch=32, rate=0.02)
    result = study.run(one, Watch())
    probes = len(study.probe_times(150))
    for name in ("signal", "data", "gradient", "weight"):
        assert result.arrays[name].shape == (probes, 9)
    assert result.metrics["outcome"] == "finished"
    assert result.metrics["escaped_at"] in study.probe_times(150)
    assert result.metrics["test_error"] < 0.8
    assert sum(values.nbytes for values in result.arrays.values()) < 20_000
    assert result.metrics["final_cost"] == pytest.approx(result.arrays["training_cost"][-1])


def test_a_run_with_adam_resumes_from_its_checkpoint(made_up: None, tmp_path: Path) -> None:
    one = spec("xavier", depth=9, optimizer="adam", rate=1e-3, decay=0.0, updates=160, batch=32)
    whole = study.run(one, Watch())

    class Killed(BaseException):
        pass

    def die(updates: int) -> None:
        if updates > 100:
            raise Killed

    path = tmp_path / "run.checkpoint"
    with pytest.raises(Killed):
        study.run(one, Watch(path, 0, die))
    assert path.exists()
    resumed = study.run(one, Watch(path))
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)


# --- checks can fail ----------------------------------------------------------------------


def made_up_runs(*escaped: int | None, cost: float = 1.5, error: float = 0.5) -> list[Record]:
    metrics = {"final_cost": cost, "test_error": error, "diverged_at": None}
    return [
        Record(study.NAME, {"updates": 2000}, metrics | {"escaped_at": at}, {}, {})
        for at in escaped
    ]


EARLY, LATE, NEVER = made_up_runs(100, 120), made_up_runs(1600, 1800), made_up_runs(None, None)
STALLED = made_up_runs(None, None, cost=study.CHANCE_COST)
GOOD, BAD = made_up_runs(100, 100, error=0.4), made_up_runs(100, 100, error=0.6)

CASES: list[tuple[Callable[[], Finding], dict[str, list[Record]], str]] = [
    (checks.check_both_converge, {"kaiming 22": EARLY, "xavier 22": LATE}, "reproduced"),
    (checks.check_both_converge, {"kaiming 22": EARLY, "xavier 22": NEVER}, "partly reproduced"),
    (checks.check_kaiming_first, {"kaiming 22": EARLY, "xavier 22": NEVER}, "reproduced"),
    (checks.check_kaiming_first, {"kaiming 22": LATE, "xavier 22": EARLY}, "not reproduced"),
    (checks.check_kaiming_first, {"kaiming 22": NEVER, "xavier 22": NEVER}, "not reproduced"),
    (checks.check_kaiming_converges, {"kaiming 30": EARLY}, "reproduced"),
    (checks.check_kaiming_converges, {"kaiming 30": NEVER}, "not reproduced"),
    (checks.check_xavier_stalls, {"xavier 30": STALLED}, "reproduced"),
    (checks.check_xavier_stalls, {"xavier 30": LATE}, "not reproduced"),
    (checks.check_deeper_is_worse, {"kaiming 30": BAD, "kaiming 14": GOOD}, "reproduced"),
    (checks.check_deeper_is_worse, {"kaiming 30": GOOD, "kaiming 14": BAD}, "not reproduced"),
    (checks.check_deeper_is_worse, {"kaiming 30": GOOD, "kaiming 14": GOOD}, "open"),
    (
        checks.check_factor_put_back,
        {"xavier-first 30": EARLY, "xavier-last 30": LATE},
        "reproduced",
    ),
    (
        checks.check_factor_put_back,
        {"xavier-first 30": NEVER, "xavier-last 30": NEVER},
        "not reproduced",
    ),
]


@pytest.mark.parametrize(("check", "runs", "verdict"), CASES)
def test_a_check_of_records_can_fail(
    check: Callable[[], Finding],
    runs: dict[str, list[Record]],
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    assert check().verdict == verdict


def test_gradients_that_fade_from_layer_to_layer_are_told_from_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small, level = 2.0 ** -np.full(30, 13.0), np.ones(30)
    sizes = {"kaiming": level, "xavier": small}
    monkeypatch.setattr(checks, "start", lambda weights: {"gradient": sizes[weights]})
    assert checks.check_gradients_at_start().verdict == "reproduced"
    sizes["xavier"] = 2.0 ** -np.linspace(26, 0, 30)  # 13 octaves on average
    assert checks.check_gradients_at_start().verdict == "not reproduced"
    sizes["xavier"] = level
    assert checks.check_gradients_at_start().verdict == "partly reproduced"


def test_a_network_that_learns_at_depth_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_stall_depth().verdict == "reproduced"
    monkeypatch.setattr(checks, "stall", lambda rule: {10: [True], 30: [True]})
    assert checks.check_stall_depth().verdict == "partly reproduced"
