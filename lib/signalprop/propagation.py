r"""How second moments travel from layer to layer: the algebra behind Xavier and Kaiming.

A layer makes :math:`s_l = W_l h_{l-1}` and :math:`h_l = \phi(s_l)` with weights of mean 0 and
variance :math:`v_l`, drawn independently, and no biases.  Then

.. math:: \mathbb{E}\,s_l^2 = n_{l-1} v_l\, \mathbb{E}\,h_{l-1}^2, \qquad
    \mathbb{E}\,g_l^2 = \mathbb{E}\,\phi'(s_l)^2\; n_{l+1} v_{l+1}\, \mathbb{E}\,g_{l+1}^2

for the signal and for the gradient :math:`g_l` of a cost by :math:`s_l`.  Every rule for starting
weights keeps one of the two, or a compromise, from growing or shrinking.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ellipe, ellipkm1, xlog1py

from .activations import Activation, get
from .arguments import checked_variance

Floats = NDArray[np.float64]

RULES: Mapping[str, Callable[[float, float], float]] = {
    "standard": lambda n_in, n_out: 1 / (3 * n_in),
    "lecun": lambda n_in, n_out: 1 / n_in,
    "xavier": lambda n_in, n_out: 2 / (n_in + n_out),
    "kaiming": lambda n_in, n_out: 2 / n_in,
    "kaiming, backward": lambda n_in, n_out: 2 / n_out,
}
"""Variance of a weight by the papers' rules, as a function of the numbers of inputs and outputs.

Glorot & Bengio (2010), eqs. 1 and 16; LeCun et al. (1998); He et al. (2015), eqs. 10 and 14.
"""


def variances(rule: str, widths: Sequence[int]) -> Floats:
    """Return the variance that a rule gives to each weight matrix.

    Parameters
    ----------
    rule : one of `RULES`
    widths : (L + 1,) units of the input and of each layer

    Returns
    -------
    (L,)

    Raises
    ------
    ValueError
        If there is no such rule, or ``widths`` are not two or more positive numbers.

    Examples
    --------
    >>> variances("xavier", [10, 30, 30])
    array([0.05      , 0.03333333])
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {'; '.join(RULES)}; got {rule!r}")
    n = _widths(widths)
    return np.array([RULES[rule](*pair) for pair in pairwise(n)])


# --- one layer ----------------------------------------------------------------------------


def forward_factor(
    n_in: ArrayLike, variance: ArrayLike, activation: str | Activation = "linear", q: float = 1.0
) -> Floats:
    r"""Return by what a layer multiplies the variance of the pre-activations below it.

    .. math:: n_\mathrm{in}\, v\; \frac{\mathbb{E}\,\phi(\sqrt q z)^2}{q}

    The fraction is 1 for a linear unit (Glorot & Bengio 2010, section 4.2.1) and 1/2 for ReLU
    (He et al. 2015, section 2.2).  It is the *second moment* of the activations that counts:
    their mean is handed on too.

    Parameters
    ----------
    n_in : inputs of the layer, > 0
    variance : of its weights, > 0; both broadcast
    activation : name or Activation of the units below
    q : variance of their pre-activations, > 0; piecewise-linear units do not depend on it

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> float(forward_factor(100, 0.02, "relu"))
    1.0
    """
    n, v = _units("n_in", n_in), checked_variance("variance", variance)
    return np.asarray(n * v * get(activation).square_mean(checked_variance("q", q)) / q)


def backward_factor(
    n_out: ArrayLike, variance: ArrayLike, activation: str | Activation = "linear", q: float = 1.0
) -> Floats:
    r"""Return by what a layer multiplies the second moment of the gradient above it.

    .. math:: n_\mathrm{out}\, v\; \mathbb{E}\,\phi'(\sqrt q z)^2

    Parameters and errors as for `forward_factor`, with the number of outputs for that of inputs.

    Examples
    --------
    >>> float(backward_factor(100, 0.01, "linear"))
    1.0
    """
    n, v = _units("n_out", n_out), checked_variance("variance", variance)
    return np.asarray(n * v * get(activation).slope_square_mean(checked_variance("q", q)))


# --- a list of layers ---------------------------------------------------------------------


