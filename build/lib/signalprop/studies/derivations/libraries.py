"""What torch and Keras draw, and the gains that torch recommends, beside our own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from scipy.stats import truncnorm
from torch import nn

from ...activations import Activation, Floats, get, leaky_relu
from ...initializers import Distribution, Fan, variance_scaling_
from ...meanfield import chi, fixed_point
from ...propagation import Gain, gain

# --- one family ---------------------------------------------------------------------------

KERAS: dict[str, Callable[[int, int], float]] = {
    "VarianceScaling": lambda n_in, n_out: math.sqrt(3 * (1 / 3) / n_in),  # of scale 1/3, uniform
    "lecun_normal": lambda n_in, n_out: math.sqrt(1 / n_in),
    "lecun_uniform": lambda n_in, n_out: math.sqrt(3 / n_in),
    "glorot_normal": lambda n_in, n_out: math.sqrt(2 / (n_in + n_out)),
    "glorot_uniform": lambda n_in, n_out: math.sqrt(6 / (n_in + n_out)),
    "he_normal": lambda n_in, n_out: math.sqrt(2 / n_in),
    "he_uniform": lambda n_in, n_out: math.sqrt(6 / n_in),
}
"""What Keras documents of its rules, from the fans in and out: the limit of a uniform distribution,
or the deviation of a truncated normal one after truncation.  Keras itself is not installed here."""


@dataclass(frozen=True)
class Member:
    """A rule for starting weights as a member of the family Var = scale / fan.

    Attributes
    ----------
    name : in this book
    scale, fan, distribution : arguments of `signalprop.initializers.variance_scaling_`
    torch_name, options : the function of ``torch.nn.init`` that does the same, and its arguments
    keras_name : the same in Keras
    """

    name: str
    scale: float
    fan: str
    distribution: str
    torch_name: str
    options: dict[str, Any]
    keras_name: str

    @property
    def torch_call(self) -> str:
        """Return how torch is called."""
        shown = (f"{k}={v:.3g}" if isinstance(v, float) else v for k, v in self.options.items())
        return f"{self.torch_name}({', '.join(shown)})" if self.options else self.torch_name

    def variance(self, fan_in: int, fan_out: int) -> float:
        """Return scale / fan."""
        fans = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}
        return self.scale / fans[self.fan]

    def keras_variance(self, fan_in: int, fan_out: int) -> float:
        """Return the variance of what Keras documents."""
        size = KERAS[self.keras_name](fan_in, fan_out)
        return size**2 / 3 if self.distribution == "uniform" else size**2

    def same_as_torch(self, shape: tuple[int, ...] = (30, 50), seed: int = 0) -> bool:
        """Tell whether our draw and torch's are the same to the last bit."""
        ours, theirs = torch.empty(shape), torch.empty(shape)
        fan, kind = cast("Fan", self.fan), cast("Distribution", self.distribution)
        variance_scaling_(ours, self.scale, fan, kind, generator=generator(seed))
        getattr(nn.init, self.torch_name)(theirs, generator=generator(seed), **self.options)
        return torch.equal(ours, theirs)


def generator(seed: int = 0) -> torch.Generator:
    """Return a source of randomness that is the same each time."""
    return torch.Generator().manual_seed(seed)


_ROOT_5 = {"a": math.sqrt(5)}
_LINEAR, _RELU = {"nonlinearity": "linear"}, {"nonlinearity": "relu"}

FAMILY = (
    Member("standard", 1 / 3, "in", "uniform", "kaiming_uniform_", _ROOT_5, "VarianceScaling"),
    Member("LeCun", 1, "in", "normal", "kaiming_normal_", _LINEAR, "lecun_normal"),
    Member("LeCun", 1, "in", "uniform", "kaiming_uniform_", _LINEAR, "lecun_uniform"),
    Member("Xavier", 1, "average", "normal", "xavier_normal_", {}, "glorot_normal"),
    Member("Xavier", 1, "average", "uniform", "xavier_uniform_", {}, "glorot_uniform"),
    Member("Kaiming", 2, "in", "normal", "kaiming_normal_", _RELU, "he_normal"),
    Member("Kaiming", 2, "in", "uniform", "kaiming_uniform_", _RELU, "he_uniform"),
)
"""The papers' rules."""

KERAS_TRUNCATION = 0.87962566103423978
"""Deviation of a standard normal cut off at -2 and 2; Keras divides by it before it truncates."""


def keras_normal(size: float, draws: int, seed: int = 0) -> Floats:
    """Draw what Keras documents for a truncated normal of deviation ``size`` after truncation."""
    rng = np.random.default_rng(seed)
    drawn = truncnorm.rvs(-2, 2, size=draws, random_state=rng)
    return np.asarray(drawn * size / KERAS_TRUNCATION)


# --- gains --------------------------------------------------------------------------------

_LAMBDA, _ALPHA = 1.0507009873554805, 1.6732632423543772

SELU = Activation(
    "selu",
    lambda x: _LAMBDA * np.where(x > 0, x, _ALPHA * np.expm1(np.minimum(x, 0))),
    lambda x: _LAMBDA * np.where(x > 0, 1.0, _ALPHA * np.exp(np.minimum(x, 0))),
    limits=(-_LAMBDA * _ALPHA, math.inf),
)
"""The unit of Klambauer et al. (2017), whose constants keep mean 0 and variance 1."""


@dataclass(frozen=True)
class GainRow:
    r"""A gain of ``torch.nn.init.calculate_gain`` beside what Gaussian moments give.

    Attributes
    ----------
    name : of the activation, in torch
    torch : the gain
    computed : ours at the variance asked for
    q_star : variance of the pre-activations at which a network with torch's gain and zero biases
        settles; None if it keeps every variance
    chi : what a layer then multiplies squared gradients by
    """

    name: str
    torch: float
    computed: Gain
    q_star: float | None
    chi: float


GAINS: dict[str, Activation] = {
    "linear": get("linear"),
    "relu": get("relu"),
    "leaky_relu": leaky_relu(0.01),  # torch's default slope
    "tanh": get("tanh"),
    "sigmoid": get("sigmoid"),
    "selu": SELU,
}
"""The activations of which torch knows a gain."""


def gain_rows(q: float = 1.0) -> list[GainRow]:
    """Return torch's gains beside ours.

    Parameters
    ----------
    q : variance of the pre-activations at which ours are computed
    """
    return [_gain_row(name, act, q) for name, act in GAINS.items()]


def _gain_row(name: str, act: Activation, q: float) -> GainRow:
    recommended = float(nn.init.calculate_gain(name))  # type: ignore[arg-type]
    settled = _settled(act, recommended**2)
    growth = chi(act, 1.0 if settled is None else settled, recommended**2)
    return GainRow(name, recommended, gain(act, q), settled, float(growth))


def _settled(act: Activation, sigma_w2: float) -> float | None:
    """Return q*, or None where the second moment of the activations is a multiple of q."""
    one, four = act.square_mean([1.0, 4.0]).tolist()
    return None if abs(four - 4 * one) < 1e-12 else float(fixed_point(act, sigma_w2, 0.0))
