"""Which networks learn: those of Fig. 4, and those that differ in depth and in q*."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...critical import Weights

REACHED = 0.25
"""Test accuracy at which a network counts as having learned, as we read the paper's figure."""


@dataclass(frozen=True)
class Spec:
    """One network that learns at one rate.

    Attributes
    ----------
    activation : of the hidden layers
    q_star : variance of the pre-activations, at which the weights are critical
    weights : "orthogonal" or "gaussian"
    depth, width : hidden layers, and units in each
    optimizer : one of `OPTIMIZERS`
    rate : of its steps
    batch : images a step
    steps : after which the training ends
    until : test accuracy at which it ends sooner, from 0 to 1
    test_images : the first ones, on which the network is tested while it learns
    jacobians : test images at which the Jacobian is taken whenever the network is tested
    kernel_images : training images on which the tangent kernel is taken then
    half : whether matrices are multiplied in bfloat16
    data : "cifar10", or "digits" for a trial
    seed : of the weights, and of the order and the crops of the images
    """

    activation: str = "tanh"
    q_star: float = 0.02592
    weights: Weights = "orthogonal"
    depth: int = 200
    width: int = 400
    optimizer: str = "sgd"
    rate: float = 1e-3
    batch: int = 1000
    steps: int = 100
    until: float = 1.0
    test_images: int = 2000
    jacobians: int = 0
    kernel_images: int = 0
    half: bool = True
    data: str = "cifar10"
    seed: int = 0


@dataclass(frozen=True)
class Case:
    """One of the six networks of Fig. 4.

    Attributes
    ----------
    activation, q_star, weights : see `Spec`
    sigma_w2 : the variance that makes it critical, as printed
    """

    activation: str
    q_star: float
    weights: Weights
    sigma_w2: float

    @property
    def label(self) -> str:
        """How a figure calls it."""
        name = "ReLU" if self.activation == "relu" else f"tanh {self.sigma_w2:g}"
        return f"{name}, {self.weights}"


CASES = [
    Case(activation, q_star, weights, sigma_w2)
    for activation, q_star, sigma_w2 in (
        ("tanh", 0.02592, 1.05),
        ("tanh", 0.82135, 2.0),
        ("relu", 2.0, 2.0),  # of any variance, for that matter
    )
    for weights in ("orthogonal", "gaussian")
]
"""The networks of Fig. 4, in the order in which the paper's learn."""

# --- Figure 4 -----------------------------------------------------------------------------

RATES = {
    "tanh 1.05, orthogonal": (0.1, 0.03, 0.01, 0.003, 0.001, 0.0003),
    "tanh 1.05, gaussian": (0.1, 0.03, 0.01, 0.003, 0.001),
    "tanh 2, orthogonal": (0.01, 0.003, 0.001, 0.0003),
    "tanh 2, gaussian": (0.01, 0.003, 0.001, 0.0003),
    "ReLU, orthogonal": (0.03, 0.01, 0.003, 0.001),
    "ReLU, gaussian": (0.03, 0.01, 0.003, 0.001),
}
"""Learning rates to choose from, by case; a best one at an end would ask for more."""

SEARCH_STEPS = 100


def of_case(case: Case, **settings: Any) -> Spec:
    """Return a spec of one of the six networks."""
    return Spec(case.activation, case.q_star, case.weights, **settings)


def of_panel(optimizer: str, case: Case, rate: float, steps: int) -> Spec:
    """Return a spec of one of the six networks, of half its depth and half its width."""
    return of_case(
        case,
        depth=100,
        width=200,
        optimizer=optimizer,
        rate=rate,
        steps=steps,
        until=REACHED,
    )


SEARCH = {
    case.label: [
        of_case(case, rate=r, steps=SEARCH_STEPS, until=REACHED) for r in RATES[case.label]
    ]
    for case in CASES
}
"""Runs that look for the best rate, by case: up to `REACHED` or for `SEARCH_STEPS`."""

