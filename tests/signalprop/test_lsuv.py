"""LSUV in one pass: against the printed loop, exact on its batch, and whole or not at all."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from signalprop import initializers
from signalprop.fitnet import Elementwise, fitnet4
from signalprop.lsuv import linear_layers, lsuv_
from signalprop.networks import MLP
from signalprop.studies.lsuv.loop import lsuv_loop

EXACT = 1e-12
"""Relative: double precision, through some twenty layers."""


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=seeded(seed))


def outputs(network: nn.Module, inputs: Any) -> dict[str, list[Tensor]]:
    """Return what each layer gives out in a forward pass, call by call."""
    found: dict[str, list[Tensor]] = {name: [] for name in linear_layers(network)}
    with torch.no_grad():
        hooks = [
            layer.register_forward_hook(lambda *args, name=name: found[name].append(args[-1]))
            for name, layer in linear_layers(network).items()
        ]
        network(inputs)
    for hook in hooks:
        hook.remove()
    return found


class Branches(nn.Module):
    """Layers of many kinds, defined in another order than that of their use."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Linear(6, 3)
        self.up = nn.ConvTranspose2d(4, 6, 2, stride=2)
        self.grouped = nn.Conv2d(4, 4, 3, padding=1, groups=2)
        self.first = nn.Conv2d(2, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.first(x))
        x = x + torch.relu(self.grouped(x))
        logits: Tensor = self.last(torch.sigmoid(self.up(x)).mean((2, 3)))
        return logits


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "tanh": (lambda: MLP([12, 40, 30, 30, 5], "tanh"), (50, 12)),
    "sigmoid": (lambda: MLP([12, 40, 30, 30, 5], "sigmoid"), (50, 12)),
    "relu": (lambda: MLP([12, *[40] * 15, 5], "relu"), (50, 12)),
    "fitnet": (lambda: fitnet4("sigmoid", 0.1, (2, 8, 8)), (20, 2 * 8 * 8)),
    "branches": (Branches, (30, 2, 6, 6)),
    "sequences": (lambda: nn.Sequential(nn.Linear(4, 9), nn.Tanh(), nn.Linear(9, 9)), (30, 7, 4)),
}


def make(name: str) -> tuple[nn.Module, Tensor]:
    """Return a network in double precision with biases that are not zero, and data."""
    build, shape = NETWORKS[name]
    torch.manual_seed(3)
    return build().double(), normal(*shape)


# --- what it does -------------------------------------------------------------------------


def test_it_is_one_of_the_initializers() -> None:
    assert initializers.lsuv_ is lsuv_


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu", "fitnet", "sequences"])
def test_one_pass_gives_the_weights_of_the_loop(name: str) -> None:
    """Both draw the same orthogonal matrices; the loop may stop within its tolerance of 1."""
    once, data = make(name)
    looped = copy.deepcopy(once)
    lsuv_(once, data, generator=seeded())
    assert lsuv_loop(looped, data, 1e-10, generator=seeded()) > len(linear_layers(looped))
    for a, b in zip(once.parameters(), looped.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-15)


def test_the_loop_needs_no_second_turn() -> None:
    """One run of the network to measure, one to find that the layer is done."""
    network, data = make("tanh")
    assert lsuv_loop(network, data, 1e-10, generator=seeded()) == 2 * 4


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [1.0, 0.3])
def test_every_layer_has_the_variance_asked_for(name: str, target: float) -> None:
    network, data = make(name)
    assert lsuv_(network, data, target=target, generator=seeded()) is network
    for layer, (output,) in outputs(network, data).items():
        assert float(output.var(correction=0)) == pytest.approx(target, rel=EXACT), layer
    for layer in linear_layers(network).values():
        assert not layer.bias.any()


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("target", [1.0, 0.3])
def test_every_unit_has_mean_zero_if_means_are_removed(name: str, target: float) -> None:
    """And the variance across examples, averaged over units and positions, is the target."""
    network, data = make(name)
    lsuv_(network, data, target=target, remove_means=True, generator=seeded())
    for layer, (output,) in outputs(network, data).items():
        dense = isinstance(network.get_submodule(layer), nn.Linear)
        by_unit = output.flatten(0, -2) if dense else output.transpose(0, 1).flatten(1).t()
        assert float(by_unit.mean(0).abs().max()) < EXACT, layer
        assert float(output.var(0, correction=0).mean()) == pytest.approx(target, rel=1e-11), layer


