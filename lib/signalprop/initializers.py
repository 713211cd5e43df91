r"""Random starting weights: one variance-scaling family and its named members.

Every rule of the papers draws independent weights of mean zero and variance

.. math:: \mathrm{Var}[W] = \frac{\text{scale}}{\text{fan}},

and they differ only in the scale, in which fan is counted, and in the shape of the
distribution.  Functions fill a tensor in place and return it, as in ``torch.nn.init``.
A weight matrix is (fan_out, fan_in); for convolutions both fans include the kernel's size.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import Tensor

from .critical import critical_ as critical_
from .lsuv import lsuv_ as lsuv_

Fan = Literal["in", "out", "average"]
Distribution = Literal["uniform", "normal"]


def variance_scaling_(
    weight: Tensor,
    scale: float,
    fan: Fan,
    distribution: Distribution = "uniform",
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Draw weights of mean 0 and variance ``scale / fan``.

    Parameters
    ----------
    weight : (fan_out, fan_in) and for convolutions the sizes of the kernel; overwritten
    scale : positive
    fan : number of inputs, of outputs, or their mean
    distribution : "uniform" or "normal"
    generator : source of randomness; torch's global one if None

    Raises
    ------
    ValueError
        If an argument is out of range, or ``weight`` has fewer than two dimensions.

    Examples
    --------
    >>> w = variance_scaling_(torch.empty(1000, 400), scale=3, fan="in", distribution="uniform")
    >>> bool(w.abs().max() <= 0.15)
    True
    """
    if weight.dim() < 2:
        raise ValueError(f"weight must have 2 dimensions or more, got shape {tuple(weight.shape)}")
    if not scale > 0:
        raise ValueError(f"scale must be positive, got {scale}")
    kernel = math.prod(weight.shape[2:])
    fan_in, fan_out = weight.shape[1] * kernel, weight.shape[0] * kernel
    fans = {"in": fan_in, "out": fan_out, "average": (fan_in + fan_out) / 2}
    if fan not in fans:
        raise ValueError(f"fan must be one of {', '.join(fans)}, got {fan!r}")
    deviation = math.sqrt(scale / fans[fan])
    with torch.no_grad():
        if distribution == "uniform":
            bound = math.sqrt(3) * deviation
            return weight.uniform_(-bound, bound, generator=generator)
        if distribution == "normal":
            return weight.normal_(0, deviation, generator=generator)
    raise ValueError(
        f"distribution must be one of {', '.join(get_args(Distribution))}, got {distribution!r}"
    )


