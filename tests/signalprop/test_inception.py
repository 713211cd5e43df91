"""The Inception network: its published shape, and the fast way against the plain one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from signalprop.activations import Activation, get, leaky_relu, leaky_tanh
from signalprop.fused import convolve, fan_out, kernel
from signalprop.inception import BLOCKS, Convolution, Inception

TABLE = ("sigmoid", "rescaled_sigmoid", "tanh", "relu", "leaky_tanh", "leaky_relu")

# --- the published network ----------------------------------------------------------------


def test_it_has_the_published_size() -> None:
    network = Inception("relu")
    convolutions = [m for m in network.modules() if isinstance(m, Convolution)]
    assert len(convolutions) == 66
    parameters = sum(p.numel() for p in network.parameters())
    assert round(parameters / 1e6, 2) == 10.19
    assert network.depth == 31
    assert Inception("relu", width=0.1, stem=True).depth == 34  # 33 convolutions, the dense one


def test_each_block_gives_the_published_channels_and_pixels() -> None:
    published = {
        "3a": (256, 28),
        "3b": (320, 28),
        "3c": (576, 14),
        "4a": (576, 14),
        "4b": (576, 14),
        "4c": (608, 14),
        "4d": (608, 14),
        "4e": (1056, 7),
        "5a": (1024, 7),
        "5b": (1024, 7),
    }
    network = Inception("relu")
    shapes = {}
    x = torch.zeros(1, 3, 28, 28)
    for name, block in network.blocks.items():
        x = block(x)
        shapes[name] = (x.shape[1], x.shape[2])
        assert x.shape[2] == x.shape[3]
    assert shapes == published


@pytest.mark.parametrize("stem", [False, True])
def test_the_longest_path_has_the_stated_number_of_layers(stem: bool) -> None:
    # Count by gradients: replace each convolution by one that adds 1 to its inputs' largest count.
    network = Inception("linear", width=0.02, stem=stem)
    for layer in network.layers.values():
        torch.nn.init.zeros_(layer.weight)

    def count(module: object, inputs: tuple[Tensor], output: Tensor) -> Tensor:
        return torch.full_like(output, float(inputs[0].max()) + 1)

    for layer in network.layers.values():
        layer.register_forward_hook(count)
    # The poolings average: take the maximum instead, so that counts stay whole.
    for block in network.blocks.values():
        pool = block.pool
        if isinstance(pool, torch.nn.AvgPool2d):
            block.pool = torch.nn.MaxPool2d(3, 1, 1)
    assert float(network.blocks["5b"](_through(network)).max()) + 1 == network.depth


def _through(network: Inception) -> Tensor:
    x = network.stem(torch.zeros(1, 3, 28, 28))
    for name, block in network.blocks.items():
        if name != "5b":
            x = block(x)
    return x


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 0.0}, "width must be positive, got 0.0"),
        ({"image": (3, 28, 30)}, r"image must be .* multiples of 4, got \(3, 28, 30\)"),
        ({"classes": 1}, "classes must be 2 or more, got 1"),
        ({"activation": "step"}, "activation must be one of"),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Inception(**({"activation": "tanh", "width": 0.05} | arguments))  # type: ignore[arg-type]


# --- the fast way -------------------------------------------------------------------------


def gradients(network: Inception, x: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the logits, then the derivatives of their cost by the parameters."""
    logits: Tensor = network(x)
    cost = F.cross_entropy(logits.to(x.dtype), labels)
    return [logits.detach(), *torch.autograd.grad(cost, list(network.parameters()))]


