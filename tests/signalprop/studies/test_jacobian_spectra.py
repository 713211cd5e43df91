"""The study of Jacobians: its networks, its runs, and that they resume."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from signalprop import meanfield, records, runner, spectra
from signalprop.activations import get
from signalprop.jacobians import resolution, singular_values
from signalprop.networks import MLP
from signalprop.records import spec_hash
from signalprop.studies import STUDIES
from signalprop.studies import jacobian_spectra as study
from signalprop.studies.jacobian_spectra import Spec
from signalprop.training import Watch

SMALL = Spec("tanh", "orthogonal", depth=5, q_star=0.25, width=40)


class KilledError(Exception):
    """Stands for a kill."""


def assert_same(a: runner.Result, b: runner.Result) -> None:
    """Bit for bit, but for the time."""
    assert a.metrics == b.metrics
    assert a.arrays.keys() == b.arrays.keys()
    for name, array in a.arrays.items():
        assert array.dtype == b.arrays[name].dtype
        np.testing.assert_array_equal(array, b.arrays[name])


# --- networks -----------------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
def test_a_network_is_drawn_at_the_critical_point(weights: spectra.Weights) -> None:
    """Variances within four standard errors; orthogonal weights to rounding."""
    spec = replace(SMALL, weights=weights, q_star=0.5, width=200)
    sigma_w2, sigma_b2 = meanfield.critical_point("tanh", 0.5)
    layers = list(study.layers(spec, 0))
    for layer in layers:
        if weights == "orthogonal":
            gram = layer.weight @ layer.weight.t()
            np.testing.assert_allclose(gram, sigma_w2 * np.eye(200), atol=1e-13)
        variance = float(layer.weight.square().mean()) * 200
        assert variance == pytest.approx(sigma_w2, rel=4 * math.sqrt(2) / 200)
    biases = torch.stack([layer.bias for layer in layers])
    error = 4 * math.sqrt(2 / biases.numel())
    assert float(biases.square().mean()) == pytest.approx(sigma_b2, rel=error)
    assert not torch.equal(layers[0].weight, layers[1].weight)


@pytest.mark.parametrize(("name", "q"), [("linear", 2.0), ("relu", 1.0), ("hard_tanh", 0.25)])
def test_the_input_gives_the_first_layer_its_variance(name: str, q: float) -> None:
    """On average over weights and biases: exactly, by the input's length."""
    spec = replace(SMALL, activation=name, q_star=q)
    sigma_w2, sigma_b2 = meanfield.critical_point(name, q)
    x = next(study.layers(spec, 0)).inputs
    assert sigma_w2 * float(x.square().mean()) + sigma_b2 == pytest.approx(q, rel=1e-12)


def test_scale_free_networks_have_no_biases_and_the_known_variances() -> None:
    for name, sigma_w2 in (("linear", 1.0), ("relu", 2.0)):
        layer = next(study.layers(replace(SMALL, activation=name), 0))
        assert not layer.bias.any()
        gram = layer.weight @ layer.weight.t()
        np.testing.assert_allclose(gram, sigma_w2 * np.eye(40), atol=1e-13)


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
@pytest.mark.parametrize("name", ["linear", "relu", "hard_tanh", "erf", "tanh"])
def test_singular_values_are_those_of_the_same_network_as_a_module(
    name: str, weights: spectra.Weights
) -> None:
    """By `jacobians`, which is tested against autograd; rounded to float32."""
    spec = replace(SMALL, activation=name, weights=weights)
    arrays = study.run(spec, Watch()).arrays
    for draw in range(spec.draws):
        layers = list(study.layers(spec, draw))
        network = MLP([spec.width] * (spec.depth + 2), name).double()
        with torch.no_grad():
            for module, layer in zip(network.layers, layers, strict=False):
                module.weight.copy_(layer.weight)
                module.bias.copy_(layer.bias)
        [theirs] = singular_values(network, layers[0].inputs[None], through="hidden")
        ours = arrays["singular_values"][draw]
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-13)
        with torch.no_grad():
            hidden = torch.stack(network.hidden(layers[0].inputs))
        pre = torch.stack([layer.pre_activations for layer in layers])
        torch.testing.assert_close(get(name)(pre), hidden)
        squares = arrays["pre_activation_variance"][draw]
        np.testing.assert_allclose(squares, pre.square().mean(1), rtol=1e-12)


