"""The checks behind the claims about depth: what records, and the algebra of factors, say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ...claims import Finding, Verdict, decide
from ...convnets import DENSE_LAYERS, PlainConvNet
from ...records import Record
from ...summaries import each, listed
from . import CHANCE_COST, DEEP, DEPTHS, SHALLOWER, Spec, build, group
from .homogeneity import Weights, factors, learn, parameter_groups
from .sizes import Sizes

# --- the paper's figures ------------------------------------------------------------------


def times(runs: Sequence[Record]) -> NDArray[np.float64]:
    """Return when each run began to learn, in updates; infinite where it did not."""
    return each(
        runs, lambda r: np.inf if r.metrics["escaped_at"] is None else r.metrics["escaped_at"]
    )


def told(runs: Sequence[Record]) -> str:
    """Write when each run began to learn."""
    words = [f"{t:.0f}" if np.isfinite(t) else "never" for t in times(runs)]
    return ", ".join(words)


def check_both_converge() -> Finding:
    """Check that at 22 layers every network begins to learn."""
    kaiming, xavier = (group(f"{rule} {SHALLOWER}") for rule in ("kaiming", "xavier"))
    return Finding(
        f"Kaiming begins after {told(kaiming)} updates, Xavier after {told(xavier)}, of "
        f"{xavier[0].spec['updates']:,}",
        decide(np.isfinite(times(kaiming)), np.isfinite(times(xavier))),
    )


def check_kaiming_first() -> Finding:
    """Check that at 22 layers Kaiming's networks begin before Xavier's of the same seeds."""
    kaiming, xavier = (times(group(f"{rule} {SHALLOWER}")) for rule in ("kaiming", "xavier"))
    if not np.isfinite(kaiming).all():
        return Finding("not all of Kaiming's networks begin", "not reproduced")
    return Finding(
        f"{xavier.min() / kaiming.max():.0f} times as early, or more", decide(kaiming < xavier)
    )


def check_kaiming_converges() -> Finding:
    """Check that at 30 layers every network of Kaiming's begins to learn."""
    runs = group(f"kaiming {DEEP}")
    error = 100 * each(runs, lambda r: r.metrics["test_error"])
    return Finding(
        f"begins after {told(runs)} of {runs[0].spec['updates']:,} updates; test error "
        f"{error.mean():.0f} % at the end",
        decide(np.isfinite(times(runs))),
    )


def check_xavier_stalls() -> Finding:
    """Check that at 30 layers no network of Xavier's leaves chance."""
    runs = group(f"xavier {DEEP}")
    cost = each(runs, lambda r: r.metrics["final_cost"])
    return Finding(
        f"cost {listed(cost, 3, ' and ')} nats after {runs[0].spec['updates']:,} updates, chance "
        f"is {CHANCE_COST:.3f}",
        decide(np.abs(cost - CHANCE_COST) < 0.01),
    )


def check_deeper_is_worse() -> Finding:
    """Check that of Kaiming's networks those of 30 layers err more than those of 14."""
    deep, shallow = (100 * each(group(f"kaiming {d}"), _test_error) for d in (DEEP, 14))
    apart: Verdict = "open"
    if deep.min() > shallow.max():
        apart = "reproduced"
    elif deep.max() < shallow.min():
        apart = "not reproduced"
    updates = group("kaiming 14")[0].spec["updates"]
    return Finding(
        f"{listed(deep, 0, ' and ')} % against {listed(shallow, 0, ' and ')} %, after "
        f"{updates:,} updates",
        apart,
    )


def _test_error(record: Record) -> float:
    return float(record.metrics["test_error"])


def stall(rule: str) -> dict[int, list[bool]]:
    """Return which runs of a rule begin to learn, by depth."""
    return {d: np.isfinite(times(group(f"{rule} {d}"))).tolist() for d in sorted(DEPTHS)}


def check_stall_depth() -> Finding:
    """Check that Xavier's networks all learn up to 18 layers and none from 26 on."""
    xavier, kaiming = stall("xavier"), stall("kaiming")
    told_of = "; ".join(f"{d}: {told(group(f'xavier {d}'))}" for d in xavier)
    begun = [all(learned) for learned in kaiming.values()]
    return Finding(
        f"Xavier's begin after, by depth: {told_of}; Kaiming's begin at {sum(begun)} of "
        f"{len(begun)} depths",
        decide(
            *(all(learned) for d, learned in xavier.items() if d <= 18),
            *(not any(learned) for d, learned in xavier.items() if d >= 26),
            all(begun),
        ),
    )