FINALS = {
    "tanh 2, orthogonal": [(0.003, 6000)],
    "tanh 2, gaussian": [(0.001, 6000)],
    "ReLU, orthogonal": [(0.01, 6000)],
    "ReLU, gaussian": [(0.001, 6000)],
}
"""Rates and most steps of the runs that go on to `REACHED`, by case.

The rates are those of the lowest cost in the search; `checks.promising` finds them again.  Two
cases need none, since they are there within the search.
"""

START_SEEDS = range(3)

MORE_SEEDS = {
    "tanh 1.05, orthogonal": (0.03, (1, 2)),
    "tanh 1.05, gaussian": (0.003, (1, 2)),
    "tanh 2, orthogonal": (0.003, (1, 2)),
    "tanh 2, gaussian": (0.001, (1, 2)),
    "ReLU, orthogonal": (0.01, ()),
    "ReLU, gaussian": (0.001, ()),
}
"""Best rates, and further seeds that learn at them, by case, as far as that is cheap."""

# The four panels of Fig. 4, in networks of half the depth and half the width.
PANEL_RATES: dict[str, tuple[float, ...]] = {
    "sgd": (0.3, 0.1, 0.03, 0.01, 0.003, 0.001),
    "momentum": (0.03, 0.01, 0.003, 0.001, 0.0003, 0.0001),
    "rmsprop": (1e-4, 3e-5, 1e-5, 3e-6, 1e-6, 3e-7),
    "adam": (1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6),
}
"""Learning rates to choose from, by optimizer."""

PANEL_FINALS: dict[str, dict[str, float]] = {
    "sgd": {"tanh 2, gaussian": 0.01, "ReLU, orthogonal": 0.003, "ReLU, gaussian": 0.01},
    "momentum": {"tanh 2, gaussian": 0.003, "ReLU, orthogonal": 0.01, "ReLU, gaussian": 0.01},
    "rmsprop": {"tanh 2, gaussian": 1e-5, "ReLU, orthogonal": 3e-5, "ReLU, gaussian": 3e-5},
    "adam": {"ReLU, orthogonal": 3e-4, "ReLU, gaussian": 3e-4},
}
"""Rates of the runs that go on to `REACHED`, by optimizer and case, as `FINALS`."""

PANEL_STEPS = 3000
"""After which these end."""

ONE_RATES = (1e-4, 3e-5, 1e-5)
"""Rates of RMSProp that starts at one; the first is the largest that the paper tried."""

ROUNDED = {case.label: (case, rate) for case, rate in ((CASES[0], 0.01), (CASES[2], 0.003))}
"""Networks, with a rate, that are trained in float32 as well."""

FIGURE_4: dict[str, list[Spec]] = {
    **{
        f"to 25 %, {case.label}": [
            of_case(case, rate=rate, steps=steps, until=REACHED)
            for rate, steps in FINALS.get(case.label, ())
        ]
        for case in CASES
    },
    **{f"search, {label}": specs for label, specs in SEARCH.items()},
    **{
        f"start, {case.label}": [
            of_case(case, steps=0, jacobians=4, kernel_images=500, seed=seed)
            for seed in START_SEEDS
        ]
        for case in CASES
    },
    **{
        f"rounding, {label}": [
            of_case(case, rate=rate, steps=40, half=half) for half in (True, False)
        ]
        for label, (case, rate) in ROUNDED.items()
    },
    **{
        f"more seeds, {case.label}": [
            of_case(case, rate=rate, steps=6000, until=REACHED, seed=seed) for seed in seeds
        ]
        for case in CASES
        for rate, seeds in [MORE_SEEDS[case.label]]
    },
    **{
        f"panel of {optimizer}, {case.label}": [
            of_panel(optimizer, case, rate, SEARCH_STEPS) for rate in rates
        ]
        for optimizer, rates in PANEL_RATES.items()
        for case in CASES
    },
    **{
        f"panel of {optimizer} to 25 %, {case.label}": [
            of_panel(optimizer, case, finals[case.label], PANEL_STEPS)
            for _ in range(case.label in finals)
        ]
        for optimizer, finals in PANEL_FINALS.items()
        for case in CASES
    },
    **{
        f"rmsprop from one, {case.label}": [
            of_case(case, optimizer="rmsprop from one", rate=rate, steps=300, until=REACHED)
            for rate in ONE_RATES[: 3 if case is CASES[0] else 1]
        ]
        for case in CASES[:2]
    },
}
"""The runs of Fig. 4 by group."""

