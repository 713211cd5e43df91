"""A module under the instruments: numbers against direct computation, and no trace left in it."""

from __future__ import annotations

import copy
import json
import math
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from signalprop.diagnostics import Report, diagnose
from signalprop.initializers import critical_
from signalprop.networks import MLP

# --- modules of every kind ----------------------------------------------------------------


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 1, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=seeded(seed), dtype=dtype)


class Residual(nn.Module):
    """Two blocks with skip connections, and an activation written into the forward."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(6, 6) for _ in range(2))
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = x + F.gelu(block(x))
        return self.norm(x)


class Attention(nn.Module):
    """Self-attention over five tokens, and a mean over them."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x + self.attention(x, x, x)[0]).mean(1)


class Restless(nn.Module):
    """A module that changes whatever it can when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.register_buffer("average", torch.zeros(4))
        self.calls = 0
        self.seen: list[int] = []
        self.last: Tensor | None = None
        self.source = torch.Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            self.layer.weight.clamp_(-0.1, 0.1)
        self.layer.bias.data += 1
        self.average += x.detach().mean(0)
        self.calls += 1
        self.seen.append(len(x))
        self.extra = nn.Linear(1, 1)
        self.layer.register_forward_hook(lambda *_: None)
        self.layer.weight.requires_grad_(False)
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(1)
        torch.rand(1, generator=self.source)
        self.last = torch.tanh(self.layer(x))
        return self.last


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(inplace=True),
        nn.Dropout2d(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 3, 3, groups=1, padding=1),
        nn.Softplus(),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(3, 4, batch_first=True)
        self.head = nn.Linear(4, 2)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.head(self.lstm(x)[0][:, -1])}


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 3)
        self.head = nn.Linear(3, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.head(torch.sigmoid(self.embedding(tokens)).sum(1))


MODULES: dict[str, tuple[Callable[[], nn.Module], Callable[[], Tensor]]] = {
    "mlp": (lambda: MLP([5, 6, 6, 3], "softsign"), lambda: normal(7, 5)),
    "cnn": (cnn, lambda: normal(5, 2, 4, 4)),
    "residual": (Residual, lambda: normal(4, 6)),
    "attention": (Attention, lambda: normal(3, 5, 8)),
    "recurrent": (Recurrent, lambda: normal(4, 5, 3)),
    "tokens": (Tokens, lambda: torch.arange(12).view(4, 3) % 7),
    "restless": (Restless, lambda: normal(3, 4)),
    "weight norm": (
        lambda: nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Tanh()),
        lambda: normal(3, 4),
    ),
}


def build(name: str) -> tuple[nn.Module, Tensor]:
    """Return a module, the same every time, and a batch for it."""
    state = torch.get_rng_state()
    torch.manual_seed(3)
    module = MODULES[name][0]()
    torch.set_rng_state(state)
    return module, MODULES[name][1]()


# --- no trace is left ---------------------------------------------------------------------


def traces(module: nn.Module) -> dict[str, Any]:
    """Return everything about a module and the random states, to be compared."""
    found: dict[str, Any] = {
        "torch": torch.get_rng_state(),
        "numpy": copy.deepcopy(np.random.get_state()),  # noqa: NPY002
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
    }
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            key = f"{path}.{name}"
            found[key] = value
            if isinstance(value, dict | list | set):
                found[f"{key}, content"] = list(value.items() if isinstance(value, dict) else value)
            if isinstance(value, torch.Generator):
                found[f"{key}, state"] = value.get_state()
        for name, tensor in (*part._parameters.items(), *part._buffers.items()):
            if tensor is not None:
                found[f"{path}.{name}, numbers"] = tensor.detach().clone()
                found[f"{path}.{name}, rest"] = (tensor.requires_grad, tensor.grad)
    return found


def assert_same(before: Any, after: Any) -> None:
    """Compare traces: objects by identity, numbers by value."""
    assert before.keys() == after.keys()
    for key, value in before.items():
        if isinstance(value, Tensor) and ("numbers" in key or "state" in key or key == "torch"):
            assert torch.equal(value, after[key]), key
        elif isinstance(value, tuple | list):
            assert str(value) == str(after[key]), key
        else:
            assert value is after[key] or value == after[key], key


def prepare(module: nn.Module) -> list[str]:
    """Give a module a past: frozen weights, a gradient, a hook, mixed modes."""
    calls: list[str] = []
    parameters = list(module.parameters())
    parameters[0].requires_grad_(False)
    parameters[-1].grad = torch.ones_like(parameters[-1])
    module.register_forward_hook(lambda *_: calls.append("forward"))
    next(iter(module.children())).eval()
    return calls


@pytest.mark.parametrize("jacobian", ["auto", "estimate"])
@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_left_in_the_module(name: str, jacobian: Any) -> None:
    module, batch = build(name)
    calls = prepare(module)
    given, before = batch.clone(), traces(module)
    report = diagnose(module, batch, jacobian=jacobian)
    assert_same(before, traces(module))
    assert torch.equal(batch, given)
    assert not batch.requires_grad
    assert calls
    assert report.spectrum is not None, report.spectrum_note


class _Stop(BaseException):
    """As an interrupt of the keyboard would."""


class _StopsBackward(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradient: Tensor) -> Any:
        raise _Stop


@pytest.mark.parametrize("where", ["forward", "second call", "backward"])
@pytest.mark.parametrize("name", MODULES)
def test_nothing_is_left_in_a_module_that_raises(name: str, where: str) -> None:
    module, batch = build(name)
    prepare(module)
    calls = 0

    def interfere(part: nn.Module, args: Any, output: Any) -> Any:
        nonlocal calls
        calls += 1
        if where == "forward" or (where == "second call" and calls >= 2):
            raise _Stop
        return _StopsBackward.apply(output) if where == "backward" else None

    [*module.modules()][-1 if name != "recurrent" else 2].register_forward_hook(interfere)
    before = traces(module)
    with pytest.raises(_Stop):
        diagnose(module, batch, lambda y: y.square().mean(), jacobian="full")
    assert_same(before, traces(module))


def test_the_owner_may_be_in_any_mode_of_gradients() -> None:
    module, batch = build("mlp")
    expected = diagnose(module, batch).to_dict()
    with torch.no_grad():
        assert diagnose(module, batch).to_dict() == expected
        assert not torch.is_grad_enabled()
    with torch.inference_mode():
        assert diagnose(module, batch + 0).to_dict() == expected
        assert torch.is_inference_mode_enabled()


def test_a_pending_backward_pass_is_not_disturbed() -> None:
    module, batch = build("mlp")
    pending = module(batch).sum()
    diagnose(module, batch)
    pending.backward()
    assert all(p.grad is not None for p in module.parameters())


def test_the_same_seed_gives_the_same_report_and_another_another() -> None:
    module, batch = build("mlp")
    first, again, other = (diagnose(module, batch, seed=seed) for seed in (0, 0, 1))
    assert first.to_dict() == again.to_dict()
    assert first.layers[0].gradient != other.layers[0].gradient
    assert first.spectrum is not None
    assert first.spectrum.singular_values is not None
    assert other.spectrum is not None
    assert np.array_equal(first.spectrum.singular_values, other.spectrum.singular_values)


def test_dropout_is_off_and_normalization_is_as_it_was() -> None:
    module, batch = build("cnn")
    training, calm = diagnose(module, batch), diagnose(module.eval(), batch)
    assert training.mode == "training"
    assert calm.mode == "evaluation"
    # Behind the normalization, where only evaluation knows no batch.
    assert training.layers[1].second_moment != calm.layers[1].second_moment
    assert training.to_dict() == diagnose(module.train(), batch).to_dict()


# --- layers -------------------------------------------------------------------------------


def test_moments_and_gradients_are_those_of_autograd() -> None:
    module = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, labels = normal(20, 5, dtype=torch.float64), torch.arange(20) % 3

    def loss(output: Tensor) -> Tensor:
        return F.cross_entropy(output, labels)

    report = diagnose(module, x, loss)
    pre = module[0](x)
    pre.retain_grad()
    logits = module[2](torch.tanh(pre))
    logits.retain_grad()
    loss(logits).backward()
    for layer, s, linear in zip(report.layers, (pre, logits), (module[0], module[2]), strict=True):
        assert layer.kind == "Linear"
        assert layer.second_moment == pytest.approx(float(s.detach().square().mean()), rel=1e-12)
        s, grad = s.detach(), s.grad
        share = float(s.var(0, correction=0).mean() / s.square().mean())
        assert layer.data_share == pytest.approx(share, rel=1e-12)
        assert layer.gradient == pytest.approx(float((20 * grad).square().mean()), rel=1e-12)
        sizes = (linear.weight.detach(), linear.weight.grad)
        rms = [float(t.square().mean().sqrt()) for t in sizes]
        assert layer.weight == pytest.approx(rms[0], rel=1e-12)
        assert layer.weight_gradient == pytest.approx(rms[1], rel=1e-12)
        assert layer.weight_to_gradient == pytest.approx(rms[0] / rms[1], rel=1e-12)
    assert report.objective == "the loss"


def test_a_random_sum_has_the_gradient_that_the_jacobian_gives_on_average() -> None:
    """E ||J^T u||^2 = ||J||_F^2: over examples and seeds, within the spread."""
    module = nn.Sequential(nn.Linear(9, 9), nn.Tanh(), nn.Linear(9, 9))
    x = normal(50, 9)
    measured = [
        diagnose(module, x, seed=seed, jacobian="none").layers[0].gradient for seed in range(8)
    ]
    with torch.no_grad():
        slopes = 1 - torch.tanh(module[0](x)) ** 2
        expected = float((module[2].weight * slopes[:, None]).square().sum(1).mean())
    error = np.std(measured, ddof=1) / math.sqrt(8)
    assert abs(np.mean(measured) - expected) < 4 * error


def test_layers_are_found_in_modules_of_every_kind() -> None:
    kinds = {name: [layer.kind for layer in diagnose(*build(name)).layers] for name in MODULES}
    assert kinds == {
        "mlp": ["Linear"] * 3,
        "cnn": ["Conv2d", "Conv2d", "Linear"],
        "residual": ["Linear"] * 2,
        "attention": ["MultiheadAttention"] * 2 + ["Linear"] * 2,
        "recurrent": ["LSTM", "Linear"],
        "tokens": ["Embedding", "Linear"],
        "restless": ["Linear"],
        "weight norm": ["ParametrizedLinear"],
    }


def test_normalizations_and_sums_are_counted() -> None:
    report = diagnose(*build("residual"))
    assert report.normalizations == ("norm",)
    assert report.sums == 2
    assert {finding.about for finding in report.findings} >= {"normalized", "skip connections"}


# --- activations --------------------------------------------------------------------------


class ByHand(nn.Module):
    """x sigmoid(x), from two operations; and a second layer that is not elementwise."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class Method(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 40)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).tanh()