# --- at the start -------------------------------------------------------------------------


def start(weights: Weights, depth: int = DEEP, images: int = 50) -> dict[str, NDArray[np.float32]]:
    """Measure signal and gradient of an untrained network, on Gaussian images."""
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(images, 3 * 32 * 32, generator=generator)
    labels = torch.randint(10, (images,), generator=generator)
    return Sizes(inputs, labels)(build(Spec(weights=weights, depth=depth)))


def check_gradients_at_start() -> Finding:
    r"""Check by what Xavier's gradients are smaller, layer by layer.

    The gradient by :math:`W_l` has one factor :math:`2^{-1/2}` fewer than the logits,
    :math:`2^{-(m-1)/2}` for the m convolutions, whichever layer it is.  The softmax, which sees
    other logits, may change all by a common factor; 2 is allowed for that.
    """
    kaiming, xavier = start("kaiming")["gradient"], start("xavier")["gradient"]
    m = DEEP - DENSE_LAYERS
    octaves = np.log2(xavier[:m].astype(float) / kaiming[:m])
    return Finding(
        f"2^{octaves[0]:.1f} in the first convolution and 2^{octaves[-1]:.1f} in the last",
        decide(np.abs(octaves + (m - 1) / 2) < 1, np.ptp(octaves) < 1),
    )


# --- the missing factor, put back ---------------------------------------------------------


def pair(weights: Weights, biases: bool) -> tuple[PlainConvNet, PlainConvNet, Spec]:
    """Return two small networks in float64, Kaiming's and one of other starting weights."""
    specs = [
        Spec(depth=16, width=8, dense=16, weights=w, biases=biases) for w in ("kaiming", weights)
    ]
    plain, scaled = (build(spec).double() for spec in specs)
    # The weights were drawn in float32, where the factors are rounded.
    a = factors(weights, 16 - DENSE_LAYERS, 16)
    with torch.no_grad():
        for one, other, factor in zip(plain.layers, scaled.layers, a, strict=True):
            torch.testing.assert_close(other.weight, factor * one.weight, rtol=1e-5, atol=0)
            other.weight.copy_(factor * one.weight)
    return plain, scaled, specs[1]


def difference(weights: Weights, biases: bool = True, updates: int = 6) -> float:
    """Train a network of other starting weights, and Kaiming's at the rates it implies.

    Returns
    -------
    the largest difference of the logits in all updates, relative to the largest logit
    """
    plain, scaled, spec = pair(weights, biases)
    generator = torch.Generator().manual_seed(3)
    inputs = torch.randn(16, 3 * 32 * 32, generator=generator, dtype=torch.float64)
    labels = torch.randint(10, (16,), generator=generator)
    a = factors(weights, 16 - DENSE_LAYERS, 16)
    # With the factor in the last layer biases learn so fast that at 0.01 both would diverge.
    rate = 1e-5 if weights == "xavier-last" and biases else 0.01
    settings: dict[str, Any] = {"lr": rate, "momentum": spec.momentum, "weight_decay": spec.decay}
    groups = parameter_groups(plain.layers, a, rate, spec.decay)
    ours = learn(scaled, torch.optim.SGD(scaled.parameters(), **settings), inputs, labels, updates)
    theirs = learn(
        plain, torch.optim.SGD(groups, **settings), inputs, labels, updates, float(a.prod())
    )
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def check_factor_put_back() -> Finding:
    """Check that Xavier's network learns with the missing factor in its first, or last, layer."""
    runs = {name: group(f"xavier-{name} 30") for name in ("first", "last")}
    begun = {
        name: [run.metrics["escaped_at"] is not None for run in of] for name, of in runs.items()
    }
    diverged = sum(run.metrics["diverged_at"] is not None for run in runs["last"])
    return Finding(
        f"in the first layer: {sum(begun['first'])} of {len(begun['first'])} runs learn; in the "
        f"last: {sum(begun['last'])} of {len(begun['last'])}, {diverged} diverged",
        decide(begun["first"], begun["last"]),
    )


def check_same_training() -> Finding:
    """Check that a factor in the weights is a factor in the learning rates, step by step."""
    worst = max(difference(weights) for weights in ("xavier", "xavier-first", "xavier-last"))
    # Rounding of float64, amplified by training.
    return Finding(f"logits of six steps differ by {worst:.0e} at most", decide(worst < 1e-6))
