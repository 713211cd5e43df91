"""The saturation study: its networks, its times, and how a run is summed up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from signalprop.datasets.shapeset import CLASS_PRIORS
from signalprop.probes import error_rate
from signalprop.studies import glorot_saturation as study
from signalprop.studies.glorot_saturation import ESCAPE_COST, Spec
from signalprop.training import Outcome, Watch

SMALL = Spec(width=200, hidden_layers=3, updates=40, rate=0.1)


@pytest.fixture
def _few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "TEST_IMAGES", 200)
    monkeypatch.setattr(study, "PROBE_IMAGES", 30)


@pytest.mark.parametrize(
    ("weights", "variances"),
    [
        ("standard", [1 / (3 * 1024), 1 / 600, 1 / 600, 1 / 600]),
        ("normalized", [2 / 1224, 2 / 400, 2 / 400, 2 / 209]),
        ("standard-fitted", [1 / (3 * 1024), 1 / 600, 1 / 600, 3.2e-3]),
        ("normalized-fitted", [1 / (3 * 1024), 1.3 / 200, 1.3 / 200, 3.2e-3]),
    ],
)
def test_each_layer_starts_with_its_variance(
    weights: study.Weights, variances: list[float]
) -> None:
    """Within four standard errors of the variance of N uniform draws, sqrt(0.8 / N)."""
    network = study.build(replace(SMALL, weights=weights))
    for layer, variance in zip(network.layers, variances, strict=True):
        error = 4 * np.sqrt(0.8 / layer.weight.numel())
        assert float(layer.weight.detach().square().mean()) == pytest.approx(variance, rel=error)
        assert not layer.bias.any()


def test_the_paper_s_network_is_the_default() -> None:
    network = study.build(Spec())
    shapes = [tuple(layer.weight.shape) for layer in network.layers]
    assert shapes == [(1000, 1024), (1000, 1000), (1000, 1000), (1000, 1000), (9, 1000)]
    assert Spec().updates == 140 * 20_000


def test_priors_fix_the_output_bias_at_the_best_constant_guess() -> None:
    network = study.build(replace(SMALL, output_bias="priors"))
    bias = network.layers[-1].bias
    assert not bias.requires_grad
    np.testing.assert_allclose(torch.softmax(bias, 0).numpy(), CLASS_PRIORS, rtol=1e-6)
    assert all(layer.bias.requires_grad for layer in network.layers[:-1])


@pytest.mark.usefixtures("_few_images")
@pytest.mark.parametrize("fixed", [False, True])
def test_a_fixed_output_bias_stays_through_training(fixed: bool) -> None:
    """The size of the bias's term of the logits is constant, or starts at 0 and grows."""
    spec = replace(SMALL, output_bias="priors" if fixed else "learned")
    sizes = study.run(spec, Watch()).arrays["output_terms"][:, 1]
    expected = np.std(np.log(CLASS_PRIORS)) if fixed else 0
    assert sizes[0] == pytest.approx(expected, rel=1e-6)
    assert (sizes[1:] == sizes[0]).all() == fixed


def test_a_centred_network_gives_nothing_for_nothing() -> None:
    zero = torch.zeros(1, 1024)
    assert not study.build(replace(SMALL, centred=True))(zero).any()
    assert study.build(SMALL)(zero).any()


