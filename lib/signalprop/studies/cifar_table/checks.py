"""The checks behind the claims about the CIFAR-100 table.

All of them were written, thresholds included, before the first run of the table had ended.  That
the longer runs are what they judge was decided after the shorter ones, in which the order was
still changing, and before the first of the longer ones had ended.  A difference of two test
accuracies counts if it exceeds two standard deviations of what the choice of test images does to
it; with one seed a row, what the seed does is not in it.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, Verdict
from ...inception import BLOCKS
from ...records import Record
from ...summaries import each, listed
from . import CONTROLS, IMAGES, TRAIN_IMAGES, group
from .printed import NAMES, ROWS, TEST_IMAGES, deviation

LONGER = ", longer"
"""What the name of a row's longer runs ends with; that of the shorter ones ends with nothing."""

PAIRS = list(itertools.combinations(ROWS, 2))
"""The ten pairs of rows, the one that is worse as printed first."""

CHANCE_COST = math.log(100)
"""Cost of giving each class the same probability, in nats."""


def accuracies(name: str, of: str = "test") -> list[float]:
    """Return the accuracies of the runs of a group at their ends, in per cent."""
    return [float(record.metrics[f"{of}_accuracy"]) for record in group(name)]


def mean(name: str, of: str = "test") -> float:
    """Return the mean accuracy of a group, in per cent."""
    return float(np.mean(accuracies(name, of)))


def difference(better: str, worse: str) -> tuple[float, float]:
    """Return by how much a group is better on test images, and twice the deviation of that."""
    a, b = mean(better), mean(worse)
    return a - b, 2 * math.hypot(deviation(a), deviation(b))


def epochs(record: Record) -> NDArray[np.float64]:
    """Return after how many epochs a run was tested, (probes,)."""
    epoch: float = IMAGES[record.spec["dataset"]] / record.spec["batch"]
    return record.arrays["updates"] / epoch


def length(records: Sequence[Record]) -> str:
    """Write how long runs were."""
    spec = records[0].spec
    n = spec["epochs"] + spec["late_epochs"]
    return f"{n:g} epoch{'' if n == 1 else 's'} at {spec['width']:g} of the width"


# --- rows ---------------------------------------------------------------------------------


def check_sigmoid() -> Finding:
    """Check that the plain sigmoid's network stays at chance."""
    runs = group("sigmoid")
    costs = each(runs, lambda r: float(r.arrays["training_cost"][1:].min()))
    stays = bool(np.all(costs > CHANCE_COST - 0.05)) and max(accuracies("sigmoid")) < 2
    return Finding(
        f"cost {costs.min():.3f} nats at best, chance is {CHANCE_COST:.3f}; test "
        f"{max(accuracies('sigmoid')):.2f} %, in {length(runs)}",
        "reproduced" if stays else "not reproduced",
    )


def check_converges() -> Finding:
    """Check that the cost of the rescaled sigmoid falls throughout; no more can be said."""
    runs = [*group("rescaled_sigmoid"), *group("rescaled_sigmoid" + LONGER)]
    falls = [bool(np.all(np.diff(r.arrays["training_cost"][1:]) < 0)) for r in runs]
    ends = listed([float(r.arrays["training_cost"][-1]) for r in runs], 2, " and ")
    epochs = listed([len(r.arrays["updates"]) - 1 for r in runs], "d", " and ")
    return Finding(
        f"cost {ends} nats after {epochs} epochs, chance is {CHANCE_COST:.2f}; it falls from epoch "
        f"to epoch in {sum(falls)} of {len(runs)} runs",
        "partly reproduced" if all(falls) else "not reproduced",
    )


def check_row(name: str) -> Finding:
    """Check that a row's network trains; the printed numbers are a larger and longer run's."""
    name += LONGER
    trains = mean(name) > 2  # twice chance, ten standard deviations
    return Finding(
        f"train {mean(name, 'train'):.1f} %, test {mean(name):.1f} ± {deviation(mean(name)):.1f} %"
        f", in {length(group(name))}",
        "partly reproduced" if trains else "not reproduced",
    )


row_checks: dict[str, Callable[[], Finding]] = {
    name: functools.partial(check_row, name) for name in ROWS
}


