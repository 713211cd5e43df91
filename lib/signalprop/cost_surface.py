r"""The cost of the smallest network there is, as a surface over its two weights.

Glorot & Bengio (2010), Fig. 5, draw the cost of a network with one hidden layer over two of its
weights, for random inputs and targets.  They print neither the network nor the data.  Our
reading is the smallest one that fits: a scalar input, one tanh unit, two classes,

.. math:: p = \sigma(z), \qquad z = 2\,w_2 \tanh(w_1 x), \qquad x \sim \mathcal{N}(0, 1),

and a target :math:`t \in \{0, 1\}` that is a fair coin, thrown without a look at the input.
The factor 2 is that of a softmax over two logits :math:`\pm w_2 \tanh(w_1 x)`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Cost = Literal["cross_entropy", "quadratic"]

POINTS = 2000
"""Points of a surface that are computed at once; memory sets the limit."""


@dataclass(frozen=True)
class Data:
    """Inputs, their targets, and how much each counts.

    Parameters
    ----------
    inputs : (n,)
    chances : (n,), the probability that the target is 1; for an observed target 0 or 1
    weights : (n,), positive, of sum 1

    Examples
    --------
    Two opposite inputs with a target each:

    >>> data = Data(np.array([-1.0, 1.0]), np.array([0.0, 1.0]), np.array([0.5, 0.5]))
    >>> surface("quadratic", [0.0, 2.0], [0.0, 2.0], data).value.round(4)
    array([0.25  , 0.0004])
    """

    inputs: Floats
    chances: Floats
    weights: Floats


def population(step: float = 0.02) -> Data:
    r"""Return all inputs there are: :math:`x \sim \mathcal{N}(0, 1)`, targets independent of it.

    Parameters
    ----------
    step : between the points of the trapezoid rule, in (0, 0.1]

    Raises
    ------
    ValueError
        If the step is out of range.

    Notes
    -----
    The cost has poles where :math:`2 w_2 \tanh(w_1 x) = \pm i \pi`, for weights up to 4 as near
    to the real axis as 0.094.  The trapezoid rule converges like
    :math:`\exp(-2 \pi \cdot 0.094 / \text{step})`, here to 1e-13.  A Gauss-Hermite rule would
    need tens of thousands of points for that: its nodes are too far apart near 0.

    Costs and their gradients are even in x once targets are averaged out, so half a line does.

    Examples
    --------
    >>> everyone = population()
    >>> round(float(everyone.weights @ everyone.inputs**2), 12)  # their variance
    1.0
    """
    if not 0 < step <= 0.1:
        raise ValueError(f"step must be in (0, 0.1], got {step}")
    x = np.arange(0, 8.5, step)
    weights = 2 * step / math.sqrt(2 * math.pi) * np.exp(-(x**2) / 2)
    weights[0] /= 2
    return Data(x, np.full_like(x, 0.5), weights)


def sample(n: int, seed: int) -> Data:
    """Draw ``n`` inputs and targets.

    Raises
    ------
    ValueError
        If ``n`` is not positive.

    Examples
    --------
    >>> few = sample(4, seed=0)
    >>> few.inputs.shape, set(few.chances.tolist()) <= {0.0, 1.0}
    ((4,), True)
    >>> few.weights
    array([0.25, 0.25, 0.25, 0.25])
    """
    if n < 1:
        raise ValueError(f"n must be positive, got {n}")
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal(n)
    return Data(inputs, rng.integers(2, size=n).astype(float), np.full(n, 1 / n))


@dataclass(frozen=True)
class Surface:
    """The cost over points of the plane, and its gradient; arrays of the points' shape.

    Attributes
    ----------
    value : the cost; nats if it is the cross-entropy
    slope_1, slope_2 : its derivatives by the two weights

    Examples
    --------
    The origin is flat; the cost rises on the diagonal:

    >>> found = surface("quadratic", [0.0, 1.0], [0.0, 1.0])
    >>> found.value.round(3), found.steepness.round(3)
    (array([0.25 , 0.319]), array([0.   , 0.109]))
    """

    value: Floats
    slope_1: Floats
    slope_2: Floats

    @property
    def steepness(self) -> Floats:
        """The length of the gradient."""
        return np.hypot(self.slope_1, self.slope_2)


def surface(cost: Cost, w_1: ArrayLike, w_2: ArrayLike, data: Data | None = None) -> Surface:
    r"""Compute the cost and its gradient.

    With :math:`r` the chance of a target 1, an input costs :math:`\log(1 + e^z) - r z` nats of
    cross-entropy, or :math:`(p - r)^2 + r (1 - r)` of quadratic cost.

    Parameters
    ----------
    cost : "cross_entropy" or "quadratic"
    w_1, w_2 : weights of the input and of the tanh unit, finite; broadcast
    data : the population if None

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    On the axes the network answers 1/2, whatever it is shown:

    >>> bool(np.isclose(surface("cross_entropy", 0.0, 3.0).value, math.log(2)))
    True
    >>> bool(np.isclose(surface("quadratic", 3.0, 0.0).value, 1 / 4))
    True
    """
    if cost not in get_args(Cost):
        raise ValueError(f"cost must be one of {', '.join(get_args(Cost))}, got {cost!r}")
    data = data or population()
    first, second = np.broadcast_arrays(np.asarray(w_1, float), np.asarray(w_2, float))
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("w_1 and w_2 must be finite")
    pieces = range(0, max(first.size, 1), POINTS)
    parts = [
        _averages(cost, first.ravel()[i : i + POINTS], second.ravel()[i : i + POINTS], data)
        for i in pieces
    ]
    return Surface(*(np.concatenate(p).reshape(first.shape) for p in zip(*parts, strict=True)))


def _averages(cost: Cost, w_1: Floats, w_2: Floats, data: Data) -> tuple[Floats, Floats, Floats]:
    """Return cost and slopes, (points,) each, for points (points,)."""
    w_1, w_2 = w_1[:, None], w_2[:, None]
    x, r = data.inputs, data.chances
    h = np.tanh(w_1 * x)
    z = 2 * w_2 * h
    p = expit(z)
    if cost == "cross_entropy":
        value, by_z = np.logaddexp(0, z) - r * z, p - r
    else:
        value, by_z = (p - r) ** 2 + r * (1 - r), 2 * (p - r) * p * (1 - p)
    by_w_1, by_w_2 = by_z * 2 * w_2 * (1 - h**2) * x, by_z * 2 * h
    return value @ data.weights, by_w_1 @ data.weights, by_w_2 @ data.weights


def midpoints(low: float, high: float, cells: int) -> Floats:
    """Return the middles of equal cells of an interval, (cells,): averages over them are areas.

    Raises
    ------
    ValueError
        If the interval is empty or there is no cell.

    Examples
    --------
    >>> midpoints(0, 4, 4)
    array([0.5, 1.5, 2.5, 3.5])
    """
    if not (low < high and cells >= 1):
        raise ValueError(f"low < high and cells >= 1 are needed, got {low}, {high}, {cells}")
    return low + (high - low) * (np.arange(cells) + 0.5) / cells


def plateau_area(steepness: ArrayLike, eps: ArrayLike, steepest: float | None = None) -> Floats:
    r"""Return the fraction of the area where the gradient is small, for each threshold.

    Small means :math:`\lVert\nabla\rVert < \epsilon \max \lVert\nabla\rVert`.

    Parameters
    ----------
    steepness : lengths of the gradient at the middles of cells of equal area
    eps : thresholds in [0, 1], any shape
    steepest : the length that counts as 1; the greatest of ``steepness`` if None

    Raises
    ------
    ValueError
        If a threshold is out of range.

    Examples
    --------
    >>> plateau_area([0.1, 0.2, 0.3, 1.0], [0.0, 0.15, 0.5])
    array([0.  , 0.25, 0.75])
    """
    lengths, thresholds = np.sort(np.ravel(steepness)), np.asarray(eps, dtype=float)
    if not np.all((thresholds >= 0) & (thresholds <= 1)):
        raise ValueError(f"eps must be in [0, 1], got {eps!r}")
    most = lengths[-1] if steepest is None else steepest
    return np.asarray(np.searchsorted(lengths, thresholds * most) / lengths.size)
