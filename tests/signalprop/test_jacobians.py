"""Jacobians and their singular values against torch's automatic differentiation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from signalprop import jacobians
from signalprop.activations import NAMES
from signalprop.initializers import kaiming_, lecun_, orthogonal_
from signalprop.jacobians import jacobian, resolution, singular_values
from signalprop.networks import MLP, initialize
from signalprop.training import autograd_step

WIDTHS = [[7, 5, 6, 3], [3, 6, 5, 7], [4, 4, 4, 4], [5, 2, 6, 8], [6, 3]]


def build(widths: list[int], name: str = "tanh", dtype: torch.dtype = torch.float64) -> MLP:
    """Return a network with biases."""
    network = MLP(widths, name)
    initialize(network, kaiming_, seed=3)
    generator = torch.Generator().manual_seed(4)
    for layer in network.layers:
        with torch.no_grad():
            layer.bias.normal_(0, 0.3, generator=generator)
    return network.to(dtype)


def inputs(batch: int, width: int) -> Tensor:
    """Return Gaussian inputs."""
    generator = torch.Generator().manual_seed(5)
    return torch.empty(batch, width, dtype=torch.float64).normal_(generator=generator)


def by_autograd(network: MLP, x: Tensor, through: str) -> Tensor:
    """Return the Jacobian that torch finds."""

    def output(x: Tensor) -> Tensor:
        return network(x) if through == "output" else network.hidden(x)[-1]

    return torch.vmap(torch.func.jacrev(output))(x).detach()


@pytest.mark.parametrize("through", ["output", "hidden"])
@pytest.mark.parametrize("widths", WIDTHS[:-1])
@pytest.mark.parametrize("name", NAMES)
def test_the_product_of_layers_is_the_jacobian(
    name: str, widths: list[int], through: jacobians.Through
) -> None:
    """Of narrow and wide ends: the product may be begun at either."""
    network, x = build(widths, name), inputs(4, widths[0])
    ours = jacobian(network, x, through=through)
    torch.testing.assert_close(ours, by_autograd(network, x, through), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("through", ["output", "hidden"])
@pytest.mark.parametrize("widths", WIDTHS[:-1])
def test_singular_values_are_those_of_the_jacobian(
    widths: list[int], through: jacobians.Through
) -> None:
    """Against NumPy, and in descending order."""
    network, x = build(widths), inputs(3, widths[0])
    ours = singular_values(network, x, through=through)
    outputs = widths[-1] if through == "output" else widths[-2]
    assert ours.shape == (3, min(widths[0], outputs))
    assert ours.dtype == np.float64
    assert (np.diff(ours) <= 0).all()
    theirs = np.linalg.svd(by_autograd(network, x, through).numpy(), compute_uv=False)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-14)


def test_without_hidden_layers_it_is_the_weight_matrix() -> None:
    network = build([6, 3])
    weight = network.layers[0].weight.detach()
    assert torch.equal(jacobian(network, inputs(2, 6)), weight.expand(2, -1, -1))


def test_a_linear_orthogonal_network_is_an_isometry() -> None:
    network = MLP([40] * 20, "linear").double()
    initialize(network, orthogonal_, seed=0)
    np.testing.assert_allclose(singular_values(network, inputs(2, 40)), 1, rtol=1e-13)


def test_a_trained_network_is_measured_where_it_is() -> None:
    network, x = build([6, 8, 8, 3]), inputs(30, 6)
    before = singular_values(network, x)
    step = autograd_step(network, 0.5)
    for _ in range(20):
        step(x, torch.arange(30) % 3)
    after = singular_values(network, x)
    theirs = np.linalg.svd(by_autograd(network, x, "output").numpy(), compute_uv=False)
    np.testing.assert_allclose(after, theirs, rtol=1e-11, atol=1e-14)
    assert abs(after / before - 1).max() > 0.1


def test_many_inputs_are_taken_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = build([7, 5, 6, 3]), inputs(11, 7)
    whole = singular_values(network, x)
    monkeypatch.setattr(jacobians, "_BATCH_ELEMENTS", 4 * 7 * 3)
    np.testing.assert_allclose(singular_values(network, x), whole, rtol=1e-13)


@pytest.mark.parametrize("widths", WIDTHS)
def test_no_inputs_have_no_singular_values(widths: list[int]) -> None:
    assert singular_values(build(widths), np.empty((0, widths[0]))).shape == (
        0,
        min(widths[0], widths[-1]),
    )


# --- the network, and the arithmetic ------------------------------------------------------


def test_the_network_is_left_as_it_was() -> None:
    network = build([7, 5, 6, 3], dtype=torch.float32)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    network.train()
    before = {k: v.clone() for k, v in network.state_dict().items()}
    x = inputs(2, 7).float().requires_grad_()
    state = torch.get_rng_state()
    assert not jacobian(network, x).requires_grad
    singular_values(network, x)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert network.training
    assert x.grad is None
    for name, parameter in network.named_parameters():
        assert parameter.dtype == torch.float32
        assert parameter.requires_grad
        assert torch.equal(parameter, before[name])
        assert parameter.grad is not None
        assert (parameter.grad == 1).all()


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_a_float32_network_is_measured_in_float64(name: str) -> None:
    """Bit for bit as if it had been converted first; float32 arithmetic differs."""
    single, x = build([7, 9, 9, 5], name, torch.float32), inputs(3, 7).float()
    double = MLP([7, 9, 9, 5], name).double()
    double.load_state_dict(single.state_dict())
    ours = singular_values(single, x)
    np.testing.assert_array_equal(ours, singular_values(double, x.double()))
    coarse = singular_values(single, x, torch.float32)
    assert 0 < abs(coarse - ours).max() < 1e-5


def test_inputs_may_be_arrays_or_lists() -> None:
    network, x = build([7, 5, 3]), inputs(2, 7)
    ours = singular_values(network, x)
    np.testing.assert_array_equal(singular_values(network, x.numpy()), ours)
    np.testing.assert_array_equal(singular_values(network, x.tolist()), ours)
    frozen = x.numpy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(singular_values(network, frozen), ours)


# --- resolution ---------------------------------------------------------------------------


def test_resolution_is_one_number_for_each_jacobian() -> None:
    values = np.array([[3.0, 1.0, 0.0, 0.0], [0.5, 0.5, 0.1, 0.0]])
    expected = np.array([3.0, 0.5]) * 2 * 2 * np.finfo(np.float32).eps
    np.testing.assert_allclose(resolution(values, torch.float32), expected, rtol=1e-15)
    assert resolution(values[0], torch.float64).shape == ()


@pytest.mark.parametrize("values", [np.empty((3, 0)), np.array(1.0)])
def test_resolution_needs_singular_values(values: Any) -> None:
    with pytest.raises(ValueError, match=r"values must be \(..., n\) with n > 0, got shape"):
        resolution(values, torch.float64)


@pytest.mark.parametrize("layers", [2, 8, 64])
@pytest.mark.parametrize("width", [20, 100])
@pytest.mark.parametrize("fill", [orthogonal_, lecun_])
@pytest.mark.parametrize("name", ["linear", "tanh"])
def test_below_the_resolution_is_noise(name: str, fill: Any, width: int, layers: int) -> None:
    """Singular values that a bottleneck makes zero come out below it, and not far below.

    Far would be a hundred times: then the resolution would throw good digits away.
    """
    widths = [width] * (layers + 2)
    widths[1 + layers // 2] = width // 4
    network = MLP(widths, name)
    initialize(network, fill, seed=layers)
    values = singular_values(network, 0.3 * inputs(1, width), torch.float32)[0]
    noise, level = values[width // 4], float(resolution(values, torch.float32))
    assert level / 100 < noise < level


def test_a_vanishing_tail_is_trusted_as_far_as_float32_resolves_it() -> None:
    """Float64 is the judge: above the resolution float32 is close, below it may say anything."""
    network = MLP([100] * 17, "linear")
    initialize(network, lecun_, seed=1)
    x = inputs(1, 100)
    exact = singular_values(network, x)[0]
    coarse = singular_values(network, x, torch.float32)[0]
    level = float(resolution(coarse, torch.float32))
    assert abs(coarse - exact).max() < level
    below = exact < level / 100
    assert below.sum() > 10
    assert (abs(coarse / exact - 1)[below] > 0.5).any()


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": torch.zeros(2, 6)}, r"x must be \(batch, 7\) for this network, got \(2, 6\)"),
        ({"x": torch.zeros(7)}, r"x must be \(batch, 7\) for this network, got \(7,\)"),
        ({"x": torch.full((2, 7), np.nan)}, r"x must be finite in torch.float64, row 0 is not"),
        (
            {"x": torch.tensor([[0.0] * 7, [1e300] * 7], dtype=torch.float64), "dtype": "float32"},
            r"x must be finite in torch.float32, row 1 is not",
        ),
        ({"dtype": "float16"}, "dtype must be torch.float32 or torch.float64, got torch.float16"),
        ({"through": "middle"}, "through must be one of output, hidden, got 'middle'"),
        (
            {"network": build([7, 3]), "through": "hidden"},
            'through="hidden" needs a hidden layer, the network has none',
        ),
    ],
)
@pytest.mark.parametrize("function", [jacobian, singular_values])
def test_an_argument_out_of_range_is_named(
    function: Any, change: dict[str, Any], message: str
) -> None:
    arguments = {"network": build([7, 5, 3]), "x": inputs(2, 7)} | change
    if "dtype" in change:
        arguments["dtype"] = getattr(torch, change["dtype"])
    with pytest.raises(ValueError, match=message):
        function(**arguments)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_weight_that_is_not_finite_is_found(name: str, value: float, layer: int) -> None:
    network = build([7, 5, 6, 3], name)
    with torch.no_grad():
        network.layers[layer].weight[1, 2] = value
    message = f"parameters must be finite in torch.float64, the weight of layer {layer + 1} is not"
    with pytest.raises(ValueError, match=message):
        jacobian(network, inputs(2, 7))


def test_an_overflow_is_not_taken_for_a_broken_network() -> None:
    network = MLP([20] * 41, "linear").double()
    initialize(network, orthogonal_, seed=0)
    for layer in network.layers:
        with torch.no_grad():
            layer.weight.mul_(10)
    np.testing.assert_allclose(singular_values(network, inputs(1, 20)), 1e40, rtol=1e-12)
    with pytest.raises(ValueError, match="Jacobian of 40 layers is beyond the range of"):
        singular_values(network, inputs(1, 20), torch.float32)