def table_row(name: str) -> tuple[str, ...]:
    """Return a row of the table beside ours.

    Parameters
    ----------
    name : of the activation

    Returns
    -------
    its name; accuracy on training images as printed, and ours of the longer run; on test images as
    printed, ours of the longer run and of the shorter one.  The sigmoid has a shorter one only.
    """
    if name not in ROWS:
        return (NAMES[name], "N/A", "", "N/A", "", _accuracy(name))
    printed, longer = ROWS[name], name + LONGER
    return (
        NAMES[name],
        f"{printed.train:.2f}",
        _accuracy(longer, "train"),
        f"{printed.test:.2f}",
        _accuracy(longer),
        _accuracy(name),
    )


def cost_row(name: str) -> tuple[str, ...]:
    """Return what a row of the table cost.

    Returns
    -------
    its name; minutes and record of the longer run, and of the shorter one
    """
    longer = _cost(name + LONGER) if name in ROWS else ("", "")
    return (NAMES[name], *longer, *_cost(name))


def control_row(name: str) -> tuple[str, ...]:
    """Return a control beside the row that it varies.

    Parameters
    ----------
    name : one of the controls

    Returns
    -------
    its name; both test accuracies after the shorter runs; its minutes and record
    """
    spec = CONTROLS[name]
    of = spec.stands_for or spec.activation.removesuffix("_without_mean")
    row = f"{NAMES[of]}: {_accuracy(of)}"
    return (name, _accuracy(name), row, *_cost(name))


def _accuracy(name: str, of: str = "test") -> str:
    images = {"test": TEST_IMAGES, "train": TRAIN_IMAGES}[of]
    error = deviation(mean(name, of), images)
    return f"{mean(name, of):.1f} ± {error:.1f}".replace(" ", "\N{NO-BREAK SPACE}")


def _cost(name: str) -> tuple[str, str]:
    (record,) = group(name)
    return f"{record.made['seconds'] / 60:.0f}", f"`{record.spec_hash}`"


# --- comparisons --------------------------------------------------------------------------


def check_order(end: str = LONGER) -> Finding:
    """Check the order of the five rows, pair by pair.

    Parameters
    ----------
    end : of the names of the groups; the claim is about the longer runs
    """
    signs = [_sign(*difference(better + end, worse + end)) for worse, better in PAIRS]
    agree, against = signs.count(1), signs.count(-1)
    verdict: Verdict = "not reproduced"
    if agree == len(PAIRS):
        verdict = "reproduced"
    elif agree >= 7 and against <= 1:
        verdict = "partly reproduced"
    ordered = sorted(ROWS, key=lambda name: mean(name + end))
    return Finding(
        f"{agree} of {len(PAIRS)} pairs as printed, {against} the other way: "
        + " < ".join(NAMES[name] for name in ordered),
        verdict,
    )


def _sign(by: float, error: float) -> int:
    """Return 1 or -1 for a difference beyond its error, else 0."""
    return 0 if abs(by) <= error else int(math.copysign(1, by))


def ahead_since(one: str, other: str) -> float:
    """Return the epochs after which the run that ends ahead of the other was never behind again.

    Parameters
    ----------
    one, other : groups of one run each, tested after the same epochs
    """
    a, b = group(one)[0], group(other)[0]
    ahead = np.sign(b.arrays["test_error"] - a.arrays["test_error"])
    before = np.flatnonzero(ahead != ahead[-1])
    return float(epochs(a)[before[-1] + 1]) if len(before) else 0.0


def fall(name: str) -> float:
    """Return by how much test accuracy fell at most from an epoch to the next, in points.

    It is negative if the accuracy never fell.
    """
    return float(max(100 * np.diff(r.arrays["test_error"]).max() for r in group(name)))


def pair_row(worse: str, better: str) -> tuple[str, ...]:
    """Return by how much a row is better than another on test images.

    Returns
    -------
    their names; points as printed, of the shorter runs, and of the longer ones; the last in
    standard deviations; the epochs of the longer runs since when it has its sign
    """
    longer = better + LONGER, worse + LONGER
    by, error = difference(*longer)
    return (
        f"{NAMES[better]} over {NAMES[worse]}",
        f"{ROWS[better].test - ROWS[worse].test:+.1f}",
        f"{difference(better, worse)[0]:+.1f}",
        f"{by:+.1f}",
        f"{2 * by / error:+.1f}",
        f"{ahead_since(*longer):.0f}",
    )