@dataclass(frozen=True)
class Profile:
    r"""Second moments in every layer of a wide random network of L weight matrices.

    Attributes
    ----------
    q : (L,) variances of the pre-activations :math:`s_1 \dots s_L`
    signal : (L + 1,) second moments of the input and of the activations
    gradient : (L,) second moments of the gradient by the pre-activations
    weight_gradient : (L,) second moments of the gradient by a weight, for one example

    Examples
    --------
    >>> kaiming = profile("relu", [100, 50, 50], [2 / 100, 2 / 50])
    >>> [round(float(moment), 12) for moment in kaiming.signal]
    [1.0, 1.0, 1.0]
    """

    q: Floats
    signal: Floats
    gradient: Floats
    weight_gradient: Floats


def profile(
    activation: str | Activation,
    widths: Sequence[int],
    weight_variances: ArrayLike,
    signal: float = 1.0,
    gradient: float = 1.0,
) -> Profile:
    """Follow second moments from the input up and from the last pre-activations down.

    Exact at any width for linear networks, and on average over the weights; for others in the
    limit of wide layers, where pre-activations are Gaussian.

    Parameters
    ----------
    activation : name or Activation of every layer
    widths : (L + 1,) units of the input and of each layer
    weight_variances : (L,)
    signal : second moment of the input, > 0
    gradient : second moment of the gradient by the last pre-activations, > 0

    Raises
    ------
    ValueError
        If an argument is out of range, or the numbers of widths and variances do not fit.

    Examples
    --------
    >>> profile("relu", [100, 100, 100], [0.02, 0.02]).q
    array([2., 2.])
    """
    act, n = get(activation), _widths(widths)
    v = np.asarray(weight_variances, dtype=np.float64)
    if v.shape != (len(n) - 1,) or not np.all((v > 0) & (v < np.inf)):
        raise ValueError(
            f"weight_variances must be {len(n) - 1} positive numbers, got {weight_variances!r}"
        )
    for name, value in (("signal", signal), ("gradient", gradient)):
        if not 0 < value < math.inf:
            raise ValueError(f"{name} must be a finite second moment > 0, got {value!r}")
    q, signals = [], [float(signal)]
    for n_in, variance in zip(n[:-1], v, strict=True):
        q.append(float(n_in * variance * signals[-1]))
        signals.append(float(act.square_mean(q[-1])))
    gradients = [float(gradient)]
    for layer in range(len(v) - 1, 0, -1):
        factor = backward_factor(n[layer + 1], v[layer], act, q[layer - 1])
        gradients.append(float(factor) * gradients[-1])
    down = np.array(gradients[::-1])
    return Profile(np.array(q), np.array(signals), down, np.array(signals[:-1]) * down)


# --- the gain of an activation ------------------------------------------------------------


@dataclass(frozen=True)
class Gain:
    r"""What the deviation of the weights, times the root of their fan, has to be to keep a size.

    Attributes
    ----------
    signal : keeps the variance ``q`` of the pre-activations,
        :math:`\sqrt{q / \mathbb{E}\,\phi(\sqrt q z)^2}`
    spread : would keep it if the mean of the activations were removed,
        :math:`\sqrt{q / \mathrm{Var}\,\phi(\sqrt q z)}`
    gradient : keeps the second moment of the gradient, with the fan counted outwards,
        :math:`1 / \sqrt{\mathbb{E}\,\phi'(\sqrt q z)^2}`

    Examples
    --------
    >>> relu = gain("relu")  # its mean is not 0, so that less weight keeps the second moment
    >>> round(relu.signal, 3), round(relu.spread, 3)
    (1.414, 1.713)
    """

    signal: float
    spread: float
    gradient: float


def gain(activation: str | Activation, q: float = 1.0) -> Gain:
    r"""Return the gains of an activation from its Gaussian moments.

    For rectifiers they do not depend on ``q``; for others there is no such thing as *the* gain.
    Where :math:`\phi(0) = 0` all three tend to :math:`1/|\phi'(0)|` as q tends to 0.

    Parameters
    ----------
    activation : name or Activation
    q : variance of the pre-activations, > 0

    Raises
    ------
    ValueError
        If ``q`` is out of range.

    Examples
    --------
    >>> round(gain("relu").signal**2, 12), round(gain("relu").gradient**2, 12)
    (2.0, 2.0)
    >>> round(gain("sigmoid", 1e-6).gradient, 3), round(gain("sigmoid", 1e-6).signal, 3)
    (4.0, 0.002)
    """
    act, q = get(activation), float(checked_variance("q", q))
    square, mean = float(act.square_mean(q)), float(act.mean(q))
    return Gain(
        math.sqrt(q / square),
        math.sqrt(q / (square - mean**2)),
        1 / math.sqrt(float(act.slope_square_mean(q))),
    )


# --- the singular values of one matrix ----------------------------------------------------