def test_independent_slopes_are_those_of_fresh_gaussians() -> None:
    """Of the right mean square, and not those of the network."""
    spec = replace(SMALL, width=400, slopes="independent")
    squares = []
    for layer in study.layers(spec, 0):
        own = get("tanh").derivative(layer.pre_activations)
        assert abs(float(torch.corrcoef(torch.stack([own, layer.slopes]))[0, 1])) < 0.2
        squares.append(layer.slopes.square())
    pooled = torch.cat(squares)
    error = 4 * float(pooled.std()) / math.sqrt(len(pooled))
    expected = float(get("tanh").slope_square_mean(spec.q_star))
    assert float(pooled.mean()) == pytest.approx(expected, abs=error)


def test_a_draw_depends_on_its_number_and_the_seed_alone() -> None:
    two, three = (study.run(replace(SMALL, draws=n), Watch()).arrays for n in (2, 3))
    for name, array in two.items():
        np.testing.assert_array_equal(array, three[name][:2])
    values = three["singular_values"]
    assert len({v.tobytes() for v in values}) == 3
    other = study.run(replace(SMALL, seed=1), Watch()).arrays["singular_values"]
    assert not (other == values[:2]).any()


def test_a_network_without_a_critical_point_is_refused() -> None:
    with pytest.raises(ValueError, match="sigmoid has no critical point at q_star"):
        study.run(replace(SMALL, activation="sigmoid"), Watch())


# --- runs ---------------------------------------------------------------------------------


def test_a_run_records_what_the_figures_need() -> None:
    reports: list[int] = []
    result = study.run(SMALL, Watch(report=reports.append))
    values = result.arrays["singular_values"]
    assert values.shape == (2, 40)
    assert values.dtype == np.float32
    assert (np.diff(values, axis=1) <= 0).all()
    np.testing.assert_allclose(
        result.arrays["resolution"], resolution(values, torch.float64), rtol=1e-6
    )
    assert result.arrays["pre_activation_variance"].shape == (2, 5)
    assert result.metrics["s_max"] == pytest.approx(values[:, 0].mean(), rel=1e-6)
    assert result.metrics["square_mean"] == pytest.approx((values**2).mean(), rel=1e-5)
    assert result.seconds > 0
    assert reports == list(range(1, study.STUDY.length(SMALL) + 1))


@pytest.mark.parametrize("layers_done", [3, 5, 8, 14])
def test_a_killed_run_resumes_to_the_same_result(tmp_path: Path, layers_done: int) -> None:
    spec = replace(SMALL, draws=3)
    checkpoint = tmp_path / "run.checkpoint"

    def die(done: int) -> None:
        if done > layers_done:
            raise KilledError

    with pytest.raises(KilledError):
        study.run(spec, Watch(checkpoint, 0.0, die))
    assert checkpoint.exists() == (layers_done >= 5)
    reports: list[int] = []
    resumed = study.run(spec, Watch(checkpoint, 0.0, reports.append))
    assert reports[0] == layers_done // 5 * 5 + 1
    assert_same(resumed, study.run(spec, Watch()))


def test_a_finished_checkpoint_is_a_result(tmp_path: Path) -> None:
    """As when the process dies between the last draw and its record."""
    watch = Watch(tmp_path / "run.checkpoint", 0.0)
    assert_same(study.run(SMALL, watch), study.run(SMALL, watch))


