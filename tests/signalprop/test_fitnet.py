"""FitNet-4: its layers, one by one, are those of the published configuration."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from signalprop.activations import get
from signalprop.fitnet import Elementwise, fitnet4
from signalprop.lsuv import linear_layers

PUBLISHED = [
    *(["32", "a"] * 3 + ["48", "a"] * 2 + ["pool 2"]),
    *(["80", "a"] * 6 + ["pool 2"]),
    *(["128", "a"] * 6 + ["pool all"]),
    *("500", "a", "10"),
]
"""Outputs of the layers of weights, activations and poolings, in order."""


def description(module: nn.Module) -> str | None:
    if isinstance(module, nn.Conv2d):
        assert (module.kernel_size, module.padding, module.stride) == ((3, 3), (1, 1), (1, 1))
        return str(module.out_channels)
    if isinstance(module, nn.Linear):
        return str(module.out_features)
    if isinstance(module, nn.MaxPool2d):
        return f"pool {module.kernel_size}"
    if isinstance(module, nn.AdaptiveMaxPool2d):
        return "pool all" if module.output_size == 1 else "pool some"
    return "a" if isinstance(module, Elementwise) else None


def test_the_layers_are_the_published_ones() -> None:
    described = [description(module) for module in fitnet4("tanh")]
    assert [d for d in described if d] == PUBLISHED
    assert described.count(None) == 2  # from flat to image, and back
    assert len(linear_layers(fitnet4("tanh"))) == 19


def test_the_number_of_parameters() -> None:
    """Weights and biases of each layer, added up by hand."""
    convolutions = [(3, 32), (32, 32), (32, 32), (32, 48), (48, 48), (48, 80)]
    convolutions += [(80, 80)] * 5 + [(80, 128)] + [(128, 128)] * 5
    by_hand = sum(9 * m * n + n for m, n in convolutions) + 128 * 500 + 500 + 500 * 10 + 10
    assert sum(p.numel() for p in fitnet4("relu").parameters()) == by_hand == 1_276_806


@pytest.mark.parametrize(("width", "first", "hidden"), [(1.0, 32, 500), (0.25, 8, 125)])
def test_width_multiplies_channels_and_hidden_units(width: float, first: int, hidden: int) -> None:
    network = fitnet4("tanh", width)
    assert network.get_submodule("conv1").weight.shape == (first, 3, 3, 3)
    assert network.get_submodule("dense18").weight.shape[0] == hidden
    assert network.get_submodule("dense19").weight.shape == (10, hidden)


def test_the_thinnest_has_one_of_each() -> None:
    shapes = {tuple(m.weight.shape[:2]) for m in linear_layers(fitnet4("tanh", 1e-9)).values()}
    assert shapes == {(1, 3), (1, 1), (10, 1)}


def test_images_come_flat_in_the_order_of_channels_rows_and_columns() -> None:
    """A pixel's change reaches only the outputs of the first layer around it."""
    network = fitnet4("tanh", 0.1, image=(2, 8, 12), classes=3)
    image = torch.zeros(1, 2, 8, 12)
    image[0, 1, 3, 7] = 1.0
    seen: list[torch.Tensor] = []
    first = network.get_submodule("conv1")
    nn.init.zeros_(first.bias)
    first.register_forward_hook(lambda *args: seen.append(args[-1]))
    assert network(image.flatten(1)).shape == (1, 3)
    rows, columns = seen[0][0].abs().sum(0).nonzero().unbind(1)
    assert set(rows.tolist()) == {2, 3, 4}
    assert set(columns.tolist()) == {6, 7, 8}


def test_an_activation_may_be_an_object() -> None:
    centred = get("sigmoid").centred()
    network = fitnet4(centred, 0.1)
    assert all(m.activation is centred for m in network if isinstance(m, Elementwise))
    assert "centred sigmoid" in repr(network)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"activation": "step"}, "activation must be one of"),
        ({"width": 0.0}, "width must be positive, got 0.0"),
        ({"image": (3, 3, 32)}, "image must be"),
        ({"image": (0, 32, 32)}, "image must be"),
        ({"classes": 1}, "classes must be 2 or more, got 1"),
    ],
)
def test_what_makes_no_network_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitnet4(**({"activation": "tanh"} | settings))  # type: ignore[arg-type]