@pytest.mark.parametrize("remove_means", [False, True])
def test_single_precision_is_as_exact_as_it_can_be(remove_means: bool) -> None:
    network, data = make("fitnet")
    lsuv_(network.float(), data.float(), remove_means=remove_means, generator=seeded())
    for (output,) in outputs(network, data.float()).values():
        values = output.double()
        variance = values.var(0, correction=0).mean() if remove_means else values.var(correction=0)
        # A sigmoid network's rounding is that of the constants, not that of the data.
        assert float(variance) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", ["branches", "fitnet"])
def test_every_layer_is_run_once(name: str) -> None:
    network, data = make(name)
    calls = dict.fromkeys(linear_layers(network), 0)

    def count(layer: str) -> Callable[..., None]:
        def counted(*_: object) -> None:
            calls[layer] += 1

        return counted

    for layer, module in linear_layers(network).items():
        module.register_forward_pre_hook(count(layer))
    lsuv_(network, data)
    assert set(calls.values()) == {1}


@pytest.mark.parametrize("remove_means", [False, True])
def test_weights_are_only_scaled(remove_means: bool) -> None:
    """What was drawn, or kept, has its direction still; orthogonal rows stay orthogonal."""
    network, data = make("branches")
    before = copy.deepcopy(network)
    lsuv_(network, data, remove_means=remove_means, weights="kept")
    for a, b in zip(*(linear_layers(n).values() for n in (network, before)), strict=True):
        ratio = a.weight / b.weight
        torch.testing.assert_close(ratio, ratio.flatten()[0].expand_as(ratio))
    lsuv_(network, data, remove_means=remove_means)
    for layer in linear_layers(network).values():
        matrix = layer.weight.detach().flatten(1)
        gram = matrix @ matrix.t() if len(matrix) <= matrix.shape[1] else matrix.t() @ matrix
        torch.testing.assert_close(gram, gram[0, 0] * torch.eye(len(gram), dtype=gram.dtype))


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
def test_weights_depend_on_the_generator_and_on_nothing_else(weights: Any) -> None:
    state = torch.get_rng_state()
    made = []
    for seed in (5, 5, 6):
        network, data = make("tanh")
        torch.set_rng_state(state)
        made.append(lsuv_(network, data, weights=weights, generator=seeded(seed)))
        assert torch.equal(torch.get_rng_state(), state)
    one, same, other = (network.get_submodule("layers.0").weight for network in made)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_gaussian_weights_are_gaussian() -> None:
    """Their fourth moment is 3 squared second ones, to four standard errors of 60,000 draws."""
    network = lsuv_(MLP([200, 300], "tanh"), torch.randn(9, 200), weights="gaussian")
    weight = network.layers[0].weight.detach()
    kurtosis = float(weight.pow(4).mean() / weight.square().mean() ** 2)
    assert kurtosis == pytest.approx(3, abs=4 * (24 / weight.numel()) ** 0.5)


# --- what it works on ---------------------------------------------------------------------


