r"""The law of a unit's squared slope, :math:`X = \phi'(\sqrt q\,z)^2` with :math:`z \sim N(0, 1)`.

It is all that the spectrum of a deep network's Jacobian asks of an activation (`spectra`).
There it is met inside averages such as :math:`\mathbb{E}[1/(y - X)]` at complex ``y``, close
to the values of :math:`X`, where a sum over real ``z`` converges badly.  So a law is kept as a
quadrature rule: nodes :math:`x_i` and weights :math:`w_i`, exact for piecewise-linear
activations (two values of the slope) and on a contour in the complex plane for smooth ones.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from .activations import Activation, get
from .arguments import checked_variance

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SlopeLaw:
    r"""The law of :math:`X / \mathbb{E} X` as a quadrature rule.

    Attributes
    ----------
    mean : :math:`\mu_1 = \mathbb{E} X`; what follows is divided by it
    values : (n,) the nodes, of mean 1
    deviations : (n,) the nodes minus 1, with a rounding of their own
    weights : (n,), of sum 1
    lowest, highest : ends of the support
    atoms : (value, probability) of each value, if there are only one or two; else empty

    Examples
    --------
    >>> relu = slope_law("relu", 1.0)  # half of the units pass a gradient on
    >>> relu.mean, relu.variance, relu.highest
    (0.5, 1.0, 2.0)
    """

    mean: float
    values: Complexes
    deviations: Complexes
    weights: Complexes
    lowest: float
    highest: float
    atoms: tuple[tuple[float, float], ...] = ()

    @property
    def variance(self) -> float:
        r"""Return :math:`\mu_2 / \mu_1^2 - 1`."""
        return float((self.weights @ self.deviations**2).real)


@dataclass(frozen=True)
class _Shape:
    """Where a smooth slope turns, and how it approaches its limits.

    Attributes
    ----------
    reach : from where on the squared slope is its limit, to within 1e-30
    decay : exponent with which nodes spread in the tail: 0 where the slope decays
        exponentially, -1 as a Gaussian, 1 as a power
    stretch : distance at which they begin to
    turns : where the squared slope turns or has a kink; 0 always
    even : the squared slope is an even function
    """

    reach: float
    decay: int = 0
    stretch: float = 1.0
    turns: tuple[float, ...] = (0.0,)
    even: bool = True


_SILU_TURN, _SILU_ZERO = 2.3993572805154, 1.2784645427610738  # of the slope: turn, zero
_GELU_TURN, _GELU_ZERO = math.sqrt(2), 0.7517915246935645

_SHAPES = {
    "sigmoid": _Shape(46.0),
    "rescaled_sigmoid": _Shape(46.0),
    "tanh": _Shape(23.0),
    "leaky_tanh": _Shape(23.0, even=False),
    "softplus": _Shape(46.0, even=False),
    "softsign": _Shape(math.inf, decay=1, stretch=2.0),
    "erf": _Shape(6.8, decay=-1),
    "silu": _Shape(46.0, turns=(-_SILU_TURN, -_SILU_ZERO, 0.0, _SILU_TURN), even=False),
    "gelu": _Shape(8.5, -1, 2.0, turns=(-_GELU_TURN, -_GELU_ZERO, 0.0, _GELU_TURN), even=False),
}
_PIECEWISE_LINEAR = {"linear", "hard_tanh", "relu", "leaky_relu"}

_HEIGHT = math.pi / 8
"""Of the contour, in units of the activation: half way between the poles of 1/(y - X)."""

_REACH = 8.7
"""Standard deviations of z beyond which its density is below 1e-16 of its maximum."""


def slope_law(activation: str | Activation, q: float, step: float = 0.1) -> SlopeLaw:
    r"""Return the law of the squared slope at pre-activation variance ``q``.

    Parameters
    ----------
    activation : name or Activation
    q : variance of the pre-activations, > 0
    step : of the quadrature along the contour; the error of :math:`\mathbb{E}[1/(y-X)]` falls
        exponentially with 1/step, the slower the nearer ``y`` is to the ends of the support

    Raises
    ------
    ValueError
        If ``q`` is out of range, or nothing is known about the shape of a custom activation.

    Examples
    --------
    >>> slope_law("relu", 1.0).atoms
    ((0.0, 0.5), (2.0, 0.5))
    >>> round(slope_law("erf", 0.5).mean, 12) == round(4 / math.pi / math.sqrt(3), 12)
    True
    """
    act = get(activation)
    checked_variance("q", q)
    name = act.name.removeprefix("centred ")
    if name in _PIECEWISE_LINEAR:
        return _two_values(act, q)
    if name not in _SHAPES:
        known = ", ".join(sorted(_PIECEWISE_LINEAR | set(_SHAPES)))
        raise ValueError(f"the shape of the slope must be known, as for {known}; got {name!r}")
    shape = _SHAPES[name]
    sides = [_side(act, q, step, shape, side) for side in ((1,) if shape.even else (1, -1))]
    values, weights = (np.concatenate(parts) for parts in zip(*sides, strict=True))
    return _smooth(values, weights, _ends(act, shape))


def _two_values(act: Activation, q: float) -> SlopeLaw:
    """Return the law of a piecewise-linear activation, whose slope has one or two values."""
    values = np.unique(act.derivative(np.linspace(-2, 2, 6)) ** 2)
    mean = float(act.slope_square_mean(q))
    high = (mean - values[0]) / (values[-1] - values[0]) if len(values) == 2 else 1.0
    masses = np.array([1 - high, high])[-len(values) :]
    values = values / mean
    return SlopeLaw(
        mean,
        values.astype(complex),
        (values - 1).astype(complex),
        masses.astype(complex),
        float(values[0]),
        float(values[-1]),
        tuple((float(x), float(p)) for x, p in zip(values, masses, strict=True)),
    )


def _smooth(squares: Complexes, weights: Complexes, ends: tuple[float, float]) -> SlopeLaw:
    weights = weights / weights.sum()
    mean = float((weights @ squares).real)
    values = squares / mean
    deviations = values - 1
    deviations -= weights @ deviations  # of mean zero to the last bit
    return SlopeLaw(mean, values, deviations, weights, ends[0] / mean, ends[1] / mean)


def _ends(act: Activation, shape: _Shape) -> tuple[float, float]:
    """Return the infimum and supremum of the squared slope."""
    near = np.array(shape.turns)
    squares = act.derivative(np.array([-700.0, *(near - 1e-9), *(near + 1e-9), 700.0])) ** 2
    return (0.0 if squares.min() < 1e-5 else float(squares.min())), float(squares.max())


# --- the contour --------------------------------------------------------------------------


@dataclass(frozen=True)
class _Piece:
    """A piece of the real line on which the squared slope is monotone, and an arc over it.

    Attributes
    ----------
    x, dx : nodes, and their weights
    lift, bend : height of the arc over each node, and its derivative by x
    """

    x: Floats
    dx: Floats
    lift: Floats
    bend: Floats


def _side(
    act: Activation, q: float, step: float, shape: _Shape, side: int
) -> tuple[Complexes, Complexes]:
    """Return nodes of X and weights, of sum 1/2, for positive or for negative z."""
    deviation = math.sqrt(q)
    unit = min(1.0, deviation)  # the shorter of the two scales
    gaussian_reach = _REACH * deviation
    turns = sorted(abs(x) for x in shape.turns if side * x >= 0 and abs(x) < gaussian_reach)
    pieces = [_between(a, b, unit, step) for a, b in itertools.pairwise(turns)]
    length = min(gaussian_reach - turns[-1], shape.reach)
    pieces.append(_beyond(turns[-1], max(length, unit), unit, step, shape))
    rules = [_rule(act, q, replace(p, x=side * p.x, bend=side * p.bend)) for p in pieces]
    values, weights = (np.concatenate(parts) for parts in zip(*rules, strict=True))
    if length == shape.reach:  # what is beyond has the limit's slope
        values = np.append(values, act.derivative(side * 700.0) ** 2)
        weights = np.append(weights, 0.5 - weights.sum())
    return values, weights


def _beyond(start: float, length: float, unit: float, step: float, shape: _Shape) -> _Piece:
    """Return a piece without end: nodes dense at its start, then spread as the slope decays.

    The height of the arc is in proportion to the spacing of the nodes, which keeps the error
    the same all along, and the phase of the slope along it is bounded.
    """
    far, decay = shape.stretch, shape.decay
    # Equal steps of u make x with dx/du = (1 + x / far)**decay = exp(decay * warp).
    last = math.log1p(length / far)
    end = far * (last if decay == 1 else math.expm1((1 - decay) * last) / (1 - decay))
    t = np.arange(-3.5, end / unit, step)
    steps = np.logaddexp(0, t - np.exp(-t))
    d_steps = step * expit(t - np.exp(-t)) * (1 + np.exp(-t))
    u = unit * steps / far
    warp = u if decay == 1 else np.log1p((1 - decay) * u) / (1 - decay)
    spacing = unit * np.exp(decay * warp)
    rise = np.tanh(steps)
    bend = 1 - rise**2 + rise * unit * decay / far * np.exp((decay - 1) * warp)
    return _Piece(start + far * np.expm1(warp), d_steps * spacing, rise * spacing, bend)


def _between(start: float, stop: float, unit: float, step: float) -> _Piece:
    """Return a finite piece: nodes dense at both ends."""
    length = stop - start
    unit = min(unit, length / 2)
    step *= 2 * unit / length
    t = np.arange(-3.7, 3.7 + step / 2, step)
    before, after = length * expit(2 * np.sinh(t)), length * expit(-2 * np.sinh(t))
    x = np.where(t < 0, start + before, stop - after)
    up, down = np.tanh(before / unit), np.tanh(after / unit)
    bend = (1 - up**2) * down - up * (1 - down**2)
    return _Piece(x, step * before * after / length * 2 * np.cosh(t), unit * up * down, bend)


def _rule(act: Activation, q: float, piece: _Piece) -> tuple[Complexes, Complexes]:
    r"""Return nodes of :math:`X` and weights along the arc.

    The arc lies where :math:`X` is in the lower half plane: then no ``y`` of the upper half
    plane, real values included, is near a node, and none is crossed in moving the contour.
    """
    middle = np.array(complex(piece.x[len(piece.x) // 2], 1e-20))
    height = -_HEIGHT * np.sign((act.derivative(middle) ** 2).imag)
    x = piece.x + 1j * height * piece.lift
    weights = np.exp(-(x**2) / (2 * q)) * (1 + 1j * height * piece.bend) * piece.dx
    return act.derivative(x) ** 2, weights / math.sqrt(2 * math.pi * q)