WIDE = 5.0
"""Deviation of the pre-activations below: enough to saturate a good part of the units."""


def layer(seed: int = 0) -> nn.Linear:
    linear = nn.Linear(6, 40)
    with torch.no_grad():
        linear.weight.normal_(0, WIDE / math.sqrt(6), generator=seeded(seed))
        linear.bias.normal_(0, WIDE, generator=seeded(seed + 1))
    return linear


Shares = Callable[[Tensor], Tensor]
CASES: dict[str, tuple[nn.Module, Shares]] = {
    "sigmoid": (nn.Sigmoid(), lambda s: (torch.sigmoid(s) - 0.5).abs() > 0.45),
    "tanh": (nn.Tanh(), lambda s: torch.tanh(s).abs() > 0.9),
    "relu in place": (nn.ReLU(inplace=True), lambda s: s <= 0),
    "hardtanh": (nn.Hardtanh(), lambda s: s.abs() > 1),
    "leaky": (nn.LeakyReLU(0.25), lambda s: torch.zeros_like(s, dtype=torch.bool)),
    "softsign": (nn.Softsign(), lambda s: (1 + s.abs()) ** -2 < 0.19),
    "by hand": (ByHand(), lambda s: silu_slope(s).abs() < 0.19 * float(silu_slope(GRID).max())),
    "silu": (nn.SiLU(), lambda s: silu_slope(s).abs() < 0.19 * float(silu_slope(GRID).max())),
}
GRID = torch.linspace(-10, 10, 401)


