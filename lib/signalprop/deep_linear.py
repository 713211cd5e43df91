r"""Deep linear networks: the exact course of their learning.

The output of a network without activations is :math:`y = W_D \cdots W_1 x`, linear in its input
but not in its weights, and so is the way it learns (Saxe, McClelland & Ganguli 2014).  With
whitened inputs the squared error is, up to a constant, that of the product of the weights,

.. math:: C = \tfrac12 \| W_D \cdots W_1 - T \|^2,

where T is the best linear map (outputs, inputs).  Let the weights be aligned with the singular
vectors of T and balanced: each mode passes every matrix with the same strength, and all D of
them together with strength u.  Then modes do not interact, and gradient flow,
:math:`\tau \dot W = -\partial C/\partial W`, moves each towards its singular value s by

.. math:: \tau \dot u = D\, u^{2 - 2/D} (s - u).

``depth`` is D, the number of weight matrices; the paper counts the layers of units,
:math:`N_l = D + 1`.  Time is counted in units of :math:`\tau / D`, in which the equation has a
limit at infinite depth.  Gradient descent at rate :math:`\eta` is gradient flow at
:math:`\tau = 1/\eta` up to terms of order :math:`\eta`: n steps take the time
:math:`n \eta D`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad, solve_ivp

Floats = NDArray[np.float64]


def velocity(u: ArrayLike, s: ArrayLike, depth: float) -> Floats:
    r"""Return :math:`u^{2 - 2/D} (s - u)`, the speed at which a mode is learned.

    Saxe et al. (2014), eq. 15, in units of :math:`D/\tau`.

    Parameters
    ----------
    u : strength of the mode in the network, > 0
    s : strength to be learned, > 0
    depth : number of weight matrices, >= 1; may be infinite

    Examples
    --------
    A weak mode is learned slowly, and in a deep network more so:

    >>> velocity([0.01, 0.5], 1.0, depth=2)
    array([0.0099, 0.25  ])
    >>> velocity([0.01, 0.5], 1.0, depth=math.inf)
    array([9.90e-05, 1.25e-01])
    """
    strength = np.asarray(u, dtype=float)
    return np.asarray(strength ** (2 - 2 / depth) * (s - strength))


def learning_time(s: float, start: float, end: float, depth: float) -> float:
    r"""Return the time in which a mode goes from one strength to another.

    .. math:: \int_{u_0}^{u_f} \frac{du}{u^{2 - 2/D} (s - u)},

    in units of :math:`\tau/D`.  For D = 2, and for D going to infinity (Saxe et al. 2014,
    eq. 17), it is

    .. math::
        \frac1s \ln\frac{u_f (s - u_0)}{u_0 (s - u_f)} \quad\text{and}\quad
        \frac1{s^2} \ln\frac{u_f (s - u_0)}{u_0 (s - u_f)} + \frac1{s u_0} - \frac1{s u_f}.

    Parameters
    ----------
    s : strength to be learned, > 0
    start, end : strengths > 0, both below s or both above, the end not farther from it
    depth : number of weight matrices, >= 1; may be infinite

    Raises
    ------
    ValueError
        If an argument is out of range.

    Examples
    --------
    >>> round(learning_time(1, 0.01, 0.99, depth=2), 2)
    9.19
    >>> round(learning_time(1, 0.01, 0.99, depth=math.inf), 1)
    108.2
    """
    _check(s, start, depth)
    if not (start <= end < s or s < end <= start):
        raise ValueError(f"end must lie between start = {start} and s = {s}, got {end}")
    odds = math.log(end * (s - start) / (start * (s - end)))
    if depth == 2:
        return odds / s
    if math.isinf(depth):
        return odds / s**2 + (1 / start - 1 / end) / s

    # The integrand at small u is a power, and so smooth in log u; towards s it is 1 / (s - u),
    # whose integral is taken out.
    def remainder(x: float) -> float:
        u = math.exp(x)
        return float(u ** (2 / depth - 1) - s ** (2 / depth - 1)) / (s - u)

    smooth, _ = quad(remainder, math.log(start), math.log(end), epsabs=0, epsrel=1e-11, limit=200)
    return float(smooth + s ** (2 / depth - 2) * odds)


def strength(times: ArrayLike, s: float, start: float, depth: float) -> Floats:
    r"""Return how strong a mode is after some time.

    Parameters
    ----------
    times : >= 0 and rising, in units of :math:`\tau/D`
    s : strength to be learned, > 0
    start : strength at time 0, > 0
    depth : number of weight matrices, >= 1; may be infinite

    Returns
    -------
    (times,)

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    For D = 2 a logistic curve, else the differential equation of log u, integrated.

    Examples
    --------
    >>> strength([0, 5, 10], s=1, start=0.01, depth=2).round(2)
    array([0.01, 0.6 , 1.  ])
    """
    _check(s, start, depth)
    t = np.atleast_1d(np.asarray(times, dtype=float))
    if not (np.all(t >= 0) and np.all(np.diff(t) >= 0)):
        raise ValueError(f"times must be >= 0 and rising, got {times!r}")
    if depth == 2:
        return np.asarray(s / (1 + (s / start - 1) * np.exp(-s * t)))

    def rate(_: float, x: Floats) -> Floats:
        return np.exp((1 - 2 / depth) * x) * (s - np.exp(x))

    solution = solve_ivp(
        rate, (0, t[-1]), [math.log(start)], "LSODA", t_eval=t, rtol=1e-10, atol=1e-12
    )
    return np.asarray(np.exp(solution.y[0]))


def _check(s: float, start: float, depth: float) -> None:
    for name, value, least in (("s", s, "> 0"), ("start", start, "> 0"), ("depth", depth, ">= 1")):
        if not (value >= 1 if name == "depth" else 0 < value < math.inf):
            raise ValueError(f"{name} must be {least}, got {value}")


# --- gradient descent ---------------------------------------------------------------------


def mode_descent(s: ArrayLike, start: float, depth: int, rate: ArrayLike, steps: int) -> Floats:
    """Return the strengths of aligned, balanced modes under gradient descent.

    Exactly those of the whole matrices: modes stay aligned and balanced at any rate.

    Parameters
    ----------
    s : (modes,) strengths to be learned
    start : strength of all modes at the start, > 0
    depth : number of weight matrices
    rate : of learning; or several, (rates, 1), each for a network of its own
    steps : of gradient descent

    Returns
    -------
    (steps + 1, modes) or (steps + 1, rates, modes); not finite from where it diverges

    Examples
    --------
    The stronger of two modes is learned first:

    >>> mode_descent([4.0, 1.0], start=0.01, depth=2, rate=0.1, steps=40)[::20].round(2)
    array([[0.01, 0.01],
           [4.  , 0.33],
           [4.  , 0.97]])
    """
    goal, eta = np.broadcast_arrays(np.asarray(s, float), np.asarray(rate, float))
    a = np.full(goal.shape, start ** (1 / depth))
    course = np.empty((steps + 1, *goal.shape))
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(steps + 1):
            course[step] = a**depth
            a = a + eta * a ** (depth - 1) * (goal - course[step])
    return course


def aligned_weights(
    target: ArrayLike, depth: int, width: int, start: float, rng: np.random.Generator
) -> list[Floats]:
    """Draw weights that are aligned with a target and balanced, and otherwise random.

    Parameters
    ----------
    target : (outputs, inputs)
    depth : number of weight matrices
    width : units in each hidden layer, at least as many as the target has outputs or inputs
    start : strength of all modes
    rng : source of randomness

    Returns
    -------
    weights, those next to the input first: (width, inputs), (width, width), ..., (outputs, width)

    Examples
    --------
    Their product has the modes of the target, each with the strength of the start:

    >>> rng = np.random.default_rng(0)
    >>> first, second = aligned_weights(np.diag([4.0, 1.0]), 2, width=5, start=0.1, rng=rng)
    >>> bool(np.allclose(second @ first, 0.1 * np.eye(2)))
    True
    """
    left, _, right = np.linalg.svd(np.asarray(target, dtype=float), full_matrices=False)
    modes = left.shape[1]
    hidden = [np.linalg.qr(rng.standard_normal((width, modes)))[0] for _ in range(depth - 1)]
    bases = [right.T, *hidden, left]
    return [start ** (1 / depth) * b @ a.T for a, b in pairwise(bases)]


def descent_step(weights: Sequence[Floats], inputs: Floats, targets: Floats, rate: float) -> float:
    r"""Do a step of gradient descent on :math:`\frac12\|W_D \cdots W_1 X - Y\|^2`, in place.

    Parameters
    ----------
    weights : those next to the input first
    inputs : X, (features, examples); the unit matrix for whitened inputs
    targets : Y, (outputs, examples)
    rate : of learning

    Returns
    -------
    the cost before the step

    Notes
    -----
    The gradient of :math:`W_l` is the product of what is above it, the error, and what is below
    it, each transposed.  Its rank is that of the error, so that the error is carried upwards
    instead of the examples: with few outputs that is cheap.

    Examples
    --------
    >>> weights = [np.array([[1.0]]), np.array([[2.0]])]
    >>> descent_step(weights, np.eye(1), np.array([[3.0]]), rate=0.1)
    0.5
    >>> [round(weight.item(), 2) for weight in weights]
    [1.2, 2.1]
    """
    above = [np.eye(len(targets))]
    for weight in reversed(weights):
        above.append(above[-1] @ weight)
    error = above.pop() @ inputs - targets
    below = inputs @ error.T
    for weight in weights:
        carried = weight @ below  # by the weights before the step
        weight -= (rate * above.pop().T) @ below.T
        below = carried
    return float(np.square(error).sum()) / 2
