"""The table study: its runs, its rules of significance, and checks that must be able to fail."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import scipy.stats
import torch

from signalprop.datasets import Examples, ImageSet, Shapeset
from signalprop.records import Record
from signalprop.studies import glorot_table as study
from signalprop.studies.glorot_table import ROWS, Spec, checks, figures, significance
from signalprop.studies.glorot_table.checks import PRINTED, Cell
from signalprop.studies.glorot_table.claims import CLAIMS
from signalprop.training import Watch

# --- the rules of significance ------------------------------------------------------------


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 9), (9, 1), (5, 5), (0, 8), (60, 101)])
def test_mcnemar_is_the_binomial_test_of_the_images_told_apart(only_a: int, only_b: int) -> None:
    """Images on which both are right, or both wrong, change nothing."""
    a = [True] * only_a + [False] * only_b + [True] * 30 + [False] * 400
    b = [False] * only_a + [True] * only_b + [True] * 30 + [False] * 400
    expected = scipy.stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1
    assert significance.mcnemar_p(a, b) == pytest.approx(expected, rel=1e-12)


def test_mcnemar_counts_the_ways_to_share() -> None:
    """By hand: of the 2^12 ways to share 12 images, 2 (1 + 12 + 66) give one network 2 or less."""
    a, b = np.arange(12) < 2, np.arange(12) >= 2
    assert significance.mcnemar_p(a, b) == pytest.approx(2 * 79 / 2**12, rel=1e-14)
    with pytest.raises(ValueError, match=r"one shape, got \(12,\) and \(3,\)"):
        significance.mcnemar_p(a, b[:3])


@pytest.mark.parametrize(("a", "b", "n"), [(164, 221, 10_000), (5380, 5578, 10_000), (0, 3, 50)])
def test_proportions_are_compared_as_by_chi_squared(a: int, b: int, n: int) -> None:
    """The square of z is Pearson's statistic of the table of right and wrong answers."""
    table = [[a, n - a], [b, n - b]]
    expected = scipy.stats.chi2_contingency(table, correction=False).pvalue
    assert significance.proportions_p(a / n, b / n, n) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("bad", [(-0.1, 0.5, 10), (0.5, 1.1, 10), (0.5, 0.5, 0), (math.nan, 0, 1)])
def test_proportions_have_ranges(bad: tuple[float, float, int]) -> None:
    with pytest.raises(ValueError, match="must be"):
        significance.proportions_p(*bad)


def test_equal_errors_do_not_differ() -> None:
    """Not even errors of 0 or 1, where the deviation is 0."""
    assert [significance.proportions_p(e, e, 100) for e in (0, 0.3, 1)] == [1, 1, 1]


def test_means_are_compared_as_by_welch(rng: np.random.Generator) -> None:
    for n, m in ((3, 3), (2, 7)):
        a, b = rng.standard_normal(n), 1 + 3 * rng.standard_normal(m)
        expected = scipy.stats.ttest_ind(a, b, equal_var=False).pvalue
        assert significance.welch_p(a, b) == pytest.approx(expected, rel=1e-10)
    assert significance.welch_p([1, 1], [1, 1]) == 1
    assert significance.welch_p([1, 1], [2, 2]) == 0
    with pytest.raises(ValueError, match="other must have two values or more, got 1"):
        significance.welch_p([1, 2], [3])


def test_unpaired_errors_of_shared_images_are_compared_too_timidly(
    rng: np.random.Generator,
) -> None:
    """Two equally good networks that share hard images: the paired test rejects about as often
    as it says, the unpaired one hardly ever."""  # noqa: D205, D209
    hard = rng.random(2000) < 0.3
    paired, unpaired = [], []
    for _ in range(400):
        a, b = (np.where(rng.random(2000) < 0.1, ~hard, hard) for _ in range(2))
        paired.append(significance.mcnemar_p(a, b) < 0.1)
        unpaired.append(significance.proportions_p(a.mean(), b.mean(), 2000) < 0.1)
    assert 0.04 < np.mean(paired) < 0.15  # 0.1 less what is lost to whole numbers, ± 4 sem
    assert np.mean(unpaired) < 0.04


# --- the printed table --------------------------------------------------------------------