def test_an_activation_in_place_does_not_disturb() -> None:
    def build(inplace: bool) -> nn.Module:
        layers = [[nn.Linear(20, 20), nn.ReLU(inplace)] for _ in range(6)]
        return nn.Sequential(*itertools.chain(*layers)).double()

    plain, inplace = (
        lsuv_(build(inplace), normal(40, 20), generator=seeded()) for inplace in (False, True)
    )
    for a, b in zip(plain.parameters(), inplace.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_network_runs_in_evaluation_mode_and_keeps_its_own() -> None:
    """Dropout would change every variance, and batch normalization its averages."""
    network = nn.Sequential(
        nn.Linear(8, 8), nn.BatchNorm1d(8), nn.Dropout(0.9), nn.ReLU(), nn.Linear(8, 4)
    ).double()
    network[2].eval()
    averages = {name: buffer.clone() for name, buffer in network.named_buffers()}
    lsuv_(network, normal(50, 8))
    assert [module.training for module in network] == [True, True, False, True, True]
    assert network.training
    for name, buffer in network.named_buffers():
        assert torch.equal(buffer, averages[name])
    network.eval()
    for (output,) in outputs(network, normal(50, 8)).values():
        assert float(output.var(correction=0)) == pytest.approx(1, rel=EXACT)


def test_other_hooks_see_the_layer_as_it_will_be() -> None:
    network, data = make("tanh")
    seen: list[Tensor] = []
    network.get_submodule("layers.1").register_forward_hook(lambda *args: seen.append(args[-1]))
    lsuv_(network, data)
    lsuv_output = seen.pop()
    [output] = outputs(network, data)["layers.1"]
    torch.testing.assert_close(lsuv_output, output)


def test_layers_without_biases_and_other_parameters_are_left_alone() -> None:
    network = nn.Sequential(
        nn.Linear(8, 8, bias=False), nn.PReLU(), nn.LayerNorm(8), nn.Linear(8, 4)
    ).double()
    with torch.no_grad():
        network[2].weight.fill_(3.0)
    lsuv_(network, normal(50, 8))
    for (output,) in outputs(network, normal(50, 8)).values():
        assert float(output.var(correction=0)) == pytest.approx(1, rel=EXACT)
    assert (network[2].weight == 3).all()
    assert (network[1].weight == 0.25).all()


def test_parameters_are_as_free_as_before_and_have_no_gradient() -> None:
    network, data = make("tanh")
    network.get_submodule("layers.2").weight.requires_grad_(False)
    lsuv_(network, data)
    assert [p.requires_grad for p in network.parameters()] == [True] * 4 + [False] + [True] * 3
    assert all(p.grad is None for p in network.parameters())


# --- what it refuses ----------------------------------------------------------------------


class Unused(nn.Module):
    """A network that never calls one of its layers."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.used(x)
        return y


class Failing(nn.Module):
    """A network that breaks off in the middle."""

    def __init__(self, error: type[BaseException]) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.error = error

    def forward(self, x: Tensor) -> Tensor:
        self.first(x)
        raise self.error("in the middle")


def twice() -> nn.Module:
    layer = nn.Linear(8, 8)
    return nn.Sequential(nn.Linear(8, 8), layer, nn.Tanh(), layer)


def tied() -> nn.Module:
    network = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    network[1].weight = network[0].weight
    return network


def computed() -> nn.Module:
    return nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(8, 8)))


def dead() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.Threshold(1e9, 0.0), nn.Linear(8, 8))


def infinite() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 8), nn.Threshold(1e9, torch.inf), nn.Linear(8, 8))


MEANS = {"remove_means": True}

REFUSED: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...], dict[str, Any], str]] = {
    "no layer": (nn.Tanh, (9, 8), {}, "network must have a dense or convolutional layer"),
    "target": (lambda: nn.Linear(8, 8), (9, 8), {"target": 0.0}, "target must be a finite"),
    "weights": (lambda: nn.Linear(8, 8), (9, 8), {"weights": "one"}, "weights must be one of ort"),
    "unused": (Unused, (9, 8), {}, "layer spare is not called"),
    "twice": (twice, (9, 8), {}, "layer 1 is called twice"),
    "tied": (tied, (9, 8), {}, "layer 1 shares its parameters with 0"),
    "computed": (computed, (9, 8), {}, "layer 0 computes its weight"),
    "dead": (dead, (9, 8), {}, "layer 2 has outputs that do not vary over the data"),
    "infinite": (infinite, (9, 8), {}, "layer 2 has outputs that are not finite"),
    "no bias": (lambda: nn.Linear(8, 8, False), (9, 8), MEANS, "layer Linear has no bias"),
    "one example": (lambda: nn.Linear(8, 8), (1, 8), MEANS, "do not vary from example to exam"),
    "no batch": (lambda: nn.Linear(8, 8), (8,), {}, "inputs must be a batch"),
    "one image": (lambda: nn.Conv2d(2, 4, 3), (2, 6, 6), MEANS, "inputs must be a batch"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_and_leaves_no_trace(case: str) -> None:
    build, shape, settings, message = REFUSED[case]
    network = build().double()
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(ValueError, match=message):
        lsuv_(network, normal(*shape), **settings)
    assert_untouched(network, before)


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_network_that_breaks_off_is_left_as_it_was(error: type[BaseException]) -> None:
    network = Failing(error).double()
    before = copy.deepcopy(network.state_dict())
    with pytest.raises(error, match="in the middle"):
        lsuv_(network, normal(9, 8))
    assert_untouched(network, before)


def assert_untouched(network: nn.Module, before: dict[str, Tensor]) -> None:
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    for module in network.modules():
        assert module.training
        assert not module._forward_hooks


def test_equal_examples_do_not_vary_even_if_rounding_says_so() -> None:
    """Constants of size 1, equal in all examples up to the last bit."""
    network = nn.Sequential(nn.Linear(8, 8), Elementwise("sigmoid"), nn.Linear(8, 8))
    rows = torch.randn(8, generator=seeded()).expand(64, 8)
    inputs = rows * (1 + torch.finfo(torch.float32).eps * torch.arange(64)[:, None].remainder(2))
    with pytest.raises(ValueError, match="do not vary from example to example"):
        lsuv_(network, inputs, remove_means=True)
    lsuv_(network, inputs)  # their units differ, which is all that plain LSUV asks for
