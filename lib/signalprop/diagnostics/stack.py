"""What theory says of a module: of the dense layers in it that are a stack like the papers'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..activations import NAMES, Activation
from ..meanfield import chi, length_map
from ..spectra import JacobianLaw, jacobian_law
from .jacobian import Spectrum
from .measures import LayerRecord

Floats = NDArray[np.float64]
Kind = Literal["orthogonal", "gaussian", "other"]

SHORTEST = 2
"""Layers that make a stack."""

SPREAD = 2.0
"""Ratio of the largest to the smallest variance in a stack that still counts as one variance."""

MULTIPLICATIONS = 2e10
"""What the product of a stack's layers may cost: about a second."""


@dataclass(frozen=True)
class Stack:
    r"""Dense layers of one width, each with the same activation behind it, beside the theory.

    Its Jacobian is that of the papers, :math:`J = D_L W_L \cdots D_1 W_1`: of the last
    activations by what enters the first layer.

    Attributes
    ----------
    layers : names
    width, activation : of every layer
    weights : "orthogonal", "gaussian" (any independent entries), or "other", as after training
    sigma_w2, sigma_b2 : (L,) mean squared singular value of the weights; mean squared bias
    q, q_theory : (L,) second moments of the pre-activations, measured over the batch, and as the
        length map continues the first of them
    mean_square_theory : of the Jacobian's singular values: the product of chi over the layers
    spectrum : of the Jacobian at one example; None if it overflows
    law : of its singular values, where the theory has one
    no_law : why there is none

    Examples
    --------
    >>> from signalprop.diagnostics import diagnose
    >>> from signalprop.initializers import critical_
    >>> layers = [nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40), nn.ReLU()]
    >>> network = critical_(nn.Sequential(*layers))
    >>> stack = diagnose(network, torch.randn(100, 40)).stack
    >>> stack.layers, stack.activation, stack.weights, stack.law.depth
    (('0', '2'), 'relu', 'orthogonal', 2)
    """

    layers: tuple[str, ...]
    width: int
    activation: str
    weights: Kind
    sigma_w2: Floats
    sigma_b2: Floats
    q: Floats
    q_theory: Floats
    mean_square_theory: float
    spectrum: Spectrum | None
    law: JacobianLaw | None
    no_law: str = ""


def find_stack(layers: Sequence[LayerRecord], whole: bool = False) -> tuple[Stack | None, str]:
    """Return the longest stack in a recording, and else why there is none.

    Parameters
    ----------
    layers : in the order of their calls; modules are called to get to know their activations
    whole : look at it however long it takes: its layers are multiplied

    Examples
    --------
    >>> find_stack([])
    (None, 'none here. It is that of dense layers of one width, each followed by the same \
activation and by nothing else')
    """
    runs = _runs(layers)
    longest = max(runs, key=len, default=[])
    if len(longest) < SHORTEST:
        return None, (
            "none here. It is that of dense layers of one width, each followed by the same "
            "activation and by nothing else"
        )
    return _beside_theory(longest, whole)


def _runs(layers: Sequence[LayerRecord]) -> list[list[LayerRecord]]:
    """Return the layers that follow on each other in stacks."""
    runs: list[list[LayerRecord]] = []
    for layer in layers:
        if not _is_member(layer):
            continue
        last = runs[-1][-1] if runs else None
        if last is not None and _continues(last, layer):
            runs[-1].append(layer)
        else:
            runs.append([layer])
    return runs


def _is_member(layer: LayerRecord) -> bool:
    """Tell whether a layer is dense, square, and feeds one activation directly."""
    if not isinstance(layer.module, nn.Linear) or len(layer.shape) != 1:
        return False
    if layer.module.in_features != layer.module.out_features or len(layer.activations) != 1:
        return False
    [activation] = layer.activations
    return activation.input is layer.output and activation.example_slopes is not None


def _continues(last: LayerRecord, layer: LayerRecord) -> bool:
    same_width = last.shape == layer.shape
    [before], [after] = last.activations, layer.activations
    if not same_width or layer.input is not before.output:
        return False
    return before.name.rpartition("(")[2] == after.name.rpartition("(")[2]