def test_bold_is_what_does_not_differ_from_the_best() -> None:
    for dataset, marked in checks.BOLD.items():
        assert significance.bold(checks.rates(dataset), checks.IMAGES) == marked


def test_some_bold_results_do_not_differ_from_others() -> None:
    found = {
        d: significance.unlike(checks.rates(d), marked, checks.IMAGES)
        for d, marked in checks.BOLD.items()
    }
    assert not found["shapeset"]
    assert not found["cifar10"]
    assert ("tanh", "sigmoid") in found["mnist"]
    assert ("softsign", "tanh") in found["small-imagenet"]


def test_the_rule_notices_another_table(monkeypatch: pytest.MonkeyPatch) -> None:
    assert checks.check_bold_rule().verdict == "partly reproduced"
    monkeypatch.setitem(PRINTED["cifar10"], "tanh", 53.5)
    monkeypatch.setitem(PRINTED["cifar10"], "softsign", 53.5)
    assert checks.check_bold_rule().verdict == "not reproduced"


# --- the specs ----------------------------------------------------------------------------


def test_every_scale_has_runs_and_none_twice() -> None:
    assert set(study.SCALES) == {"smoke", "laptop", "paper"}
    for specs in study.SCALES.values():
        assert len(specs) == len(set(specs)) > 0


def test_the_first_runs_fill_the_table_once() -> None:
    first = study.SCALES["laptop"][:10]
    cells = {(spec.dataset, spec.activation, spec.weights) for spec in first}
    assert cells == {(d, *row) for d in ("mnist", "cifar10") for row in ROWS.values()}
    assert {spec.seed for spec in first} == {0}


def test_the_table_s_rates_were_tried_and_have_three_seeds() -> None:
    laptop = study.SCALES["laptop"]
    for dataset, row in itertools.product(study.UPDATES, ROWS):
        assert study.RATES[dataset][row] in study.GRID[dataset][row]
        kind = (dataset, *ROWS[row], study.RATES[dataset][row])
        seeds = [
            spec.seed
            for spec in laptop
            if (spec.dataset, spec.activation, spec.weights, spec.rate) == kind
        ]
        assert sorted(seeds) == [0, 1, 2]


@pytest.mark.parametrize("dataset", study.UPDATES)
def test_the_table_s_rates_are_those_of_the_lowest_validation_error(dataset: str) -> None:
    assert study.RATES[dataset] == {row: study.tuned(dataset, row) for row in ROWS}


def test_the_paper_s_network_is_the_default() -> None:
    network = study.build(Spec(), 784, 10)
    shapes = [tuple(layer.weight.shape) for layer in network.layers]
    assert shapes == [(1000, 784), *[(1000, 1000)] * 4, (10, 1000)]
    assert Spec().updates * study.BATCH == 25_000_000


@pytest.mark.parametrize(
    ("weights", "variances"),
    [("standard", [1 / 900, 1 / 600, 1 / 600]), ("normalized", [2 / 500, 2 / 400, 2 / 210])],
)
def test_each_layer_starts_with_its_variance(
    weights: study.Weights, variances: list[float]
) -> None:
    """Within four standard errors of the variance of N uniform draws, sqrt(0.8 / N)."""
    network = study.build(Spec(weights=weights, width=200, hidden_layers=2), 300, 10)
    for layer, variance in zip(network.layers, variances, strict=True):
        error = 4 * np.sqrt(0.8 / layer.weight.numel())
        assert float(layer.weight.detach().square().mean()) == pytest.approx(variance, rel=error)
        assert not layer.bias.any()


# --- a run --------------------------------------------------------------------------------

TRAIN, HELD_OUT, TEST = 300, 50, 90


