r"""Laws of infinite width against networks of width 1000, for every activation.

Two things part a network from the law.  First, its slopes are a sample.  Moving a fraction d of
the squared slopes of one layer changes the Jacobian by a matrix of rank d N, and so the
distribution function of its singular values by d at most; raising slopes raises all singular
values.  With weights whose law no rotation changes, it follows that the distance of Kolmogorov
between network and law is at most the sum over layers of the same distance between the layer's
squared slopes and theirs, which is measured here on the network itself.  Second, the
singular values of a finite matrix fluctuate, by a number of the order of log N of them.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.special import ndtri

from signalprop import meanfield, spectra
from signalprop.activations import NAMES, get
from signalprop.initializers import lecun_, orthogonal_
from signalprop.slopes import SlopeLaw
from signalprop.spectra import JacobianLaw, Law, Weights

Floats = NDArray[np.float64]

WIDTH, DEPTH = 1000, 3
FLUCTUATION = math.log(WIDTH) / WIDTH

Q_STAR = {"silu": 0.1, "gelu": 0.1}
NO_CRITICAL_POINT = {"sigmoid", "softplus"}
PIECEWISE_LINEAR = {"linear", "hard_tanh", "relu", "leaky_relu"}

CASES = [(name, weights) for name in NAMES for weights in ("orthogonal", "gaussian")]


class Network(NamedTuple):
    """What is kept of a network: its singular values, and each layer's squared slopes, sorted."""

    q_star: float
    sigma_w2: float
    singular_values: Floats
    squares: Floats


@functools.cache
def drawn() -> dict[str, torch.Tensor]:
    """Draw what all networks share: weights of variance 1 / width, biases, and an input."""
    generator = torch.Generator().manual_seed(0)
    shape = (DEPTH, WIDTH, WIDTH)
    fills = {"orthogonal": orthogonal_, "gaussian": lecun_}
    matrices = {name: torch.empty(shape, dtype=torch.float64) for name in fills}
    for name, fill in fills.items():
        for weight in matrices[name]:
            fill(weight, generator=generator)
    normal = torch.empty(DEPTH + 1, WIDTH, dtype=torch.float64).normal_(generator=generator)
    return matrices | {"biases": normal[:-1], "input": normal[-1]}


@functools.cache
def network(name: str, weights: Weights) -> Network:
    """Send an input through a critical network.

    Where no bias variance keeps q*, the biases cancel the mean of the activations: what is left to
    keep is the variance of phi, which is below q* E[phi'^2] for any phi (Poincaré).
    """
    activation, q_star = get(name), Q_STAR.get(name, 1.0)
    if name in NO_CRITICAL_POINT:
        mean = float(activation.mean(q_star))
        sigma_w2 = float(1 / activation.slope_square_mean(q_star))
        sigma_b2 = q_star - sigma_w2 * (float(activation.square_mean(q_star)) - mean**2)
    else:
        mean = 0.0
        sigma_w2, sigma_b2 = (float(v) for v in meanfield.critical_point(activation, q_star))
    x = drawn()["input"]
    x = x * math.sqrt((q_star - sigma_b2) / sigma_w2 / float(x.square().mean()))
    product, squares = torch.eye(WIDTH, dtype=torch.float64), []
    for matrix, noise in zip(drawn()[weights], drawn()["biases"], strict=True):
        weight = math.sqrt(sigma_w2) * matrix
        h = weight @ x + math.sqrt(sigma_b2) * noise
        x = activation(h) - mean
        slopes = activation.derivative(h)
        product = slopes[:, None] * (weight if not squares else weight @ product)
        squares.append(slopes.square().sort().values.numpy())
    squared = torch.linalg.eigvalsh(product @ product.t()).clamp(min=0)
    return Network(q_star, sigma_w2, squared.sqrt().numpy(), np.stack(squares))


