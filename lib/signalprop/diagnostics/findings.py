"""What stands out in a report, in plain words, with the chapter that explains it and what to try.

A finding is a rule of thumb with a number in it.  The numbers are here, at the top.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from .report import ActivationReport, Report

FADING = 1e-3
"""Factor over the whole network at which second moments of signals or gradients stand out."""

UNEVEN = 1e3
"""Ratio between layers at which sizes of weights over those of their gradients stand out."""

ALIKE = 1e-3
"""Share of a layer's second moment that depends on the example, below which nothing is learned."""

DEAD_UNITS = 0.05
"""Share of dead units in a layer that stands out."""

STRETCHED = 10.0
"""Largest singular value, or its inverse, that stands out."""

CHAPTERS = {
    "saturation/what-saturates": "What saturates",
    "saturation/glorot-curves": "Glorot's saturation curves",
    "initialization/xavier": "Xavier, line by line",
    "initialization/kaiming": "Kaiming, line by line",
    "initialization/lsuv": "LSUV, and why it could not save the sigmoid",
    "isometry/order-and-chaos": "Order and chaos",
    "isometry/relu-cannot": "ReLU cannot",
    "isometry/orthogonal-sigmoid": "The orthogonal sigmoid can",
    "own-network/diagnose": "Your own network",
}
"""Chapters that findings point to, by their files, with their titles."""


@dataclass(frozen=True)
class Finding:
    """Something that stands out.

    Attributes
    ----------
    about : in a word or two
    says : what was found, with the numbers
    chapter : file of the chapter that explains it, a key of `CHAPTERS`
    remedy : what to try; empty if there is nothing to mend

    Examples
    --------
    >>> print(Finding("saturated", "all units are", "saturation/what-saturates"))
    saturated: all units are (chapter "What saturates").
    """

    about: str
    says: str
    chapter: str
    remedy: str = ""

    def __str__(self) -> str:
        """Return what was found, and where to read on, in a line."""
        return f'{self.about}: {self.says} (chapter "{CHAPTERS[self.chapter]}").'


def findings(report: Report) -> tuple[Finding, ...]:
    """Return what stands out in a report, the causes before the consequences.

    Examples
    --------
    >>> import torch
    >>> from signalprop.diagnostics import diagnose
    >>> far = torch.full((10, 3), -9.0)
    >>> [finding.about for finding in findings(diagnose(torch.nn.ReLU(), far))]
    ['no layers', 'saturated', 'dead units', 'no isometry']
    """
    return tuple(finding for rule in _RULES for finding in rule(report))


Rule = Callable[["Report"], Iterator[Finding]]


# --- the rules ----------------------------------------------------------------------------


def _not_finite(report: Report) -> Iterator[Finding]:
    bad = [layer.name for layer in report.layers if not math.isfinite(layer.second_moment)]
    if report.not_finite_parameters:
        yield Finding(
            "not finite",
            f"{_listed(report.not_finite_parameters)} hold numbers that are not finite",
            "isometry/order-and-chaos",
            "starting anew with a smaller learning rate",
        )
    elif bad or not report.finite:
        where = f"from layer {bad[0]} on" if bad else "in the module's output"
        yield Finding(
            "not finite",
            f"signals are beyond the range of {report.dtype} {where}: there was no backward pass",
            "isometry/order-and-chaos",
            _scale(report),
        )


def _nothing_to_see(report: Report) -> Iterator[Finding]:
    if not report.layers:
        yield Finding(
            "no layers",
            "no layer of weights was called",
            "own-network/diagnose",
        )
    cut = [a.name for a in report.layers if a.gradient is None] if report.finite else []
    if cut:
        yield Finding(
            "no gradient",
            f"in torch's graph the output does not depend on {_listed(cut)}: it is made without, "
            "or under torch.no_grad, or detached",
            "own-network/diagnose",
        )
    if not report.activations and not cut:
        yield Finding(
            "no activation",
            "no activation was seen: the module is linear, or its activations are written out in "
            "arithmetic, or they mix units",
            "own-network/diagnose",
            "an nn.Module of its own for an activation that is written out",
        )


def _saturated(report: Report) -> Iterator[Finding]:
    bad = [a for a in report.activations if a.saturated > (1 + a.ordinary) / 2]
    if bad:
        worst = max(bad, key=lambda a: a.saturated)
        yield Finding(
            "saturated",
            f"{_percent(worst.saturated)} of {worst.name} pass less than a fifth of the "
            f"gradient that they could (with standard normal inputs {_percent(worst.ordinary)} "
            f"would){_others(bad)}",
            "saturation/what-saturates",
            "smaller weights in front of what is saturated, inputs of mean 0 and variance 1, or a "
            "smaller learning rate if it came with training",
        )


def _dead(report: Report) -> Iterator[Finding]:
    # Of units that are saturated in half of all cases, one in 2^n is in all of n by chance.
    n = report.examples
    bad = [a for a in report.activations if a.dead > max(DEAD_UNITS, 2 * a.ordinary**n)]
    if bad:
        worst = max(bad, key=lambda a: a.dead)
        yield Finding(
            "dead units",
            f"{_percent(worst.dead)} of the units of {worst.name} pass no gradient for any "
            f"example of the batch{_others(bad)}",
            "initialization/kaiming",
            "a larger batch, to be sure that units are dead; then a smaller learning rate, or "
            "leaky units",
        )


def _signal(report: Report) -> Iterator[Finding]:
    hidden = report.layers[:-1] if len(report.layers) > 2 else report.layers
    yield from _trend(report, "signal", [(a.name, a.second_moment) for a in hidden])


