"""Plain convolutional networks: their shapes, their arithmetic, and what borders take."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from signalprop.activations import get
from signalprop.convnets import (
    DENSE_LAYERS,
    SHORTEST,
    PlainConvNet,
    Stage,
    conv_stack,
    share_inside,
)
from signalprop.initializers import kaiming_, lecun_, xavier_
from signalprop.networks import initialize

STAGES = [Stage(1, 3, kernel=5, stride=2), Stage(2, 4, kernel=2), Stage(1, 5, pool=1)]
IMAGE = (2, 16, 16)


def small(**settings: object) -> PlainConvNet:
    network = PlainConvNet(STAGES, [7, 3], image=IMAGE, **settings).double()
    initialize(network, kaiming_, seed=1)
    for layer in network.layers:
        torch.nn.init.normal_(layer.bias, 0, 0.1, generator=torch.Generator().manual_seed(2))
    return network


def inputs(rng: np.random.Generator, n: int = 4) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal((n, *IMAGE))).flatten(1)


def by_shifts(x: np.ndarray, weight: np.ndarray, stride: int, wrap: bool) -> np.ndarray:
    """Convolve (batch, channels, size, size) as a sum over the pixels of the kernel."""
    kernel, size = weight.shape[-1], x.shape[-1]
    before = (kernel - 1) // 2
    padded = np.pad(
        x,
        ((0, 0), (0, 0), (before, kernel // 2), (before, kernel // 2)),
        mode="wrap" if wrap else "constant",
    )
    terms = (
        np.einsum("oc,bcij->boij", weight[:, :, i, j], padded[:, :, i : i + size, j : j + size])
        for i, j in itertools.product(range(kernel), repeat=2)
    )
    return sum(terms)[:, :, ::stride, ::stride]


@pytest.mark.parametrize("padding", ["circular", "zeros"])
@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_layers_compute_what_the_equation_says(
    name: str, padding: str, rng: np.random.Generator
) -> None:
    network = small(activation=name, padding=padding)
    x = inputs(rng)
    h = x.numpy().reshape(-1, *IMAGE)
    expected = []
    strides, pools = [2, 1, 1, 1], [2, 1, 2, 1]
    for layer, stride, pool in zip(network.layers, strides, pools, strict=False):
        weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
        s = by_shifts(h, weight, stride, padding == "circular") + bias[:, None, None]
        expected.append(s)
        h = get(name)(s)
        n, c, size, _ = h.shape
        h = h.reshape(n, c, size // pool, pool, size // pool, pool).max((3, 5))
    h = h.reshape(len(h), -1)
    for layer in network.layers[4:]:
        expected.append(h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy())
        h = get(name)(expected[-1])
    with torch.no_grad():
        ours, logits = network.pre_activations(x), network(x)
    assert [tuple(s.shape) for s in ours] == [s.shape for s in expected]
    for a, b in zip(ours, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-11, atol=1e-13)
    assert torch.equal(logits, ours[-1])


@pytest.mark.parametrize("model", SHORTEST)
def test_the_stacks_have_the_papers_layers(model: str) -> None:
    """22 layers in model B; 14 in E, or 30 with 16 more in its last stage (Table 3)."""
    for depth in (SHORTEST[model], 14, 22, 30):
        network = conv_stack(model, depth, width=16, dense=24)
        kernels = [x.weight.shape[-1] for x in network.layers if isinstance(x, torch.nn.Conv2d)]
        assert len(network.layers) == depth == len(kernels) + DENSE_LAYERS
        assert kernels == [5] + [{"B": 3, "E": 2}[model]] * (len(kernels) - 1)
        sizes = [s.shape[1:] for s in network.pre_activations(torch.zeros(1, 3072))]
        convolved = [(s[0], s[1]) for s in sizes[:-DENSE_LAYERS]]
        if model == "E":
            rest = depth - DENSE_LAYERS - 5
            assert convolved == [(4, 16), *[(8, 8)] * 4, *[(16, 4)] * rest]
        elif depth == 22:
            assert convolved == [(3, 16), *[(8, 8)] * 6, *[(16, 4)] * 6, *[(16, 2)] * 6]
        assert [tuple(s) for s in sizes[-DENSE_LAYERS:]] == [(24,), (24,), (10,)]


@pytest.mark.parametrize("kernel", [1, 2, 3, 5])
def test_without_borders_every_pixel_has_the_same_variance(kernel: int) -> None:
    """A convolution of ones by ones counts the pixels under the kernel."""
    ones = torch.ones(1, 1, 4, 4)
    for padding, share in (("circular", 1.0), ("zeros", share_inside(kernel, 4))):
        network = PlainConvNet([Stage(1, 1, kernel, pool=1)], [1], image=(1, 4, 4), padding=padding)
        initialize(network, lambda w, generator: torch.nn.init.ones_(w), seed=0)
        counted = network.pre_activations(ones.flatten(1))[0].detach()
        assert float(counted.mean()) == pytest.approx(share * kernel**2, rel=1e-6)
        assert padding == "zeros" or float(counted.min()) == kernel**2


def test_a_relu_network_without_biases_is_positively_homogeneous(rng: np.random.Generator) -> None:
    network = small()
    for layer in network.layers:
        torch.nn.init.zeros_(layer.bias)
    x = inputs(rng)
    with torch.no_grad():
        for plain, scaled in zip(
            network.pre_activations(x), network.pre_activations(3 * x), strict=True
        ):
            torch.testing.assert_close(scaled, 3 * plain, rtol=1e-11, atol=1e-13)


def test_torchs_rectifier_is_ours(rng: np.random.Generator) -> None:
    x = torch.from_numpy(rng.standard_normal(100))
    assert torch.equal(F.relu(x), get("relu")(x))


def test_initial_weights_depend_on_the_seed_alone() -> None:
    a, b, c = (conv_stack("E", 9, 8, 8) for _ in range(3))
    initialize(a, xavier_, seed=1)
    torch.rand(3)
    initialize(b, [xavier_] * 9, seed=1)
    initialize(c, [xavier_] * 8 + [lecun_], seed=1)
    same = [torch.equal(p.weight, q.weight) for p, q in zip(a.layers, b.layers, strict=True)]
    assert all(same)
    same = [torch.equal(p.weight, q.weight) for p, q in zip(a.layers, c.layers, strict=True)]
    assert same == [True] * 8 + [False]
    assert not any(layer.bias.any() for layer in a.layers)


def test_layers_without_biases_are_taken() -> None:
    layers = [torch.nn.Conv2d(2, 3, 2, bias=False), torch.nn.Linear(4, 2)]
    initialize(SimpleNamespace(layers=layers), lecun_, seed=0)
    assert not layers[1].bias.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [3]), "stages must not be empty"),
        ((STAGES, []), "dense must not be empty"),
        ((STAGES, [3, 0]), r"dense must be positive integers, got \[3, 0\]"),
        (([Stage(0, 3)], [3]), "every number of a stage must be positive, got Stage"),
        (([Stage(1, 3)] * 6, [3]), "image is too small: nothing of"),
        (([Stage(1, 3, kernel=9)] * 5, [3]), "image is too small: of"),
    ],
)
def test_impossible_networks_are_refused_by_name(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PlainConvNet(*arguments)


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="padding must be one of circular, zeros; got 'reflect'"):
        PlainConvNet(STAGES, [3], padding="reflect")
    with pytest.raises(ValueError, match="activation must be one of"):
        PlainConvNet(STAGES, [3], activation="swish")
    with pytest.raises(ValueError, match="model must be one of B, E, got 'C'"):
        conv_stack("C", 22, 8, 8)


@pytest.mark.parametrize(("model", "depth"), [("B", 6), ("E", 8)])
def test_too_shallow_and_too_narrow_stacks_are_refused(model: str, depth: int) -> None:
    with pytest.raises(ValueError, match=f"depth must be at least {depth + 1}, got {depth}"):
        conv_stack(model, depth, 8, 8)
    with pytest.raises(ValueError, match="width must be at least 4, got 3"):
        conv_stack(model, 22, 3, 8)


@pytest.mark.parametrize("arguments", [(0, 3), (3, 0), (9, 3)])
def test_impossible_kernels_are_refused(arguments: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="kernel and size must be positive and fit, got"):
        share_inside(*arguments)


def test_a_wrong_number_of_initializers_is_refused() -> None:
    with pytest.raises(ValueError, match="fill must name 9 initializers, got 2"):
        initialize(conv_stack("E", 9, 8, 8), [xavier_] * 2, seed=0)
