"""Critical weights for any chain of layers: right, or refused with the layer's name."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from signalprop import activations, meanfield
from signalprop.chain import read_chain
from signalprop.convnets import PlainConvNet, Stage
from signalprop.critical import critical_, critical_variances
from signalprop.elementwise import identify, is_elementwise, reference_slopes, slopes
from signalprop.fitnet import fitnet4
from signalprop.initializers import delta_orthogonal_
from signalprop.networks import MLP


def generator(seed: int = 5) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def parameters(module: nn.Module) -> list[Tensor]:
    return [p.detach().clone() for p in module.parameters()]


# --- activations as they occur ------------------------------------------------------------

MODULES: dict[str, nn.Module] = {
    "linear": nn.Identity(),
    "sigmoid": nn.Sigmoid(),
    "tanh": nn.Tanh(),
    "hard_tanh": nn.Hardtanh(),
    "relu": nn.ReLU(inplace=True),
    "leaky_relu": nn.LeakyReLU(0.25),
    "softplus": nn.Softplus(),
    "softsign": nn.Softsign(),
    "silu": nn.SiLU(),
    "gelu": nn.GELU(),
}


@pytest.mark.parametrize("name", MODULES)
def test_torchs_activations_are_recognized(name: str) -> None:
    found = identify(MODULES[name])
    assert found.name == name
    assert float(found.slope_square_mean(0.7)) == pytest.approx(
        float(activations.get(name).slope_square_mean(0.7)), rel=1e-12
    )


@pytest.mark.parametrize("slope", [0.01, 0.1, 0.3])
def test_leaky_rectifiers_keep_their_slope(slope: float) -> None:
    found = identify(nn.LeakyReLU(slope))
    assert found.name == "leaky_relu"
    assert float(found.slope_square_mean(1.0)) == pytest.approx((1 + slope**2) / 2, rel=1e-9)
    with torch.no_grad():
        (prelu := nn.PReLU()).weight.fill_(slope)
    assert float(identify(prelu).slope_square_mean(1.0)) == pytest.approx((1 + slope**2) / 2)


def test_a_function_of_ones_own_gets_moments_by_quadrature() -> None:
    elu = identify(nn.ELU(), "elu")
    assert elu.name == "elu"
    q, alpha = 0.8, 1.0
    # E[elu'^2] = 1/2 + E[exp(2x); x < 0], the latter by completing the square.
    tail = math.exp(2 * q) * math.erfc(2 * math.sqrt(q) / math.sqrt(2)) / 2
    assert float(elu.slope_square_mean(q)) == pytest.approx(0.5 + alpha**2 * tail, rel=1e-9)
    x = torch.tensor([-1.0, 2.0])
    assert torch.equal(elu(x), F.elu(x))
    assert elu.derivative(np.array([[2.0]])).shape == (1, 1)


def test_what_is_not_elementwise_is_told() -> None:
    x = torch.randn(4, 6, generator=generator())
    assert is_elementwise(nn.Mish(), x)
    assert not is_elementwise(nn.Softmax(dim=1), x)
    assert not is_elementwise(nn.LayerNorm(6), x)
    assert not is_elementwise(nn.Linear(6, 6), x)
    assert not is_elementwise(nn.Flatten(0), x)
    with pytest.raises(ValueError, match="softmax cannot be applied to a vector"):
        identify(lambda t: F.softmax(t, dim=1), "softmax")
    with pytest.raises(ValueError, match="not elementwise"):
        identify(lambda t: t[:3], "cut")


def test_slopes_leave_the_input_alone() -> None:
    x = torch.tensor([-1.0, 0.5])
    assert slopes(torch.relu_, x).tolist() == [0, 1]
    assert slopes(torch.ones_like, x).tolist() == [0, 0]
    assert x.tolist() == [-1, 0.5]
    assert not x.requires_grad


def test_reference_slopes_know_channels() -> None:
    prelu = nn.PReLU(3)
    with torch.no_grad():
        prelu.weight.copy_(torch.tensor([0.0, 2.0, 0.5]))
    largest, normal = reference_slopes(prelu, torch.zeros(5, 3, 2, 2), channels=True)
    assert largest.flatten().tolist() == [1, 2, 1]
    assert normal.mean(0).flatten() == pytest.approx(np.array([0.5, 1.5, 0.75]), abs=1e-3)


# --- chains -------------------------------------------------------------------------------


class Functional(nn.Module):
    """One activation module used twice, and one that is called as a method."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third = nn.Linear(4, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.act = nn.Tanh()

    def forward(self, x: Tensor) -> Tensor:
        x = self.act(self.first(x.view(x.size(0), -1)))
        x = F.dropout(self.act(self.second(x)), training=self.training)
        return F.log_softmax(self.third(x).sigmoid(), dim=1)