def standard_(weight: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
    r"""Draw from :math:`U(\pm 1/\sqrt{n_\mathrm{in}})`, the habit before 2010.

    Glorot & Bengio (2010), eq. 1.  The variance is a third of what keeps a signal alive;
    ``torch.nn.Linear`` still starts like this.

    Examples
    --------
    >>> bool(standard_(torch.empty(30, 400)).abs().max() <= 1 / 20)
    True
    """
    return variance_scaling_(weight, 1 / 3, "in", "uniform", generator=generator)


def xavier_(
    weight: Tensor,
    distribution: Distribution = "uniform",
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw with variance :math:`2/(n_\mathrm{in} + n_\mathrm{out})`.

    Glorot & Bengio (2010), eq. 16, "normalized initialization": a compromise between
    keeping the variance of the signal (1/n_in) and that of the gradient (1/n_out).

    Examples
    --------
    >>> bool(xavier_(torch.empty(200, 400)).abs().max() <= 0.1)
    True
    """
    return variance_scaling_(weight, 1, "average", distribution, generator=generator)


def kaiming_(
    weight: Tensor,
    slope: float = 0.0,
    fan: Fan = "in",
    distribution: Distribution = "normal",
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw with variance :math:`2/((1 + a^2) n)` for rectifiers of negative slope ``a``.

    He et al. (2015), eqs. 10, 14 and 15: the factor 2 makes up for the half of the second
    moment that a ReLU (``slope=0``) removes.

    Examples
    --------
    >>> w = kaiming_(torch.empty(1000, 800), generator=torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 3)
    0.05
    """
    return variance_scaling_(weight, 2 / (1 + slope**2), fan, distribution, generator=generator)


def lecun_(
    weight: Tensor,
    distribution: Distribution = "normal",
    *,
    generator: torch.Generator | None = None,
) -> Tensor:
    r"""Draw with variance :math:`1/n_\mathrm{in}`, which keeps the variance of a linear signal.

    LeCun, Bottou, Orr & Müller (1998), section 4.6.

    Examples
    --------
    >>> w = lecun_(torch.empty(1000, 400), generator=torch.Generator().manual_seed(0))
    >>> round(float(w.std()), 3)
    0.05
    """
    return variance_scaling_(weight, 1, "in", distribution, generator=generator)


def orthogonal_(
    weight: Tensor, gain: float = 1.0, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Draw a random orthogonal matrix, from the Haar measure, times ``gain``.

    :math:`W^T W = \text{gain}^2 I`, so a signal keeps its length exactly and not on average
    only (Saxe, McClelland & Ganguli 2013; ``gain`` squared is the :math:`\sigma_w^2` of
    Pennington et al. 2017).  A rectangular matrix has orthonormal rows or columns, whichever are
    fewer.

    Parameters
    ----------
    weight : (fan_out, fan_in); a kernel counts with the inputs, (fan_out, fan_in * kernel);
        overwritten
    gain : finite
    generator : source of randomness; torch's global one if None

    Raises
    ------
    ValueError
        If ``weight`` has fewer than two dimensions, or ``gain`` is not finite.

    Notes
    -----
    Q of a Gaussian matrix's QR decomposition, with the sign of each column turned so that R's
    diagonal is positive: only then is the decomposition unique, and Q as likely as any of its
    rotations (Mezzadri 2007).  ``torch.nn.init.orthogonal_`` does the same, to the last bit.

    Examples
    --------
    >>> w = orthogonal_(torch.empty(3, 3, dtype=torch.float64), gain=2.0)
    >>> bool(torch.allclose(w.t() @ w, 4 * torch.eye(3, dtype=torch.float64)))
    True
    """
    if weight.dim() < 2:
        raise ValueError(f"weight must have 2 dimensions or more, got shape {tuple(weight.shape)}")
    if not math.isfinite(gain):
        raise ValueError(f"gain must be finite, got {gain}")
    with torch.no_grad():
        rows, columns = weight.shape[0], math.prod(weight.shape[1:])
        gaussian = weight.new_empty(rows, columns).normal_(generator=generator)
        wide = rows < columns
        q, r = torch.linalg.qr(gaussian.t() if wide else gaussian)
        q *= r.diagonal().sign()
        return weight.copy_((q.t() if wide else q).view_as(weight)).mul_(gain)


def delta_orthogonal_(
    weight: Tensor, gain: float = 1.0, *, generator: torch.Generator | None = None
) -> Tensor:
    r"""Make a convolution of one random orthogonal matrix at the centre of its kernel.

    All other weights are zero, so that each pixel is multiplied by the matrix and nothing else
    happens: the convolution keeps the length of every image times ``gain``, whatever the padding
    (Xiao et al. 2018, Algorithm 2).  Neighbours come in as the network learns.

    Parameters
    ----------
    weight : (channels out, channels in, sizes of the kernel), with at least as many channels out
        as in; overwritten
    gain : finite
    generator : source of randomness; torch's global one if None

    Raises
    ------
    ValueError
        If ``weight`` has not 3 to 5 dimensions or fewer channels out than in, or ``gain`` is not
        finite.

    Notes
    -----
    The matrix is drawn by `orthogonal_`, from the Haar measure.  Of a kernel of even size the
    centre is the pixel before the middle.

    Examples
    --------
    >>> kernel = delta_orthogonal_(torch.empty(4, 4, 3, 3, dtype=torch.float64))
    >>> image = torch.ones(1, 4, 6, 6, dtype=torch.float64)
    >>> convolved = torch.nn.functional.conv2d(image, kernel, padding=1)
    >>> round(float(convolved.norm() / image.norm()), 12)
    1.0
    """
    if not 3 <= weight.dim() <= 5:
        raise ValueError(
            "weight must be that of a convolution, of 3 to 5 dimensions, got shape "
            f"{tuple(weight.shape)}"
        )
    if weight.shape[0] < weight.shape[1]:
        raise ValueError(
            f"weight must have at least as many channels out as in, got shape {tuple(weight.shape)}"
        )
    matrix = orthogonal_(weight.new_empty(weight.shape[:2]), gain, generator=generator)
    centre: tuple[Any, ...] = tuple((size - 1) // 2 for size in weight.shape[2:])
    with torch.no_grad():
        weight.zero_()
        weight[(..., *centre)] = matrix
    return weight