def silu_slope(x: Tensor) -> Tensor:
    sigmoid = torch.sigmoid(x)
    return sigmoid * (1 + x * (1 - sigmoid))


@pytest.mark.parametrize("name", CASES)
def test_saturated_shares_are_counted_as_by_hand(name: str) -> None:
    activation, saturated = CASES[name]
    linear, x = layer(), normal(30, 6)
    report = diagnose(nn.Sequential(linear, activation), x)
    [found] = report.layers[0].activations
    expected = saturated(linear(x).detach()).double()
    assert found.saturated == pytest.approx(float(expected.mean()), abs=1e-12)
    assert 0 < found.saturated < 1 or name == "leaky"


def test_dead_units_are_those_that_pass_nothing_for_any_example() -> None:
    linear = layer()
    with torch.no_grad():
        linear.bias[:7] = -1e3
        linear.weight[7] = 0
        linear.bias[7] = -1e-3  # a unit that never varies
    report = diagnose(nn.Sequential(linear, nn.ReLU()), x := normal(30, 6))
    [found] = report.activations
    expected = (linear(x) <= 0).all(0).double().mean()
    assert found.dead == pytest.approx(float(expected))
    assert found.dead >= 8 / 40
    [leaky] = diagnose(nn.Sequential(linear, nn.LeakyReLU(0.01)), x).activations
    assert leaky.dead == 0


def test_dead_channels_of_images_are_dead_at_every_pixel() -> None:
    convolution = nn.Conv2d(2, 5, 3)
    with torch.no_grad():
        convolution.bias[1] = -100
        convolution.bias[2:] = 100
    x = normal(4, 2, 6, 6)
    [found] = diagnose(nn.Sequential(convolution, nn.ReLU()), x).activations
    assert found.dead == pytest.approx(1 / 5)


def test_activations_are_found_however_they_are_written() -> None:
    names = [a.name for a in diagnose(*build("mlp")).activations]
    assert names == ["MLP (softsign)"] * 2
    assert [a.name for a in diagnose(*build("residual")).activations] == ["Residual (gelu)"] * 2
    assert [a.name for a in diagnose(*build("cnn")).activations] == ["2 (relu)", "6 (softplus)"]
    assert [a.name for a in diagnose(Method(), normal(3, 6)).activations] == ["Method (tanh)"]
    own = nn.Sequential(nn.Linear(6, 6), ByHand())
    assert [a.name for a in diagnose(own, normal(3, 6)).activations] == ["1 (ByHand)"]


def test_channels_may_have_slopes_of_their_own() -> None:
    prelu = nn.PReLU(40)
    with torch.no_grad():
        prelu.weight[:] = 0.5
        prelu.weight[:10] = 0.0
    linear, x = layer(), normal(30, 6)
    [found] = diagnose(nn.Sequential(linear, prelu), x).activations
    expected = (linear(x)[:, :10] <= 0).double().sum() / (30 * 40)
    assert found.saturated == pytest.approx(float(expected))


def test_ordinary_is_the_share_of_a_standard_normal_input() -> None:
    found = {
        name: diagnose(nn.Sequential(layer(), CASES[name][0]), normal(3, 6)).activations[0].ordinary
        for name in ("sigmoid", "tanh", "relu in place")
    }
    edge = {"sigmoid": math.log(19), "tanh": math.atanh(0.9)}
    for name, at in edge.items():
        assert found[name] == pytest.approx(math.erfc(at / math.sqrt(2)), abs=1e-3)
    assert found["relu in place"] == pytest.approx(0.5, abs=1e-3)


# --- the Jacobian -------------------------------------------------------------------------


def singular_values(call: Callable[[Tensor], Tensor], x: Tensor) -> NDArray[Any]:
    """Return those of the Jacobian at one example, as torch.func gives it."""
    with sdpa_kernel(SDPBackend.MATH):  # whose derivatives can be taken many at a time
        jacobian = torch.func.jacrev(call)(x)
    values: NDArray[Any] = torch.linalg.svdvals(jacobian.reshape(-1, x.numel())).detach().numpy()
    return values