def names(module: nn.Module) -> list[tuple[str, str]]:
    return [(link.name, link.activation.name) for link in read_chain(module)]


def test_chains_are_read_however_they_are_written() -> None:
    assert names(Functional()) == [("first", "tanh"), ("second", "tanh"), ("third", "sigmoid")]
    for activation in activations.NAMES:
        read = names(MLP([3, 4, 5, 2], activation))
        assert read == [
            ("layers.0", activation), ("layers.1", activation), ("layers.2", "linear")
        ]  # fmt: skip
    convolutional = PlainConvNet([Stage(2, 4), Stage(1, 8, kernel=2)], [6, 3])
    assert [name for _, name in names(convolutional)] == ["relu"] * 4 + ["linear"]
    assert [name for _, name in names(fitnet4("softplus", 0.1))] == ["softplus"] * 18 + ["linear"]


class Skip(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer(x)


class Scaled(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x


class Branching(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) if x.sum() > 0 else x


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.layer(x)


TANH = nn.Tanh()
REFUSED: list[tuple[nn.Module, str]] = [
    (Skip(), "add does not take the signal alone"),
    (nn.Sequential(nn.Linear(3, 3), Scaled()), "does not take the signal alone"),
    (Branching(), "the module cannot be traced by torch.fx"),
    (TwoInputs(), "the module must have one input, y is another"),
    (nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), r"1 \(BatchNorm1d\) is neither"),
    (nn.Sequential(nn.Linear(3, 3), nn.LSTM(3, 3)), r"1 \(LSTM\) is neither"),
    (nn.Sequential(nn.Linear(3, 3), TANH, nn.ReLU()), "layer 0 is followed by two activations"),
    (nn.Sequential(nn.Linear(3, 3), nn.Softmax(1), nn.Linear(3, 3)), "layer 2 comes after 1"),
    (nn.Sequential(shared := nn.Linear(3, 3), TANH, shared), "layer 0 is used twice"),
    (TANH, "the module must have a dense or convolutional layer, it has none"),
    (nn.Sequential(nn.ConvTranspose2d(3, 3, 3)), "layer 0 is a ConvTranspose2d"),
    (nn.Sequential(TANH, nn.LazyLinear(3)), "layer 1 has no weight yet"),
    (
        nn.Sequential(nn.Conv2d(8, 4, 3), TANH),
        r"layer 0 has fewer outputs \(4\) than inputs \(8\)",
    ),
    (
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(3, 3)), TANH),
        "layer 0 computes its weight from other parameters",
    ),
    (nn.Sequential(nn.Linear(3, 3, bias=False), TANH), "layer 0 has no bias, and tanh units need"),
    (
        nn.Sequential(nn.Linear(3, 3), TANH, nn.Linear(3, 3), nn.Sigmoid(), nn.Linear(3, 3)),
        "layer 2 between tanh and sigmoid units has no critical point|layer 2: sigmoid has no",
    ),
    (nn.Sequential(nn.Linear(3, 3), nn.Sigmoid()), "layer 0: sigmoid has no critical point"),
]


