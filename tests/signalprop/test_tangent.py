"""The tangent kernel against gradients of single examples by autograd."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from signalprop.networks import MLP
from signalprop.tangent import conditioning, tangent_kernel


def _gradient(output: Tensor, network: MLP) -> Tensor:
    found = torch.autograd.grad(output, list(network.parameters()), retain_graph=True)
    return torch.cat([g.flatten() for g in found])


@pytest.mark.parametrize("activation", ["tanh", "relu", "rescaled_sigmoid"])
def test_kernel_is_that_of_gradients(activation: str) -> None:
    torch.manual_seed(0)
    network = MLP([5, 7, 6, 3], activation).double()
    x = torch.randn(4, 5, dtype=torch.float64)
    gradients = [[_gradient(output, network) for output in network(one).unbind()] for one in x]
    stacked = torch.stack([torch.stack(of) for of in gradients])  # (examples, outputs, parameters)
    expected = torch.einsum("ikp,jkp->ij", stacked, stacked) / 3
    np.testing.assert_allclose(tangent_kernel(network, x), expected, rtol=1e-12)


def test_a_small_step_moves_outputs_by_the_kernel() -> None:
    torch.manual_seed(1)
    network = MLP([5, 8, 1], "tanh").double()
    x, wanted = torch.randn(6, 5, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    kernel = tangent_kernel(network, x)
    before = network(x)[:, 0]
    gradients = torch.autograd.grad(before @ wanted, list(network.parameters()))
    rate = 1e-6
    with torch.no_grad():
        for p, g in zip(network.parameters(), gradients, strict=True):
            p += rate * g
        moved = (network(x)[:, 0] - before) / rate
    np.testing.assert_allclose(moved, kernel @ wanted.numpy(), rtol=1e-4)  # of second order: rate


def test_conditioning_of_known_kernels() -> None:
    labels = np.array([0, 1, 0, 1, 2, 2])
    flat = conditioning(np.eye(6), labels)
    assert flat.largest == pytest.approx(1 / 6)
    assert flat.ratio == pytest.approx(1)
    blind = conditioning(np.ones((6, 6)) + 0.1 * np.eye(6), labels)
    assert blind.largest == pytest.approx(6.1 / 6)
    assert blind.ratio == pytest.approx(61)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"kernel must be \(3, 3\)"):
        conditioning(np.eye(2), np.array([0, 1, 1]))
    with pytest.raises(ValueError, match="labels must be of two classes"):
        conditioning(np.eye(2), np.array([1, 1]))