def full(report: Report) -> NDArray[Any]:
    assert report.spectrum is not None, report.spectrum_note
    assert report.spectrum.singular_values is not None
    return report.spectrum.singular_values


@pytest.mark.parametrize("name", ["mlp", "cnn", "residual", "attention", "weight norm"])
def test_singular_values_are_those_of_the_full_jacobian(name: str) -> None:
    module, batch = build(name)
    module, batch = module.double().eval(), batch.double()
    found = full(diagnose(module, batch, jacobian="full", example=1))
    expected = singular_values(lambda x: module(x[None])[0], batch[1])
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("shape", [(3, 8), (8, 3), (6, 6)])
def test_columns_are_as_good_as_rows(shape: tuple[int, int]) -> None:
    inputs, outputs = shape
    module = nn.Sequential(nn.Linear(inputs, 7), nn.SiLU(), nn.Linear(7, outputs)).double()
    x = normal(4, inputs, dtype=torch.float64)
    report = diagnose(module, x, jacobian="full")
    assert full(report) == pytest.approx(singular_values(module, x[0]), rel=1e-9)
    assert report.spectrum is not None
    assert (report.spectrum.inputs, report.spectrum.outputs) == shape
    assert report.spectrum.mean_square == pytest.approx(float(np.mean(full(report) ** 2)))


def test_coupled_examples_are_seen_with_their_batch() -> None:
    module = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Tanh(), nn.Linear(6, 3)).double()
    x = normal(5, 4, dtype=torch.float64)

    def own(row: Tensor) -> Tensor:
        batch = torch.cat([x[:2], row[None], x[3:]])
        h = module[0](batch)
        h = (h - h.mean(0)) / (h.var(0, correction=0) + module[1].eps).sqrt()
        return module[3](torch.tanh(h))[2]

    expected = singular_values(own, x[2])
    for how in ("full", "estimate"):
        report = diagnose(module, x, jacobian=how, example=2)
        assert report.spectrum is not None
        assert report.spectrum.largest == pytest.approx(float(expected[0]), rel=1e-9)
    assert full(diagnose(module, x, jacobian="full", example=2)) == pytest.approx(expected)


def test_tokens_are_seen_from_their_embedding_on() -> None:
    module, batch = build("tokens")
    report = diagnose(module, batch, jacobian="full")
    embedded = module.embedding(batch[0]).detach()
    expected = singular_values(lambda e: module.head(torch.sigmoid(e).sum(0)), embedded)
    assert full(report) == pytest.approx(expected, rel=1e-4)
    assert "by the output of embedding" in report.spectrum_note


def matrix_module(values: NDArray[Any], rows: int, columns: int) -> nn.Module:
    """Return a linear module with given singular values."""
    source = np.random.default_rng(0)
    left = np.linalg.qr(source.standard_normal((rows, len(values))))[0]
    right = np.linalg.qr(source.standard_normal((columns, len(values))))[0]
    module = nn.Linear(columns, rows, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(left * values @ right.T))
    return module


@pytest.mark.parametrize("shape", [(300, 400), (400, 300)])
def test_estimates_keep_their_promises(shape: tuple[int, int]) -> None:
    """They are checked on a spectrum that thins out towards both ends."""
    values = 2 + np.cos(np.pi * (np.arange(300) + 0.5) / 300)
    module = matrix_module(values, *shape)
    x = torch.zeros(1, shape[1], dtype=torch.float64)
    found = diagnose(module, x, jacobian="estimate").spectrum
    assert found is not None
    assert found.singular_values is None
    assert found.largest <= values[0] + 1e-12
    assert values[0] - found.largest < found.largest_error < 0.05
    assert values[-1] - 1e-12 <= found.smallest < 1.1
    assert found.mean_square == pytest.approx(np.mean(values**2), rel=0.1)
    assert "16 steps from 2 random vectors" in found.method


def test_few_singular_values_are_all_found_by_estimates() -> None:
    """The recursion ends when it has seen every direction, also of a matrix without full rank."""
    values = np.array([5.0, 3.0, 1.0, 0.5, 0.0])
    found = diagnose(matrix_module(values, 6, 5), torch.zeros(1, 5), jacobian="estimate").spectrum
    assert found is not None
    assert found.largest == pytest.approx(5, rel=1e-12)
    assert found.smallest == pytest.approx(0, abs=1e-12)
    assert found.largest_error < 1e-9


def test_a_mean_square_is_right_on_average() -> None:
    values = np.geomspace(1, 1e-3, 20)
    module = matrix_module(values, 20, 20)
    x = torch.zeros(1, 20, dtype=torch.float64)
    reports = [diagnose(module, x, jacobian="estimate", seed=seed) for seed in range(20)]
    found = [r.spectrum.mean_square for r in reports if r.spectrum]
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert abs(np.mean(found) - np.mean(values**2)) < 4 * error


def test_all_singular_values_are_taken_where_they_are_cheap(monkeypatch: Any) -> None:
    import signalprop.diagnostics as package

    module = nn.Sequential(nn.Linear(50, 40), nn.Tanh())
    monkeypatch.setattr(package, "MULTIPLICATIONS", 0)
    few, many = (diagnose(module, normal(n, 50)).spectrum for n in (9, 10))
    assert few is not None
    assert many is not None
    assert few.singular_values is None
    assert many.singular_values is not None
    monkeypatch.setattr(package, "MULTIPLICATIONS", 40 * 40 * 50)
    some = diagnose(module, normal(9, 50)).spectrum
    assert some is not None
    assert some.singular_values is not None