@pytest.mark.parametrize("updates", [1, 7, 79, 80, 4000, 160_000, 2_800_000])
def test_probes_begin_at_the_start_and_end_at_the_end(updates: int) -> None:
    times = study.probe_times(updates)
    assert times[0] == 0
    assert times[-1] == updates
    steps = np.diff(times)
    assert (steps > 0).all()
    assert steps.max() <= max(study.EPOCH, 1)
    assert len(times) <= max(updates // study.EPOCH, 160) + 10


def test_every_scale_has_runs_and_none_twice() -> None:
    assert set(study.SCALES) == {"smoke", "laptop", "paper"}
    for specs in study.SCALES.values():
        assert len(specs) == len(set(specs)) > 0


@pytest.mark.usefixtures("_few_images")
def test_a_run_records_what_the_figures_need() -> None:
    metrics, arrays, seconds = study.run(SMALL, Watch())
    probes = len(study.probe_times(40))
    np.testing.assert_array_equal(arrays["updates"], study.probe_times(40))
    assert arrays["std"].shape == (probes, 3)
    assert arrays["abs_quantiles"].shape == (probes, 3, 3)
    assert arrays["weight_gradient_std"].shape == (probes, 4)
    assert arrays["test_error"].shape == (probes,)
    assert arrays["output_terms"].shape == (probes, 2)
    assert metrics["outcome"] == "finished"
    assert metrics["diverged_at"] is None
    assert metrics["test_error"] == arrays["test_error"][-1]
    assert metrics["best_test_error"] == arrays["test_error"].min()
    assert seconds > 0


@pytest.mark.usefixtures("_few_images")
def test_a_run_that_diverges_says_so_and_keeps_what_it_saw() -> None:
    spec = replace(SMALL, activation="relu", rate=1e20, updates=800)
    metrics, arrays, _ = study.run(spec, Watch())
    assert metrics["outcome"] == "diverged"
    assert metrics["diverged_at"] == study.probe_times(800)[1]
    assert metrics["escaped_at"] is None
    np.testing.assert_array_equal(arrays["updates"], [0])
    assert metrics["test_error"] == arrays["test_error"][0]


def test_the_error_is_the_fraction_of_wrong_answers() -> None:
    network = study.build(SMALL)
    inputs = torch.rand(64, 1024, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        answers = network(inputs).argmax(1)
    labels = answers.clone()
    labels[:16] = (labels[:16] + 1) % 9
    assert float(error_rate(network, inputs, labels)) == 0.25


def test_output_terms_are_sizes_a_softmax_can_see(rng: np.random.Generator) -> None:
    """Their constants over classes do not count; the rest is a root mean square."""
    network = study.build(SMALL)
    inputs = torch.from_numpy(rng.random((30, 1024))).float()
    last = network.layers[-1]
    with torch.no_grad():
        last.bias.copy_(torch.arange(9.0))
        before = study.output_terms(network, inputs)
        h = network.hidden(inputs)[-1].double().numpy() @ last.weight.double().numpy().T
        last.bias.add_(100)
        after = study.output_terms(network, inputs)
    assert before[0] == pytest.approx(np.sqrt(h.var(1).mean()), rel=1e-4)
    assert before[1] == pytest.approx(np.std(np.arange(9)), rel=1e-6)
    np.testing.assert_allclose(after, before, rtol=1e-5)


@pytest.mark.parametrize(
    ("costs", "escaped"),
    [
        ("hhhhh", None),
        ("lllll", 10),
        ("hhlll", 30),
        ("hlhll", 40),
        ("lhhhl", 50),
        ("llllh", None),
        ("hhhhn", None),
        ("", None),
    ],
)
def test_escape_is_when_the_cost_fell_for_good(costs: str, escaped: int | None) -> None:
    """High, low and not-a-number costs; the first probe, before any update, has none."""
    values = {"h": ESCAPE_COST + 0.1, "l": ESCAPE_COST - 0.1, "n": np.nan}
    history = {
        "training_cost": np.array([0.0, *(values[c] for c in costs)]),
        "updates": np.arange(len(costs) + 1) * 10,
        "test_error": np.linspace(0.9, 0.5, len(costs) + 1),
    }
    assert study.escape(history) == escaped
    assert study.metrics(Outcome(None, history, 1.0))["escaped_at"] == escaped


def test_the_plateau_is_above_the_escape_cost() -> None:
    """The best constant guess, 2.11 nats, must not count as an escape."""
    assert -(CLASS_PRIORS * np.log(CLASS_PRIORS)).sum() > ESCAPE_COST