def network_and_batch(
    activation: str | Activation, dtype: torch.dtype, stem: bool = False
) -> tuple[Inception, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    network = Inception(activation, width=0.06, stem=stem, classes=7, image=(3, 12, 8)).to(dtype)
    for layer in network.layers.values():
        layer.weight.data.normal_(0, layer.weight[0].numel() ** -0.5, generator=generator)
        assert layer.bias is not None
        layer.bias.data.normal_(0, 0.3, generator=generator)
    x = torch.randn(6, 3 * 12 * 8, generator=generator).to(dtype)
    return network, x, torch.arange(6)


def relative(found: Tensor, expected: Tensor) -> float:
    difference = (found - expected).double().norm()
    return float(difference / expected.double().norm().clamp(min=1e-300))


@pytest.mark.parametrize("stem", [False, True])
@pytest.mark.parametrize("activation", [*TABLE, "softsign", leaky_tanh(0.1), leaky_relu(0.4)])
def test_both_ways_agree_to_rounding(activation: str | Activation, stem: bool) -> None:
    # Double precision has no kernel: the rearrangement alone, to some hundred roundings.
    network, x, labels = network_and_batch(activation, torch.float64, stem)
    plain = gradients(network, x, labels)
    for found, expected in zip(gradients(network.fuse(), x, labels), plain, strict=True):
        assert relative(found, expected) < 1e-12
    # Single precision: oneDNN's kernels against double precision, 31 layers of roundings.
    single = network.float()
    for found, expected in zip(gradients(single, x.float(), labels), plain, strict=True):
        assert relative(found, expected) < 1e-4


@pytest.mark.parametrize("activation", TABLE)
def test_in_bfloat16_it_is_as_exact_as_the_plain_way(activation: str) -> None:
    network, _, _ = network_and_batch(activation, torch.float64)
    generator, labels = torch.Generator().manual_seed(1), torch.arange(16) % 7
    errors: dict[bool, list[float]] = {False: [], True: []}
    for x in torch.randn(3, 16, 3 * 12 * 8, generator=generator, dtype=torch.float64):
        exact = gradients(network.double(), x, labels)
        for way, found in errors.items():
            with torch.autocast("cpu", torch.bfloat16):
                half = gradients(network.float().fuse(way), x.float(), labels)
            found += map(relative, half, exact)
        network.fuse(False)
    assert sum(errors[True]) < 1.5 * sum(errors[False])


def test_kernels_serve_the_table_and_nothing_that_only_shares_a_name() -> None:
    x = torch.zeros(1)
    assert all(kernel(get(name), x) for name in TABLE)
    assert kernel(get("gelu"), x) is None
    assert kernel(get("tanh"), x.double()) is None
    assert kernel(leaky_tanh(0.0), x) is None  # its slope does not follow from its value


@pytest.mark.parametrize("activation", TABLE)
@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_and_its_derivatives(activation: str, stride: int) -> None:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, 5, 6, generator=generator)
    weight = torch.randn(4, 3, 3, 3, generator=generator) / 5
    bias = torch.randn(4, generator=generator)
    found = []
    for dtype in (torch.float32, torch.float64):
        leaves = [t.to(dtype).detach().requires_grad_() for t in (x, weight, bias)]
        y = convolve(*leaves, stride, get(activation))
        found.append([y.detach(), *torch.autograd.grad(y.square().sum(), leaves)])
    for fast, exact in zip(*found, strict=True):
        assert relative(fast, exact) < 1e-5


def test_a_fan_without_projection_has_none() -> None:
    x, weight, bias = torch.randn(1, 2, 3, 3), torch.randn(4, 2, 1, 1), torch.zeros(4)
    outputs, pooled = fan_out(x, [weight, weight], [bias, bias], None, get("tanh"))
    assert len(outputs) == 2
    assert pooled is None


def test_hooks_see_every_convolution_of_the_plain_way() -> None:
    network, x, _ = network_and_batch("tanh", torch.float32)
    seen = []
    for name, layer in network.layers.items():
        layer.register_forward_hook(lambda *_, name=name: seen.append(name))
    network(x)
    assert sorted(seen) == sorted(network.layers)


def test_the_first_layers_are_those_that_read_the_image() -> None:
    image = torch.randn(1, 3 * 28 * 28)
    for stem in (False, True):
        network = Inception("tanh", width=0.1, stem=stem)
        channels = {name for name, m in network.layers.items() if m.weight.shape[1] == 3}
        assert set(network.first) == channels
        assert network(image).isfinite().all()
    assert len(BLOCKS) == 10
