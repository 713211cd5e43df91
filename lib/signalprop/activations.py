r"""The thirteen activations of the book, each with its derivative and its Gaussian moments.

For a pre-activation :math:`\sqrt q\,z`, :math:`z \sim N(0, 1)`, the theory of every chapter
needs four numbers only: the mean and mean square of the activation and of its slope.
They are closed forms where one exists and quadrature elsewhere.

The functions take NumPy arrays and torch tensors alike.  That needs no layer of our own:
the few operations used here have the same names in ``numpy`` and ``torch``, and in
``scipy.special`` and ``torch.special``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import scipy.special
from numpy.typing import ArrayLike

from . import moments
from .arguments import checked_variance
from .moments import Floats as Floats
from .moments import Function as Function
from .moments import Moment
from .moments import gaussian_mean as gaussian_mean


def _libraries(x: Any) -> tuple[Any, Any]:
    """Return the array library of ``x`` and its special functions."""
    if type(x).__module__.split(".")[0] == "torch":  # asked without importing torch
        import torch

        return torch, torch.special
    return np, scipy.special


def _is_complex(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic | complex) and np.iscomplexobj(x)


def _expit(x: Any) -> Any:
    if _is_complex(x):
        return 1 / (1 + np.exp(-x))
    return _libraries(x)[1].expit(x)


def _bell(x: Any) -> Any:
    """Return exp(-x**2), free of overflow."""
    if _is_complex(x):
        return np.exp(-(x**2))
    lib, _ = _libraries(x)
    return lib.exp(-(lib.clip(x, -40, 40) ** 2))


@dataclass(frozen=True)
class Activation:
    r"""A scalar function applied to each unit.

    Parameters
    ----------
    name : its name in this book
    function, derivative : elementwise on arrays and tensors
    limits : infimum and supremum of the function
    moments : closed forms, by the name of the method they serve
    value_slope : the derivative as a function of the activation's value, where it is one and
        is cheaper than `derivative`

    Notes
    -----
    The derivative accepts complex NumPy arrays too, for contour integrals: it is continued
    analytically from either half of the real line.

    The moments accept a variance ``q`` >= 0 of any shape and return its shape (float64); a
    negative or infinite ``q`` raises ``ValueError``.

    Examples
    --------
    >>> tanh = get("tanh")
    >>> float(tanh(0.0)), float(tanh.derivative(0.0))
    (0.0, 1.0)
    >>> float(get("relu").square_mean(3.0))
    1.5
    """

    name: str
    function: Function = field(repr=False)
    derivative: Function = field(repr=False)
    limits: tuple[float, float] = (-math.inf, math.inf)
    moments: Mapping[str, Moment] = field(default_factory=dict, repr=False)
    value_slope: Function | None = field(default=None, repr=False)

    def __call__(self, x: Any) -> Any:
        """Apply the activation elementwise."""
        return self.function(x)

    def mean(self, q: ArrayLike) -> Floats:
        r"""Return :math:`\mathbb{E}\,\phi(\sqrt q z)`."""
        return self._moment("mean", self.function, q)

    def square_mean(self, q: ArrayLike) -> Floats:
        r"""Return :math:`\mathbb{E}\,\phi(\sqrt q z)^2`, the second moment."""
        return self._moment("square_mean", lambda x: self.function(x) ** 2, q)

    def slope_mean(self, q: ArrayLike) -> Floats:
        r"""Return :math:`\mathbb{E}\,\phi'(\sqrt q z)`."""
        return self._moment("slope_mean", self.derivative, q)

    def slope_square_mean(self, q: ArrayLike) -> Floats:
        r"""Return :math:`\mathbb{E}\,\phi'(\sqrt q z)^2`."""
        return self._moment("slope_square_mean", lambda x: self.derivative(x) ** 2, q)

    def centred(self) -> Activation:
        r"""Return this activation minus its value at 0, so that no input gives no output.

        >>> float(get("sigmoid").centred()(0.0))
        0.0
        """
        offset = float(self.function(0.0))
        slope = self.value_slope
        low, high = self.limits
        return replace(
            self,
            name=f"centred {self.name}",
            function=lambda x: self.function(x) - offset,
            limits=(low - offset, high - offset),
            moments={k: v for k, v in self.moments.items() if not offset or "slope" in k},
            value_slope=None if slope is None else lambda y: slope(y + offset),
        )

    def _moment(self, name: str, integrand: Function, q: ArrayLike) -> Floats:
        variance = checked_variance("q", q, zero=True)
        closed_form = self.moments.get(name)
        if closed_form is not None:
            return np.asarray(closed_form(variance), dtype=np.float64)
        return gaussian_mean(integrand, variance)


# --- the table ----------------------------------------------------------------------------


def _sigmoid_slope(x: Any) -> Any:
    return _expit(x) * _expit(-x)  # exact in both tails, where 1 - sigmoid would cancel


def _tanh(x: Any) -> Any:
    return _libraries(x)[0].tanh(x)


def _tanh_slope(x: Any) -> Any:
    return 4 * _sigmoid_slope(2 * x)


def _step(x: Any, left: float, right: float) -> Any:
    """Return ``right`` where x > 0, else ``left``, in the type of x."""
    lib, _ = _libraries(x)
    return lib.where(x > 0, right + 0 * x, left + 0 * x)


def _clip(x: Any, low: float | None, high: float | None) -> Any:
    return _libraries(x)[0].clip(x, low, high)


def _softsign_slope(x: Any) -> Any:
    size = np.where(x.real < 0, -x, x) if _is_complex(x) else abs(x)
    return (1 / (1 + size)) ** 2


def _softplus(x: Any) -> Any:
    lib, _ = _libraries(x)
    return _clip(x, 0, None) + lib.log1p(lib.exp(-abs(x)))


def _ndtr(x: Any) -> Any:
    return _libraries(x)[1].erfc(-x / math.sqrt(2)) / 2  # torch's own ndtr cancels in the tail


def leaky_relu(slope: float = 0.25) -> Activation:
    """Return max(x, slope x); 0.25 is the slope of Xu, Huang & Li (2016).

    >>> leaky_relu(0.5)(np.array([-2.0, 2.0]))
    array([-1.,  2.])
    """
    _check_slope(slope)
    return Activation(
        "leaky_relu",
        lambda x: _clip(x, 0, None) + slope * _clip(x, None, 0),
        lambda x: _step(x, slope, 1.0),
        moments=moments.piecewise_linear(slope),
    )


def leaky_tanh(slope: float = 0.25) -> Activation:
    """Return tanh x on the right and slope * tanh x on the left (Xu, Huang & Li 2016, eq. 11).

    >>> leaky_tanh(0.5).limits
    (-0.5, 1.0)
    """
    _check_slope(slope)
    return Activation(
        "leaky_tanh",
        lambda x: _tanh(x) * _step(x, slope, 1.0),
        lambda x: _tanh_slope(x) * _step(x, slope, 1.0),
        limits=(-slope, 1.0),
    )


def _check_slope(slope: float) -> None:
    if not 0 <= slope <= 1:
        raise ValueError(f"slope must be between 0 and 1, got {slope}")


_TABLE = {
    a.name: a
    for a in (
        Activation(
            "linear",
            lambda x: 1.0 * x,
            lambda x: _step(x, 1.0, 1.0),
            moments=moments.piecewise_linear(1),
        ),
        Activation(
            "sigmoid",
            _expit,
            _sigmoid_slope,
            (0.0, 1.0),
            moments={"mean": moments.constant(0.5)},
            value_slope=lambda y: y * (1 - y),
        ),
        Activation(
            "rescaled_sigmoid",  # 4 sigmoid(x) - 2, without the cancellation at 0
            lambda x: 2 * _tanh(x / 2),
            lambda x: 4 * _sigmoid_slope(x),
            (-2.0, 2.0),
            moments=moments.ODD,
        ),
        Activation(
            "tanh",
            _tanh,
            _tanh_slope,
            (-1.0, 1.0),
            moments=moments.ODD,
            value_slope=lambda y: 1 - y * y,
        ),
        leaky_tanh(),
        Activation(
            "hard_tanh",
            lambda x: 1.0 * _clip(x, -1, 1),
            lambda x: _step(1 - abs(x), 0.0, 1.0),
            (-1.0, 1.0),
            moments=moments.hard_tanh(),
        ),
        Activation(
            "relu",
            lambda x: 1.0 * _clip(x, 0, None),
            lambda x: _step(x, 0.0, 1.0),
            (0.0, math.inf),
            moments=moments.piecewise_linear(0),
        ),
        leaky_relu(),
        Activation("softplus", _softplus, _expit, (0.0, math.inf), moments=moments.GATE),
        Activation(
            "softsign",
            lambda x: x / (1 + abs(x)),
            _softsign_slope,
            (-1.0, 1.0),
            moments=moments.ODD,
            value_slope=lambda y: (1 - abs(y)) ** 2,
        ),
        Activation(
            "erf",
            lambda x: _libraries(x)[1].erf(x),
            lambda x: 2 / math.sqrt(math.pi) * _bell(x),
            (-1.0, 1.0),
            moments=moments.erf(),
        ),
        Activation(
            "silu",
            lambda x: x * _expit(x),
            lambda x: _expit(x) * (1 + x * _expit(-x)),
            (-0.2784645427610738, math.inf),  # -W(1/e), W Lambert's function
            moments=moments.GATE,
        ),
        Activation(
            "gelu",
            lambda x: x * _ndtr(x),
            lambda x: _ndtr(x) + x * _bell(x / math.sqrt(2)) / math.sqrt(2 * math.pi),
            (-0.16997120747990369, math.inf),  # at the root of Phi(x) + x Phi'(x)
            moments=moments.gelu(),
        ),
    )
}

NAMES = tuple(_TABLE)
"""Names of the thirteen activations."""


def get(name: str | Activation) -> Activation:
    """Return an activation by its name.

    Parameters
    ----------
    name : one of `NAMES`; an `Activation` is returned as it is

    Raises
    ------
    ValueError
        If there is none of this name.

    Examples
    --------
    >>> get("relu")
    Activation(name='relu', limits=(0.0, inf))
    """
    if isinstance(name, Activation):
        return name
    if name not in _TABLE:
        raise ValueError(f"activation must be one of {', '.join(NAMES)}, got {name!r}")
    return _TABLE[name]