@pytest.mark.parametrize("jacobian", ["auto", "estimate"])
def test_a_diagnosis_calls_the_module_only_a_few_times(jacobian: Any) -> None:
    class Counted(nn.Sequential):
        calls: list[int] = []  # noqa: RUF012

        def forward(self, x: Tensor) -> Tensor:
            self.calls.append(len(x))
            y: Tensor = super().forward(x)
            return y

    module = Counted(nn.Linear(30, 30), nn.Tanh())
    diagnose(module, normal(64, 30), jacobian=jacobian)
    assert len(module.calls) <= 3
    assert sum(module.calls) <= 64 + 1 + 30


# --- theory -------------------------------------------------------------------------------


def deep(depth: int, width: int, weights: Any, q_star: float = 0.02) -> tuple[MLP, Tensor]:
    """Return a critical tanh network and inputs at its fixed point."""
    network = critical_(
        MLP([width] * (depth + 1) + [10], "tanh").double(), q_star, weights, generator=seeded()
    )
    return network, normal(40, width, dtype=torch.float64) * math.sqrt(q_star)


@pytest.mark.parametrize("weights", ["orthogonal", "gaussian"])
def test_the_law_of_theory_is_that_of_a_deep_network(weights: Any) -> None:
    report = diagnose(*deep(30, 150, weights))
    stack = report.stack
    assert stack is not None
    assert len(stack.layers) == 30
    assert (stack.width, stack.activation, stack.weights) == (150, "tanh", weights)
    assert stack.law is not None, stack.no_law
    assert stack.law.depth == 30
    assert stack.spectrum is not None
    assert stack.spectrum.singular_values is not None
    values = np.sort(stack.spectrum.singular_values)
    above = np.arange(1, 151) / 150
    distance = np.max(np.abs(above - stack.law.cdf(values)))
    # One example sits at a variance of its own: to a tenth or so at this width.
    assert distance < 0.15
    if weights == "orthogonal":  # Gaussian networks of this width scatter widely about the mean
        assert stack.mean_square_theory == pytest.approx(stack.spectrum.mean_square, rel=0.15)
        assert stack.q_theory == pytest.approx(stack.q, rel=0.1)
    assert "Theory covers the 30 layers of width 150" in repr(report)


def test_the_jacobian_of_the_stack_is_that_of_autograd() -> None:
    network, x = deep(4, 12, "gaussian")
    report = diagnose(network, x)
    assert report.stack is not None
    assert report.stack.spectrum is not None
    expected = singular_values(lambda row: network.hidden(row[None])[-1][0], x[0])
    assert report.stack.spectrum.singular_values == pytest.approx(expected, rel=1e-9)


def test_a_wide_input_is_no_part_of_the_stack() -> None:
    report = diagnose(MLP([30, 10, 10, 10, 3], "relu"), normal(5, 30))
    assert report.stack is not None
    assert report.stack.layers == ("layers.1", "layers.2")


@pytest.mark.parametrize("name", ["cnn", "residual", "attention", "recurrent"])
def test_theory_covers_no_other_kind_of_module(name: str) -> None:
    report = diagnose(*build(name))
    assert report.stack is None
    assert "dense layers of one width" in repr(report)


class Cubed(nn.Module):
    """An activation that counts."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        return x**3


def test_an_activation_of_ones_own_is_asked_without_a_trace() -> None:
    cubed = Cubed()
    layers = [m for _ in range(3) for m in (nn.Linear(20, 20), cubed)]
    report = diagnose(nn.Sequential(*layers), normal(9, 20))
    assert cubed.calls == 0
    assert report.stack is not None
    assert report.stack.activation.endswith("(Cubed)")
    q = report.stack.q_theory
    # E[x^6] = 15 q^3
    assert q[1] == pytest.approx(
        15 * q[0] ** 3 * report.stack.sigma_w2[1] + report.stack.sigma_b2[1]
    )


def test_layers_of_zeros_are_no_stack() -> None:
    network = nn.Sequential(nn.Linear(5, 5), nn.Tanh(), nn.Linear(5, 5), nn.Tanh())
    nn.init.zeros_(network[2].weight)
    report = diagnose(network, normal(9, 5))
    assert report.stack is None
    assert "all zero" in report.stack_note
    with torch.no_grad():
        network[0].weight[0, 0] = math.inf
    assert diagnose(network, normal(9, 5)).stack is None


class Catching(nn.Module):
    """Tries a part that fails, and goes on with another."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong, self.right = nn.Linear(3, 3), nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        try:
            x = self.wrong(x)
        except RuntimeError:
            x = self.right(x)
        return torch.tanh(x)


def test_an_error_that_the_owner_catches_is_none() -> None:
    report = diagnose(Catching(), normal(5, 4))
    assert [layer.name for layer in report.layers] == ["right"]
    assert report.activations[0].name == "Catching (tanh)"


def test_it_is_said_why_there_is_no_law() -> None:
    network, x = deep(6, 50, "orthogonal")
    assert diagnose(network, 30 * x).stack.no_law.startswith("the law supposes one q in all")  # type: ignore[union-attr]
    with torch.no_grad():
        network.layers[2].weight[:, :30] = 0
    assert diagnose(network, x).stack.no_law.startswith("the weights are neither")  # type: ignore[union-attr]
    mish = nn.Sequential(*[m for _ in range(3) for m in (nn.Linear(50, 50), nn.Mish())])
    assert "mish" in diagnose(mish, normal(3, 50)).stack.no_law  # type: ignore[union-attr]