@pytest.mark.parametrize(("module", "message"), REFUSED)
def test_what_cannot_be_critical_is_refused_and_left_as_it_was(
    module: nn.Module, message: str
) -> None:
    before = dict(module.state_dict())
    lazy = any(isinstance(p, nn.UninitializedParameter) for p in module.parameters())
    copies = {} if lazy else {name: value.clone() for name, value in before.items()}
    state = torch.get_rng_state()
    with pytest.raises(ValueError, match=message):
        critical_(module)
    for name, value in copies.items():
        assert torch.equal(module.state_dict()[name], value)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"network": "mlp"}, "network must be a torch.nn.Module, got str"),
        ({"q_star": 0.0}, "q_star must be a finite variance > 0, got 0.0"),
        ({"q_star": math.inf}, "q_star must be a finite variance > 0, got inf"),
        ({"weights": "uniform"}, "weights must be one of orthogonal, gaussian, got 'uniform'"),
    ],
)
def test_an_argument_out_of_range_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        critical_(**{"network": MLP([3, 3], "tanh")} | arguments)


# --- critical weights ---------------------------------------------------------------------


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
@pytest.mark.parametrize("activation", ["tanh", "erf", "softsign", "hard_tanh", "relu"])
def test_variances_are_those_of_the_critical_point(activation: str, weights: Any) -> None:
    width, q_star = 60, 0.3
    network = critical_(
        MLP([width] * 5 + [10], activation).double(), q_star, weights, generator=generator()
    )
    sigma_w2, sigma_b2 = (float(v) for v in meanfield.critical_point(activation, q_star))
    hidden = network.layers[:-1]
    for layer in hidden:
        mean_square = float(layer.weight.detach().square().sum()) / width
        spread = 4 * math.sqrt(2) / width
        tolerance = 1e-12 if weights == "orthogonal" else spread
        assert mean_square == pytest.approx(sigma_w2, rel=tolerance)
    biases = torch.cat([layer.bias.detach() for layer in hidden])
    spread = 4 * math.sqrt(2 / len(biases))
    assert float(biases.square().mean()) == pytest.approx(sigma_b2, rel=spread, abs=1e-30)
    last = network.layers[-1]
    assert not last.bias.any()
    gram = last.weight.detach() @ last.weight.detach().t()
    if weights == "orthogonal":
        assert torch.allclose(gram, torch.eye(10, dtype=torch.float64))


def test_signals_and_gradients_keep_their_size_through_mixed_activations() -> None:
    """Also where widths change: the variance of pre-activations is q* in every layer."""
    q_star, widths = 0.2, [200, 300, 100, 400, 200]
    units = [nn.Softsign(), nn.Tanh(), nn.Hardtanh(), nn.Hardtanh()]
    layers = [nn.Linear(*pair) for pair in pairwise(widths)]
    network = nn.Sequential(*[m for pair in zip(layers, units, strict=True) for m in pair])
    network = critical_(network.double(), q_star, generator=generator())
    chain = read_chain(network)
    for link, (sigma_w2, _) in zip(chain, critical_variances(chain, q_star), strict=True):
        # chi = 1 of each layer with the activation behind it
        assert float(meanfield.chi(link.activation, q_star, sigma_w2)) == pytest.approx(1)
    # The first layer is made as if softsign units were in front of it.
    scale = math.sqrt(float(activations.get("softsign").square_mean(q_star)))
    signal = scale * torch.randn(400, 200, dtype=torch.float64, generator=generator(1))
    for layer, unit in zip(layers, units, strict=True):
        pre = layer(signal)
        assert float(pre.detach().square().mean()) == pytest.approx(q_star, rel=0.15)
        signal = unit(pre)


def test_an_output_unit_of_another_kind_gets_plain_orthogonal_weights() -> None:
    network = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 1), nn.Sigmoid()).double()
    critical_(network, generator=generator())
    assert float(network[2].weight.detach().norm()) == pytest.approx(1)
    assert network[2].bias.tolist() == [0]


def test_weights_depend_on_the_generator_alone_and_nothing_else_is_changed() -> None:
    network = MLP([8, 8, 8], "tanh")
    network.layers[0].weight.requires_grad_(False)
    state = torch.get_rng_state()
    first = parameters(critical_(network, generator=generator()))
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(1)
    again = parameters(critical_(network, generator=generator()))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert network.training
    assert not network.layers[0].weight.requires_grad
    assert network.layers[1].weight.grad_fn is None
    assert network.activation is activations.get("tanh")
    other = parameters(critical_(network, generator=generator(6)))
    assert not torch.equal(first[0], other[0])


