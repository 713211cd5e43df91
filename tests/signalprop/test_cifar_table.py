"""The study of the CIFAR-100 table: its runs on digits, its instruments, its arithmetic."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from signalprop.activations import get
from signalprop.inception import Convolution, Inception
from signalprop.records import Record
from signalprop.studies import cifar_table as study
from signalprop.studies.cifar_table import checks, figures, printed
from signalprop.studies.cifar_table.layers import measure, saturated
from signalprop.training import Watch

SMOKE = study.SCALES["smoke"][2]

# --- runs ---------------------------------------------------------------------------------


def test_tanh_that_stands_for_the_rescaled_sigmoid_learns_bit_for_bit_the_same() -> None:
    """Factors of two, in bfloat16 and with momentum, decay and the change of rate."""
    spec = replace(SMOKE, activation="rescaled_sigmoid", epochs=0.3, late_epochs=0.2, decay=0.01)
    other = replace(spec, activation="tanh", stands_for="rescaled_sigmoid")
    plain = replace(spec, activation="tanh")
    first, second, third = (study.run(s, Watch()).arrays for s in (spec, other, plain))
    for name in ("training_cost", "test_error", "train_error"):
        np.testing.assert_array_equal(first[name], second[name])
    assert (first["training_cost"] != third["training_cost"]).any()


def test_a_killed_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    spec = replace(SMOKE, epochs=1.5, late_epochs=1.0)
    whole = study.run(spec, Watch())

    class KilledError(Exception):
        pass

    def kill(updates: int) -> None:
        if updates >= 70:  # in the second epoch, after the learning rate has dropped
            raise KilledError

    with pytest.raises(KilledError):
        study.run(spec, Watch(tmp_path / "run", 0.0, kill))
    resumed = study.run(spec, Watch(tmp_path / "run", 0.0))
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(values, resumed.arrays[name])


def test_the_learning_rate_drops_once_and_a_probe_follows_every_epoch() -> None:
    paper = study.Schedule.of(study.SCALES["paper"][0])
    assert (paper.drop, paper.end) == (29_688, 35_156)  # 38 and 45 epochs of 781.25 updates
    assert len(paper.probes) == 46
    assert paper.probes[:3] == [0, 781, 1562]
    assert study.Schedule.of(SMOKE).probes == [0, 12]


def test_weights_are_of_the_stated_variance() -> None:
    network = study.build(study.Spec("digits", "leaky_tanh", width=0.5, variance=1.5))
    for name, layer in network.layers.items():
        kernel = math.prod(layer.weight.shape[2:])
        fans = kernel * (layer.weight.shape[0] + layer.weight.shape[1]) / 2
        n = layer.weight.numel()
        # The variance of a uniform sample's mean square, four deviations.
        assert float(layer.weight.detach().square().mean()) * fans == pytest.approx(
            1.5, rel=4 * math.sqrt(0.8 / n)
        ), name
        assert not layer.bias.any()  # type: ignore[union-attr]


def test_unknown_data_are_named() -> None:
    with pytest.raises(ValueError, match="dataset must be one of cifar100, digits, got 'mnist'"):
        study.data("mnist")


# --- instruments --------------------------------------------------------------------------


def test_layers_are_measured_as_autograd_has_them() -> None:
    network = Inception("leaky_tanh", width=0.05, classes=5, image=(1, 8, 8))
    x, labels = torch.randn(7, 64), torch.arange(7) % 5
    found = measure(network, x, labels)
    convolutions = [m for m in network.layers.values() if isinstance(m, Convolution)]
    assert {values.shape for values in found.values()} == {(len(convolutions),)}
    # The last convolution by hand: its output reaches the logits through a mean and one matrix.
    precise = network.double()
    kept: list[torch.Tensor] = []
    last = precise.get_submodule("blocks.5b.projection")
    last.register_forward_hook(lambda module, entered, left: kept.append(left.detach()))
    with torch.no_grad():
        probabilities = precise(x.double()).softmax(1)
    h = kept[0]
    channels = precise.classifier.in_features
    into = precise.classifier.weight.detach()[:, channels - h.shape[1] :]
    back = (probabilities - F.one_hot(labels, 5)) @ into / (h.shape[2] * h.shape[3])
    index = list(network.layers).index("blocks.5b.projection")
    expected = {
        "mean": h.mean(),
        "variance": (h - h.mean()).square().mean(),
        "data_variance": (h - h.mean(0)).square().mean(),
        "gradient": back.square().mean().sqrt(),
    }
    for name, value in expected.items():
        assert found[name][index] == pytest.approx(float(value), rel=1e-5), name
    assert found["gradient"].min() > 0


@pytest.mark.parametrize(
    ("name", "pre", "below", "above"),
    [
        ("sigmoid", [-3.0, 0.0, 3.0, 9.0], 0.25, 0.5),
        ("tanh", [-1.4, 1.4, 1.5, -1.5], 0.25, 0.25),
        ("rescaled_sigmoid", [-2.8, 2.8, 3.0, -3.0], 0.25, 0.25),
        ("leaky_tanh", [-1.4, 1.4, 1.5, -1.5], 0.25, 0.25),
        ("relu", [-9.0, 9.0, 0.0, 1.0], 0.0, 0.0),
    ],
)
def test_saturated_is_nine_tenths_of_the_way_to_a_limit(
    name: str, pre: list[float], below: float, above: float
) -> None:
    activation = get(name)
    lower, upper = saturated(activation, activation(torch.tensor(pre)))
    assert (float(lower), float(upper)) == (below, above)


def test_leaky_tanh_without_mean_has_none() -> None:
    activation = study.activation_of("leaky_tanh_without_mean")
    assert float(activation.mean(0.5)) == pytest.approx(0, abs=1e-12)
    assert activation.limits[1] - activation.limits[0] == 1.25


# --- checks -------------------------------------------------------------------------------


def made_up(accuracies: dict[str, float]) -> dict[str, list[Record]]:
    def record(name: str) -> Record:
        metrics = {"test_accuracy": accuracies[name], "train_accuracy": accuracies[name]}
        return Record("cifar-table", {"activation": name}, metrics, {}, {})

    return {name + checks.LONGER: [record(name)] for name in accuracies}


@pytest.mark.parametrize(
    ("accuracies", "verdict"),
    [
        ([20, 25, 30, 35, 40], "reproduced"),
        ([20, 25, 30, 35, 35.5], "partly reproduced"),  # one pair within the error
        ([20, 25, 30, 40, 35], "partly reproduced"),  # one pair the other way
        ([25, 20, 30, 40, 35], "not reproduced"),
        ([30, 30, 30, 30, 30], "not reproduced"),
    ],
)
def test_the_order_is_judged_pair_by_pair(
    monkeypatch: pytest.MonkeyPatch, accuracies: list[float], verdict: str
) -> None:
    runs = made_up(dict(zip(printed.ROWS, accuracies, strict=True)))
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    assert checks.check_order().verdict == verdict


def followed(*accuracies: float) -> list[Record]:
    """Return a run on digits, tested at the start and after each epoch."""
    arrays = {
        "updates": np.arange(len(accuracies)) * 1287,
        "test_error": 1 - np.array(accuracies) / 100,
    }
    spec = {"dataset": "digits", "batch": 1}
    return [Record("cifar-table", spec, {"test_accuracy": accuracies[-1]}, arrays, {})]


@pytest.mark.parametrize(
    ("other", "epochs"),
    [
        ((1, 11, 22, 31, 40), 4),  # ahead until the last test
        ((1, 11, 18, 31, 50), 3),
        ((1, 11, 22, 31, 60), 1),  # together before the first epoch
        ((2, 11, 22, 31, 60), 0),
    ],
)
def test_a_row_is_ahead_since_it_was_last_behind(
    monkeypatch: pytest.MonkeyPatch, other: tuple[float, ...], epochs: float
) -> None:
    runs = {"one": followed(1, 10, 20, 30, 45), "other": followed(*other)}
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    assert checks.ahead_since("one", "other") == epochs
    assert checks.ahead_since("other", "one") == epochs


def test_a_pair_is_told_by_both_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {
        "tanh": followed(1, 30),
        "tanh, longer": followed(1, 35, 50),
        "relu": followed(1, 20),
        "relu, longer": followed(1, 36, 40),
    }
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    # 10 points over the root of (50 x 50 + 40 x 60) / 10,000
    assert checks.pair_row("tanh", "relu") == (
        *("ReLU over tanh", "+5.9", "-10.0", "-10.0", "-14.3", "2"),
    )


def test_a_fall_is_from_one_epoch_to_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {"falls": followed(1, 30, 28.5, 29, 28), "never": followed(1, 30, 40, 41)}
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    assert checks.fall("falls") == pytest.approx(1.5)
    assert checks.fall("never") == pytest.approx(-1)


def test_printed_accuracies_are_nearer_than_others(monkeypatch: pytest.MonkeyPatch) -> None:
    longer = {name: row.test for name, row in printed.ROWS.items()}
    shorter = longer | {"tanh": 20.0}
    runs = made_up(longer) | {name: followed(a) for name, a in shorter.items()}
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    assert checks.nearer() == 4  # the pairs of tanh


@pytest.mark.parametrize(
    ("leaky", "verdict"),
    [(22.7, "reproduced"), (26.0, "partly reproduced"), (20.5, "not reproduced")],
)
def test_the_gain_of_the_leak(monkeypatch: pytest.MonkeyPatch, leaky: float, verdict: str) -> None:
    runs = made_up({"tanh": 20.0, "leaky_tanh": leaky})
    monkeypatch.setattr(checks, "group", runs.__getitem__)
    assert checks.check_gain_of_leak().verdict == verdict


def test_the_printed_gain_is_that_of_the_printed_rows() -> None:
    gain = printed.ROWS["leaky_tanh"].test / printed.ROWS["tanh"].test - 1
    assert round(100 * gain, 1) == 13.6


def test_the_longest_path_is_cut_out_of_all_convolutions() -> None:
    names = [n for n, m in Inception("tanh", 0.05).layers.items() if isinstance(m, Convolution)]
    record = Record("", {}, {}, {"index": np.arange(66.0)[None]}, {})
    path = [names[int(index)] for index in checks.along(record, "index")]
    assert path[:4] == [
        "blocks.3a.reduce_double",
        "blocks.3a.double1",
        "blocks.3a.double2",
        "blocks.3b.reduce_double",
    ]
    assert len(path) == 30
    assert all(name.split(".")[2] in ("reduce_double", "double1", "double2") for name in path)


@pytest.mark.parametrize("name", printed.ROWS)
def test_a_longer_run_begins_as_the_shorter_one(name: str) -> None:
    """To the bit, until the shorter one's learning rate drops."""
    short, longer = (study.group(name + end)[0] for end in ("", checks.LONGER))
    same = checks.epochs(short) < short.spec["epochs"] + 0.01
    for of in ("test_error", "train_error"):
        np.testing.assert_array_equal(
            short.arrays[of][same], longer.arrays[of][: np.count_nonzero(same)]
        )


def test_figures_draw_what_records_hold() -> None:
    pair = study.group("tanh")[0], study.group("rescaled_sigmoid")[0]
    figure = figures.curves_figure(dict.fromkeys("abcd", pair))
    drawn = figure.axes[0].lines[0].get_ydata()
    np.testing.assert_allclose(drawn, 100 * (1 - pair[0].arrays["test_error"]))


def test_the_table_is_drawn_with_both_runs() -> None:
    ours = {name: (40.0 + i, 0.5) for i, name in enumerate(printed.ROWS)}
    figure = figures.table_figure(ours, {name: 30.0 + i for i, name in enumerate(printed.ROWS)})
    marks = [line for line in figure.axes[0].lines if line.get_marker() not in ("None", "_")]
    drawn = [tuple(line.get_xydata()[0]) for line in marks]
    for i, name in enumerate(printed.ROWS):
        assert drawn[2 * i : 2 * i + 2] == [
            (printed.ROWS[name].test, 30.0 + i),
            (printed.ROWS[name].test, 40.0 + i),
        ]