def _beside_theory(layers: list[LayerRecord], whole: bool) -> tuple[Stack | None, str]:
    if len(layers) * layers[0].shape[0] ** 3 > MULTIPLICATIONS and not whole:
        return None, f'left out: {len(layers)} wide layers would take long; jacobian="full" does it'
    activation = layers[0].activations[0].known_as()
    if activation is None:
        return None, "none for an activation that cannot be applied to a single number"
    weights = [_double(cast("nn.Linear", layer.module).weight) for layer in layers]
    sigma_w2 = np.array([float(w.square().sum()) / len(w) for w in weights])
    biases: list[Tensor | None] = [cast("nn.Linear", layer.module).bias for layer in layers]
    sigma_b2 = np.array([0.0 if b is None else float(_double(b).square().mean()) for b in biases])
    q = np.array([layer.second_moment for layer in layers])
    if not all(np.all((values > 0) & (values < np.inf)) for values in (sigma_w2, q)):
        return None, "none for weights or signals that are all zero, or not finite"
    q_theory = _length(activation, q[0], sigma_w2, sigma_b2)
    growth = np.array(
        [float(chi(activation, *pair)) for pair in zip(q_theory, sigma_w2, strict=True)]
    )
    kind = _kind(weights, sigma_w2)
    law, why = _law(activation, len(layers), kind, sigma_w2, q)
    stack = Stack(
        layers=tuple(layer.name for layer in layers),
        width=layers[0].shape[0],
        activation=activation.name,
        weights=kind,
        sigma_w2=sigma_w2,
        sigma_b2=sigma_b2,
        q=q,
        q_theory=q_theory,
        mean_square_theory=float(np.prod(growth)),
        spectrum=_spectrum(layers, weights),
        law=law,
        no_law=why,
    )
    return stack, ""


def _length(act: Activation, first: float, sigma_w2: Floats, sigma_b2: Floats) -> Floats:
    """Follow the variance from the first layer on by the length map."""
    q = [first]
    for w, b in zip(sigma_w2[1:], sigma_b2[1:], strict=True):
        q.append(float(length_map(act, q[-1], w, b)))
    return np.array(q)


def _kind(weights: list[Tensor], sigma_w2: Floats) -> Kind:
    """Tell orthogonal weights from independent ones by the fourth moment of singular values.

    In units of the squared second it is 1 for the first and 2 for the second, where it scatters by
    2 / width.
    """
    fourth = [float((w @ w.t()).square().sum()) / len(w) for w in weights]
    ratios = np.array(fourth) / sigma_w2**2
    if np.all(abs(ratios - 1) < 1e-3):
        return "orthogonal"
    return "gaussian" if np.all(abs(ratios - 2) < 10 / len(weights[0])) else "other"


def _law(
    activation: Activation, depth: int, kind: Kind, sigma_w2: Floats, q: Floats
) -> tuple[JacobianLaw | None, str]:
    if activation.name not in NAMES:
        return None, f"the law is known for the activations of the book, {activation.name} is none"
    if kind == "other":
        return None, "the weights are neither orthogonal nor independent of each other"
    for name, values in (("q", q), ("sigma_w2", sigma_w2)):
        if not 0 < values.max() < SPREAD * values.min():
            return None, (
                f"the law supposes one {name} in all layers; here it goes from "
                f"{values[0]:.3g} in the first to {values[-1]:.3g} in the last"
            )
    mean = float(np.exp(np.log(sigma_w2).mean()))
    return jacobian_law(activation, depth, kind, float(q.mean()), mean), ""


def _spectrum(layers: list[LayerRecord], weights: list[Tensor]) -> Spectrum | None:
    """Multiply the Jacobian of the stack out at one example, in double precision."""
    product = torch.eye(len(weights[0]), dtype=torch.float64)
    for layer, weight in zip(layers, weights, strict=True):
        slopes = layer.activations[0].example_slopes
        product = _double(cast("Tensor", slopes))[:, None] * (weight @ product)
    if not product.isfinite().all():
        return None
    return Spectrum.of(product.numpy(), torch.float64, f"all, a product of {len(layers)} layers")


def _double(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu().double()