@pytest.fixture
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for MNIST: three classes, of which the brightest quarter of the image tells."""
    rng = np.random.default_rng(3)

    def examples(n: int) -> Examples:
        images = rng.integers(0, 100, (n, 1, 6, 6), dtype=np.uint8)
        labels = rng.integers(0, 3, n)
        for image, label in zip(images[:, 0], labels, strict=True):
            row, column = divmod(int(label), 2)
            image[3 * row : 3 * row + 3, 3 * column : 3 * column + 3] += 150
        return Examples(images, labels)

    toy = ImageSet("mnist", examples(TRAIN + HELD_OUT), examples(TEST), ("a", "b", "c"))
    monkeypatch.setattr(study, "load", {"mnist": toy}.__getitem__)
    monkeypatch.setitem(study.TRAINING, "mnist", TRAIN)


SMALL = Spec(width=20, hidden_layers=2, rate=0.1, updates=400)


@pytest.mark.usefixtures("_toy")
def test_a_run_learns_and_records_what_the_table_needs() -> None:
    metrics, arrays, seconds = study.run(SMALL, Watch())
    assert metrics["outcome"] == "finished"
    assert metrics["test_error"] < 0.1
    assert metrics["validation_error"] < 0.1
    np.testing.assert_array_equal(arrays["updates"], range(0, 401, 10))
    assert arrays["test_error"].shape == arrays["training_cost"].shape == (41,)
    assert arrays["test_error"].dtype == np.float32
    assert arrays["test_error"][0] > 0.3
    assert seconds > 0


@pytest.mark.usefixtures("_toy")
def test_wrong_answers_are_those_of_the_last_probe() -> None:
    """A network that errs: their number is the error, and the bits survive the record."""
    metrics, arrays, _ = study.run(replace(SMALL, updates=2), Watch())
    record = Record("glorot-table", {}, metrics, arrays, {})
    wrong = study.wrong_answers(record)
    assert wrong.shape == (TEST,)
    assert wrong.mean() == pytest.approx(metrics["test_error"], abs=1e-7)
    assert arrays["test_error"][-1] == np.float32(metrics["test_error"])
    assert 0 < wrong.sum() < TEST


@pytest.mark.usefixtures("_toy")
def test_training_and_validation_images_are_kept_apart() -> None:
    seen = study.data("mnist", seed=5)
    images, _ = seen.stream.batch(TRAIN, np.float32)  # an epoch
    trained = {image.tobytes() for image in images}
    held_out = {image.numpy().tobytes() for image in seen.validation[0]}
    assert (len(trained), len(held_out)) == (TRAIN, HELD_OUT)
    assert not trained & held_out
    assert seen.test[0].shape == (TEST, 36)
    assert float(seen.test[0].max()) <= 1


@pytest.mark.usefixtures("_toy")
def test_a_run_that_diverges_has_no_errors() -> None:
    spec = replace(SMALL, activation="relu", rate=1e20)
    metrics, arrays, _ = study.run(spec, Watch())
    assert metrics["outcome"] == "diverged"
    assert metrics["test_error"] is None
    assert metrics["validation_error"] is None
    np.testing.assert_array_equal(arrays["updates"], [0])


def test_shapeset_s_images_are_those_of_the_saturation_study(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(study, "TEST_IMAGES", 20)
    seen = study.data("shapeset", seed=2)
    images, labels = Shapeset(0).batch(40, np.float32)
    both = torch.cat([seen.test[0], seen.validation[0]])
    np.testing.assert_array_equal(both.numpy(), images.reshape(40, -1))
    np.testing.assert_array_equal(torch.cat([seen.test[1], seen.validation[1]]).numpy(), labels)
    np.testing.assert_array_equal(seen.stream.batch(3)[0], Shapeset(3).batch(3)[0])


def test_a_data_set_must_be_known() -> None:
    with pytest.raises(ValueError, match="dataset must be one of shapeset, mnist, cifar10, digits"):
        study.data("imagenet", 0)


@pytest.mark.parametrize("updates", [1, 7, 39, 40, 40_000, 2_500_000])
def test_probes_begin_at_the_start_and_end_at_the_end(updates: int) -> None:
    times = study.probe_times(updates)
    assert times[0] == 0
    assert times[-1] == updates
    assert (np.diff(times) > 0).all()
    assert min(updates, study.PROBES) < len(times) <= 2 * study.PROBES


def test_the_rate_of_the_lowest_validation_error_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(errors: dict[float, float | None]) -> float:
        of = {rate: record([0.9], validation_error=e) for rate, e in errors.items()}
        monkeypatch.setattr(study, "tried", lambda dataset, row: of)
        return study.tuned("mnist", "tanh")

    assert found({0.01: 0.3, 0.03: 0.2, 0.1: 0.4}) == 0.03
    assert found({0.01: 0.2, 0.03: 0.2, 0.1: None}) == 0.01


# --- the checks ---------------------------------------------------------------------------


def record(errors: list[float], wrong: Any = None, **metrics: Any) -> Record:
    """Return a run that was probed every 1000 updates."""
    arrays = {
        "updates": np.arange(len(errors)) * 1000,
        "test_error": np.array(errors, np.float32),
    }
    if wrong is not None:
        arrays["wrong"] = np.packbits(wrong)
        metrics["test_images"] = len(wrong)
    return Record("glorot-table", {"width": 128, "updates": 1000}, metrics, arrays, {})


Runs = Callable[[str, str], list[Record]]


def table(monkeypatch: pytest.MonkeyPatch, runs: Runs) -> None:
    """Let the checks see other records."""
    monkeypatch.setattr(checks, "runs", runs)


def answers(error: float) -> np.ndarray:
    """Return wrong answers to 10,000 images, of which the first are the hardest."""
    return np.arange(checks.IMAGES) < round(error * checks.IMAGES)


def as_printed(dataset: str, row: str) -> list[Record]:
    """Return three networks with the printed error, and nearly the same mistakes."""
    error = PRINTED[dataset][row] / 100
    return [record([0.9, error + k], answers(error + k)) for k in (-1e-4, 0, 1e-4)]


def at_random(dataset: str, row: str) -> list[Record]:
    """Return networks with the printed error whose mistakes have nothing in common."""
    rng = np.random.default_rng(list(ROWS).index(row))
    error = PRINTED[dataset][row] / 100
    return [record([0.9, error], rng.permutation(answers(error))) for _ in range(3)]


def test_networks_with_the_printed_errors_are_marked_as_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table(monkeypatch, at_random)
    for dataset in checks.MEASURED:
        assert checks.check_column(dataset).verdict == "reproduced"
        for seed in (0, 1, 2):
            assert checks.marks(checks.column(dataset), seed) == checks.BOLD[dataset]
    # Without all the answers the errors must do.
    cells = {row: Cell(cell.errors) for row, cell in checks.column("mnist").items()}
    assert checks.marks(cells, 0) == checks.BOLD["mnist"]


def test_a_comparison_image_by_image_sees_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the better network's mistakes are among the worse one's, 12 of 10,000 are enough."""
    table(monkeypatch, as_printed)
    assert checks.marks(checks.column("mnist"), 1) == {"softsign", "tanh N", "softsign N"}
    # tanh 1.76 against 1.64: all twelve images told apart go one way, p = 2 / 2^12.
    cells = checks.column("mnist")
    assert checks.p_value(cells["tanh"], cells["tanh N"], 1) == pytest.approx(2**-11)
    assert checks.check_column("mnist").verdict == "partly reproduced"


