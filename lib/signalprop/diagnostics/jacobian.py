"""Singular values of the input-output Jacobian of any module, by products with vectors."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from ..jacobians import resolution
from .products import Operator

Floats = NDArray[np.float64]

STEPS, STARTS = 16, 2
"""Of the Golub-Kahan-Lanczos recursion, where not all singular values are taken."""

ENTRIES = 2**26
"""Numbers that a Jacobian, or the signals of the copies that make it, may have."""


@dataclass(frozen=True)
class Spectrum:
    """Singular values of one Jacobian, or what is known of them.

    Attributes
    ----------
    inputs, outputs : the Jacobian is (outputs, inputs)
    largest, smallest, mean_square : of its min(inputs, outputs) singular values
    largest_error, mean_square_error : how far off the estimates may be; 0 where all are known
    singular_values : all of them, the largest first; None if they were estimated, and then
        ``smallest`` is an upper bound
    noise : size below which singular values are rounding
    method : how it was done, in words

    Examples
    --------
    >>> found = Spectrum.of(np.diag([3.0, 4.0]), torch.float64, "by hand")
    >>> found.largest, found.smallest, found.mean_square
    (4.0, 3.0, 12.5)
    """

    inputs: int
    outputs: int
    largest: float
    smallest: float
    mean_square: float
    method: str
    largest_error: float = 0.0
    mean_square_error: float = 0.0
    singular_values: Floats | None = None
    noise: float = 0.0

    @classmethod
    def of(cls, jacobian: Floats, dtype: torch.dtype, method: str) -> Spectrum:
        """Return the spectrum of a matrix (outputs, inputs) computed in a precision."""
        values: Floats = np.linalg.svd(jacobian.astype(np.float64), compute_uv=False)
        return cls(
            inputs=jacobian.shape[1],
            outputs=jacobian.shape[0],
            largest=float(values[0]),
            smallest=float(values[-1]),
            mean_square=float(np.mean(values**2)),
            method=method,
            singular_values=values,
            noise=float(resolution(values, dtype)),
        )


# --- all singular values ------------------------------------------------------------------


def full_spectrum(operator: Operator, signals: int) -> Spectrum:
    """Return all singular values, from the smaller side's rows or columns.

    Parameters
    ----------
    operator : the Jacobian
    signals : numbers that one copy of the example keeps for its backward pass; they set how many
        copies go through at once

    Raises
    ------
    ValueError
        If the Jacobian has more than `ENTRIES`.

    Examples
    --------
    >>> square = Operator(torch.square, torch.tensor([[1.0, 2.0]]), 0, coupled=False)
    >>> full_spectrum(square, signals=2).singular_values.tolist()
    [4.0, 2.0]
    """
    rows, columns = operator.rows, operator.columns
    if rows * columns > ENTRIES:
        raise ValueError(
            f'jacobian must not be "full" here: {rows:,} x {columns:,} numbers are more than '
            f"{ENTRIES:,}"
        )
    by_rows = rows <= columns
    product = operator.transposed if by_rows else operator.times
    side = min(rows, columns)
    step = max(1, min(side, ENTRIES // max(signals, 1)))
    blocks = torch.split(torch.eye(side, dtype=torch.float64), step)
    with tqdm(total=side, desc="Jacobian", disable=None, leave=False) as bar:
        parts = []
        for block in blocks:
            parts.append(product(block))
            bar.update(len(block))
    jacobian = torch.cat(parts).numpy()
    kind = "backward" if by_rows else "forward"
    return Spectrum.of(
        jacobian if by_rows else jacobian.T, operator.dtype, f"all, by {side:,} {kind} products"
    )


# --- the ends of the spectrum -------------------------------------------------------------


def estimated_spectrum(
    operator: Operator, seed: int, steps: int = STEPS, starts: int = STARTS
) -> Spectrum:
    r"""Estimate the largest and mean squared singular value, and bound the smallest, matrix-free.

    Golub & Kahan's bidiagonalization from random vectors :math:`v`, all reorthogonalized: the
    singular values of its matrix lie between those of :math:`J`, and :math:`\lVert J v \rVert^2`
    has the mean :math:`\lVert J \rVert_F^2 / n`.

    Parameters
    ----------
    operator : the Jacobian
    seed : of the vectors it starts from
    steps : products with J, and with its transpose, from each
    starts : how many vectors

    Returns
    -------
    the spectrum; ``largest`` is a lower bound that is off by about ``largest_error`` (the
    residual), ``smallest`` an upper bound

    Examples
    --------
    >>> square = Operator(torch.square, torch.tensor([[1.0, 2.0]]), 0, coupled=False)
    >>> found = estimated_spectrum(square, seed=0)
    >>> round(found.largest, 6), round(found.smallest, 6)
    (4.0, 2.0)
    """
    swap = operator.rows < operator.columns  # start on the smaller side
    forward, back = operator.times, operator.transposed
    side = min(operator.rows, operator.columns)
    generator = torch.Generator().manual_seed(seed)
    v = torch.randn(starts, side, dtype=torch.float64, generator=generator)
    v /= v.norm(dim=1, keepdim=True)
    first, second = (back, forward) if swap else (forward, back)
    alphas, betas = bidiagonalize(first, second, v, min(steps, side))
    ritz = [_ritz(a, b) for a, b in zip(alphas.numpy(), betas.numpy(), strict=True)]
    best = max(ritz, key=lambda r: r[0][0])
    squares = alphas[:, 0].square().numpy()
    return Spectrum(
        inputs=operator.columns,
        outputs=operator.rows,
        largest=float(best[0][0]),
        smallest=float(min(values[-1] for values, _ in ritz)),
        mean_square=float(squares.mean()),
        method=f"Golub-Kahan-Lanczos, {len(alphas[0])} steps from {starts} random vectors",
        largest_error=float(best[1]),
        mean_square_error=float(squares.std(ddof=1) / math.sqrt(starts)) if starts > 1 else 0.0,
    )


def bidiagonalize(
    times: Callable[[Tensor], Tensor],
    transposed: Callable[[Tensor], Tensor],
    v: Tensor,
    steps: int,
) -> tuple[Tensor, Tensor]:
    r"""Return the diagonals of the bidiagonal matrices :math:`B` in :math:`J V = U B`.

    Parameters
    ----------
    times, transposed : products of a matrix and of its transpose with (k, n) vectors
    v : (k, n), of length 1, one start for each of k recursions
    steps : > 0

    Returns
    -------
    alphas, betas : (k, steps) each; the last beta is outside of the matrix

    Examples
    --------
    >>> v = torch.tensor([[0.6, 0.8]])
    >>> alphas, betas = bidiagonalize(lambda x: 3 * x, lambda x: 3 * x, v, steps=1)
    >>> round(float(alphas), 6), round(float(betas), 6)
    (3.0, 0.0)
    """
    left: list[Tensor] = []
    right = [v]
    alphas: list[Tensor] = []
    betas: list[Tensor] = []
    for _ in range(steps):
        u = times(right[-1])
        if left:
            u = u - betas[-1] * left[-1]
        u, alpha = _unit(_orthogonal(u, left))
        left.append(u)
        w, beta = _unit(_orthogonal(transposed(u) - alpha * right[-1], right))
        right.append(w)
        alphas.append(alpha)
        betas.append(beta)
    return torch.cat(alphas, 1), torch.cat(betas, 1)


def _orthogonal(x: Tensor, basis: list[Tensor]) -> Tensor:
    """Remove what rounding has left of earlier vectors, twice for safety."""
    if not basis:
        return x
    q = torch.stack(basis, 1)  # (k, m, n)
    for _ in range(2):
        x = x - torch.einsum("kmn,km->kn", q, torch.einsum("kmn,kn->km", q, x))
    return x


def _unit(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return a vector of length 1, or 0 if it was, and the length."""
    length = x.norm(dim=1, keepdim=True)
    return torch.where(length > 0, x / length, 0.0), length


def _ritz(alphas: Floats, betas: Floats) -> tuple[Floats, float]:
    """Return the singular values of a bidiagonal matrix, and the residual of the largest."""
    exhausted = np.flatnonzero(betas <= 1e-12 * np.max(alphas))
    size = int(exhausted[0]) + 1 if len(exhausted) else len(alphas)
    matrix = np.diag(alphas[:size]) + np.diag(betas[: size - 1], 1)
    left, values, _ = np.linalg.svd(matrix)
    return values, float(betas[size - 1] * abs(left[-1, 0]))