# --- findings -----------------------------------------------------------------------------


def about(report: Report) -> set[str]:
    return {finding.about for finding in report.findings}


def test_a_sound_network_gives_no_findings() -> None:
    report = diagnose(*deep(30, 60, "orthogonal"))
    assert about(report) == set()
    assert "Nothing stands out." in repr(report)


def test_a_network_that_will_not_learn_shows_why() -> None:
    # Its gradient is beyond single precision: nothing is left of it, which is a finding too.
    network = MLP([20] * 40 + [5], "sigmoid")
    found = about(diagnose(network.double(), normal(50, 20, dtype=torch.float64)))
    assert found >= {"examples alike", "gradient fades", "uneven steps", "no isometry"}
    assert about(diagnose(network.float(), normal(50, 20))) >= {"gradient fades", "no isometry"}


def test_an_exploding_network_shows_it() -> None:
    network = nn.Sequential(*[m for _ in range(12) for m in (nn.Linear(30, 30), nn.ReLU())])
    for part in network[::2]:
        nn.init.orthogonal_(part.weight, 4.0)
    found = about(diagnose(network, normal(20, 30)))
    assert found >= {"signal grows", "gradient grows", "no isometry"}


def test_saturation_and_death_are_found() -> None:
    linear = layer()
    with torch.no_grad():
        linear.bias -= 4 * WIDE
    found = diagnose(nn.Sequential(linear, nn.ReLU(), nn.Linear(40, 2)), normal(20, 6))
    assert about(found) >= {"saturated", "dead units"}
    [saturated] = [f for f in found.findings if f.about == "saturated"]
    assert "1 (relu)" in saturated.says
    assert "50 %" in saturated.says


def test_chaos_with_gaussian_weights_loses_directions() -> None:
    assert "directions lost" in about(diagnose(*deep(60, 30, "gaussian"), jacobian="none"))


def test_numbers_that_are_not_finite_are_named() -> None:
    module = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 3))
    with torch.no_grad():
        module[2].weight[0, 0] = math.nan
    report = diagnose(module, normal(4, 3))
    assert about(report) >= {"not finite"}
    assert "2.weight" in report.findings[0].says
    assert report.spectrum is None
    repr(report), report.plot(), report.to_dict()

    huge = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3), nn.Linear(3, 3))
    with torch.no_grad():
        for part in huge:
            part.weight.fill_(1e30)
    report = diagnose(huge, torch.ones(4, 3))
    assert "beyond the range of float32 from layer 1 on" in report.findings[0].says
    assert about(report) >= {"no activation"}


def test_a_module_without_layers_is_named() -> None:
    report = diagnose(nn.Tanh(), normal(4, 3))
    assert about(report) == {"no layers"}
    assert full(report) == pytest.approx(
        np.sort(1 - np.tanh(normal(4, 3)[0].numpy()) ** 2)[::-1], rel=1e-5
    )
    assert report.before[0].name == "Tanh (tanh)"


# --- input, output, errors ----------------------------------------------------------------


class Two(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)

    def forward(self, index: Tensor, x: Tensor, scale: float = 1.0) -> tuple[Tensor, Tensor]:
        return index, scale * torch.tanh(self.layer(x)) + index[:, None]


def test_several_inputs_go_in_by_place_or_by_name() -> None:
    module, index, x = Two(), torch.arange(4), normal(4, 3)
    by_place = diagnose(module, (index, x, 2.0))
    by_name = diagnose(module, {"x": x, "index": index, "scale": 2.0})
    assert by_place.to_dict() == by_name.to_dict()
    expected = singular_values(lambda row: 2 * torch.tanh(module.layer(row)), x[0])
    assert full(by_place) == pytest.approx(expected, rel=1e-4)


def test_arrays_of_any_precision_are_taken_as_the_module_needs_them() -> None:
    module, batch = build("mlp")
    assert diagnose(module, batch.double().numpy()).to_dict() == diagnose(module, batch).to_dict()


def test_half_precision_is_measured_as_it_is_and_named() -> None:
    module, batch = build("mlp")
    precise = diagnose(module, batch)
    report = diagnose(module.bfloat16(), batch)
    assert report.dtype == "bfloat16"
    assert about(report) == {"half precision"}
    assert full(report) == pytest.approx(full(precise), rel=0.05)
    assert report.spectrum is not None
    assert report.spectrum.noise > 1e-2 * report.spectrum.largest


@pytest.mark.parametrize("name", MODULES)
def test_a_report_can_be_read_in_every_form(name: str) -> None:
    report = diagnose(*build(name))
    assert json.loads(json.dumps(report.to_dict()))["layers"][0]["name"] == report.layers[0].name
    figure = report.plot()
    assert len(figure.axes) == 4
    text = repr(report)
    assert all(layer.name in text for layer in report.layers)


def test_a_notebook_gets_a_page_with_the_figure() -> None:
    report = diagnose(*build("residual"))
    page = report._repr_html_()
    assert page.count("<tr>") == 1 + len(report.layers)
    assert "data:image/png;base64," in page
    assert "skip connections" in page


