"""The LSUV study: its theory against other routes, its instruments, and how a run is summed up."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from signalprop.activations import NAMES, gaussian_mean, get
from signalprop.claims import Finding
from signalprop.datasets import Examples, ImageSet
from signalprop.kernels import covariance
from signalprop.lsuv import linear_layers
from signalprop.meanfield import chi, correlation_map, length_map
from signalprop.networks import MLP
from signalprop.records import Record, RecordError
from signalprop.studies import lsuv as study
from signalprop.studies.lsuv import LEARNING_COST, Spec, checks, claims, figures
from signalprop.studies.lsuv.layers import Layers, dense, measure
from signalprop.studies.lsuv.theory import data_variances, growth, weight_variance
from signalprop.training import Outcome, Watch

# --- theory -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_lsuv_is_at_the_fixed_point_of_the_length_map(name: str) -> None:
    assert float(length_map(name, 1.0, weight_variance(name), 0.0)) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_growth_is_chi_and_the_slope_of_the_data_variance_at_0(name: str) -> None:
    assert growth(name) == pytest.approx(float(chi(name, 1.0, weight_variance(name))), rel=1e-12)
    step = 1e-8
    # Kinks make the slope off by the root of the step.
    assert data_variances(name, 2, step)[1] / step == pytest.approx(growth(name), rel=3e-4)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu", "softplus"])
def test_data_variances_follow_the_correlation_map(name: str) -> None:
    values = data_variances(name, 4, 0.7)
    c, scale = 0.3, weight_variance(name)
    for value in values[1:]:
        c = float(correlation_map(name, c, 1.0, scale, 0.0))
        assert value == pytest.approx(1 - c, abs=1e-10)


def test_the_printed_numbers_of_the_sigmoid() -> None:
    """By quadrature on a plain grid, without the closed forms and kernels of the library."""
    z = np.linspace(-9, 9, 4001)
    weight = np.exp(-(z**2) / 2) * (z[1] - z[0]) / math.sqrt(2 * math.pi)
    sigmoid = 1 / (1 + np.exp(-z))
    square, slope = (float(weight @ f**2) for f in (sigmoid, sigmoid * (1 - sigmoid)))
    assert (round(slope, 5), round(square, 5)) == (0.04484, 0.29338)
    assert growth("sigmoid") == pytest.approx(slope / square, rel=1e-9)
    assert growth("sigmoid", remove_means=True) == pytest.approx(slope / (square - 0.25), rel=1e-9)
    np.testing.assert_allclose(data_variances("sigmoid", 3)[:2], [1, 1 - 0.25 / square], rtol=1e-9)
    # At last it falls by the growth in each layer: 0.153.
    late = data_variances("sigmoid", 18)[-2:]
    assert late[1] / late[0] == pytest.approx(0.15283, abs=1e-5)


def test_the_second_layer_by_monte_carlo(rng: np.random.Generator) -> None:
    """A unit of a second layer, over pairs of examples, to four standard errors."""
    u, v = rng.standard_normal((2, 400_000))
    for name in ("sigmoid", "relu", "tanh"):
        act = get(name)
        halves = (act(u) - act(v)) ** 2 / 2 * weight_variance(name)
        error = 4 * halves.std() / math.sqrt(len(halves))
        assert data_variances(name, 2)[1] == pytest.approx(halves.mean(), abs=error)


@pytest.mark.parametrize("name", NAMES)
def test_with_means_removed_nothing_fades(name: str) -> None:
    """Poincaré's inequality; the variance is the covariance at 1 less that at 0."""
    assert growth(name, remove_means=True) >= 1 - 1e-12
    variance = float(covariance(name, 1.0, 1.0) - covariance(name, 0.0, 1.0))
    assert weight_variance(name, remove_means=True) == pytest.approx(1 / variance, rel=1e-9)
    np.testing.assert_array_equal(data_variances(name, 3, remove_means=True), 1)


def test_odd_units_have_no_means_to_remove() -> None:
    for name in ("tanh", "rescaled_sigmoid", "erf", "softsign"):
        assert float(gaussian_mean(get(name), 1.0)) == pytest.approx(0, abs=1e-15)
        assert weight_variance(name, True) == pytest.approx(weight_variance(name), rel=1e-14)


@pytest.mark.parametrize(("layers", "first"), [(0, 1.0), (3, -0.1), (3, 1.1), (3, math.nan)])
def test_impossible_arguments_are_refused(layers: int, first: float) -> None:
    with pytest.raises(ValueError, match=r"(layers|first) must be"):
        data_variances("tanh", layers, first)


# --- instruments --------------------------------------------------------------------------