def singular_value_density(s: ArrayLike, n_in: int, n_out: int, variance: float) -> Floats:
    r"""Return the density of the singular values of a large matrix of independent entries.

    With :math:`c = \min(n_\mathrm{in}, n_\mathrm{out}) / \max(\dots)`, in units of
    :math:`\sqrt{v \max(n_\mathrm{in}, n_\mathrm{out})}`,

    .. math:: \rho(s) = \frac{\sqrt{(s^2 - a^2)(b^2 - s^2)}}{\pi c\, s}, \qquad
        a, b = 1 \mp \sqrt c

    (Marchenko & Pastur 1967); for a square matrix a quarter circle,
    :math:`\sqrt{4 - s^2} / \pi`.

    Parameters
    ----------
    s : where, any shape
    n_in, n_out, variance : of the matrix, all > 0

    Returns
    -------
    the density over the min(n_in, n_out) singular values, of the shape of ``s``

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> square = singular_value_density([0.0, 2.0, 3.0], 100, 100, 1 / 100)
    >>> square.round(4)
    array([0.6366, 0.    , 0.    ])
    """
    unit, c = _unit(n_in, n_out, variance)
    a, b = 1 - math.sqrt(c), 1 + math.sqrt(c)
    x = np.asarray(s, dtype=np.float64) / unit
    inside = (x >= a) & (x <= b)
    x = np.where(inside, x, b)
    upper = (b - x) * (b + x)
    root = np.sqrt(upper) if a == 0 else np.sqrt((x - a) * (x + a) * upper) / x
    return np.asarray(np.where(inside, root / (np.pi * c * unit), 0.0))


def mean_singular_value(n_in: int, n_out: int, variance: float) -> float:
    r"""Return the mean singular value of a large matrix of independent entries.

    For a square matrix it is the mean of the quarter circle,

    .. math:: \sqrt{nv} \int_0^2 s\, \frac{\sqrt{4 - s^2}}{\pi}\, ds = \frac{8}{3\pi} \sqrt{nv};

    for others, with :math:`a, b` the ends of `singular_value_density`, a complete elliptic
    integral,

    .. math:: \frac{b}{3 \pi c} \big( (a^2 + b^2)\, E(m) - 2 a^2 K(m) \big), \qquad
        m = 1 - a^2 / b^2.

    Parameters and errors as for `singular_value_density`.

    Examples
    --------
    >>> round(mean_singular_value(1000, 1000, 1 / 1000), 4)
    0.8488
    """
    unit, c = _unit(n_in, n_out, variance)
    a, b = 1 - math.sqrt(c), 1 + math.sqrt(c)
    ratio = (a / b) ** 2
    tail = 2 * a**2 * float(ellipkm1(ratio)) if a else 0.0
    value = b / (3 * math.pi * c) * ((a**2 + b**2) * float(ellipe(1 - ratio)) - tail)
    return unit * value


def geometric_mean_singular_value(n_in: int, n_out: int, variance: float) -> float:
    r"""Return the geometric mean of the singular values of a large matrix.

    .. math:: \sqrt{v \max(n_\mathrm{in}, n_\mathrm{out})}\;
        \exp\Big(-\frac12 - \frac{1 - c}{2c} \log(1 - c)\Big),

    which is :math:`\sqrt{nv/e}` for a square matrix.  Its power ``n`` is the factor by which the
    matrix changes volumes.  Parameters and errors as for `singular_value_density`.

    Examples
    --------
    >>> round(geometric_mean_singular_value(1000, 1000, 1 / 1000), 4)
    0.6065
    """
    unit, c = _unit(n_in, n_out, variance)
    return unit * math.exp(-(1 + float(xlog1py(1 - c, -c)) / c) / 2)


def _unit(n_in: int, n_out: int, variance: float) -> tuple[float, float]:
    """Return the unit of the singular values, and the ratio of the matrix's sides, 1 at most."""
    few, many = sorted((_units("n_in", n_in), _units("n_out", n_out)))
    return math.sqrt(float(checked_variance("variance", variance) * many)), float(few / many)


# --- arguments ----------------------------------------------------------------------------


def _units(name: str, n: ArrayLike) -> Floats:
    units = np.asarray(n, dtype=np.float64)
    if not np.all((units > 0) & (units < np.inf)):
        raise ValueError(f"{name} must be positive, got {n!r}")
    return units


def _widths(widths: Sequence[int]) -> list[int]:
    n = list(widths)
    if len(n) < 2 or min(n) < 1:
        raise ValueError(f"widths must be two or more positive integers, got {widths!r}")
    return n