def distance(s: Floats, law: Law) -> float:
    """Return the distance of Kolmogorov between singular values (n,) and a law, at 200 points.

    Rounding spreads the singular values of an atom, so nothing is compared inside one: neither
    within 1e-6 of it, nor below 1e-6 of the largest (the square root of rounding is 1e-8).
    """
    floor, gap = 1e-6 * s[-1], 1e-6
    atoms = np.array([location for location, _ in law.atoms if location > 0])
    at = np.quantile(s, (np.arange(200) + 0.5) / 200)
    at = at[(abs(at[:, None] / atoms - 1) > gap).all(1) & (at > floor)]
    at = np.concatenate([at, atoms * (1 - gap), atoms * (1 + gap), [floor]])
    counted = np.searchsorted(np.sort(s), at, side="right") / len(s)
    return float(abs(counted - law.cdf(at)).max())


def sampling_distance(name: str, net: Network) -> float:
    """Return the sum over layers of the distance of their squared slopes from their law."""
    z = ndtri((np.arange(200_000) + 0.5) / 200_000)
    law = np.sort(get(name).derivative(math.sqrt(net.q_star) * z) ** 2)
    total = 0.0
    for sample in net.squares:
        gaps = [
            np.searchsorted(law, sample, side) / len(law)
            - np.searchsorted(sample, sample, side) / len(sample)
            for side in ("left", "right")
        ]
        total += float(abs(np.stack(gaps)).max())
    return total


def law_of_own_slopes(name: str, weights: Weights, net: Network, depth: int) -> JacobianLaw:
    """Return the law of infinitely wide networks that have this network's slopes.

    Factors of a free product commute, so to first order in what sets the layers apart it is their
    mixture that counts.
    """
    mean = net.squares.mean()
    values = np.sort(net.squares, axis=None) / mean
    masses = np.full(values.size, 1 / values.size)
    atoms: tuple[tuple[float, float], ...] = ()
    if name in PIECEWISE_LINEAR:
        values, counts = np.unique(values, return_counts=True)
        masses = counts / counts.sum()
        atoms = tuple(zip(values.tolist(), masses.tolist(), strict=True))
    slopes = SlopeLaw(
        float(mean),
        values.astype(complex),
        (values - 1).astype(complex),
        masses.astype(complex),
        float(values[0]),
        float(values[-1]),
        atoms,
    )
    return JacobianLaw(slopes, depth, weights, net.sigma_w2)


@pytest.mark.parametrize(("name", "weights"), CASES)
def test_a_wide_network_follows_the_law(name: str, weights: Weights) -> None:
    """As far as its slopes are those of the theory."""
    net = network(name, weights)
    law = spectra.jacobian_law(name, DEPTH, weights, net.q_star)
    assert distance(net.singular_values, law) < sampling_distance(name, net) + FLUCTUATION


@pytest.mark.parametrize(("name", "weights"), CASES)
def test_a_wide_network_follows_the_law_of_its_own_slopes(name: str, weights: Weights) -> None:
    """Much closer; and the law of one layer less is far.

    But the mass of an atom depends on the layers one by one, not on their mixture: at zero it is
    that of the layer with the fewest active units.
    """
    net = network(name, weights)
    law = law_of_own_slopes(name, weights, net, DEPTH)
    tolerance = FLUCTUATION
    if law.atoms:
        active = (net.squares == net.squares.max()).mean(1)
        tolerance += float(abs(active - active.mean()).max())
    assert distance(net.singular_values, law) < tolerance
    if (name, weights) != ("linear", "orthogonal"):  # all ones at any depth
        shallower = law_of_own_slopes(name, weights, net, DEPTH - 1)
        assert distance(net.singular_values, shallower) > 2 * tolerance


@pytest.mark.parametrize(
    ("name", "weights"), [("hard_tanh", "orthogonal"), ("leaky_tanh", "gaussian")]
)
def test_the_law_of_one_layer_less_is_told_apart(name: str, weights: Weights) -> None:
    net = network(name, weights)
    law = spectra.jacobian_law(name, DEPTH - 1, weights, net.q_star)
    assert distance(net.singular_values, law) > sampling_distance(name, net) + FLUCTUATION
