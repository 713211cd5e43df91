"""Spectra of matrices that are drawn, in the transforms of free probability."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize.elementwise import find_root

from ...activations import get
from ...slopes import SlopeLaw

Complexes = NDArray[np.complex128]
Floats = NDArray[np.float64]
Weights = Literal["orthogonal", "gaussian"]


def draw(weights: Weights, width: int, sigma_w2: float, rng: np.random.Generator) -> Floats:
    """Draw a weight matrix (width, width), Gaussian or orthogonal up to its scale.

    The columns of the orthogonal one take the signs that make it uniform over all rotations
    and reflections: without them it is biased by how the QR factorization was computed.
    """
    gaussian = rng.standard_normal((width, width))
    if weights == "gaussian":
        return math.sqrt(sigma_w2 / width) * gaussian
    q, r = np.linalg.qr(gaussian)
    return math.sqrt(sigma_w2) * q * np.sign(np.diag(r))


def moment_transform(eigenvalues: ArrayLike, z: ArrayLike) -> NDArray[np.inexact]:
    r"""Return :math:`M(z) = \mathbb{E}\,\lambda / (z - \lambda)` at points ``z`` of any shape."""
    values, z = np.asarray(eigenvalues, dtype=np.float64), np.asarray(z)
    return np.asarray((values / (z[..., None] - values)).mean(-1))


def s_transform(eigenvalues: ArrayLike, w: ArrayLike) -> Floats:
    r"""Return :math:`S(w) = (1 + w) / (w\, M^{-1}(w))` of a positive matrix.

    On the negative axis M rises from minus the share of eigenvalues that are not 0, far left
    at 0, to 0 at infinity: its inverse is a matter of bisection.

    Parameters
    ----------
    eigenvalues : (n,), >= 0
    w : between minus the share of positive eigenvalues, and 0, any shape

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> s_transform([0.0, 1.0], -0.25)  # (1 + w) / (w + 1/2)
    array(3.)
    """
    values, at = np.asarray(eigenvalues, dtype=np.float64), np.asarray(w, dtype=np.float64)
    if values.min() < -1e-12 * values.max():
        raise ValueError(f"eigenvalues must be >= 0, got {values.min():g}")
    values = np.maximum(values, 0)
    positive = float(np.mean(values > 1e-12 * values.max()))
    if not np.all((at > -positive) & (at < 0)):
        raise ValueError(f"w must be between {-positive:g} and 0, got {w!r}")

    def excess(log_z: Floats, target: Floats) -> Floats:
        return np.asarray(moment_transform(values, -np.exp(log_z)) - target)

    middle = math.log(values.max())
    found = find_root(excess, (middle - 60, middle + 60), args=(at,))
    return np.asarray((1 + at) / (at * -np.exp(found.x)))


# --- Jacobians ----------------------------------------------------------------------------


def jacobian(
    activation: str,
    weights: Weights,
    depth: int,
    width: int,
    variances: tuple[float, float, float],
    seed: int,
) -> tuple[Floats, Floats]:
    """Return the Jacobian of a random network by its input, and its units' squared slopes.

    Parameters
    ----------
    activation : name
    weights, depth, width : of the network
    variances : q_star, sigma_w2 and sigma_b2; the input has the length that gives q_star
    seed : of input, weights and biases

    Returns
    -------
    jacobian, squares : (width, width) and (depth, width)
    """
    q_star, sigma_w2, sigma_b2 = variances
    act = get(activation)
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(width)
    x *= math.sqrt(width * (q_star - sigma_b2) / sigma_w2) / np.linalg.norm(x)
    product, squares = np.eye(width), []
    for _ in range(depth):
        weight = draw(weights, width, sigma_w2, rng)
        h = weight @ x + math.sqrt(sigma_b2) * rng.standard_normal(width)
        slope = act.derivative(h)
        product = slope[:, None] * (weight @ product)
        squares.append(slope**2)
        x = act(h)
    return product, np.array(squares)


def squared_variance(jacobians: list[Floats]) -> tuple[Floats, Floats]:
    """Return mean and variance of the squared singular values of each matrix, (n,) each."""
    first = np.array([(j**2).sum() / len(j) for j in jacobians])
    second = np.array([((j.T @ j) ** 2).sum() / len(j) for j in jacobians])
    return first, second - first**2


# --- from S back to the density -----------------------------------------------------------


def product_point(slopes: SlopeLaw, depth: int, gaussian: bool, y: Complexes) -> Complexes:
    r"""Return log z where one layer's moment transform at ``y`` is the product's at z.

    :math:`z = \frac{1+m}{m} \big(\frac{m y}{1+m} [1+m]\big)^L`, as in `signalprop.free_product`,
    without its care for rounding.
    """
    m = (slopes.weights * slopes.values / (y[..., None] - slopes.values)).sum(-1)
    # Each logarithm has its cut where its argument does not go for y in the upper half plane.
    log_m, log_1m = np.log(1j * m) - 0.5j * np.pi, np.log(1j * (1 + m)) - 0.5j * np.pi
    log_k = np.log(y) + log_m - log_1m
    return np.asarray(log_1m - log_m + depth * (log_k + gaussian * log_1m))


def half_circle(
    slopes: SlopeLaw, depth: int, gaussian: bool, s: float, steps: int = 400
) -> tuple[Complexes, Complexes]:
    """Follow y while z walks from -s**2 to s**2, over the upper half circle.

    Parameters
    ----------
    slopes, depth, gaussian : of the network, as in `signalprop.free_product`
    s : singular value, of a network of chi = 1
    steps : along the half circle; one Newton step each, and three at the end

    Returns
    -------
    z, y : (steps + 1,) each
    """
    log_radius = 2 * math.log(s)
    u = np.linspace(-40, 40, 4001)
    start = product_point(slopes, depth, gaussian, -np.exp(u) + 1e-12j).real
    log_y = np.interp(log_radius, start, u) + 1j * np.pi
    angles = np.linspace(np.pi, 0, steps + 1)
    path = []
    for angle in [*angles, 0.0, 0.0]:
        target, h = log_radius + 1j * angle, 1e-6
        for _ in range(2):
            log_z = [product_point(slopes, depth, gaussian, np.exp(log_y + k)) for k in (-h, 0, h)]
            log_y = log_y - (log_z[1] - target) * 2 * h / (log_z[2] - log_z[0])
        path.append(np.exp(log_y))
    return np.exp(log_radius + 1j * angles), np.array([*path[:steps], path[-1]])