def _gradient(report: Report) -> Iterator[Finding]:
    # Sums over units: what an isometry keeps, whatever the shapes.
    known = [(a.name, a.gradient * math.prod(a.shape)) for a in report.layers if a.gradient]
    hidden = known[:-1] if len(known) > 2 else known
    yield from _trend(report, "gradient", hidden[::-1])


def _trend(report: Report, what: str, moments: Sequence[tuple[str, float]]) -> Iterator[Finding]:
    """Look at the first and the last of second moments, in the order in which they arise."""
    finite = [(name, value) for name, value in moments if math.isfinite(value)]
    if len(finite) < 2 or not finite[0][1]:
        return
    (first, start), (last, end) = finite[0], finite[-1]
    ratio = end / start
    if FADING < ratio < 1 / FADING:
        return
    verb = "fades" if ratio < 1 else "grows"
    per_layer = ratio ** (1 / (len(finite) - 1)) if ratio else 0.0
    yield Finding(
        f"{what} {verb}",
        f"from layer {first} to layer {last} the mean square of the {what} is multiplied by "
        f"{ratio:.1e}, {per_layer:.3g} a layer",
        "isometry/order-and-chaos",
        _scale(report),
    )


def _alike(report: Report) -> Iterator[Finding]:
    shares = [(layer.name, layer.data_share) for layer in report.layers[:-1]]
    bad = [name for name, share in shares if share is not None and share < ALIKE]
    if bad:
        yield Finding(
            "examples alike",
            f"less than {_percent(ALIKE)} of the signal in layer {bad[0]} depends on the example"
            f"{_more(len(bad) - 1)}: the rest is the same for all",
            "initialization/lsuv",
            "signalprop.initializers.lsuv_(module, batch, remove_means=True)",
        )


def _uneven(report: Report) -> Iterator[Finding]:
    ratios = [(a.weight_to_gradient, a.name) for a in report.layers if a.weight_to_gradient]
    ratios = [(r, name) for r, name in ratios if math.isfinite(r)]
    if len(ratios) < 2:
        return
    (low, quick), (high, slow) = min(ratios), max(ratios)
    if high > UNEVEN * low:
        yield Finding(
            "uneven steps",
            f"weights over their gradients are {low:.2g} in layer {quick} and {high:.2g} in layer "
            f"{slow}: a learning rate that moves the one does not move the other",
            "initialization/xavier",
            _scale(report),
        )


def _isometry(report: Report) -> Iterator[Finding]:
    found = report.spectrum
    if found is None:
        return
    scale = math.sqrt(found.mean_square)
    if not found.largest:
        says = "no change of the input reaches the output, or none that the precision can show"
    elif found.largest > STRETCHED:
        says = f"one direction of the input is stretched by {found.largest:.3g}"
    elif found.largest < 1 / STRETCHED:
        says = f"every direction of the input shrinks, to {found.largest:.2g} of its length or less"
    else:
        return
    yield Finding(
        "no isometry",
        f"{says} (root mean square of the singular values {scale:.2g})",
        "isometry/orthogonal-sigmoid",
        _scale(report),
    )


def _directions(report: Report) -> Iterator[Finding]:
    found = report.stack.spectrum if report.stack else None
    if report.stack is None or found is None or found.singular_values is None:
        return
    median = float(np.median(found.singular_values))
    if median < FADING * found.largest:
        yield Finding(
            "directions lost",
            f"through {len(report.stack.layers)} layers from {report.stack.layers[0]} on, half "
            f"of the directions shrink to {median:.1e} of their length or less, while the "
            f"largest singular value is {found.largest:.2g}",
            "isometry/relu-cannot",
            "orthogonal weights, and a smaller q_star, in signalprop.initializers.critical_",
        )


def _normalized(report: Report) -> Iterator[Finding]:
    if report.normalizations:
        yield Finding(
            "normalized",
            f"{_listed(report.normalizations)} set the scale of the signal, whatever the starting "
            "weights",
            "own-network/diagnose",
        )
    if report.sums:
        yield Finding(
            "skip connections",
            f"{report.sums} times a signal is added to another: the layers between are "
            "corrections, and need not keep its size themselves",
            "own-network/diagnose",
        )


def _coarse(report: Report) -> Iterator[Finding]:
    if report.dtype in ("float16", "bfloat16"):
        yield Finding(
            "half precision",
            f"all of this was computed in {report.dtype}: small singular values are rounding, and "
            "small gradients may be lost",
            "own-network/diagnose",
            "module.float() for a look at what is below",
        )


_RULES: tuple[Rule, ...] = (
    _not_finite,
    _nothing_to_see,
    _saturated,
    _dead,
    _signal,
    _alike,
    _gradient,
    _uneven,
    _isometry,
    _directions,
    _normalized,
    _coarse,
)


# --- words --------------------------------------------------------------------------------


def _scale(report: Report) -> str:
    """Say what keeps the scale of signals and gradients in a module like this."""
    if report.normalizations and report.sums:
        return "nothing, if it learns; fewer layers, if it does not"
    if report.normalizations:
        return "skip connections around the normalized layers, or critical weights instead of them"
    if report.sums:
        return "normalization in each branch, or small weights where a branch ends"
    return (
        "signalprop.initializers.critical_(module) if it is one chain of layers, else "
        "normalization together with skip connections"
    )


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _others(bad: Sequence[ActivationReport]) -> str:
    return f"; and so it is with {len(bad) - 1} other activations" if len(bad) > 1 else ""


def _more(count: int) -> str:
    return f" (and in {count} more)" if count else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown
