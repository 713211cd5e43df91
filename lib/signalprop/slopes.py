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

from signalprop.activations import Activation, get

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
    """Where a smooth slope turns, and how it approaches its limit.

    Attributes
    ----------
    turns : where the squared slope turns or has a kink; 0 always
    even : the squared slope is an even function
    decay : of the contour's height in the tail: a power of the distance
    """

    turns: tuple[float, ...] = (0.0,)
    even: bool = True
    decay: int = 0


# In the tail the phase of X (or of X - 1) must stay bounded along the contour: its height is
# constant where X decays as exp(-x), like 1/x for exp(-x**2), and like x for a power of x.
_EXPONENTIAL, _GAUSSIAN, _POWER = 0, -1, 1

_SILU_TURN, _SILU_ZERO = 2.3993572805154, 1.2784645427610738  # of slope, of slope's sign
_GELU_TURN, _GELU_ZERO = math.sqrt(2), 0.7517915246935645

_SHAPES = {
    "sigmoid": _Shape(),
    "rescaled_sigmoid": _Shape(),
    "tanh": _Shape(),
    "leaky_tanh": _Shape(even=False),
    "softplus": _Shape(even=False),
    "softsign": _Shape(decay=_POWER),
    "erf": _Shape(decay=_GAUSSIAN),
    "silu": _Shape((-_SILU_TURN, -_SILU_ZERO, 0.0, _SILU_TURN), even=False),
    "gelu": _Shape((-_GELU_TURN, -_GELU_ZERO, 0.0, _GELU_TURN), even=False, decay=_GAUSSIAN),
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
    if not 0 < q < math.inf:
        raise ValueError(f"q must be a finite variance > 0, got {q!r}")
    name = act.name.removeprefix("centred ")
    if name in _PIECEWISE_LINEAR:
        return _two_values(act, q)
    if name not in _SHAPES:
        known = ", ".join(sorted(_PIECEWISE_LINEAR | set(_SHAPES)))
        raise ValueError(f"the shape of the slope must be known, as for {known}; got {name!r}")
    pieces = _pieces(_SHAPES[name], math.sqrt(q), step)
    nodes, weights = zip(*(_rule(act, q, piece) for piece in pieces), strict=True)
    return _smooth(np.concatenate(nodes), np.concatenate(weights), _ends(act, _SHAPES[name]))


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


def _pieces(shape: _Shape, deviation: float, step: float) -> list[_Piece]:
    """Cut the line at the turns, and leave out what lies beyond reach of the Gaussian."""
    unit = min(1.0, deviation)  # the shorter of the two scales
    reach = _REACH * deviation
    pieces = []
    for side in (1.0, -1.0):
        turns = sorted(abs(x) for x in shape.turns if side * x >= 0 and abs(x) < reach)
        finite = [_between(a, b, unit, step) for a, b in itertools.pairwise(turns)]
        right = [*finite, _beyond(turns[-1], reach, unit, step, shape.decay)]
        pieces += [replace(p, x=side * p.x, bend=side * p.bend) for p in right]
        if shape.even:
            break
    return pieces


def _beyond(start: float, reach: float, unit: float, step: float, decay: int) -> _Piece:
    """Return a piece without end: nodes dense at its start, then equally spaced."""
    t = np.arange(-3.5, max((reach - start) / unit, 1.0), step)
    growth = t - np.exp(-t)
    v = np.logaddexp(0, growth)
    dv = step * expit(growth) * (1 + np.exp(-t))
    rise, tail = np.tanh(v), (1 + v**2) ** (decay / 2)
    bend = (1 - rise**2) * tail + rise * tail * decay * v / (1 + v**2)
    return _Piece(start + unit * v, unit * dv, unit * rise * tail, bend)


def _between(start: float, stop: float, unit: float, step: float) -> _Piece:
    """Return a finite piece: nodes dense at both ends."""
    t = np.arange(-3.7, 3.7 + step / 2, step)
    length = stop - start
    before, after = length * expit(2 * np.sinh(t)), length * expit(-2 * np.sinh(t))
    x = np.where(t < 0, start + before, stop - after)
    unit = min(unit, length / 2)
    up, down = np.tanh(before / unit), np.tanh(after / unit)
    bend = (1 - up**2) * down - up * (1 - down**2)
    return _Piece(x, step * before * after / length * 2 * np.cosh(t), unit * up * down, bend)


def _rule(act: Activation, q: float, piece: _Piece) -> tuple[Complexes, Complexes]:
    r"""Return nodes of :math:`X` and weights along the arc.

    The arc lies where :math:`X` is in the lower half plane: then no ``y`` of the upper half
    plane, real values included, is near a node, and none is crossed in moving the contour.
    """
    middle = complex(piece.x[len(piece.x) // 2], 1e-20)
    side = -np.sign((np.complex128(act.derivative(np.array(middle))) ** 2).imag)
    z = (piece.x + 1j * _HEIGHT * side * piece.lift) / math.sqrt(q)
    dz = (1 + 1j * _HEIGHT * side * piece.bend) * piece.dx
    weights = np.exp(-(z**2) / 2) * dz  # up to a factor: the caller makes the sum 1
    return act.derivative(z * math.sqrt(q)) ** 2, weights