def test_a_column_is_open_where_seeds_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    def runs(dataset: str, row: str) -> list[Record]:
        made = at_random(dataset, row)
        return [made[0], *at_random("cifar10", "sigmoid")[1:]] if row == "tanh N" else made

    table(monkeypatch, runs)
    assert checks.check_column("cifar10").verdict == "open"
    table(monkeypatch, lambda dataset, row: at_random(dataset, row.removesuffix(" N")))
    assert checks.check_column("cifar10").verdict == "partly reproduced"  # softsign and tanh bold


def test_the_sigmoid_must_be_last_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    table(monkeypatch, as_printed)
    assert checks.check_sigmoid_last().verdict == "reproduced"
    table(monkeypatch, at_random)  # tanh and sigmoid do not differ on MNIST
    assert checks.check_sigmoid_last().verdict == "partly reproduced"
    table(monkeypatch, lambda dataset, row: as_printed(dataset, "tanh"))
    assert checks.check_sigmoid_last().verdict == "not reproduced"


@pytest.mark.parametrize(
    ("standard", "normalized", "verdict"),
    [
        ((0.55, 0.56, 0.57), (0.50, 0.51, 0.52), "reproduced"),
        ((0.50, 0.51, 0.52), (0.55, 0.56, 0.57), "not reproduced"),
        ((0.55, 0.56, 0.57), (0.54, 0.55, 0.56), "open"),
    ],
)
def test_a_gain_must_be_larger_than_the_spread(
    standard: tuple[float, ...],
    normalized: tuple[float, ...],
    verdict: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def runs(dataset: str, row: str) -> list[Record]:
        return [record([e]) for e in (normalized if row == "tanh N" else standard)]

    table(monkeypatch, runs)
    assert checks.check_gain("tanh", "cifar10").verdict == verdict


def test_small_networks_leave_the_printed_values_open(monkeypatch: pytest.MonkeyPatch) -> None:
    table(monkeypatch, as_printed)
    finding = checks.check_values()
    assert finding.verdict == "open"
    assert "15 of 15 within" in finding.ours

    def full(dataset: str, row: str) -> list[Record]:
        small = as_printed(dataset, row)
        return [replace(r, spec={"width": 1000, "updates": 2_500_000}) for r in small]

    table(monkeypatch, full)
    assert checks.check_values().verdict == "reproduced"
    table(monkeypatch, lambda dataset, row: full(dataset, "sigmoid"))
    assert checks.check_values().verdict == "not reproduced"


@pytest.mark.parametrize(
    ("errors", "images"),
    [
        ([0.9, 0.1, 0.1, 0.1], 10_000),
        ([0.9, 0.9, 0.15, 0.1], 20_000),
        ([0.9, 0.17, 0.2, 0.17, 0.1], 30_000),
        ([0.9, 0.9, 0.5, 0.1], np.inf),
        ([0.9, 0.9, 0.9, 0.88], np.inf),
    ],
)
def test_a_network_arrives_when_it_stays_near_its_end(errors: list[float], images: float) -> None:
    assert checks.arrival(record(errors)) == images


def test_the_sigmoid_must_be_late_and_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    late, early, never = [0.9, 0.9, 0.1, 0.1], [0.9, 0.1, 0.1, 0.1], [0.9, 0.9, 0.9, 0.9]

    def verdict(sigmoid: list[float]) -> str:
        table(monkeypatch, lambda _, row: [record(sigmoid if row == "sigmoid" else early)] * 3)
        return checks.check_sigmoid_late().verdict

    assert verdict(late) == "reproduced"
    assert verdict(never) == "partly reproduced"
    assert verdict([0.9, 0.9, 0.9, 0.1]) == "partly reproduced"  # it was not seen to stay there
    assert verdict(early) == "partly reproduced"  # it arrives, but not late


def test_claims_have_names_of_their_own() -> None:
    names = [claim.id for claim in CLAIMS]
    assert len(set(names)) == len(names)
    assert all(name.startswith("glorot2010.") for name in names)


# --- summaries and figures ----------------------------------------------------------------


def test_the_summary_shows_marks_with_every_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    table(monkeypatch, at_random)
    rows = {row[0]: row[1:] for row in checks.summary("cifar10")}
    assert rows["tanh N"] == ("**52.92**", "52.92 ± 0.00", "0, 1, 2", "yes")
    assert rows["sigmoid"] == ("57.28", "57.28 ± 0.00", "none", "no")


def test_networks_are_compared_with_their_own_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    table(monkeypatch, as_printed)
    p = checks.self_differences("mnist")
    assert len(p) == 15
    assert min(p) == pytest.approx(0.5)  # two images told apart, both one way


def test_figures_draw_what_they_are_given() -> None:
    runs = {
        row: [record([0.9, 0.5 - k / 100, 0.3 + k / 50]) for k in range(3)]
        for row in ("tanh", "sigmoid")
    }
    drawn = figures.curves_figure({"MNIST": runs}).axes[0].lines
    np.testing.assert_allclose(drawn[0].get_xydata(), [[10_000, 49], [20_000, 32]], rtol=1e-6)
    ours = {"MNIST": {"tanh": [1.0, 2.0, 3.0], "sigmoid": [9.0, 9.0, 9.0]}}
    figure = figures.table_figure(ours, {"MNIST": {"tanh": 1.76, "sigmoid": 2.2}}, {"MNIST": {}})
    assert list(figure.axes[0].lines[0].get_xdata()) == [1, 2, 3]
    rates = figures.rates_figure({"MNIST": {"tanh": {0.1: 0.5, 1.0: None}}})
    assert list(rates.axes[0].lines[0].get_ydata()) == [50]