def test_layers_are_measured_as_by_hand() -> None:
    network = MLP([6, 8, 7, 3], "tanh").double()
    x = torch.randn(20, 6, dtype=torch.float64)
    found = measure(network, x, lambda y: y.square().sum() / 2)
    h, slopes = x.numpy(), []
    weights = [layer.weight.detach().numpy() for layer in network.layers]
    for index, layer in enumerate(network.layers):
        s = h @ weights[index].T + layer.bias.detach().numpy()
        assert found.variance[index] == pytest.approx(np.var(s), rel=1e-12)
        assert found.data_variance[index] == pytest.approx(np.var(s, axis=0).mean(), rel=1e-12)
        h = np.tanh(s)
        slopes.append(1 - h**2)
    gradient = s  # of half its square
    for index in (2, 1, 0):
        assert found.gradient[index] == pytest.approx(np.sqrt(np.mean(gradient**2)), rel=1e-12)
        gradient = gradient @ weights[index] * slopes[index - 1] if index else gradient
    assert all(p.grad is None for p in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())


def test_dense_networks_lose_the_data_or_keep_them() -> None:
    plain, repaired = (dense("sigmoid", m, width=64, examples=64) for m in (False, True))
    np.testing.assert_allclose(plain.variance, 1, rtol=1e-12)
    np.testing.assert_allclose(repaired.variance, 1, rtol=1e-12)
    np.testing.assert_allclose(repaired.data_variance, 1, rtol=1e-12)
    theory = data_variances("sigmoid", 18)
    assert np.abs(np.log10(plain.data_variance / theory)).max() < 1  # of 14 decades
    assert plain.gradient[0] / plain.gradient[-1] < 1e-5
    assert 0.2 < repaired.gradient[0] / repaired.gradient[-1] < 5


# --- runs ---------------------------------------------------------------------------------

SMALL = Spec(width=0.05, updates=20, batch=8, rate=0.01)


def colours(n: int, seed: int) -> Examples:
    """Return images whose class is seen in their brightness."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, n)
    noise = rng.integers(0, 60, (n, 3, 32, 32))
    return Examples((noise + 19 * labels[:, None, None, None]).astype(np.uint8), labels)


@pytest.fixture(autouse=True)
def _few_images(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No data set is needed, and a probe takes no time."""
    images = ImageSet("cifar10", colours(300, 0), colours(60, 1), tuple("0123456789"))
    monkeypatch.setattr(study, "load", lambda name: images)
    monkeypatch.setattr(study, "TEST_IMAGES", 50)
    monkeypatch.setattr(study, "PROBE_IMAGES", 10)
    return


@pytest.mark.parametrize("init", ["lsuv", "lsuv-means", "xavier", "kaiming", "orthogonal"])
def test_a_network_starts_as_its_spec_says(init: study.Init) -> None:
    inputs = torch.randn(30, 3072, generator=torch.Generator().manual_seed(0))
    spec = replace(SMALL, init=init, width=0.25)
    network, same = (study.build(spec, inputs) for _ in range(2))
    other = study.build(replace(spec, seed=1), inputs)
    found = measure(network.double(), inputs.double(), lambda y: y.sum())
    layers = linear_layers(network)
    if init == "lsuv":
        np.testing.assert_allclose(found.variance, 1, rtol=1e-4)
    elif init == "lsuv-means":
        np.testing.assert_allclose(found.data_variance, 1, rtol=1e-4)
        assert all(layer.bias.any() for layer in layers.values())
    elif init == "orthogonal":
        w = layers["conv7"].weight.detach().flatten(1)
        torch.testing.assert_close(w @ w.t(), torch.eye(20, dtype=w.dtype), atol=1e-6, rtol=0)
    else:
        fan = 20 * 9
        scale = {"xavier": 1, "kaiming": 2}[init] / fan
        w = layers["conv7"].weight.detach()
        assert float(w.square().mean()) == pytest.approx(scale, rel=4 * math.sqrt(2 / w.numel()))
    if init != "lsuv-means":
        assert not any(layer.bias.any() for layer in layers.values())
    ours, again, others = (n.state_dict()["dense18.weight"] for n in (network, same, other))
    assert torch.equal(ours, again.double())
    assert not torch.equal(ours, others.double())


def test_the_paper_s_network_is_the_default() -> None:
    network = study.build(Spec(init="xavier"), torch.empty(0))
    assert network.get_submodule("conv1").weight.shape[0] == 32
    assert Spec().updates * Spec().batch / 50_000 == pytest.approx(230, abs=1)


def test_weights_decay_and_biases_do_not() -> None:
    network = study.build(replace(SMALL, init="xavier"), torch.empty(0))
    weights, biases = study.optimizer(network, 0.1).param_groups
    assert (weights["weight_decay"], biases["weight_decay"]) == (5e-4, 0)
    assert len(weights["params"]) == len(biases["params"]) == 19
    assert weights["momentum"] == biases["momentum"] == 0.9