def nearer() -> int:
    """Return how many of the ten differences are nearer to the printed ones in the longer runs."""
    count = 0
    for worse, better in PAIRS:
        printed = ROWS[better].test - ROWS[worse].test
        short, longer = (difference(better + end, worse + end)[0] for end in ("", LONGER))
        count += abs(longer - printed) < abs(short - printed)
    return count


def check_better(better: str, worse: str) -> Finding:
    """Check that one row is better than another."""
    by, error = difference(better + LONGER, worse + LONGER)
    verdicts: dict[int, Verdict] = {1: "reproduced", 0: "open", -1: "not reproduced"}
    return Finding(f"{by:+.1f} ± {error:.1f} points", verdicts[_sign(by, error)])


def check_gain_of_leak() -> Finding:
    """Check that the leak gains 13.6 % of tanh's accuracy; a gain of another size is a part."""
    leaky, without = "leaky_tanh" + LONGER, "tanh" + LONGER
    by, error = difference(leaky, without)
    share, wide = 100 * by / mean(without), 100 * error / mean(without)
    verdict: Verdict = "not reproduced"
    if by > error:
        verdict = "reproduced" if abs(share - 13.6) < wide else "partly reproduced"
    return Finding(f"{share:+.1f} ± {wide:.1f} %, {by:+.1f} points", verdict)


def check_near_leaky_relu() -> Finding:
    """Check that leaky tanh and leaky ReLU differ by less than the error."""
    by, error = difference("leaky_tanh" + LONGER, "leaky_relu" + LONGER)
    return Finding(
        f"{by:+.1f} ± {error:.1f} points", "reproduced" if abs(by) < error else "not reproduced"
    )


def saturated(name: str) -> float:
    """Return the share of saturated activations at the end, over all convolutions alike."""
    return float(
        np.mean(each(group(name), lambda r: (r.arrays["lower"] + r.arrays["upper"])[-1].mean()))
    )


def check_saturation_harmless() -> Finding:
    """Check that leaky tanh is better than tanh although it saturates at least half as much."""
    by, error = difference("leaky_tanh" + LONGER, "tanh" + LONGER)
    shares = {name: saturated(name + LONGER) for name in ("tanh", "leaky_tanh")}
    found = (
        f"saturated: {100 * shares['tanh']:.1f} % of tanh's, {100 * shares['leaky_tanh']:.1f} % of "
        f"leaky tanh's activations; {by:+.1f} ± {error:.1f} points"
    )
    if by <= error:
        return Finding(found, "not reproduced")
    comparable = shares["leaky_tanh"] >= shares["tanh"] / 2
    return Finding(found, "reproduced" if comparable else "not reproduced")


# --- the start ----------------------------------------------------------------------------


def along(record: Record, name: str, probe: int = 0) -> NDArray[np.float64]:
    """Return an array along the longest path, block by block, (30,).

    In a block stand two convolutions of the shorter path, the three of the longest, and two more
    unless it halves the image.
    """
    values, found, at = record.arrays[name][probe], [], 0
    for block in BLOCKS.values():
        found += values[at + 2 : at + 5].tolist()
        at += 5 if block.halves else 7
    return np.array(found)


def check_data_vanishes() -> Finding:
    """Check that at the start a sigmoid's units hardly depend on the image any more at the end.

    What is left is compared with the rescaled sigmoid's, whose weights are the same.
    """
    shares = {}
    for name in ("sigmoid", "rescaled_sigmoid"):
        variance = along(group(name)[0], "data_variance")
        shares[name] = float(variance[-1] / variance[0])
    fades = shares["sigmoid"] < 1e-6 and shares["rescaled_sigmoid"] > 1e-3
    return Finding(
        f"variance across images, last convolution over first: {shares['sigmoid']:.0e} (sigmoid), "
        f"{shares['rescaled_sigmoid']:.2g} (rescaled)",
        "reproduced" if fades else "not reproduced",
    )


def check_gradient_vanishes() -> Finding:
    """Check that at the start a sigmoid's gradient is lost on its way to the image."""
    shares = {}
    for name in ("sigmoid", "rescaled_sigmoid"):
        gradient = along(group(name)[0], "gradient")
        shares[name] = float(gradient[0] / gradient[-1])
    fades = shares["sigmoid"] < 1e-3 * shares["rescaled_sigmoid"]
    return Finding(
        f"gradient, first convolution over last: {shares['sigmoid']:.0e} (sigmoid), "
        f"{shares['rescaled_sigmoid']:.2g} (rescaled)",
        "reproduced" if fades else "not reproduced",
    )
