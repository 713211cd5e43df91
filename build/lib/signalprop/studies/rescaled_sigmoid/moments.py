r"""What a random network makes of signals, of what tells them apart, and of gradients.

A layer's pre-activations have a second moment :math:`q`, over units and examples.  A part of it is
the variance across examples, :math:`v`; the rest are constants of the units.  With
:math:`\sigma_w^2 = n \mathrm{Var}[w]` and no biases

.. math:: q_{l+1} = \sigma_w^2\, \mathbb{E}\,\phi(\sqrt{q_l} z)^2, \qquad
    v_{l+1} = \tfrac12 \sigma_w^2\, \mathbb{E}\,(\phi(u_1) - \phi(u_2))^2, \qquad
    g_l = \sigma_w^2\, \mathbb{E}\,\phi'(\sqrt{q_l} z)^2\, g_{l+1},

where :math:`u_1, u_2` are Gaussian of variance :math:`q_l` and covariance :math:`q_l - v_l`, and
:math:`g` is the mean square of the gradient by pre-activations.  Xu, Huang & Li's equations 3 to 6
have one factor, :math:`\sigma_w^2 \phi'^2`, for all three.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...activations import Activation, get
from ...kernels import half_squared_difference
from ...meanfield import chi, fixed_point

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Mean squares in each layer of a network of L hidden layers, the first one first.

    Attributes
    ----------
    whole : (L,) of the pre-activations, over units and examples
    data : (L,) their variance across examples, averaged over units
    gradient : (L,) of the gradient by pre-activations, that of the last layer being 1
    """

    whole: Floats
    data: Floats
    gradient: Floats


def theory(activation: str | Activation, sigma_w2: float, depth: int) -> Moments:
    """Follow a wide network whose inputs have mean square 1 and are uncorrelated.

    Parameters
    ----------
    activation : name or Activation
    sigma_w2 : weight variance times fan-in, > 0
    depth : number of layers

    Examples
    --------
    >>> theory("sigmoid", 1.0, 3).whole.round(3)
    array([1.   , 0.293, 0.266])
    """
    act, whole, data = get(activation), [sigma_w2], [sigma_w2]
    for _ in range(depth - 1):
        q, v = whole[-1], data[-1]
        whole.append(sigma_w2 * float(act.square_mean(q)))
        data.append(sigma_w2 * float(half_squared_difference(act, v / q, q)))
    gradient = [1.0]
    for q in whole[-2::-1]:
        gradient.append(float(chi(act, q, sigma_w2)) * gradient[-1])
    return Moments(np.array(whole), np.array(data), np.array(gradient[::-1]))


def printed(activation: str | Activation, sigma_w2: float, depth: int) -> Moments:
    r"""Return what equations 4 and 6 of the paper say, with the slope at 0 for every slope."""
    factor = sigma_w2 * float(get(activation).derivative(0.0)) ** 2
    powers = np.asarray(factor ** np.arange(depth), dtype=np.float64)
    return Moments(sigma_w2 * powers, sigma_w2 * powers, powers[::-1])


def measured(
    activation: str | Activation,
    sigma_w2: float,
    depth: int,
    width: int = 300,
    examples: int = 40,
    seed: int = 0,
) -> Moments:
    """Measure a random network on Gaussian inputs, with a Gaussian gradient from above.

    Parameters
    ----------
    activation, sigma_w2, depth : as for `theory`
    width : units of the input and of each layer
    examples : inputs, of mean square 1 each, and gradients
    seed : of everything
    """
    act, rng = get(activation), np.random.default_rng(seed)
    h = rng.standard_normal((examples, width))
    h /= np.sqrt((h**2).mean(1, keepdims=True))
    weights, pre = [], []
    for _ in range(depth):
        weights.append(math.sqrt(sigma_w2 / width) * rng.standard_normal((width, width)))
        pre.append(h @ weights[-1].T)
        h = act(pre[-1])
    g = rng.standard_normal((examples, width))
    gradient = [(g**2).mean()]
    for weight, s in zip(weights[:0:-1], pre[-2::-1], strict=True):
        g = act.derivative(s) * (g @ weight)
        gradient.append((g**2).mean())
    return Moments(
        np.array([(s**2).mean() for s in pre]),
        np.array([s.var(0, ddof=1).mean() for s in pre]),
        np.array(gradient[::-1]) / gradient[0],
    )


def settled(activation: str | Activation, sigma_w2: float) -> float:
    r"""Return by what a layer deep in a network multiplies the gradient, root mean square.

    It is :math:`\sqrt\chi` at the fixed point, and there the deviation across examples is
    multiplied by the same number, once it is small.

    Examples
    --------
    >>> round(settled("sigmoid", 1.0), 3), round(settled("rescaled_sigmoid", 1.0), 3)
    (0.236, 1.0)
    """
    q = float(fixed_point(activation, sigma_w2, 0.0))
    return math.sqrt(float(chi(activation, q, sigma_w2)))