def test_critical_orthogonal_weights_are_uniform_over_the_group() -> None:
    """Traces of Haar matrices and of their squares: means 0 and 1, mean squares 1 and 3."""
    size, count = 5, 1500
    network = nn.Sequential(*[m for _ in range(count) for m in (nn.Linear(size, size), nn.ReLU())])
    critical_(network.double(), generator=generator())
    matrices = torch.stack([layer.weight.detach() for layer in network[::2]]) / math.sqrt(2)
    traces = torch.stack([matrices, matrices @ matrices]).diagonal(dim1=2, dim2=3).sum(2)
    moments = torch.cat([traces, traces.square()])
    expected = torch.tensor([0, 1, 1, 3], dtype=torch.float64)
    errors = moments.std(1) / math.sqrt(count)
    assert float(((moments.mean(1) - expected) / errors).abs().max()) < 4


# --- convolutions -------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [(3,), (3, 3), (2, 2), (5, 3), (3, 3, 3)])
@pytest.mark.parametrize("channels", [(6, 6), (9, 4)])
def test_a_delta_orthogonal_convolution_keeps_the_length_of_images(
    channels: tuple[int, int], kernel: tuple[int, ...]
) -> None:
    weight = torch.empty(*channels, *kernel, dtype=torch.float64)
    delta_orthogonal_(weight, 1.5, generator=generator())
    convolve: Any = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    size = (7,) * len(kernel)
    images = torch.randn(3, channels[1], *size, dtype=torch.float64, generator=generator())
    before = [(k - 1) // 2 for k in kernel]
    padding = [p for k, b in zip(kernel[::-1], before[::-1], strict=True) for p in (b, k - 1 - b)]
    out = convolve(F.pad(images, padding), weight)
    lengths = out.flatten(1).norm(dim=1) / images.flatten(1).norm(dim=1)
    assert lengths.tolist() == pytest.approx([1.5] * 3, rel=1e-12)
    assert int((weight != 0).sum()) == math.prod(channels)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 4), "weight must be that of a convolution, of 3 to 5 dimensions"),
        ((4, 8, 3, 3), "weight must have at least as many channels out as in"),
    ],
)
def test_what_cannot_be_delta_orthogonal_is_refused(shape: tuple[int, ...], message: str) -> None:
    weight = torch.ones(shape)
    with pytest.raises(ValueError, match=message):
        delta_orthogonal_(weight)
    with pytest.raises(ValueError, match="gain must be finite"):
        delta_orthogonal_(torch.ones(4, 4, 3, 3), math.nan)
    assert bool((weight == 1).all())


def test_convolutional_networks_become_critical_by_channels_and_groups() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular"),
        nn.Tanh(),
        nn.Conv2d(8, 8, 3, padding=1, groups=4),
        nn.Tanh(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    ).double()
    critical_(network, 0.1, generator=generator())
    sigma_w2 = float(meanfield.critical_point("tanh", 0.1)[0])
    centre = network[2].weight.detach()[:, :, 1, 1]
    for block in centre.view(4, 2, 2):
        assert torch.allclose(block @ block.t(), sigma_w2 * torch.eye(2, dtype=torch.float64))
    first = network[0].weight.detach()[:, :, 1, 1]  # 8 outputs of 3 inputs: their variance is kept
    gram = first.t() @ first
    assert torch.allclose(gram, sigma_w2 * 8 / 3 * torch.eye(3, dtype=torch.float64))
    gaussian = critical_(network, 0.1, "gaussian", generator=generator())
    assert bool((gaussian[0].weight != 0).all())


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_drawn_in_single(dtype: torch.dtype) -> None:
    network = nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)).to(dtype)
    critical_(network, 0.5, generator=torch.Generator().manual_seed(0))
    weight = network[0].weight.detach()
    assert weight.dtype == dtype
    values = torch.linalg.svdvals(weight.float())
    assert float(values.max() / values.min()) == pytest.approx(1, abs=4 * torch.finfo(dtype).eps)
