"""The checks behind the claims: what theory, dense networks and our records say to each.

Where a run counts as learning is declared once, in `LEARNING_COST`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from ...claims import Finding, Verdict, decide
from ...initializers import lsuv_
from ...networks import MLP
from ...records import ROOT, Record, RecordError
from ...summaries import LIMIT, each, errors_off, listed
from . import INITS, SEEDS_RATE, group
from .layers import Floats, dense
from .loop import lsuv_loop
from .theory import data_variances, growth

EXACT = 1e-9
"""What rounding may do to numbers that agree."""


def _within(differences: ArrayLike) -> str:
    """Say that differences are rounding, or how large they are."""
    worst = float(np.max(np.abs(differences)))
    return f"to {EXACT:g}" if worst < EXACT else f"up to {worst:.1g}"


# --- the algorithm ------------------------------------------------------------------------


def check_one_pass() -> Finding:
    """Check that the loop gives unit variance, and one pass the same weights."""
    depth, width = 20, 48
    data = torch.randn(200, width, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    once, looped = (MLP([width] * (depth + 1), "tanh").double() for _ in range(2))
    lsuv_(once, data, generator=torch.Generator().manual_seed(0))
    passes = lsuv_loop(looped, data, EXACT, generator=torch.Generator().manual_seed(0))
    weights = [[layer.weight.detach().numpy() for layer in net.layers] for net in (once, looped)]
    differences = [np.linalg.norm(a / b - 1, np.inf) for a, b in zip(*weights, strict=True)]
    return Finding(
        f"{depth} tanh layers: the same weights {_within(differences)}; the loop runs the "
        f"network {passes} times, one pass once",
        decide(np.max(differences) < EXACT, passes > 1),
    )


SLOWER, SECONDS, UNIT = 20.0, 1.0, 0.1
"""What is asked of one pass: so many times faster than the package, and below so many seconds of
one thread; both with deviations of all layers within the package's default tolerance of 1."""


def benchmark() -> dict[str, Any]:
    """Return the table that ``benchmarks/lsuv.py --package`` has recorded.

    Raises
    ------
    RecordError
        If there is none.
    """
    path = ROOT / "benchmarks" / "lsuv.json"
    if not path.exists():
        raise RecordError(f"{path} does not exist: run `python benchmarks/lsuv.py --record`")
    table: dict[str, Any] = json.loads(path.read_text())
    return table


def check_one_pass_time() -> Finding:
    """Check that one pass does what the package does, in a fraction of its time."""
    table = benchmark()
    rows = {row["tool"]: row for row in table["rows"]}
    ours = rows.pop("signalprop")
    [(tool, package)] = ((name, row) for name, row in rows.items() if name.startswith("lsuv"))
    times = [row["thread_seconds"] for row in (package, ours)]
    first = [row["std_of_layer_1"] for row in (package, ours)]
    extremes = [row[k] for row in (package, ours) for k in ("least_std", "greatest_std")]
    return Finding(
        f"{table['depth']} {ours['activation']} layers of {table['width']} units: {tool} "
        f"{times[0]:.1f} s, ours {times[1]:.2f} s of one thread; deviation of layer 1 "
        f"{listed(first, 3, ' and ')}, of all layers {min(extremes):.3f} to {max(extremes):.3f}; "
        f"weights differ by {package['weights_differ']:.1g} at most",
        decide(
            times[0] > SLOWER * times[1],
            times[1] < SECONDS,
            np.abs(np.subtract([*first, *extremes], 1)) < UNIT,
        ),
    )


# --- dense networks -----------------------------------------------------------------------

SHOWN = (1, 2, 3, 5, 9, 18)
"""Layers whose numbers the book prints."""

SEEDS, DENSE_WIDTH = range(4), 256


def check_data_variance() -> Finding:
    """Check the variance across examples, and the gradient, in dense networks after LSUV."""
    nets = [dense("sigmoid", width=DENSE_WIDTH, examples=DENSE_WIDTH, seed=s) for s in SEEDS]
    kept = np.array([net.data_variance for net in nets])
    # Taken over n examples, a variance about their own mean is smaller by 1/n.
    theory = data_variances("sigmoid", kept.shape[1]) * (1 - 1 / DENSE_WIDTH)
    whole = np.array([net.variance for net in nets])
    gradients = np.array([net.gradient for net in nets])
    fading = (gradients[:, 0] / gradients[:, -1]) ** (1 / (kept.shape[1] - 1))
    rows = [layer - 1 for layer in SHOWN]
    return Finding(
        f"layers {listed(SHOWN, 'd')}: {listed(kept.mean(0)[rows], '.3g')}; theory "
        f"{listed(theory[rows], '.3g')}; whole variance 1 {_within(whole - 1)}; gradient times "
        f"{fading.mean():.3f} a layer, theory {math.sqrt(growth('sigmoid')):.3f}",
        decide(
            np.abs(whole - 1) < EXACT,
            errors_off(kept, theory) < LIMIT,
            errors_off(fading[:, None], math.sqrt(growth("sigmoid"))) < LIMIT,
        ),
    )