def test_the_smoke_scale_is_made_by_the_runner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "RUNNING", tmp_path / "running")
    for function in (records.write, records.exists, records.load):
        monkeypatch.setattr(function, "__defaults__", (tmp_path / "records",))
    assert not runner.run_study(study.STUDY, "smoke", checkpoint_seconds=0.0)
    assert not study.STUDY.missing("smoke")
    for spec in study.SCALES["smoke"]:
        record = records.load(study.NAME, spec)
        assert record.spec == asdict(spec)
        assert record.arrays["singular_values"].shape == (spec.draws, spec.width)
        # One realization: its pre-activations are a sample of width numbers a layer.
        assert record.metrics["s_max"] == pytest.approx(study.law(spec).s_max, rel=0.2)


# --- specs --------------------------------------------------------------------------------


def test_the_names_of_runs_are_what_they_were() -> None:
    """Pinned: the records are found by them, and q* is solved for."""
    names = {
        group: [spec_hash(study.NAME, spec) for spec in specs]
        for group, specs in study.LAPTOP.items()
    }
    assert spec_hash(study.NAME, Spec()) == "761d0343"
    assert names["densities"][0] == "761d0343"
    assert names["densities"][-1] == "960a2e7a"
    assert names["universality"] == [
        *("ee0c0e63", "2723f41a", "36880da4", "e5b10fa5", "916c2399", "270e49e7"),
        *("5923caf2", "4e59dacb", "855d6d7a", "60f40b1c", "eddaabb0", "d1d1f95f"),
    ]
    assert names["width"] == ["39db63a6", "3c878b3b", "c1f6cb18", "33495f49"]
    assert names["independent slopes"] == ["6297ce40"]


def test_every_field_changes_the_name() -> None:
    other: dict[str, Any] = {
        "activation": "relu",
        "weights": "orthogonal",
        "depth": 3,
        "q_star": 0.5,
        "width": 999,
        "slopes": "independent",
        "draws": 1,
        "seed": 1,
    }
    assert set(asdict(Spec())) == set(other)
    names = {spec_hash(study.NAME, replace(Spec(), **{k: v})) for k, v in other.items()}
    assert len(names | {spec_hash(study.NAME, Spec())}) == len(other) + 1


def test_every_scale_has_runs_and_none_twice() -> None:
    assert {"smoke", "laptop", "paper"} == set(study.SCALES) <= set(runner.SCALES)
    for specs in study.SCALES.values():
        assert len(specs) == len(set(specs)) > 0
    assert STUDIES[study.NAME] is study.STUDY


def test_universal_runs_keep_the_variance_of_the_paper() -> None:
    for spec in study.LAPTOP["universality"]:
        assert study.law(spec).variance == pytest.approx(0.25, rel=1e-8)
        assert study.law(spec).chi == pytest.approx(1, rel=1e-12)


def test_runs_by_width_are_at_weight_variance_2_and_of_equal_count() -> None:
    specs = study.LAPTOP["width"] + study.LAPTOP["independent slopes"]
    for spec in specs:
        assert meanfield.critical_point("tanh", spec.q_star)[0] == pytest.approx(2, rel=1e-9)
        assert spec.draws * spec.width == 2000


def test_the_law_of_a_spec_is_its_own() -> None:
    law = study.law(Spec("hard_tanh", "orthogonal", 8, 0.25))
    [(_, dead), (location, mass)] = law.atoms
    p = math.erf(math.sqrt(2))  # of |z| < 1 / sqrt(q*)
    assert (dead, mass) == (pytest.approx(1 - p), pytest.approx(1 - 8 * (1 - p)))
    assert location == pytest.approx(p**-4)


def test_groups_are_loaded_from_the_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records.load, "__defaults__", (tmp_path,))
    monkeypatch.setitem(study.LAPTOP, "small", [SMALL])
    with pytest.raises(records.RecordError, match="Make it with `signalprop run jacobian-spectra`"):
        study.group("small")
    result = study.run(SMALL, Watch())
    made = records.Record(study.NAME, asdict(SMALL), result.metrics, result.arrays, {})
    records.write(made, tmp_path)
    [record] = study.group("small")
    assert record.metrics == result.metrics