@pytest.mark.parametrize("updates", [1, 4, 20, 250, 90_000])
def test_probes_begin_at_the_start_and_end_at_the_end(updates: int) -> None:
    times = study.probe_times(updates)
    assert (times[0], times[-1]) == (0, updates)
    assert (np.diff(times) > 0).all()
    assert len(times) <= 11


def test_every_scale_has_runs_and_none_twice() -> None:
    assert set(study.SCALES) == {"smoke", "laptop", "paper"}
    for specs in study.SCALES.values():
        assert len(specs) == len(set(specs)) > 0
    assert all(init in {s.init for s in study.SCALES["paper"]} for init in study.INITS)


def test_a_run_records_what_the_figures_need() -> None:
    metrics, arrays, seconds = study.run(SMALL, Watch())
    probes = len(study.probe_times(20))
    np.testing.assert_array_equal(arrays["updates"], study.probe_times(20))
    for name in ("variance", "data_variance", "gradient"):
        assert arrays[name].shape == (probes, 19)
        assert arrays[name].dtype == np.float32
        assert (arrays[name] > 0).all()
    assert arrays["test_error"].shape == (probes,)
    assert metrics["outcome"] == "finished"
    assert metrics["final_cost"] == arrays["training_cost"][-1]
    assert metrics["test_error"] == arrays["test_error"][-1]
    assert seconds > 0


def test_measuring_leaves_the_network_alone() -> None:
    network = study.build(SMALL, torch.randn(8, 3072))
    before = copy.deepcopy(network.state_dict())
    study.layer_arrays(network, torch.randn(5, 3072), torch.randint(10, (5,)))
    for name, value in network.state_dict().items():
        assert value.dtype == torch.float32
        assert torch.equal(value, before[name])


def test_a_run_resumes_with_its_momentum(tmp_path: Path) -> None:
    class Killed(BaseException):
        pass

    def die(updates: int) -> None:
        if updates >= 10:
            raise Killed

    spec = replace(SMALL, init="lsuv-means", rate=0.1)
    checkpoint = tmp_path / "run.checkpoint"
    with pytest.raises(Killed):
        study.run(spec, Watch(checkpoint, 0, die))
    assert checkpoint.exists()
    resumed, whole = study.run(spec, Watch(checkpoint, 0)), study.run(spec, Watch())
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], values, err_msg=name)


def outcome(costs: list[float], diverged_at: int | None = None) -> Outcome:
    n = len(costs) + 1
    history: dict[str, np.ndarray[Any, Any]] = {
        "updates": 10 * np.arange(n),
        "training_cost": np.array([0.0, *costs], np.float32),
        "test_error": np.linspace(0.9, 0.5, n, dtype=np.float32),
    }
    return Outcome(diverged_at, history, 1.0)


GUESS, LEARNED = math.log(10), LEARNING_COST - 0.1


def test_a_run_learns_from_when_its_cost_stays_low() -> None:
    assert study.metrics(outcome([GUESS, LEARNED, LEARNED]))["learns_from"] == 20
    assert study.metrics(outcome([GUESS, LEARNED, GUESS]))["learns_from"] is None


def test_a_run_that_diverges_does_not_learn() -> None:
    metrics = study.metrics(outcome([GUESS, LEARNED], 25))
    assert (metrics["outcome"], metrics["diverged_at"], metrics["learns_from"]) == (
        "diverged",
        25,
        None,
    )
    assert study.metrics(outcome([], 3))["final_cost"] is None


# --- checks and figures -------------------------------------------------------------------


def record(spec: Spec, cost: float | None, kept: float = 1.0) -> Record:
    """Return a made-up record whose cost falls to, or stays at, a value."""
    probes = 4
    arrays = {
        "updates": np.arange(probes) * 100,
        "training_cost": np.full(probes, cost or 0.0),
        "data_variance": np.full((probes, 19), kept),
        "gradient": np.tile(np.geomspace(kept, 1, 19), (probes, 1)),
    }
    metrics = {
        "learns_from": 100 if cost is not None and cost < LEARNING_COST else None,
        "final_cost": cost,
        "test_error": 0.5,
    }
    return Record(study.NAME, vars(spec), metrics, arrays, {})


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> dict[str, float | None]:
    """Return the final costs of made-up groups, as predicted; a test may change them."""
    costs: dict[str, float | None] = {
        name: GUESS if name.startswith("sigmoid") and "means" not in name else 1.5
        for name in study.LAPTOP
    }

    def group(name: str) -> list[Record]:
        kept = 1e-12 if name == "sigmoid lsuv" else 1.0
        return [record(spec, costs[name], kept) for spec in study.LAPTOP[name]]

    monkeypatch.setattr(checks, "group", group)
    return costs


