"""The checks behind the claims: what our records, and small exact machines, say to each.

Thresholds were fixed before the runs.  A single test error jumps by a point from probe to probe,
so errors are means over the probes of the last `WINDOW` updates.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, Verdict, decide
from ...records import Record
from ...summaries import each, gap, spread
from . import KINDS, group, time_spent
from .exact import Machine, belief_network

WINDOW = 4000

NAMES = {"autoencoders": "autoencoders", "rbms": "Boltzmann machines"}

Floats = NDArray[np.float64]


def errors(runs: Sequence[Record], updates: Sequence[float] | float) -> Floats:
    """Return each run's test error, in percent, after a number of updates of all layers.

    Parameters
    ----------
    runs : records
    updates : one number for all, or one for each
    """
    ends = np.broadcast_to(np.asarray(updates, dtype=float), len(runs))
    return np.array([_error(run, end) for run, end in zip(runs, ends, strict=True)])


def _error(run: Record, end: float) -> float:
    at = run.arrays["updates"]
    inside = (at > end - WINDOW) & (at <= end)
    return float(100 * run.arrays["test_error"][inside].mean())


def compare(worse: Floats, better: Floats) -> Verdict:
    """Tell whether one group's errors are higher, by more than three standard errors."""
    difference, error = gap(worse, better)
    if abs(difference) <= 3 * error:
        return "open"
    return "reproduced" if difference > 0 else "not reproduced"


def together(verdicts: Sequence[Verdict]) -> Verdict:
    """Combine the verdicts on the parts of a claim.

    >>> together(["reproduced", "open"])
    'partly reproduced'
    """
    if len(set(verdicts)) == 1:
        return verdicts[0]
    if "reproduced" in verdicts:
        return "partly reproduced"
    return "not reproduced" if "not reproduced" in verdicts else "open"


# --- Figure 11: the error -----------------------------------------------------------------


def tuned(runs: Sequence[Record]) -> Floats:
    """Return the final errors of pre-trained runs."""
    return errors(runs, [r.spec["updates"] for r in runs])


def check_wins() -> Finding:
    """Check that pre-trained tanh networks beat both random starts, update for update."""
    pretrained = group("tanh 5 autoencoders")
    length = pretrained[0].spec["updates"]
    random = {name: errors(group(f"tanh 5{name}"), length) for name in ("", " normalized")}
    return Finding(
        f"autoencoders {spread(tuned(pretrained), 1)} %, standard {spread(random[''], 1)} %, "
        f"normalized {spread(random[' normalized'], 1)} %",
        together([compare(worse, tuned(pretrained)) for worse in random.values()]),
    )


def check_gap() -> Finding:
    """Check how much of the gap to pre-training the normalized initialization closes."""
    pretrained = group("tanh 5 autoencoders")
    length = pretrained[0].spec["updates"]
    standard, normalized = (errors(group(f"tanh 5{n}"), length) for n in ("", " normalized"))
    whole, whole_error = gap(standard, tuned(pretrained))
    closed, closed_error = gap(standard, normalized)
    verdict: Verdict = "open"  # without a gap there is nothing to close
    if whole > 3 * whole_error:
        if closed - 3 * closed_error > whole / 2:
            verdict = "reproduced"
        elif closed + 3 * closed_error < whole / 2:
            verdict = "not reproduced"
    return Finding(
        f"gap {whole:.1f} ± {whole_error:.1f} points, of which the normalized initialization "
        f"closes {closed:.1f} ± {closed_error:.1f}",
        verdict,
    )


# --- section 3.1: the plateau -------------------------------------------------------------


def check_plateau() -> Finding:
    """Check that no pre-trained sigmoid network has a plateau, or a dead top layer."""
    runs = [r for depth in (4, 5) for kind in KINDS for r in group(f"sigmoid {depth} {kind}")]
    random = [r.metrics["escaped_at"] for r in group("sigmoid 4")]
    soonest = min(at for at in random if at is not None)
    late = max(r.spec["updates"] for r in runs) + 1  # for those that never did
    escaped = each(
        runs, lambda r: late if r.metrics["escaped_at"] is None else r.metrics["escaped_at"]
    )
    lowest = each(runs, lambda r: r.arrays["mean"][:, -1].min())
    return Finding(
        f"{(escaped < late).sum()} of {len(runs)} learn within the run, the slowest after "
        f"{_or_never(escaped.max(), late)} updates (random starts of depth 4: {soonest:,}); top "
        f"layer's mean at least {lowest.min():.2f}",
        decide(escaped <= soonest / 4, lowest > 0.1),
    )


def _or_never(at: float, late: float) -> str:
    return f"{at:,.0f}" if at < late else "more than " + f"{late - 1:,.0f}"


# --- the blog post's remarks --------------------------------------------------------------


def check_rbm_cost() -> Finding:
    """Check that layer-wise updates by Gibbs sampling cost over 3 times those of all layers."""
    runs = [r for depth in ("tanh 5", "sigmoid 5") for k in KINDS for r in group(f"{depth} {k}")]
    ratio = {
        name: np.array([r.metrics[f"ms_{name}"] / r.metrics["ms_all_layers"] for r in runs])
        for name in ("autoencoders", "cd1", "cd10")
    }
    return Finding(
        f"an update of every layer, in updates of back-propagation through all: CD-1 "
        f"{spread(ratio['cd1'], 1)}, CD-10 {spread(ratio['cd10'], 1)}; autoencoders, which sample "
        f"nothing but masks, {spread(ratio['autoencoders'], 1)}",
        decide(ratio["cd1"] > 3, ratio["cd10"] > 3),
    )


def affordable(runs: Sequence[Record]) -> Floats:
    """Return the updates of all layers that the time of whole pre-trained runs would pay for."""
    return each(runs, lambda r: time_spent(r)[-1])


def check_all_together() -> Finding:
    """Check that a normalized random start beats pre-training in equal time."""
    random = group("tanh 5 normalized")
    ours, verdicts = [], []
    for kind in KINDS:
        runs = group(f"tanh 5 {kind}")
        # The records of random starts may be shorter than what the time would pay for.
        updates = min(affordable(runs).mean(), random[0].spec["updates"])
        there = errors(random, updates)
        verdicts.append(compare(tuned(runs), there))
        ours.append(
            f"{NAMES[kind]} {spread(tuned(runs), 1)} %, all layers together for as long "
            f"{spread(there, 1)} %"
        )
    return Finding("; ".join(ours), together(verdicts))


def check_factorisation() -> Finding:
    """Check that the product is a distribution, and leaves P(x) if a layer is its mirror image."""
    rng = np.random.default_rng(0)
    sizes = (4, 3, 3, 2)
    stack = [
        Machine(rng.standard_normal((up, down)), rng.standard_normal(up), rng.standard_normal(down))
        for down, up in pairwise(sizes)
    ]
    total = float(belief_network(stack).sum())
    mirrored = belief_network([stack[0], stack[0].transposed()])
    change = float(np.abs(mirrored.sum((1, 2)) - stack[0].joint().sum(0)).max())
    sums_to_one = abs(total - 1) < 1e-12
    return Finding(
        f"the product over all {2 ** sum(sizes):,} states sums to {total:.6f}; a second layer "
        f"with mirrored weights changes P(x) by {'less' if change < 1e-12 else 'more'} than 1e-12",
        decide(sums_to_one, change < 1e-12),
    )
