"""The two studies behind the chapters on one's own network: starts, and deep convolutional nets."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from signalprop.claims import Finding
from signalprop.convnets import PlainConvNet
from signalprop.jacobians import singular_values
from signalprop.networks import MLP
from signalprop.records import Record
from signalprop.spectra import jacobian_law
from signalprop.studies import deep_cnn, starts
from signalprop.studies.deep_cnn import checks as cnn_checks
from signalprop.studies.deep_cnn import figures as cnn_figures
from signalprop.studies.starts import checks as starts_checks
from signalprop.studies.starts import figures as starts_figures
from signalprop.studies.starts import make
from signalprop.training import Watch

# --- starts -------------------------------------------------------------------------------

OWN = [name for name in make.STARTS if name not in starts_checks.PACKAGED]


@pytest.mark.parametrize("name", OWN)
def test_starts_depend_on_the_seed_alone(name: str) -> None:
    x = torch.randn(30, 6, generator=torch.Generator().manual_seed(0))
    found = []
    for seed in (0, 0, 1):
        torch.rand(1)
        network = MLP([6] * 5, "tanh")
        state = torch.get_rng_state()
        make.STARTS[name](network, x, seed)
        assert torch.equal(torch.get_rng_state(), state)
        found.append(network.layers[1].weight.detach().clone())
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])


def test_torchs_start_is_that_of_a_new_layer() -> None:
    network = MLP([6, 7, 3], "tanh")
    make.STARTS["torch"](network, torch.zeros(1, 6), 5)
    state = torch.get_rng_state()
    torch.manual_seed(5)
    fresh = MLP([6, 7, 3], "tanh")
    torch.set_rng_state(state)
    for ours, theirs in zip(network.parameters(), fresh.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_network_looks_the_same_to_packages() -> None:
    for activation in make.TORCHS:
        network = MLP([4, 5, 5, 2], activation)
        twin = make.as_modules(network)
        x = torch.randn(3, 4)
        assert torch.allclose(twin(x), network(x))
        assert twin[0].weight is network.layers[0].weight


class _Stub(ModuleType):
    """A package that notes how it is called, and draws the weights of the first layer."""

    def __init__(self) -> None:
        super().__init__("stub")
        self.calls: list[tuple[Any, ...]] = []

    def lsuv_with_singlebatch(self, model: nn.Sequential, data: Tensor, *, verbose: bool) -> None:
        self.calls.append(("lsuv", data, verbose))
        nn.init.normal_(model[0].weight)

    def initialize(self, model: nn.Sequential, mode: str, spec: Tensor, *, seed: int) -> None:
        self.calls.append((mode, spec, seed))
        nn.init.constant_(model[0].weight, seed)


@pytest.fixture
def peers(monkeypatch: Any) -> _Stub:
    """Put a stub in the place of both packages."""
    stub, versions = _Stub(), {"lsuv": "0.3.0", "anyinit": "0.4.0"}
    monkeypatch.setattr("importlib.metadata.version", versions.__getitem__)
    for name in versions:
        monkeypatch.setitem(sys.modules, name, stub)
    return stub


def test_packages_are_called_as_their_authors_describe(peers: _Stub) -> None:
    network, x = MLP([4, 5, 2], "tanh"), torch.randn(3, 4)
    for mode in ("analytic", "empirical"):
        make.STARTS[f"anyinit 0.4.0, {mode}"](network, x, 7)
        assert bool((network.layers[0].weight == 7).all())
    state, drawn = torch.get_rng_state(), []
    for seed in (1, 1, 2):
        make.STARTS["lsuv 0.3.0"](network, x, seed)
        drawn.append(network.layers[0].weight.detach().clone())
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert peers.calls == [("analytic", x, 7), ("empirical", x, 7), *[("lsuv", x, False)] * 3]


def test_a_missing_package_is_named(monkeypatch: Any) -> None:
    with pytest.raises(make.PackageMissingError, match=r"that of nosuchthing 1\.0, and none is"):
        make.package("nosuchthing", "1.0")
    monkeypatch.setattr("importlib.metadata.version", lambda name: "9.9")
    with pytest.raises(make.PackageMissingError, match=r"and 9\.9 is installed: pip install"):
        make.package("numpy", "1.0")


def test_a_jacobian_is_that_of_the_network_at_the_first_input() -> None:
    spec = starts.Spec("jacobian", "xavier", depth=4, width=7, input_variance=0.25, seed=3)
    result = starts.run(spec, Watch())
    network = MLP([7] * 5, "tanh")
    x = torch.randn(512, 7, generator=torch.Generator().manual_seed(3)) / 2
    make.STARTS["xavier"](network, x, 3)
    values = singular_values(network, x[:1])[0]
    assert np.array_equal(result.arrays["singular_values"], values)
    assert result.metrics["s_max"] == values[0]
    assert result.metrics["median"] == np.median(values)


def test_training_goes_on_where_it_was_killed(tmp_path: Path, monkeypatch: Any) -> None:
    spec = starts.SCALES["smoke"][1]
    monkeypatch.setattr(starts, "RATES", (0.01, 0.1, 1e38))
    whole = starts.run(spec, Watch())
    assert np.isnan(whole.arrays["train_accuracy"]).tolist() == [False, False, True]
    assert whole.metrics["best_rate"] in (0.01, 0.1)

    class _Killed(BaseException):
        pass

    def kill(done: int) -> None:
        if done == 2:
            raise _Killed

    with pytest.raises(_Killed):
        starts.run(spec, Watch(tmp_path / "checkpoint", report=kill))
    calls: list[float] = []
    at_rate = starts._at_rate
    monkeypatch.setattr(starts, "_at_rate", lambda *a: calls.append(a[3]) or at_rate(*a))
    resumed = starts.run(spec, Watch(tmp_path / "checkpoint"))
    assert calls == [1e38]
    assert resumed.metrics == whole.metrics
    for name, values in whole.arrays.items():
        assert np.array_equal(resumed.arrays[name], values, equal_nan=True)


def fake_start(spec: starts.Spec) -> Record:
    """Return a record as the predictions have it."""
    ours = spec.start.startswith("critical orthogonal")
    packaged = spec.start in starts_checks.PACKAGED
    s_max = 1e6 if packaged else 1e-20 if spec.start == "torch" else 1.5
    metrics = {
        "s_max": s_max,
        "median": 1e-9 * s_max if spec.activation == "relu" else 0.5 * s_max,
        "resolution": 1e-30,
        "train_accuracy": 0.99 if ours else 0.4,
        "test_accuracy": 0.9,
        "best_rate": 0.01,
    }
    arrays = {"train_accuracy": np.linspace(0.1, metrics["train_accuracy"], len(starts.RATES))}
    return Record(starts.NAME, {"start": spec.start}, metrics, arrays, {})


@pytest.fixture
def made_starts(monkeypatch: Any) -> dict[str, list[Record]]:
    made = {name: [fake_start(s) for s in specs] for name, specs in starts.LAPTOP.items()}
    monkeypatch.setattr(starts_checks, "group", made.__getitem__)
    return made


def test_checks_of_starts_can_hold_and_fail(made_starts: dict[str, list[Record]]) -> None:
    checks = (starts_checks.check_training, starts_checks.check_tanh, starts_checks.check_relu)
    findings: list[Finding] = [check() for check in checks]
    assert [f.verdict for f in findings] == ["reproduced"] * 3
    made_starts["training lsuv 0.3.0"][1].metrics["train_accuracy"] = 0.9  # type: ignore[index]
    made_starts["jacobian tanh, torch"][0].metrics["s_max"] = 1.0  # type: ignore[index]
    made_starts["jacobian relu, orthogonal"][0].metrics["median"] = 1.0  # type: ignore[index]
    verdicts = [check().verdict for check in checks]
    assert verdicts == ["partly reproduced", "partly reproduced", "not reproduced"]


def test_the_table_has_a_row_for_each_start(made_starts: dict[str, list[Record]]) -> None:
    rows = {row[0]: row[1:] for row in starts_checks.table_rows()}
    assert set(rows) == set(make.STARTS)
    assert rows["torch"][0] == "1e-20 / 5e-21"
    assert rows["torch"][3] == "0.40 0.40 0.40"
    assert rows["kaiming"][3] == ""
    made_starts["jacobian tanh, torch"][1].metrics["resolution"] = 2e-20  # type: ignore[index]
    rows = {row[0]: row[1:] for row in starts_checks.table_rows()}
    assert rows["torch"][0] == "< 2e-20 / < 2e-20"
    groups = {start: made_starts[f"training {start}"] for start in starts.TRAINED}
    assert isinstance(starts_figures.rates_figure(groups), Figure)


# --- deep convolutional networks ----------------------------------------------------------


@pytest.mark.parametrize("spec", deep_cnn.SCALES["smoke"])
def test_a_smoke_run_repeats_bit_for_bit(spec: deep_cnn.Spec) -> None:
    first, again = (deep_cnn.run(spec, Watch()) for _ in range(2))
    assert first.metrics == again.metrics
    for name, values in first.arrays.items():
        assert np.array_equal(values, again.arrays[name])


def test_images_are_folded_and_nothing_is_lost() -> None:
    spec = replace(deep_cnn.SMOKE, q_star=1.0)
    stream = deep_cnn.stream(spec)
    images, _ = stream.batch(5)
    assert images.shape == (5, *deep_cnn.shape(spec))
    assert stream.position == 5
    raw = deep_cnn.images("digits").train.pixels()
    standard = (raw - deep_cnn.MEAN["digits"]) / deep_cnn.DEVIATION["digits"]
    assert abs(float(standard.mean())) < 1e-3
    assert float(standard.std()) == pytest.approx(1, abs=1e-3)
    # Every pixel is in some channel.
    stream.position = 0
    whole = deep_cnn.Shuffled(deep_cnn.images("digits").train, 0).batch(5)[0]
    unfolded = images * deep_cnn.DEVIATION["digits"] + deep_cnn.MEAN["digits"]
    assert np.sort(unfolded.ravel()) == pytest.approx(np.sort(whole.ravel()), abs=1e-6)


def test_starts_are_what_they_are_called() -> None:
    spec = replace(deep_cnn.SMOKE, channels=4)
    networks = {s: deep_cnn.build(replace(spec, start=s)) for s in ("delta", "gaussian", "torch")}
    middle = {name: network.layers[2].weight.detach() for name, network in networks.items()}
    assert int((middle["delta"] != 0).sum()) == 16
    assert bool((middle["gaussian"] != 0).all())
    bound = 1 / math.sqrt(4 * 9)
    assert 0.9 * bound < float(middle["torch"].abs().max()) < bound


def test_pixel_by_pixel_is_the_whole_jacobian() -> None:
    spec = replace(deep_cnn.SMOKE, updates=0)
    network = deep_cnn.build(spec).double()
    x = torch.randn(1, 64, generator=torch.Generator().manual_seed(0)).double()
    x *= math.sqrt(spec.variance)

    def hidden(row: torch.Tensor) -> torch.Tensor:
        return deep_cnn._hidden(network, row[None])[0]

    expected = torch.linalg.svdvals(torch.autograd.functional.jacobian(hidden, x[0])).numpy()
    assert deep_cnn.spectrum(spec).singular_values == pytest.approx(expected, rel=1e-10)
    estimated = deep_cnn.spectrum(replace(spec, start="gaussian"))
    assert estimated.singular_values is None
    assert isinstance(network, PlainConvNet)


def fake_cnn(spec: deep_cnn.Spec) -> Record:
    """Return a record as the predictions have it."""
    printed = spec.q_star is not None
    metrics = {
        "outcome": "finished",
        "test_error": 0.1 if spec.start == "delta" else 0.9,
        "final_cost": 1.0,
        "s_max": 7.0 if printed else 1.5,
        "s_min": 1e-19 if printed else 0.06,
        "root_mean_square": 1.0,
    }
    arrays = {
        "updates": np.array([0, 100, 200]),
        "training_cost": np.array([0, 1.5, 1.0]),
        "test_error": np.array([0.9, 0.5, 0.1]),
        "singular_values": np.geomspace(metrics["s_max"], metrics["s_min"], 50),
    }
    return Record(deep_cnn.NAME, {"rate": spec.rate}, metrics, arrays, {})


def test_checks_of_deep_networks_can_hold_and_fail(monkeypatch: Any) -> None:
    made = {name: [fake_cnn(s) for s in specs] for name, specs in deep_cnn.LAPTOP.items()}
    monkeypatch.setattr(cnn_checks, "group", made.__getitem__)
    checks = (cnn_checks.check_trains, cnn_checks.check_starts, cnn_checks.check_isometry)
    assert [c().verdict for c in checks] == ["partly reproduced", "reproduced", "reproduced"]
    assert cnn_checks.check_lower_rate().verdict == "reproduced"
    made["delta, lower rate"][1].metrics["test_error"] = 0.3  # type: ignore[index]
    assert cnn_checks.check_lower_rate().verdict == "not reproduced"
    made["delta, seeds"][0].metrics["outcome"] = "diverged"  # type: ignore[index]
    made["isometry, q* = 1/L"][0].metrics["s_min"] = 1e-9  # type: ignore[index]
    assert [c().verdict for c in checks] == [
        "not reproduced", "partly reproduced", "partly reproduced"
    ]  # fmt: skip


def test_figures_of_deep_networks_draw_their_records() -> None:
    record = fake_cnn(deep_cnn.Spec())
    figure = cnn_figures.training_figure(
        {"c": {"a": [record, record], "b": [record]}, "d": {"b": [record]}}
    )
    assert [len(ax.lines) for ax in figure.axes] == [3, 1]
    law = jacobian_law("tanh", 100, "orthogonal", q_star=0.01)
    assert len(cnn_figures.isometry_figure({"a": record}, {"a": law}).axes[0].lines) == 2