# --- FitNet-4 -----------------------------------------------------------------------------


def at_start(record: Record, name: str) -> Floats:
    """Return a statistic of the layers before training."""
    return np.asarray(record.arrays[name][0], dtype=float)


def check_fitnet_layers() -> Finding:
    """Check what is left of the images in the last layer of untrained FitNets."""
    kept = {
        name: float(at_start(group(name)[0], "data_variance")[-1])
        for name in ("sigmoid lsuv", "sigmoid lsuv-means", "tanh lsuv", "rescaled_sigmoid lsuv")
    }
    plain, repaired, *odd = kept.values()
    return Finding(
        "; ".join(f"{name} {value:.2g}" for name, value in kept.items()),
        decide(plain < 1e-6, abs(repaired - 1) < 0.5, np.array(odd) > 1e-3),
    )


def learning(runs: Sequence[Record]) -> list[Record]:
    """Return the runs that learn something by their end."""
    return [run for run in runs if run.metrics["learns_from"] is not None]


def lowest_cost(runs: Sequence[Record]) -> float:
    """Return the lowest training cost at the end of a run."""
    return float(np.nanmin(each(runs, lambda r: r.metrics["final_cost"])))


def _short(learned: int) -> Verdict:
    """Judge that runs do not learn: some hundred updates cannot show that none ever would."""
    return "not reproduced" if learned else "partly reproduced"


def check_sigmoid_fails() -> Finding:
    """Check that no start of the paper's table makes the sigmoid network learn."""
    runs = [run for init in INITS for run in group(f"sigmoid {init}")]
    learned = len(learning(runs))
    return Finding(
        f"{learned} of {len(runs)} runs learn in {runs[0].spec['updates']} updates; lowest cost "
        f"{lowest_cost(runs):.3f}, a blind guess {math.log(10):.3f}",
        _short(learned),
    )


def check_lsuv_fails() -> Finding:
    """Check that LSUV does not make the sigmoid network learn, at any rate."""
    runs = [*group("sigmoid lsuv"), *group("sigmoid lsuv, seeds")]
    learned = len(learning(runs))
    return Finding(
        f"{learned} of {len(runs)} runs learn; lowest cost {lowest_cost(runs):.3f}, a blind "
        f"guess {math.log(10):.3f}",
        _short(learned),
    )


def _learns(name: str) -> tuple[str, bool]:
    runs = group(name)
    [first] = runs
    error = first.metrics["test_error"]
    return f"{name.split()[0]} cost {lowest_cost(runs):.2f}, test error {error:.2f}", bool(
        learning(runs)
    )


def check_tanh_and_relu() -> Finding:
    """Check that tanh and ReLU networks learn from LSUV."""
    tanh, relu = _learns("tanh lsuv"), _learns("relu lsuv")
    return Finding(f"{tanh[0]}; {relu[0]}", decide(tanh[1], relu[1]))


def check_rescaled() -> Finding:
    """Check that the rescaled sigmoid learns from plain LSUV."""
    said, learned = _learns("rescaled_sigmoid lsuv")
    return Finding(said, decide(learned))


def check_unit_means() -> Finding:
    """Check that sigmoid networks learn once unit means are removed: at some rate, and any seed."""
    rates, seeds = group("sigmoid lsuv-means"), group("sigmoid lsuv-means, seeds")
    [same] = [run for run in rates if run.spec["rate"] == SEEDS_RATE]
    seeds = [same, *seeds]
    return Finding(
        f"{len(learning(rates))} of {len(rates)} learning rates; at {SEEDS_RATE:g} "
        f"{len(learning(seeds))} of {len(seeds)} seeds; lowest cost "
        f"{lowest_cost([*rates, *seeds]):.2f}",
        decide(len(learning(rates)) > 0, len(learning(seeds)) == len(seeds)),
    )