def test_long_tables_are_thinned_out_and_keep_their_ends() -> None:
    network, x = deep(60, 8, "orthogonal")
    lines = repr(diagnose(network, x)).splitlines()
    rows = [line for line in lines if line.startswith("layers.")]
    assert len(rows) == 24
    assert rows[0].startswith("layers.0 ")
    assert rows[-1].startswith("layers.60 ")
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"module": "net"}, "module must be a torch.nn.Module, got str"),
        ({"module": nn.LazyLinear(3)}, "module must have numbers in all parameters, weight has"),
        ({"module": nn.Linear(3, 3, device="meta")}, "module must have numbers in all parameters"),
        ({"batch": 3.0}, "batch must be a tensor or array with examples"),
        ({"batch": torch.tensor(3.0)}, "batch must be a tensor or array with examples"),
        ({"batch": torch.zeros(0, 3)}, "batch must have at least one example"),
        ({"batch": torch.tensor([[1.0, math.nan, 0.0]])}, "batch must be finite, it is not"),
        ({"batch": {"input": torch.full((2, 3), math.inf)}}, r"batch\['input'\] must be finite"),
        ({"example": 4}, "example must be from 0 to 3, got 4"),
        ({"jacobian": "some"}, "jacobian must be one of auto, full, estimate, none, got 'some'"),
        (
            {"loss": lambda y: y},
            r"loss must return a single number, got a tensor of shape \(4, 3\)",
        ),
    ],
)
def test_an_argument_out_of_range_is_named(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"module": nn.Linear(3, 3), "batch": normal(4, 3)} | change
    with pytest.raises(ValueError, match=message):
        diagnose(arguments.pop("module"), arguments.pop("batch"), **arguments)


class Silent(nn.Module):
    def forward(self, x: Tensor) -> None:
        return None


def test_a_module_without_an_output_is_named() -> None:
    with pytest.raises(ValueError, match="module must return a tensor of real numbers"):
        diagnose(Silent(), normal(4, 3))


