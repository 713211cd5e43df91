r"""Singular values of the input-output Jacobian of real networks, measured.

What `spectra` predicts at infinite width, for a network at hand, trained or not: the Jacobian
is multiplied out layer by layer, :math:`J = \prod_l D_l W_l` (Pennington et al. 2017, eq. 2),
and handed to LAPACK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from .networks import MLP

Floats = NDArray[np.float64]
Through = Literal["output", "hidden"]

_BATCH_ELEMENTS = 2**24
"""Entries of the Jacobians held at a time: 128 MB in float64."""


def singular_values(
    network: MLP,
    x: ArrayLike | Tensor,
    dtype: torch.dtype = torch.float64,
    through: Through = "output",
) -> Floats:
    """Return the singular values of the Jacobian at each input, the largest first.

    Parameters
    ----------
    network : trained or not; left as it is
    x : (batch, inputs)
    dtype : of all arithmetic, ``torch.float64`` or ``torch.float32``; the weights of a float32
        network are the same numbers in float64
    through : see `jacobian`

    Returns
    -------
    (batch, min(inputs, outputs))

    Raises
    ------
    ValueError
        As for `jacobian`.

    Notes
    -----
    The small ones drown in the rounding of the large ones: below `resolution`, at width 1000
    1e-14 of the largest in float64 and 1e-5 in float32, they are noise.  Depth takes them there:
    of the product of 128 Gaussian matrices three in five are too small for float64.  Their number
    can be trusted, and nothing else.

    In a chaotic network rounding has a second effect, which no arithmetic on the Jacobian can
    undo: it moves the pre-activations of the deep layers, and with them the point at which the
    Jacobian is taken.

    Examples
    --------
    >>> network = MLP([5, 4, 3], "tanh")
    >>> singular_values(network, torch.zeros(2, 5)).shape
    (2, 3)
    >>> singular_values(network, torch.zeros(2, 5), through="hidden").shape
    (2, 4)
    """
    inputs = _checked(network, x, dtype, through)
    layers = network.layers if through == "output" else network.layers[:-1]
    size = layers[-1].out_features * layers[0].in_features
    step = max(1, _BATCH_ELEMENTS // size)
    values = [
        torch.linalg.svdvals(_jacobian(network, inputs[start : start + step], through))
        for start in range(0, max(len(inputs), 1), step)
    ]
    return torch.cat(values).double().numpy(force=True)


def jacobian(
    network: MLP,
    x: ArrayLike | Tensor,
    dtype: torch.dtype = torch.float64,
    through: Through = "output",
) -> Tensor:
    r"""Return the Jacobian at each input.

    Parameters
    ----------
    network : trained or not; left as it is
    x : (batch, inputs)
    dtype : of all arithmetic, ``torch.float64`` or ``torch.float32``
    through : "output" for the Jacobian of the network's outputs (logits),
        :math:`W_{L+1} D_L W_L \cdots D_1 W_1`; "hidden" for that of the last hidden layer's
        activations, :math:`D_L W_L \cdots D_1 W_1`, the :math:`J` of the papers and of
        `spectra.jacobian_law` at depth :math:`L`

    Returns
    -------
    (batch, outputs, inputs), on the network's device

    Raises
    ------
    ValueError
        If an argument is out of range, an input or a parameter is not finite, or the Jacobian
        overflows ``dtype``.

    Examples
    --------
    >>> network = MLP([5, 4, 3], "tanh")
    >>> jacobian(network, torch.zeros(2, 5)).shape
    torch.Size([2, 3, 5])
    """
    return _jacobian(network, _checked(network, x, dtype, through), through)


def resolution(values: ArrayLike, dtype: torch.dtype) -> Floats:
    r"""Return the size below which computed singular values are rounding noise.

    .. math:: 2 \sqrt n\, \epsilon\, s_{\max}

    Parameters
    ----------
    values : (..., n) singular values of one Jacobian along the last axis
    dtype : in which they were computed

    Returns
    -------
    (...)

    Raises
    ------
    ValueError
        If there are no values.

    Notes
    -----
    A perturbation of a matrix moves no singular value by more than its own norm (Weyl).
    Roundings have signs at random: those of one product make a matrix of independent entries,
    with a norm of about :math:`\epsilon\, s_{\max}`, and over layers these add in squares, to
    :math:`\sqrt L\, \epsilon\, s_{\max}`.  Depth is not known here, but the networks of the book
    are wider than deep, and the decomposition itself adds as much; :math:`\sqrt n` covers
    both where the worst case, which nothing approaches, has :math:`n` and more.  The factor 2 is
    a margin: singular values that should be zero were found at up to 1.1 without it, at widths
    of 20 to 300 and depths of 2 to 64.

    Examples
    --------
    >>> print(f"{resolution([3.0, 1.0, 0.5, 0.0], torch.float64):.1e}")
    2.7e-15
    """
    s = np.asarray(values, dtype=np.float64)
    if s.ndim == 0 or not s.shape[-1]:
        raise ValueError(f"values must be (..., n) with n > 0, got shape {s.shape}")
    return np.asarray(2 * np.sqrt(s.shape[-1]) * torch.finfo(dtype).eps * s.max(-1))


# --- the product --------------------------------------------------------------------------


@torch.no_grad()
def _jacobian(network: MLP, x: Tensor, through: Through) -> Tensor:
    """Multiply the layers out, from whichever end is the narrower."""
    hidden = network.layers[:-1]
    weights = [layer.weight.to(x.dtype) for layer in network.layers]
    slopes, h = [], x
    for layer, weight in zip(hidden, weights, strict=False):
        s = torch.addmm(layer.bias.to(x.dtype), h, weight.t())
        slopes.append(network.activation.derivative(s))
        h = network.activation(s)
    last = slopes.pop() if through == "hidden" else None
    weights = weights[: len(slopes) + 1]
    if weights[-1].shape[0] <= weights[0].shape[1]:
        product = _chain(weights[::-1], slopes[::-1], len(x))
    else:
        product = _chain([w.t() for w in weights], slopes, len(x)).mT
    if last is not None:
        product = product * last[:, :, None]
    if not product.isfinite().all():
        raise ValueError(_why_not_finite(network, x.dtype))
    return product


def _chain(matrices: Sequence[Tensor], diagonals: Sequence[Tensor], batch: int) -> Tensor:
    """Return M_1 diag(d_1) M_2 diag(d_2) ... M_k, (batch, rows, columns).

    Inputs share the matrices, so all their rows pass through one product of matrices a layer.
    """
    product = matrices[0].expand(batch, -1, -1)
    for diagonal, matrix in zip(diagonals, matrices[1:], strict=True):
        product = (product * diagonal[:, None, :]).flatten(0, 1) @ matrix
        product = product.view(batch, len(matrices[0]), matrix.shape[1])
    return product


def _checked(network: MLP, x: ArrayLike | Tensor, dtype: torch.dtype, through: Through) -> Tensor:
    """Return the inputs in ``dtype`` and beside the network, once all arguments are sound."""
    if through not in get_args(Through):
        raise ValueError(f"through must be one of {', '.join(get_args(Through))}, got {through!r}")
    if through == "hidden" and len(network.layers) < 2:
        raise ValueError('through="hidden" needs a hidden layer, the network has none')
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    first = network.layers[0]
    given = x if isinstance(x, Tensor) else torch.from_numpy(np.array(x))
    inputs = given.detach().to(first.weight.device, dtype)
    if inputs.dim() != 2 or inputs.shape[1] != first.in_features:
        raise ValueError(
            f"x must be (batch, {first.in_features}) for this network, got {tuple(inputs.shape)}"
        )
    if not inputs.isfinite().all():
        row = int((~inputs.isfinite().all(1)).nonzero()[0])
        raise ValueError(f"x must be finite in {dtype}, row {row} is not")
    return inputs


def _why_not_finite(network: MLP, dtype: torch.dtype) -> str:
    for number, layer in enumerate(network.layers, start=1):
        for name, parameter in layer.named_parameters():
            if not parameter.to(dtype).isfinite().all():
                return (
                    f"the parameters must be finite in {dtype}, the {name} of layer {number} is not"
                )
    return (
        f"the Jacobian of {len(network.layers)} layers is beyond the range of {dtype}: "
        f"it has entries above {torch.finfo(dtype).max:.0e}"
    )
