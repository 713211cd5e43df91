"""SGD in bfloat16 against the same descent in float32, and in autocast."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from signalprop.half import half_step
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.training import autograd_step

LAYERS = 6
ROUNDING = 2.0**-8
"""Of one number in bfloat16, relative, at most."""

SMOOTH = 3 * (2 * LAYERS) ** 0.5 * ROUNDING
"""Signals and gradients are rounded at each layer, both ways."""

KINKED = (2 * LAYERS * ROUNDING) ** 0.5
"""Besides, of the units a share like the rounding finds itself on the other side of the kink."""


def network(activation: str, depth: int = LAYERS) -> MLP:
    made = MLP([20, *[32] * depth, 5], activation)
    initialize(made, xavier_, seed=0)
    return made


def batch() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(64, 20, generator=generator)
    return inputs.bfloat16().float(), torch.randint(5, (64,), generator=generator)


@pytest.mark.parametrize(
    ("activation", "error"),
    [
        *((name, SMOOTH) for name in ("tanh", "rescaled_sigmoid", "sigmoid", "erf")),
        *((name, KINKED) for name in ("relu", "leaky_relu", "leaky_tanh")),
    ],
)
def test_a_step_is_that_of_float32_but_for_rounding(activation: str, error: float) -> None:
    ours, exact = network(activation), network(activation)
    start = network(activation).state_dict()
    rate = 100.0  # so that what is added to the weights is not lost in their own rounding
    cost = half_step(ours, rate)(*batch())
    expected = autograd_step(exact, rate)(*batch())
    assert abs(cost - expected) < SMOOTH * expected
    for name, before in start.items():
        moved, should = (net.state_dict()[name] - before for net in (ours, exact))
        assert (moved - should).norm() < error * should.norm(), name


def test_weights_set_from_outside_are_seen() -> None:
    ours = network("tanh")
    step = half_step(ours, 0.1)
    first = step(*batch())
    ours.load_state_dict(network("tanh").state_dict())
    assert step(*batch()) == first


def test_what_is_to_stay_stays() -> None:
    ours, start = network("tanh"), network("tanh").state_dict()
    ours.layers[2].weight.requires_grad_(False)
    half_step(ours, 0.1)(*batch())
    moved = [name for name, value in ours.state_dict().items() if not value.equal(start[name])]
    assert set(start) - set(moved) == {"layers.2.weight"}


def test_it_learns_what_float32_learns() -> None:
    inputs = batch()[0]
    labels = inputs[:, :5].argmax(1)
    costs = {}
    for name, make in (("half", half_step), ("float32", autograd_step)):
        net = network("tanh", depth=15)
        step = make(net, 0.02)
        costs[name] = torch.stack([step(inputs, labels) for _ in range(60)])
    assert costs["half"][-1] < 0.7 * costs["half"][0]
    assert float((costs["half"] - costs["float32"]).abs().max()) < 0.02