# --- Figures 5 and 6 ------------------------------------------------------------------------

# Fig. 5: learning times against depth and against q*.  Rates are given times the depth.
DEPTHS = (12, 25, 50, 100, 200)
DEPTH_Q_STAR = 0.025
DEPTH_RATES: dict[Weights, tuple[float, ...]] = {
    "orthogonal": (1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0, 11.0, 16.0),
    "gaussian": (0.25, 0.5, 1.0, 2.0, 4.0),
}
DEEPER, DEEPER_RATES = (400, 800), (2.0, 2.8, 4.0, 5.7)
"""Depths of more orthogonal networks, and their rates: those near the best of the others."""

DEPTH_STEPS: dict[Weights, int] = {"orthogonal": 100, "gaussian": 200}
DEPTH_REACHED = 0.30
"""Test accuracy of Fig. 5's learning times; 0.25 is passed within a step or two."""

Q_DEPTH = 200
Q_STARS = (1 / 256, 1 / 64, 1 / 16, 1 / 4)
Q_RATES = {
    **dict.fromkeys(Q_STARS[:3], (1.0, 2.0, 4.0, 8.0, 16.0)),
    1 / 4: (0.5, 1.0, 2.0, 4.0),
}
Q_STEPS = {**dict.fromkeys(Q_STARS[:3], 100), 1 / 4: 300}

FAR = 1 / 4
"""A q* at which the Jacobian's singular values spread within a few layers."""

# Fig. 6: one rate for all, so that they differ by their start alone.
TRAINED_Q_STARS = (*Q_STARS, 1.0)
TRAINED_RATE, TRAINED_STEPS = 0.003, 400

_DEPTH = Spec(q_star=DEPTH_Q_STAR, until=DEPTH_REACHED, test_images=10_000)

SWEEPS: dict[str, list[Spec]] = {
    **{
        f"depth {depth}, {weights}": [
            replace(
                _DEPTH, weights=weights, depth=depth, rate=r / depth, steps=DEPTH_STEPS[weights]
            )
            for r in DEPTH_RATES[weights]
        ]
        for weights in DEPTH_STEPS
        for depth in DEPTHS
    },
    **{
        f"depth {depth}, orthogonal": [
            replace(_DEPTH, depth=depth, rate=r / depth, steps=DEPTH_STEPS["orthogonal"])
            for r in DEEPER_RATES
        ]
        for depth in DEEPER
    },
    **{
        f"q* = {q:g}": [
            replace(_DEPTH, q_star=q, rate=r / Q_DEPTH, steps=Q_STEPS[q]) for r in rates
        ]
        for q, rates in Q_RATES.items()
    },
    **{
        f"depth {depth}, q* = {FAR:g}": [
            replace(_DEPTH, q_star=FAR, depth=depth, rate=r / depth, steps=Q_STEPS[FAR])
            for r in Q_RATES[FAR]
        ]
        for depth in DEPTHS
        if depth != Q_DEPTH  # which is above
    },
}
"""Networks that learn at several rates, by network: Fig. 5."""

FIGURES_5_6: dict[str, list[Spec]] = {
    **SWEEPS,
    **{
        f"start, {name}": [
            Spec(q_star=of.q_star, weights=of.weights, depth=of.depth, steps=0, kernel_images=500)
        ]
        for name, (of, *_) in SWEEPS.items()
    },
    **{
        f"training, q* = {q:g}": [
            Spec(q_star=q, rate=TRAINED_RATE, steps=TRAINED_STEPS, jacobians=2)
        ]
        for q in TRAINED_Q_STARS
    },
}
"""The runs of Figs. 5 and 6 by group."""