class Detached(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.detach() * 2


class Compiled(nn.Module):
    """As torch.compile wraps a module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self._orig_mod = module


def test_a_compiled_module_is_seen_as_it_was_written() -> None:
    module, batch = build("mlp")
    assert diagnose(Compiled(module), batch).to_dict() == diagnose(module, batch).to_dict()


def test_wide_stacks_are_left_out_unless_all_is_asked_for(monkeypatch: Any) -> None:
    import signalprop.diagnostics.stack as module

    monkeypatch.setattr(module, "MULTIPLICATIONS", 3 * 20**3)
    network, x = deep(4, 20, "orthogonal")
    assert "4 wide layers" in diagnose(network, x).stack_note
    assert diagnose(network, x, jacobian="full").stack is not None


def test_an_output_out_of_the_graph_is_named() -> None:
    report = diagnose(Detached(), normal(4, 3))
    assert report.spectrum is None
    assert "does not depend on the input" in report.spectrum_note


def test_a_jacobian_that_does_not_fit_is_named(monkeypatch: Any) -> None:
    import signalprop.diagnostics.jacobian as module

    monkeypatch.setattr(module, "ENTRIES", 8)
    with pytest.raises(ValueError, match='jacobian must not be "full" here: 3 x 3 numbers'):
        diagnose(nn.Linear(3, 3), normal(4, 3), jacobian="full")


# --- what modules at large do -------------------------------------------------------------


class Overwriting(nn.Module):
    """Works in place on everything it is given, and within the graph on a buffer."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.act = nn.Linear(4, 4), nn.ReLU(inplace=True)
        self.register_buffer("memory", torch.ones(4))

    def forward(self, x: Tensor, other: Tensor, index: Tensor) -> Tensor:
        F.relu_(x)
        other.mul_(2)
        index += 1
        self.memory += self.layer(x).mean(0)
        return self.act(self.layer(x + other)) + self.memory


def test_work_in_place_leaves_no_trace_either() -> None:
    module = Overwriting()
    batch = (normal(5, 4), normal(5, 4, seed=2), torch.arange(5))
    given, before = copy.deepcopy(batch), traces(module)
    diagnose(module, batch)
    assert_same(before, traces(module))
    assert module.memory.is_leaf
    assert module.memory.grad_fn is None
    assert all(torch.equal(a, b) for a, b in zip(batch, given, strict=True))


def test_layers_in_front_of_work_in_place_are_measured_before_it() -> None:
    inside, outside = (nn.Sequential(layer(), nn.ReLU(inplace), layer2()) for inplace in (1, 0))
    x = normal(9, 6)
    assert diagnose(inside, x).to_dict() == diagnose(outside, x).to_dict()


def layer2() -> nn.Linear:
    linear = nn.Linear(40, 3)
    with torch.no_grad():
        linear.weight.normal_(generator=seeded(5))
        linear.bias.zero_()
    return linear


def test_a_module_that_is_called_again_is_seen_at_every_call() -> None:
    class Shared(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(5, 5)

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(3):
                x = torch.tanh(self.layer(x))
            return x

    module, x = Shared().double(), normal(8, 5, dtype=torch.float64)
    report = diagnose(module, x, lambda y: y.square().sum(1).mean())
    assert [found.name for found in report.layers] == ["layer"] * 3
    pre = [module.layer(x)]
    for _ in range(2):
        pre.append(module.layer(torch.tanh(pre[-1])))
    for signal in pre:
        signal.retain_grad()
    torch.tanh(pre[-1]).square().sum(1).mean().backward()
    for found, signal in zip(report.layers, pre, strict=True):
        assert found.second_moment == pytest.approx(float(signal.detach().square().mean()))
        assert signal.grad is not None
        assert found.gradient == pytest.approx(float((8 * signal.grad).square().mean()), rel=1e-12)
        weights = module.layer.weight
        assert weights.grad is not None
        ratio = float(weights.detach().norm() / weights.grad.norm())
        assert found.weight_to_gradient == pytest.approx(ratio, rel=1e-12)
    assert report.stack is not None
    assert report.stack.spectrum is not None
    expected = singular_values(module, x[0])
    assert report.stack.spectrum.singular_values == pytest.approx(expected, rel=1e-9)
    assert full(report) == pytest.approx(expected, rel=1e-9)


def test_the_stack_is_taken_at_the_example_asked_for() -> None:
    network, x = deep(3, 12, "gaussian")
    report = diagnose(network, 5 * x, example=7)
    assert report.stack is not None
    assert report.stack.spectrum is not None
    expected = singular_values(lambda row: network.hidden(row[None])[-1][0], 5 * x[7])
    assert report.stack.spectrum.singular_values == pytest.approx(expected, rel=1e-9)


def test_examples_that_depend_on_each_other_are_noticed() -> None:
    class Own(nn.Module):
        """Normalization over the batch that torch knows nothing of."""

        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            h = self.layer(x)
            return torch.tanh((h - h.mean(0)) / h.std(0))

    module, x = Own().double(), normal(6, 4, dtype=torch.float64)
    expected = singular_values(lambda row: module(torch.cat([x[:2], row[None], x[3:]]))[2], x[2])
    for how in ("full", "estimate"):
        found = diagnose(module, x, jacobian=how, example=2).spectrum
        assert found is not None
        assert found.largest == pytest.approx(expected[0], rel=1e-9)


def test_checkpoints_are_not_disturbed() -> None:
    from torch.utils.checkpoint import checkpoint

    class Saving(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

        def forward(self, x: Tensor) -> Tensor:
            y: Tensor = checkpoint(self.module, x, use_reentrant=False)
            return y

    module = nn.Sequential(layer(), nn.SiLU(), layer2())
    plain, saving = (diagnose(m, normal(5, 6)).to_dict() for m in (module, Saving(module)))
    assert saving["spectrum"] == plain["spectrum"]
    for ours, theirs in zip(saving["layers"], plain["layers"], strict=True):
        assert ours["gradient"] == theirs["gradient"]


@pytest.mark.parametrize("where", ["first layer", "whole"])
def test_a_gradient_that_is_cut_off_is_named(where: str) -> None:
    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            with torch.no_grad():
                x = torch.tanh(self.first(x))
            with torch.set_grad_enabled(where != "whole"):
                return torch.tanh(self.second(x))

    report = diagnose(Cut(), normal(5, 4))
    assert report.spectrum is None
    assert "does not depend on the input" in report.spectrum_note
    [cut] = [f for f in report.findings if f.about == "no gradient"]
    assert ("depend on first:" if where == "first layer" else "on first, second:") in cut.says
    assert "no activation" not in about(report)


def test_a_single_example_says_nothing_of_dead_units() -> None:
    module = nn.Sequential(layer(), nn.ReLU(), layer2())
    report = diagnose(module, normal(1, 6))
    assert report.activations[0].dead > 0.2
    assert "dead units" not in about(report)
    assert report.layers[0].data_share is None


def test_an_output_that_counts_no_examples_has_no_jacobian() -> None:
    class Mean(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(super().forward(x)).mean()

    report = diagnose(Mean(4, 3), normal(5, 4))
    assert report.spectrum is None
    assert "does not count examples, its shape is () for 1" in report.spectrum_note
    assert report.layers[0].gradient


def test_integers_for_real_numbers_are_named() -> None:
    with pytest.raises(RuntimeError) as caught:
        diagnose(nn.Linear(4, 3), torch.arange(8).view(2, 4))
    assert caught.value.__notes__ == ["(The batch holds no real numbers. Is a .float() missing?)"]


def test_arrays_are_copied_whatever_their_strides() -> None:
    array = np.arange(8.0)[::-1].reshape(2, 4)
    array.flags.writeable = False
    report = diagnose(module := nn.Linear(4, 3).double(), array)
    y = module(torch.from_numpy(array.copy())).detach()
    assert report.layers[0].second_moment == pytest.approx(float(y.square().mean()))


def test_an_owners_hook_may_use_torch_before_the_module_does() -> None:
    module = nn.Sequential(layer(), nn.Tanh())
    module.register_forward_pre_hook(lambda _, args: (torch.relu(args[0]),))
    assert diagnose(module, normal(5, 6)).layers[0].activations[0].name == "1 (tanh)"


def test_modules_that_cannot_be_borrowed_are_named() -> None:
    with torch.inference_mode():
        inference = nn.Sequential(nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r"no inference tensors, 0\.weight is one"):
        diagnose(inference, normal(5, 4))
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        script = torch.jit.script(nn.Linear(4, 4))
    with pytest.raises(ValueError, match=r"must be plain Python, it is a torch\.jit script"):
        diagnose(script, normal(5, 4))


def test_a_jacobian_of_zeros_is_put_in_words() -> None:
    module = nn.Sequential(layer(), nn.ReLU(), layer2())
    with torch.no_grad():
        module[0].bias.fill_(-1e3)
    report = diagnose(module, normal(20, 6))
    [found] = [f for f in report.findings if f.about == "no isometry"]
    assert found.says.startswith("no change of the input reaches the output")
