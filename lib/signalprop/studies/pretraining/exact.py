r"""Boltzmann machines so small that every state can be listed, and what follows exactly.

A restricted Boltzmann machine gives visible units :math:`v` and hidden units :math:`h` the
probability :math:`P(v, h) \propto \exp(h^T W v + b^T h + c^T v)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Machine:
    """A small restricted Boltzmann machine.

    Attributes
    ----------
    weight : (hidden, visible)
    hidden_bias, visible_bias : (hidden,) and (visible,)
    hidden_values, visible_values : the two values of these units
    """

    weight: Floats
    hidden_bias: Floats
    visible_bias: Floats
    hidden_values: tuple[float, float] = (0.0, 1.0)
    visible_values: tuple[float, float] = (0.0, 1.0)

    @property
    def hidden_states(self) -> Floats:
        """All states of the hidden units, (2**hidden, hidden)."""
        return _states(self.hidden_values, len(self.hidden_bias))

    @property
    def visible_states(self) -> Floats:
        """All states of the visible units, (2**visible, visible)."""
        return _states(self.visible_values, len(self.visible_bias))

    def joint(self) -> Floats:
        """Return P(h, v), (2**hidden, 2**visible)."""
        h, v = self.hidden_states, self.visible_states
        energy = h @ self.weight @ v.T + (h @ self.hidden_bias)[:, None] + v @ self.visible_bias
        weight = np.exp(energy - energy.max())
        return np.asarray(weight / weight.sum())

    def hidden_given_visible(self) -> Floats:
        """Return P(h | v), (2**hidden, 2**visible); columns sum to 1."""
        joint = self.joint()
        return np.asarray(joint / joint.sum(0))

    def visible_given_hidden(self) -> Floats:
        """Return P(v | h), (2**visible, 2**hidden); columns sum to 1."""
        joint = self.joint()
        return np.asarray((joint / joint.sum(1, keepdims=True)).T)

    def gibbs(self, data: Floats, steps: int) -> Floats:
        """Return the distribution of the visible states, (2**visible,), after Gibbs sampling.

        Parameters
        ----------
        data : the distribution that it starts from, (2**visible,)
        steps : each draws the hidden units given the visible ones, and these given those
        """
        step = self.visible_given_hidden() @ self.hidden_given_visible()
        return np.asarray(np.linalg.matrix_power(step, steps) @ data)

    def gradient(
        self, data: Floats, gibbs_steps: int | None = None
    ) -> tuple[Floats, Floats, Floats]:
        """Return the log-likelihood's gradient by weight, hidden and visible bias.

        Each is a mean over data minus a mean over the model; the hidden units of the first are
        drawn given the data.

        Parameters
        ----------
        data : a distribution of the visible states, (2**visible,)
        gibbs_steps : take the second mean after so many steps of Gibbs sampling from the data
            instead, as contrastive divergence does
        """
        model = self.joint().sum(0) if gibbs_steps is None else self.gibbs(data, gibbs_steps)
        difference = self.hidden_given_visible() * (data - model)
        h, v = self.hidden_states, self.visible_states
        return h.T @ difference @ v, difference.sum(1) @ h, difference.sum(0) @ v

    def transposed(self) -> Machine:
        """Return the machine that sees the hidden units, with the same weights."""
        return Machine(
            self.weight.T,
            self.visible_bias,
            self.hidden_bias,
            self.visible_values,
            self.hidden_values,
        )


def belief_network(machines: Sequence[Machine]) -> Floats:
    r"""Return P(x, g1, ..., gl) of a deep belief network, an axis for each layer's states.

    .. math:: P(x \mid g^1)\, P(g^1 \mid g^2) \cdots P(g^{l-2} \mid g^{l-1})\, P(g^{l-1}, g^l)

    Only the top two layers are a Boltzmann machine; all below are drawn from the top down.

    Parameters
    ----------
    machines : the lowest one first; the hidden units of one are the visible units of the next

    Examples
    --------
    >>> zero = Machine(np.zeros((2, 3)), np.zeros(2), np.zeros(3))
    >>> belief_network([zero, zero.transposed()]).shape
    (8, 4, 8)
    """
    *lower, top = machines
    joint = top.joint().T  # (g of layer l-1, g of layer l)
    for machine in reversed(lower):
        given = machine.visible_given_hidden()
        joint = given.reshape(*given.shape, *[1] * (joint.ndim - 1)) * joint
    return joint


def _states(values: tuple[float, float], units: int) -> Floats:
    return np.array(list(product(values, repeat=units)), dtype=float)
