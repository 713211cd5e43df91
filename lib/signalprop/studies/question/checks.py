"""The checks behind the question's claims that need trained networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...claims import Finding, Verdict, decide
from ...records import Record
from ...summaries import each, listed
from . import DECAYS, GROUPS, LAPTOP, RATES, group

OFTEN, NEVER = GROUPS.index("often"), GROUPS.index("never")

NEAR = 0.9
"""A layer is "near 0 or 1" if this fraction of its activations is within the margin of them."""

TRAINED = 0.05
"""Training error below which a network counts as trained."""


def saturated(record: Record, at: int = -1) -> NDArray[np.float64]:
    """Return the fraction of saturated activations at a probe, (groups, layers)."""
    return np.asarray(record.arrays["low"][at] + record.arrays["high"][at], dtype=float)


def trained(names: Sequence[str]) -> list[Record]:
    """Return the runs of some laptop groups whose networks learned their training images."""
    runs = [run for name in names for run in group(name)]
    return [run for run in runs if run.metrics["training_error"] < TRAINED]


def usual() -> list[Record]:
    """Return the runs that learned from weights of the usual size."""
    return trained([name for name in LAPTOP if name != "large weights"])


def check_near_limits() -> Finding:
    """Check that in trained networks every layer is near 0 or 1 on images visited often."""
    runs = usual()
    layers = [saturated(run)[OFTEN] for run in runs]
    everywhere = np.array([np.all(fractions >= NEAR) for fractions in layers])
    anywhere = np.array([np.any(fractions >= NEAR) for fractions in layers])
    verdict: Verdict = "partly reproduced"
    if everywhere.all():
        verdict = "reproduced"
    elif everywhere.mean() < 0.5:
        verdict = "refuted"
    pooled = np.concatenate(layers)
    return Finding(
        f"every layer near the limits in {everywhere.sum()} of {len(runs)} trained networks, some "
        f"layer in {anywhere.sum()}; saturated: median {np.median(pooled):.2f} of a layer, from "
        f"{pooled.min():.2f} to {pooled.max():.2f}",
        verdict,
    )


def visit_gaps(runs: Sequence[Record]) -> NDArray[np.float64]:
    """Return how much more saturated each network is on images visited often than on new ones."""
    return each(runs, lambda r: (saturated(r)[OFTEN] - saturated(r)[NEVER]).mean())


def check_visits() -> Finding:
    """Check that layers are more saturated on images that training visits than on others."""
    runs = usual()
    gaps = visit_gaps(runs)
    # Runs of different settings are no sample of one law; the worst of them decides.
    verdict: Verdict = "partly reproduced"
    if gaps.min() > 0.1:
        verdict = "reproduced"
    elif gaps.max() < 0.05:
        verdict = "refuted"
    return Finding(
        f"saturated on visited less on never visited images: {gaps.mean():+.3f} on average over "
        f"{len(runs)} networks, {gaps.max():+.3f} at most",
        verdict,
    )


EARLY = 8
"""Number of the probe with which the end of the long runs is compared."""


def check_time() -> Finding:
    """Check that saturation grows with training time, and that decay takes it away."""
    long = group("long")
    early = each(long, lambda r: saturated(r, EARLY)[OFTEN].mean())
    late = each(long, lambda r: saturated(r)[OFTEN].mean())
    free, decayed = (
        {
            (r.spec["depth"], r.spec["seed"]): saturated(r)[OFTEN].mean()
            for r in group(name)
            if r.spec["depth"] in (1, 3)
        }
        for name in ("rate 0.5", f"decay {DECAYS[-1]:g}")
    )
    change = np.array([decayed[key] - free[key] for key in free])
    time = long[0].arrays["updates"]
    return Finding(
        f"saturated after {time[EARLY]:,} updates {early.mean():.2f}, after {time[-1]:,} "
        f"{late.mean():.2f}; weight decay of {DECAYS[-1]:g} changes it by {change.mean():+.2f}",
        decide(late > early, change < 0),
    )


def check_rate() -> Finding:
    """Check that larger learning rates saturate more, in networks of one depth."""
    means = np.array(
        [
            [saturated(r)[OFTEN].mean() for r in group(f"rate {rate}") if r.spec["depth"] == 2]
            for rate in RATES
        ]
    )
    return Finding(
        f"depth 2, rates {listed(RATES, 1)}: saturated {listed(means.mean(1))}",
        decide(np.diff(means, axis=0) > 0),
    )


DEPTH_GROUPS = (*(f"rate {rate}" for rate in RATES), "mnist")
"""Groups of runs that have more than two depths."""


def by_depth(name: str) -> dict[int, NDArray[np.float64]]:
    """Return the saturated fractions of the networks that learned, (seeds, layers), by depth."""
    runs = trained([name])
    depths = sorted({int(run.spec["depth"]) for run in runs})
    return {
        depth: np.array([saturated(run)[OFTEN] for run in runs if run.spec["depth"] == depth])
        for depth in depths
    }


def check_depth() -> Finding:
    """Check that the mean over the layers, and seeds, grows with the number of layers."""
    means = {name: [layers.mean() for layers in by_depth(name).values()] for name in DEPTH_GROUPS}
    told = "; ".join(f"{name} {listed(values)}" for name, values in means.items())
    return Finding(
        f"saturated, of networks of 1, 2, ... layers: {told}",
        decide(*(np.diff(values) > 0 for values in means.values())),
    )


def check_top_layer() -> Finding:
    """Check that in each network of two layers and more the top layer is the most saturated."""
    top = {
        name: np.concatenate(
            [of.argmax(1) == depth - 1 for depth, of in by_depth(name).items() if depth > 1]
        )
        for name in DEPTH_GROUPS
    }
    told = "; ".join(f"{name} {held.sum()} of {len(held)}" for name, held in top.items())
    return Finding(
        f"networks whose top layer it is: {told}",
        decide(*(held for held in top.values())),
    )


def check_large_weights() -> Finding:
    """Check that networks that start with unit weights are near the limits, trained or not."""
    runs = group("large weights")
    start = each(runs, lambda r: saturated(r, 0)[OFTEN].min())
    end = each(runs, lambda r: saturated(r)[OFTEN].min())
    return Finding(
        f"least saturated layer: {start.min():.2f} to {start.max():.2f} before training, "
        f"{end.min():.2f} to {end.max():.2f} after",
        decide(start > 0.5, end > 0.5),
    )


NORMAL_KURTOSIS, NORMAL_SKEWNESS = 0.5, 0.25
"""Excess kurtosis and skewness, in size, below which a layer's weights count as normal."""


def check_gaussian_weights() -> Finding:
    """Check that the weights of each layer of trained image classifiers are normal."""
    runs = trained(["mnist"])
    kurtosis = np.concatenate([r.arrays["kurtosis"][-1] for r in runs])
    skewness = np.concatenate([r.arrays["skewness"][-1] for r in runs])
    normal = (np.abs(kurtosis) < NORMAL_KURTOSIS) & (np.abs(skewness) < NORMAL_SKEWNESS)
    start = np.concatenate([r.arrays["kurtosis"][0] for r in runs])
    return Finding(
        f"{normal.sum()} of {len(normal)} layers; excess kurtosis from {kurtosis.min():.1f} to "
        f"{kurtosis.max():.1f} (a normal law has 0, the uniform start {start.mean():.1f})",
        decide(normal) if normal.all() or not normal.any() else "partly reproduced",
    )