TRAINED = {
    checks.check_sigmoid_fails: ("sigmoid kaiming", LEARNED, "partly reproduced", "not reproduced"),
    checks.check_lsuv_fails: (
        "sigmoid lsuv, seeds",
        LEARNED,
        "partly reproduced",
        "not reproduced",
    ),
    checks.check_tanh_and_relu: ("tanh lsuv", GUESS, "reproduced", "partly reproduced"),
    checks.check_rescaled: ("rescaled_sigmoid lsuv", GUESS, "reproduced", "not reproduced"),
    checks.check_unit_means: (
        "sigmoid lsuv-means, seeds",
        GUESS,
        "reproduced",
        "partly reproduced",
    ),
}


@pytest.mark.parametrize("check", TRAINED, ids=lambda check: check.__name__)
def test_a_check_can_fail(check: Any, world: dict[str, float | None]) -> None:
    name, otherwise, expected, opposite = TRAINED[check]
    assert check().verdict == expected
    world[name] = otherwise
    assert check().verdict == opposite


def test_a_run_that_diverged_at_once_has_no_cost(world: dict[str, float | None]) -> None:
    world["sigmoid lsuv, seeds"] = None
    finding = checks.check_lsuv_fails()
    assert finding.verdict == "partly reproduced"
    assert "lowest cost 2.303" in finding.ours


@pytest.mark.usefixtures("world")
def test_the_check_of_the_layers_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_fitnet_layers().verdict == "reproduced"
    runs = [record(Spec(), GUESS, 1e-3)]
    monkeypatch.setattr(checks, "group", lambda name: runs)
    assert checks.check_fitnet_layers().verdict == "not reproduced"


def test_theory_and_dense_networks_agree_and_need_not() -> None:
    assert checks.check_data_variance().verdict == "reproduced"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks, "growth", lambda name: 0.17)
        assert checks.check_data_variance().verdict == "partly reproduced"


def test_one_pass_is_the_loop() -> None:
    finding = checks.check_one_pass()
    assert isinstance(finding, Finding)
    assert finding.verdict == "reproduced"
    assert "40 times" in finding.ours


def test_claims_have_names_of_their_own() -> None:
    names = [claim.id for claim in claims.CLAIMS]
    assert len(set(names)) == len(names)
    assert all(name.split(".")[0] in ("mishkin2016", "qa", "ours") for name in names)


@pytest.mark.usefixtures("world")
def test_figures_can_be_drawn() -> None:
    theory = {name: data_variances(name, 18) for name in ("sigmoid", "tanh")}
    ones = Layers(np.ones(18), np.ones(18), np.ones(18))
    groups = {name: checks.group(name) for name in study.LAPTOP}
    drawn = [
        figures.dense_figure(theory, dict.fromkeys(theory, ones)),
        figures.layers_figure({name: runs[0] for name, runs in list(groups.items())[:4]}),
        figures.rates_figure({name: groups[f"sigmoid {name}"] for name in study.INITS}),
        figures.training_figure({name: groups[name] for name in list(groups)[:5]}),
    ]
    for figure in drawn:
        assert isinstance(figure, Figure)
        for ax in figure.axes:
            named = [line for line in ax.lines if not line.get_label().startswith("_")]
            kinds = {(str(line._unscaled_dash_pattern), line.get_marker()) for line in named}
            assert len(kinds) == len(named)


@pytest.mark.parametrize(
    ("changed", "verdict"),
    [
        ({}, "reproduced"),
        ({"thread_seconds": 5.0}, "partly reproduced"),
        ({"std_of_layer_1": 0.58}, "partly reproduced"),
    ],
)
def test_a_package_as_fast_or_a_layer_left_out_is_noticed(
    monkeypatch: pytest.MonkeyPatch, changed: dict[str, float], verdict: str
) -> None:
    row = {
        "activation": "tanh",
        "std_of_layer_1": 1.0,
        "least_std": 1.0,
        "greatest_std": 1.0,
        "weights_differ": 0.0,
    }
    ours = row | {"tool": "signalprop", "thread_seconds": 0.5}
    package = row | {"tool": "lsuv 0.3.0", "thread_seconds": 40.0} | changed
    table = {"depth": 200, "width": 200, "rows": [ours, package]}
    monkeypatch.setattr(checks, "benchmark", lambda: table)
    assert checks.check_one_pass_time().verdict == verdict


def test_a_missing_benchmark_is_a_missing_record(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    with pytest.raises(RecordError, match="does not exist"):
        checks.check_one_pass_time()
