"""Critical starting weights for networks at hand: every layer at the edge of chaos."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from .activations import Activation
from .arguments import checked_variance
from .chain import Link, read_chain

Network = TypeVar("Network", bound=nn.Module)
Weights = Literal["orthogonal", "gaussian"]

_DENSE_OR_CONVOLUTION = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def critical_(
    network: Network,
    q_star: float = 0.025,
    weights: Weights = "orthogonal",
    *,
    generator: torch.Generator | None = None,
) -> Network:
    r"""Set the weights and biases of a network so that neither signals nor gradients fade.

    Each layer and the activation :math:`\phi` behind it get the variances at which a gradient keeps
    its mean square in passing both, and pre-activations of variance :math:`q^*` keep theirs
    (Poole et al. 2016; Pennington et al. 2017, section 2.2):

    .. math:: \sigma_w^2 = 1 \Big/ \int \mathcal{D}z\, \phi'(\sqrt{q^*} z)^2, \qquad
        \sigma_b^2 = q^* - \sigma_w^2 \int \mathcal{D}z\, \phi(\sqrt{q^*} z)^2,

    with the activation *in front of* the layer in the second integral, where there is one.

    Parameters
    ----------
    network : one chain of dense and convolutional layers and activations, as `chain.read_chain`
        understands it; weights and biases of its layers are overwritten
    q_star : variance of the pre-activations, > 0.  The smaller, the closer to linear, and
        the deeper a network can be that keeps all singular values near 1: `spectra.isometric_q`
        says how small for which depth.  ReLU does not depend on it.
    weights : "orthogonal" (for convolutions delta-orthogonal) or "gaussian"
    generator : source of randomness; torch's global one if None

    Returns
    -------
    the network

    Raises
    ------
    ValueError
        If an argument is out of range, the network is no such chain, an activation has no
        critical point at ``q_star``, or a layer cannot be given such weights.  The message names
        the layer, and the network is as it was before.

    Notes
    -----
    *The last layer*, where no activation follows or another one than follows the layer before it
    (the sigmoid of a probability, say), gets :math:`\sigma_w^2 = 1` and no bias.

    *The first layer* is treated like the others.  If the inputs have the variance 1, the first
    pre-activations have :math:`\sigma_w^2 + \sigma_b^2` and come down to :math:`q^*` over the
    following layers; inputs scaled to a variance of :math:`q^*` start there.

    *Layers with more outputs than inputs* cannot keep the length of a signal and its variance
    both.  The variance is kept: the gain is :math:`\sigma_w \sqrt{n_\mathrm{out} /
    n_\mathrm{in}}`.

    Poolings and paddings between layers are passed over as if they were not there; look at
    the result with `diagnostics.diagnose`.

    Examples
    --------
    >>> mlp = nn.Sequential(nn.Linear(50, 50), nn.Tanh(), nn.Linear(50, 50), nn.Tanh())
    >>> _ = critical_(mlp, q_star=0.5)
    >>> squared = torch.linalg.svdvals(mlp[0].weight.detach()) ** 2
    >>> round(float(squared.min()), 3), round(float(squared.max()), 3)
    (1.688, 1.688)
    """
    if not isinstance(network, nn.Module):
        raise ValueError(f"network must be a torch.nn.Module, got {type(network).__name__}")
    checked_variance("q_star", q_star)
    if weights not in get_args(Weights):
        known = ", ".join(get_args(Weights))
        raise ValueError(f"weights must be one of {known}, got {weights!r}")
    chain = read_chain(network)
    for link in chain:
        _check(link, weights)
    variances = critical_variances(chain, q_star)
    drawn = []
    for link, (sigma_w2, sigma_b2) in zip(chain, variances, strict=True):
        weight, bias = link.layer.weight, link.layer.bias
        drawn.append((weight, _draw_weight(link, weights, sigma_w2, generator)))
        if bias is not None:
            normal = torch.empty_like(bias).normal_(generator=generator)
            drawn.append((bias, normal * math.sqrt(sigma_b2)))
    with torch.no_grad():  # only now, when nothing can fail any more
        for parameter, value in drawn:
            parameter.copy_(value)
    return network


def critical_variances(chain: Sequence[Link], q_star: float) -> list[tuple[float, float]]:
    """Return (sigma_w2, sigma_b2) of each layer of a chain, as `critical_` sets them.

    Parameters
    ----------
    chain : of `chain.read_chain`
    q_star : variance of the pre-activations, > 0

    Raises
    ------
    ValueError
        If a layer has no critical point at ``q_star``; the message names it.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    >>> critical_variances(read_chain(network), 1.0)
    [(2.0, 0.0), (1.0, 0.0)]
    """
    found = []
    for number, link in enumerate(chain):
        before = chain[number - 1].activation if number else link.activation
        is_last = number == len(chain) - 1
        if is_last and number and link.activation.name != before.name:
            found.append((1.0, 0.0))
            continue
        sigma_w2 = 1 / float(link.activation.slope_square_mean(q_star))
        sigma_b2 = q_star - sigma_w2 * float(before.square_mean(q_star))
        if abs(sigma_b2) < 1e-9 * q_star:  # zero up to rounding, as for ReLU
            sigma_b2 = 0.0
        if sigma_b2 < 0:
            raise ValueError(_no_critical_point(link, before, q_star, sigma_b2))
        if sigma_b2 > 0 and link.layer.bias is None:
            raise ValueError(
                f"layer {link.name} has no bias, and {before.name} units need one of variance "
                f"{sigma_b2:.3g} at q_star={q_star:g}"
            )
        found.append((sigma_w2, sigma_b2))
    return found


def _no_critical_point(link: Link, before: Activation, q_star: float, sigma_b2: float) -> str:
    from .meanfield import critical_point

    where = f"layer {link.name}"
    if link.activation.name == before.name:
        try:
            critical_point(before, q_star)
        except ValueError as error:  # which says where there is one
            return f"{where}: {error}"
    return (
        f"{where} between {before.name} and {link.activation.name} units has no critical point at "
        f"q_star={q_star:g}: the bias variance would be {sigma_b2:.3g}"
    )


def _check(link: Link, weights: Weights) -> None:
    """Refuse what cannot be drawn, before anything is."""
    layer, name = link.layer, link.name
    if not isinstance(layer, _DENSE_OR_CONVOLUTION):
        raise ValueError(f"layer {name} is a {type(layer).__name__}: criticality is not known")
    own = dict(layer.named_parameters(recurse=False))
    if "weight" not in own:
        raise ValueError(f"layer {name} computes its weight from other parameters")
    if isinstance(layer.weight, nn.UninitializedParameter) or layer.weight.is_meta:
        raise ValueError(f"layer {name} has no weight yet: call the network once, or move it")
    if not layer.weight.is_floating_point():
        raise ValueError(f"layer {name} has weights of {layer.weight.dtype}")
    groups = _groups(layer)
    outputs, inputs = layer.weight.shape[0] // groups, layer.weight.shape[1]
    if weights == "orthogonal" and layer.weight.dim() > 2 and outputs < inputs:
        raise ValueError(
            f"layer {name} has fewer outputs ({outputs}) than inputs ({inputs}): no convolution "
            'keeps them apart; use weights="gaussian", or at least as many outputs'
        )


def _draw_weight(
    link: Link, weights: Weights, sigma_w2: float, generator: torch.Generator | None
) -> Tensor:
    from .initializers import delta_orthogonal_, orthogonal_, variance_scaling_

    precise = torch.promote_types(link.layer.weight.dtype, torch.float32)  # no QR in half of it
    weight = torch.empty_like(link.layer.weight, dtype=precise, requires_grad=False)
    if weights == "gaussian":
        return variance_scaling_(weight, sigma_w2, "in", "normal", generator=generator)
    fill = orthogonal_ if weight.dim() == 2 else delta_orthogonal_
    for block in weight.chunk(_groups(link.layer)):
        outputs, inputs = block.shape[:2]
        gain = math.sqrt(sigma_w2 * max(1.0, outputs / inputs))
        fill(block, gain, generator=generator)
    return weight


def _groups(layer: nn.Module) -> int:
    return int(getattr(layer, "groups", 1))
