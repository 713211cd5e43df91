r"""What LSUV does to wide dense layers: it sets their variance and not their correlations.

After LSUV every layer's pre-activations have the variance 1 over units and examples, so

.. math:: \sigma_w^2 = \frac1{\mathbb{E}\,\phi(z)^2}, \qquad \sigma_b^2 = 0, \qquad q = 1

in every layer but the first, whatever the activation :math:`\phi`.  Two examples of correlation
:math:`c = 1 - d` then have, one layer on, a correlation :math:`1 - d'` with

.. math:: d' = \frac{\mathbb{E}\,(\phi(u_1) - \phi(u_2))^2 / 2}{\mathbb{E}\,\phi(z)^2}
    \approx \frac{\mathbb{E}\,\phi'(z)^2}{\mathbb{E}\,\phi(z)^2}\, d \quad (d \to 0),

the correlation map of `signalprop.meanfield`.  And :math:`d`, averaged over pairs, is the part of
the variance 1 that tells examples apart: the mean over units of the variance across examples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...activations import Activation, get
from ...kernels import half_squared_difference

Floats = NDArray[np.float64]


def weight_variance(activation: str | Activation, remove_means: bool = False) -> float:
    r"""Return the :math:`\sigma_w^2` that LSUV arrives at in a wide layer.

    Parameters
    ----------
    activation : name or Activation of the layer below
    remove_means : whether unit means are removed before the variance is taken: then it is
        one over the *variance* of the activations, instead of their second moment

    Examples
    --------
    >>> weight_variance("relu")
    2.0
    """
    act = get(activation)
    mean = float(act.mean(1.0)) if remove_means else 0.0
    return 1 / (float(act.square_mean(1.0)) - mean**2)


def growth(activation: str | Activation, remove_means: bool = False) -> float:
    r"""Return by what an LSUV layer multiplies a small variance across examples.

    .. math:: \chi = \frac{\mathbb{E}\,\phi'(z)^2}{\mathbb{E}\,\phi(z)^2} \quad\text{or}\quad
        \frac{\mathbb{E}\,\phi'(z)^2}{\operatorname{Var} \phi(z)}

    It multiplies the mean square of the gradient, on its way down, by the same number
    (`signalprop.meanfield.chi` at this weight variance).  With means removed it is never
    below 1: that is Poincaré's inequality for Gaussian variables.

    Parameters
    ----------
    activation : name or Activation
    remove_means : as for `weight_variance`

    Examples
    --------
    >>> growth("relu"), growth("linear"), round(growth("sigmoid"), 4)
    (1.0, 1.0, 0.1528)
    """
    act = get(activation)
    return weight_variance(act, remove_means) * float(act.slope_square_mean(1.0))


def data_variances(
    activation: str | Activation, layers: int, first: float = 1.0, remove_means: bool = False
) -> Floats:
    """Return the variance across examples of the pre-activations, layer by layer, after LSUV.

    Parameters
    ----------
    activation : name or Activation of every layer
    layers : how many
    first : that of the first layer, 0 to 1; 1 if examples are uncorrelated.  Pairs of examples
        are all taken to be equally correlated.
    remove_means : as for `weight_variance`; then it is 1 by construction

    Returns
    -------
    (layers,)

    Raises
    ------
    ValueError
        If ``layers`` or ``first`` is out of range.

    Examples
    --------
    >>> data_variances("sigmoid", 3).round(4)
    array([1.    , 0.1479, 0.0224])
    """
    if layers < 1:
        raise ValueError(f"layers must be at least 1, got {layers}")
    if not 0 <= first <= 1:
        raise ValueError(f"first must be between 0 and 1, got {first}")
    if remove_means:
        return np.ones(layers)
    act = get(activation)
    scale, values = weight_variance(act), [float(first)]
    for _ in range(layers - 1):
        values.append(scale * float(half_squared_difference(act, values[-1], 1.0)))
    return np.array(values)
