"""The rectifier study: theory against simulation, what a run records, the checks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from matplotlib.figure import Figure

from signalprop.datasets import Shapeset, load
from signalprop.initializers import kaiming_, xavier_
from signalprop.networks import MLP, initialize
from signalprop.records import Record
from signalprop.studies import rectifiers as study
from signalprop.studies.rectifiers import checks, figures, power, zeros
from signalprop.studies.rectifiers.claims import CLAIMS
from signalprop.studies.rectifiers.signs import Flipped, unflip
from signalprop.training import Outcome, Watch

SMALL = study.Spec("digits", width=20, hidden_layers=2, rate=0.1, updates=60)


# --- zeros before training ----------------------------------------------------------------


def test_zero_fraction_of_narrow_networks(rng: np.random.Generator) -> None:
    """So narrow that whole layers are zero now and then; four binomial errors."""
    widths, count = [2, 1, 3, 2, 1], 40_000
    h = np.ones((count, 4))
    for width, p in zip(widths, zeros.zero_fraction(widths), strict=True):
        weights = rng.uniform(-1, 1, (count, width, h.shape[1]))
        h = np.maximum(np.einsum("cij,cj->ci", weights, h), 0)
        found = (h[:, 0] == 0).mean()
        assert found == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / count))


@pytest.mark.parametrize("fill", [xavier_, kaiming_])
def test_zeros_of_a_deep_network_are_half_with_the_theory_s_deviation(
    fill: Callable[..., Any],
) -> None:
    """Layer by layer: the mean, and the variance over units given the layer below."""
    width, images = 800, Shapeset(3).batch(60)[0].reshape(60, -1)
    network = MLP([images.shape[1], *[width] * 12, 3], "relu").double()
    initialize(network, fill, seed=5)
    with torch.no_grad():
        below = torch.from_numpy(images)
        for h in network.hidden(below):
            own = (h == 0).double().mean(0).numpy()
            expected = zeros.unit_deviation(zeros.cosines(below.numpy()))
            assert own.mean() == pytest.approx(0.5, abs=4 * expected / np.sqrt(width))
            square = (own - 0.5) ** 2
            error = square.std() / np.sqrt(width)
            assert square.mean() == pytest.approx(expected**2, abs=4 * error + 1e-3)
            below = h


def test_unit_deviation_of_special_inputs() -> None:
    n = 9
    assert zeros.unit_deviation(np.eye(n)) == pytest.approx(0.5 / np.sqrt(n))
    assert zeros.unit_deviation(np.ones((n, n))) == 0.5
    assert zeros.unit_deviation([[1, -1], [-1, 1]]) == pytest.approx(0, abs=1e-9)


def test_next_cosines_against_a_wide_layer(rng: np.random.Generator) -> None:
    width = 40_000
    x = rng.standard_normal((6, 5))
    h = np.maximum(x @ rng.standard_normal((5, width)), 0)
    expected = zeros.next_cosines(zeros.cosines(x))
    np.testing.assert_allclose(zeros.cosines(h), expected, atol=4 / np.sqrt(width))


@pytest.mark.parametrize("widths", [[0], [3, -1], 5])
def test_widths_out_of_range(widths: Any) -> None:
    with pytest.raises(ValueError, match="widths must be positive"):
        zeros.zero_fraction(widths)


# --- telling errors apart -----------------------------------------------------------------


@pytest.mark.parametrize("both", [None, 0.05, 0.11])
def test_gap_deviation_against_draws_of_the_test_images(
    both: float | None, rng: np.random.Generator
) -> None:
    """Four standard errors of a standard deviation from so many draws."""
    a, b, images, draws = 0.12, 0.18, 500, 4000
    shared = a * b if both is None else both
    cells = rng.multinomial(images, [shared, a - shared, b - shared, 1 - a - b + shared], draws)
    gaps = (cells[:, 1] - cells[:, 2]) / images
    expected = power.gap_deviation(a, b, images, both)
    assert gaps.std() == pytest.approx(expected, rel=4 / np.sqrt(2 * draws))


def test_images_needed_are_just_enough() -> None:
    a, b, both = 0.0143, 0.0157, 0.01
    images = power.images_needed(a, b, both)
    z = scipy.stats.norm.ppf(0.975) + scipy.stats.norm.ppf(0.8)
    assert abs(a - b) >= z * power.gap_deviation(a, b, images, both)
    assert abs(a - b) < z * power.gap_deviation(a, b, images - 1, both)
    assert images < power.images_needed(a, b)


@pytest.mark.parametrize(("gap", "seeds"), [(0.0, 3), (1.3, 3), (1.0, 8), (0.4, 40)])
def test_detection_against_simulated_t_tests(
    gap: float, seeds: int, rng: np.random.Generator
) -> None:
    draws = 5000
    x = rng.standard_normal((2, draws, seeds))
    found = scipy.stats.ttest_ind(x[0] + gap, x[1], axis=1).pvalue < power.LEVEL
    p = power.detection(-gap, 1.0, seeds)
    assert found.mean() == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / draws))


def test_seeds_needed_are_just_enough_and_far_gaps_are_sure() -> None:
    seeds = power.seeds_needed(0.14, 0.1)
    assert power.detection(0.14, 0.1, seeds) >= 0.8 > power.detection(0.14, 0.1, seeds - 1)
    assert power.detection(1.0, 1e-3, 5) == 1
    assert power.seeds_needed(-5.0, 0.1) == 2
    grows = [power.detection(0.34, 0.04, n) for n in range(2, 40)]
    assert (np.diff(grows) >= -1e-12).all()


def test_intervals_cover_in_19_of_20_cases(rng: np.random.Generator) -> None:
    draws = 200
    covered = [0, 0]
    for _ in range(draws):
        a, b = rng.normal(1, 2, 6), rng.normal(0, 1, 4)
        _, low, high = power.interval(a, b)
        covered[0] += low < 1 < high
        _, low, high = power.mean_interval(b)
        covered[1] += low < 0 < high
    np.testing.assert_allclose(np.array(covered) / draws, 0.95, atol=4 * np.sqrt(0.0475 / draws))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: power.gap_deviation(1.1, 0.1, 10), "error_a must be between 0 and 1, got 1.1"),
        (lambda: power.gap_deviation(0.1, -1, 10), "error_b"),
        (lambda: power.gap_deviation(0.1, 0.2, 0), "images must be at least 1"),
        (lambda: power.gap_deviation(0.1, 0.2, 9, 0.11), "both must be between 0 and 0.1"),
        (lambda: power.gap_deviation(0.9, 0.8, 9, 0.5), "both must be between 0.7 and 0.8"),
        (lambda: power.images_needed(0.1, 0.1), "must differ"),
        (lambda: power.detection(0.1, 0.0, 5), "deviation must be > 0"),
        (lambda: power.detection(0.1, 1.0, 1), "seeds must be at least 2"),
        (lambda: power.seeds_needed(0.0, 1.0), "gap must not be 0"),
    ],
)
def test_arguments_out_of_range(call: Callable[[], Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        call()


# --- signs --------------------------------------------------------------------------------


def batch(count: int = 6, dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor]:
    """Return fixed inputs of 5 features, and labels of 3 classes."""
    rng = np.random.default_rng(4)
    labels = torch.from_numpy(rng.integers(3, size=count))
    return torch.from_numpy(rng.standard_normal((count, 5))).to(dtype), labels


def small(activation: Any = "relu", seed: int = 0) -> MLP:
    """Return a network with biases that are not 0."""
    network = MLP([5, 8, 7, 3], activation).double()
    initialize(network, xavier_, seed)
    with torch.no_grad():
        for layer in network.layers:
            layer.bias.add_(0.05)
    return network


def objective(network: Any, inputs: torch.Tensor, labels: torch.Tensor, l1: float) -> torch.Tensor:
    """Return the cost in the plainest way."""
    penalty = sum(h.abs().sum(1).mean() for h in network.hidden(inputs))
    return F.cross_entropy(network(inputs), labels) + l1 * penalty


def test_a_flipped_network_learns_as_the_plain_one_it_stands_for() -> None:
    """With a penalty too: the signs do not change it."""
    network, plain = small(), small(seed=1)
    signs = [torch.tensor([1.0, -1.0] * 4).double(), torch.tensor([-1.0] * 4 + [1.0] * 3).double()]
    flipped = Flipped(network, signs)
    inputs, labels = batch()
    with torch.no_grad():
        assert not torch.allclose(flipped(inputs), network(inputs))
    unflip(flipped, plain)
    for _ in range(30):
        costs = []
        for net in (flipped, plain):
            parameters = list(net.parameters())
            cost = objective(net, inputs, labels, 0.01)
            with torch.no_grad():
                for p, g in zip(parameters, torch.autograd.grad(cost, parameters), strict=True):
                    p.sub_(0.2 * g)
            costs.append(float(cost.detach()))
        assert costs[0] == pytest.approx(costs[1], rel=1e-12)


def test_the_sign_check_can_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_sign_flip().verdict == "refuted"
    monkeypatch.setattr(checks, "unflip", lambda flipped, plain: None)
    assert checks.check_sign_flip().verdict == "reproduced"


# --- the probe ----------------------------------------------------------------------------


@pytest.mark.parametrize("chunk", [7, 1000])
def test_the_probe_counts_every_unit_and_image(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "EVALUATED", chunk)
    network = MLP([5, 8, 8, 3], "relu")
    initialize(network, xavier_, 0)
    with torch.no_grad():
        network.layers[0].weight[:2] = 0  # inputs exactly on the kink
        network.layers[1].bias[3] = -100  # a silent unit
        network.layers[1].bias[4] = 100  # one that always is active
    inputs, labels = batch(40, torch.float32)
    arrays = study.ZeroProbe(inputs, labels)(network)
    with torch.no_grad():
        hidden, wrong = network.hidden(inputs), network(inputs).argmax(1) != labels
    for i, h in enumerate(hidden):
        own = (h == 0).double().mean(0).numpy()
        values = h[h > 0].double().numpy()
        assert arrays["zeros"][i] == pytest.approx(own.mean())
        assert arrays["unit_deviation"][i] == pytest.approx(own.std())
        assert arrays["silent"][i] == (own == 1).mean() >= 1 / 8
        assert arrays["always"][i] == (own == 0).mean()
        assert arrays["unit_histogram"][i].sum() == 8
        assert arrays["mean"][i] == pytest.approx(float(h.mean()), rel=1e-6)
        assert arrays["variation"][i] == pytest.approx(values.std() / values.mean(), rel=1e-5)
    assert arrays["always"][1] >= 1 / 8
    assert arrays["kinks"].tolist() == [80, 0]
    np.testing.assert_array_equal(np.unpackbits(arrays["wrong"]), wrong.numpy())
    assert arrays["test_error"] == wrong.double().mean()


def test_a_network_that_is_all_zero_has_statistics() -> None:
    network = MLP([5, 4, 4, 3], "relu")
    with torch.no_grad():
        for p in network.parameters():
            p.zero_()
    arrays = study.ZeroProbe(*batch(8, torch.float32))(network)
    assert (arrays["zeros"] == 1).all()
    assert (arrays["silent"] == 1).all()
    assert (arrays["variation"] == 0).all()


# --- runs ---------------------------------------------------------------------------------


def test_five_sixths_are_learned_and_the_rest_validates() -> None:
    learned, held_out, test = study.divided("digits")
    whole = load("digits")
    assert len(learned) == len(whole.train) * 5 // 6
    joined = np.concatenate([learned.images, held_out.images])
    np.testing.assert_array_equal(joined, whole.train.images)
    np.testing.assert_array_equal(test.labels, whole.test.labels)


@pytest.mark.parametrize("l1", [0.0, 0.01])
def test_a_run_records_what_the_figures_need(l1: float) -> None:
    metrics, arrays, seconds = study.run(replace(SMALL, l1=l1), Watch())
    np.testing.assert_array_equal(arrays["updates"], study.probe_times(60))
    looks = len(arrays["updates"])
    for name in ("zeros", "unit_deviation", "silent", "always", "kinks", "mean", "variation"):
        assert arrays[name].shape == (looks, 2)
    assert arrays["unit_histogram"].shape == (looks, 2, study.UNIT_BINS)
    tested = len(study.divided("digits")[2])
    assert arrays["wrong"].shape == (looks, -(-tested // 8))
    best = arrays["validation_error"].argmin()
    assert metrics["best_at"] == arrays["updates"][best]
    assert metrics["test_error"] == arrays["test_error"][best] < 0.9
    assert metrics["zeros"] == pytest.approx(arrays["zeros"][best].mean())
    assert metrics["outcome"] == "finished"
    assert seconds > 0


def test_a_run_that_diverges_says_so() -> None:
    metrics, arrays, _ = study.run(replace(SMALL, rate=1e20), Watch())
    assert metrics["outcome"] == "diverged"
    assert metrics["best_at"] == 0
    np.testing.assert_array_equal(arrays["updates"], [0])


@pytest.mark.parametrize("updates", [1, 11, 12, 4000, 40_000, 250_000])
def test_probes_begin_at_the_start_and_end_at_the_end(updates: int) -> None:
    times = study.probe_times(updates)
    assert times[0] == 0
    assert times[-1] == updates
    assert (np.diff(times) > 0).all()
    assert min(updates, study.PROBES) <= len(times) - 1 <= max(updates // 5000, 2 * study.PROBES)


def test_scales_have_every_run_once_and_the_first_seeds_first() -> None:
    assert set(study.SCALES) == {"smoke", "laptop", "paper"}
    for specs in study.SCALES.values():
        assert len(specs) == len(set(specs)) > 0
    laptop = study.SCALES["laptop"]
    assert set(laptop) == {spec for group in study.LAPTOP.values() for spec in group}
    seeds = [spec.seed for spec in laptop]
    assert seeds == sorted(seeds)
    for name in study.ACTIVATIONS:  # the rate of the many runs is one of those tried
        assert study.LAPTOP[name][0] in study.SCALES["laptop"]
        tried = [study.LAPTOP[f"{name} rate {rate:g}"] for rate in study.RATES]
        assert [study.LAPTOP[name][0]] in tried


# --- checks -------------------------------------------------------------------------------


def invented(
    spec: study.Spec, *, error: float = 0.018, zero: float = 0.7, speed: float = 1.0
) -> Record:
    """Return a record as a run might leave it, with results to order."""
    rng = np.random.default_rng(spec.seed)
    times = np.array(study.probe_times(spec.updates))
    looks, layers = len(times), spec.hidden_layers
    share = np.expm1(-np.arange(looks) * speed) / np.expm1(-(looks - 1) * speed)
    error += 4e-4 * rng.standard_normal()
    curve = 0.9 + (error - 0.9) * share
    level = 0.5 + (zero - 0.5) * share[:, None] * np.ones(layers)
    level[0] += 0.002 * rng.standard_normal(layers)
    arrays = {
        "updates": times,
        "test_error": curve,
        "validation_error": curve,
        "zeros": level,
        "unit_deviation": np.full((looks, layers), 0.3),
        "silent": np.full((looks, layers), 0.01) * share[:, None],
        "unit_histogram": rng.integers(1, 50, (looks, layers, study.UNIT_BINS)),
        "variation": np.full((looks, layers), 0.9),
        "kinks": np.zeros((looks, layers), int),
        "wrong": np.packbits(rng.random((looks, 10_000)) < curve[:, None], axis=1),
    }
    metrics = {"test_error": curve[-1], "zeros": level[-1].mean(), "validation_error": curve[-1]}
    return Record(study.NAME, asdict(spec), metrics, arrays, {})


Case = dict[str, dict[str, float]]

GOOD: Case = {
    "softplus": {"error": 0.021},
    "tanh": {"error": 0.020, "speed": 0.6},
    "l1 0.001": {"zero": 0.83},
    "l1 0.003": {"zero": 0.86},
    "l1 0.01": {"zero": 0.95, "error": 0.03},
}


@pytest.fixture
def invent(monkeypatch: pytest.MonkeyPatch) -> Callable[[Case], None]:
    """Return what puts invented records in place of those on disk."""

    def place(case: Case) -> None:
        def group(name: str) -> list[Record]:
            return [invented(spec, **case.get(name, {})) for spec in study.LAPTOP[name]]

        monkeypatch.setattr(checks, "group", group)

    return place


def verdicts() -> dict[str, str]:
    return {claim.id: claim.check().verdict for claim in CLAIMS}


def test_every_check_can_succeed(invent: Callable[[Case], None]) -> None:
    invent(GOOD)
    expected = dict.fromkeys((claim.id for claim in CLAIMS), "reproduced")
    expected |= {"glorot2011.sign-flip": "refuted", "blog.relu-binary": "refuted"}
    assert verdicts() == expected


def test_every_check_can_fail(invent: Callable[[Case], None]) -> None:
    bad = {"relu": {"error": 0.025, "zero": 0.4, "speed": 0.5}, "tanh": {"speed": 1.0}}
    sparse = {name: {"zero": 0.8, "error": 0.03} for name in GOOD if name.startswith("l1")}
    invent(bad | sparse | {"l1 0.001": {"zero": 0.3}})
    found = verdicts()
    for name in ("sparsity", "fig3.sparsity-harmless", "equal-or-better"):
        assert found[f"glorot2011.{name}"] == "not reproduced"
    for name in ("glorot2011.table1.relu-tanh", "glorot2011.table1.relu-softplus"):
        assert found[name] == "not reproduced"
    assert found["blog.relu-sparse"] == "not reproduced"
    assert found["blog.kink"] == "partly reproduced"
    assert found["blog.relu-better"] == "not reproduced"


def test_checks_stay_open_where_runs_cannot_tell(invent: Callable[[Case], None]) -> None:
    invent({name: {"zero": 0.6} for name in GOOD})
    found = verdicts()
    assert found["glorot2011.table1.relu-tanh"] == "open"
    assert found["glorot2011.fig3.sparsity-harmless"] == "open"


@pytest.mark.parametrize(
    ("curve", "expected"),
    [([0.9, 0.1, 0.01], 15.0), ([0.9, 0.5, 0.1], np.inf), ([0.02, 0.9, 0.01], 0.0)],
)
def test_when_a_run_reaches_an_error(curve: Sequence[float], expected: float) -> None:
    arrays = {"test_error": np.array(curve), "updates": np.array([0, 10, 20])}
    record = Record(study.NAME, {}, {}, arrays, {})
    assert checks.reaches(record, 0.055) == pytest.approx(expected)


def test_errors_in_common() -> None:
    runs = []
    for wrong in (range(100), range(60, 260)):
        bits = np.zeros((1, 1000), bool)
        bits[0, list(wrong)] = True
        arrays = {"wrong": np.packbits(bits, axis=1), "validation_error": np.zeros(1)}
        runs.append(Record(study.NAME, {}, {"test_error": bits.mean()}, arrays, {}))
    assert checks.both_wrong(*runs) == pytest.approx(0.04)


def test_the_metrics_are_those_of_the_best_look() -> None:
    history = {
        "updates": np.arange(4),
        "validation_error": np.array([0.9, 0.2, 0.1, 0.1]),
        "test_error": np.array([0.9, 0.1, 0.3, 0.2]),
        "zeros": np.array([[0.5, 0.5], [0.6, 0.6], [0.6, 0.8], [0.9, 0.9]]),
    }
    found = study.metrics(Outcome(None, history, 1.0))
    assert found["best_at"] == 2
    assert found["test_error"] == 0.3
    assert found["zeros"] == pytest.approx(0.7)
    assert found["last_test_error"] == 0.2


# --- figures ------------------------------------------------------------------------------


def drawn() -> dict[str, Figure]:
    """Return every figure of the study, of invented records."""
    runs = {name: [invented(s) for s in specs] for name, specs in study.LAPTOP.items()}
    relu, sparse = runs["relu"], runs["l1 0.001"]
    seeds = np.arange(2, 30)
    return {
        "sparsity": figures.sparsity_figure({"none": relu, "0.001": sparse}),
        "units": figures.units_figure({"before": (relu, True), "after": (relu, False)}),
        "tradeoff": figures.tradeoff_figure({0.0: relu, 0.001: sparse}),
        "errors": figures.errors_figure({n: runs[n] for n in study.ACTIVATIONS}, {"relu": 1.43}),
        "detection": figures.detection_figure(seeds, {"a": seeds / 30, "b": seeds / 60}),
    }


def test_figures_draw_what_they_are_given_in_lines_that_differ() -> None:
    for name, figure in drawn().items():
        for ax in figure.axes:
            named = [line for line in ax.lines if not line.get_label().startswith("_")]
            kinds = {(str(line._unscaled_dash_pattern), line.get_marker()) for line in named}
            assert len(kinds) == len(named) > 0, name
    top = drawn()["sparsity"].axes[0].lines[0]
    runs = [invented(s) for s in study.LAPTOP["relu"]]
    np.testing.assert_allclose(
        top.get_ydata(), np.mean([r.arrays["zeros"][:, 0] for r in runs], axis=0)
    )
