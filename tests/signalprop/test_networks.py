"""Plain networks against NumPy, layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from signalprop.activations import NAMES, get
from signalprop.initializers import kaiming_, lecun_, standard_, xavier_
from signalprop.networks import MLP, initialize


@pytest.mark.parametrize("name", NAMES)
def test_layers_compute_what_the_equation_says(name: str, rng: np.random.Generator) -> None:
    network = MLP([7, 5, 6, 3], name).double()
    x = rng.standard_normal((4, 7))
    h, hidden = x, []
    for i, layer in enumerate(network.layers):
        h = h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()
        if i < 2:
            h = get(name)(h)
            hidden.append(h)
    with torch.no_grad():
        ours = network.hidden(torch.from_numpy(x))
        logits = network(torch.from_numpy(x))
    np.testing.assert_allclose(logits.numpy(), h, rtol=1e-12, atol=1e-14)
    assert len(ours) == 2
    for a, b in zip(ours, hidden, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-12, atol=1e-14)


def test_a_network_without_hidden_layers_is_linear() -> None:
    network = MLP([4, 2], "tanh")
    x = torch.ones(3, 4)
    assert network.hidden(x) == []
    assert torch.equal(network(x), network.layers[0](x))


def test_an_activation_of_the_readers_own_is_taken() -> None:
    centred = get("sigmoid").centred()
    network = MLP([4, 5, 2], centred)
    assert network.activation is centred


@pytest.mark.parametrize("widths", [[], [5], [5, 0, 3], [5, -1]])
def test_impossible_widths_are_refused_by_name(widths: list[int]) -> None:
    with pytest.raises(ValueError, match="widths must be two or more positive integers, got"):
        MLP(widths, "tanh")


def test_an_unknown_activation_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="activation must be one of"):
        MLP([3, 2], "swish")


def test_initial_weights_depend_on_the_seed_alone() -> None:
    """Neither on what the network held nor on torch's global generator."""
    a, b, c = MLP([6, 5, 4], "tanh"), MLP([6, 5, 4], "relu"), MLP([6, 5, 4], "tanh")
    initialize(a, xavier_, seed=1)
    torch.rand(3)
    initialize(b, xavier_, seed=1)
    initialize(c, xavier_, seed=2)
    for p, q, r in zip(a.layers, b.layers, c.layers, strict=True):
        assert torch.equal(p.weight, q.weight)
        assert not torch.equal(p.weight, r.weight)
        assert not p.bias.any()


def test_each_layer_may_have_its_own_initializer() -> None:
    network = MLP([6, 5, 4, 3], "tanh")
    initialize(network, [standard_, lecun_, kaiming_], seed=9)
    generator = torch.Generator().manual_seed(9)
    for layer, fill in zip(network.layers, [standard_, lecun_, kaiming_], strict=True):
        expected = fill(torch.empty_like(layer.weight), generator=generator)
        assert torch.equal(layer.weight, expected)


@pytest.mark.parametrize("count", [1, 3])
def test_a_wrong_number_of_initializers_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"fill must name 2 initializers, got {count}"):
        initialize(MLP([6, 5, 4], "tanh"), [xavier_] * count, seed=0)
