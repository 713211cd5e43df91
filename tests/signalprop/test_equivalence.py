"""Changes of activation: exact maps, bit for bit where every factor is a power of two."""

from __future__ import annotations

import copy
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from signalprop.activations import Activation, get
from signalprop.equivalence import (
    CURVES,
    Change,
    PulledBack,
    Roles,
    change,
    change_,
    changed,
    pad_with_,
    parameter_groups,
    sigmoidal,
)
from signalprop.fitnet import Elementwise
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.training import Watch, optimizer_step, train

PAIRS = list(itertools.permutations(CURVES, 2))
UPDATES, FEW = 50, 6

OPTIMIZERS: dict[str, tuple[Callable[..., torch.optim.Optimizer], dict[str, Any]]] = {
    "plain": (torch.optim.SGD, {}),
    "momentum": (torch.optim.SGD, {"momentum": 0.9}),
    "nesterov": (torch.optim.SGD, {"momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {}),
    "rmsprop": (torch.optim.RMSprop, {}),
    "adamw": (torch.optim.AdamW, {}),
}
RULES = {"adam": "adam", "rmsprop": "adam", "adamw": "adamw"}
RATES = {"plain": 0.1, "momentum": 0.05, "nesterov": 0.05}


class Branches(nn.Module):
    """Two blocks of parallel convolutions with everything that lies between layers in the book."""

    def __init__(self, activation: str | Activation) -> None:
        super().__init__()
        self.image = nn.ModuleList(
            [nn.Conv2d(2, 3, 1), nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(2, 2, 1)]
        )
        self.inner = nn.ModuleList(
            [
                nn.Conv2d(9, 4, 1),
                nn.Conv2d(4, 5, 3, padding=1),
                nn.Conv2d(9, 3, 1),
                nn.Conv2d(9, 3, 3, stride=2, padding=1),
            ]
        )
        self.pool = nn.AvgPool2d(3, 1, 1)
        self.largest = nn.MaxPool2d(3, 1, 1)
        self.down = nn.MaxPool2d(2, ceil_mode=True)
        self.classifier = nn.Linear(4 + 5 + 3 + 3, 4)
        self.act = Elementwise(activation)

    def forward(self, x: Tensor) -> Tensor:
        x = x.unflatten(1, (2, 6, 5))
        one, three, pooled = self.image
        h = [one(x), three(x), pooled(F.avg_pool2d(x, 3, 1, 1))]
        h = self.act(torch.cat(h, 1))
        reduce, three, pooled, strided = self.inner
        left = self.act(reduce(h))
        blocks = [self.largest(left), self.act(three(left)), self.act(pooled(self.pool(h)))]
        low = self.down(torch.cat(blocks, 1))
        h = torch.cat([low, self.act(strided(h))], 1)
        return self.classifier(h.mean((2, 3)))

    @property
    def roles(self) -> Roles:
        return Roles(tuple(self.image), tuple(self.inner), (self.classifier,))


KINDS = ("mlp", "branches")


def build(kind: str, activation: str | Activation, dtype: torch.dtype = torch.float64) -> nn.Module:
    """Build a network; equal kinds have equal weights, biases included."""
    network = Branches(activation) if kind == "branches" else MLP([60, 20, 16, 16, 4], activation)
    generator = torch.Generator().manual_seed(3)
    for p in network.parameters():
        nn.init.normal_(p, 0, 0.4 if p.dim() == 1 else p[0].numel() ** -0.5, generator=generator)
    return network.to(dtype)


def roles(network: nn.Module) -> Roles:
    return network.roles if isinstance(network, Branches) else Roles.of(network)


def other(network: nn.Module, source: str, target: str) -> tuple[nn.Module, Change]:
    """Return the changed network, and how it was changed."""
    made, how = copy.deepcopy(network), change(source, target)
    holder = made.act if isinstance(made, Branches) else made
    holder.activation = sigmoidal(target)
    if how.shift and isinstance(made, Branches):
        pad_with_([*made.inner, made.pool], how.zero)
    change_(roles(made), how)
    return made, how


def batches(dtype: torch.dtype = torch.float64) -> Iterator[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(1)
    while True:
        x = torch.randn(16, 60, dtype=torch.float64, generator=generator)
        yield x.to(dtype), x.unflatten(1, (4, 15)).mean(2).argmax(1)


def learn(
    network: nn.Module, optimizer: torch.optim.Optimizer, updates: int = UPDATES, half: bool = False
) -> Tensor:
    """Train; return the logits before each update, (updates, batch, classes)."""
    dtype, seen = next(network.parameters()).dtype, []
    for x, labels in itertools.islice(batches(dtype), updates):
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            logits = network(x)
        F.cross_entropy(logits.float() if half else logits, labels).backward()
        optimizer.step()
        seen.append(logits.detach().clone())
    return torch.stack(seen)


def optimizer(name: str, parameters: Any, **settings: float) -> torch.optim.Optimizer:
    make, options = OPTIMIZERS[name]
    return make(parameters, **options, **settings)


def source_optimizer(name: str, network: nn.Module, decay: float = 1e-3) -> torch.optim.Optimizer:
    return optimizer(name, network.parameters(), lr=RATES.get(name, 0.01), weight_decay=decay)


def target_optimizer(
    name: str, network: nn.Module, how: Change, decay: float = 1e-3, **settings: Any
) -> torch.optim.Optimizer:
    groups = parameter_groups(
        *(roles(network), how, RATES.get(name, 0.01), decay),
        rule=RULES.get(name, "sgd"),
        **settings,
    )
    return optimizer(name, groups)


def worst(a: Tensor, b: Tensor) -> float:
    return float((a.detach().double() - b.detach().double()).abs().max())


# --- the curves ---------------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_change_makes_one_curve_of_the_other(source: str, target: str) -> None:
    how, x = change(source, target), np.linspace(-9, 9, 181)
    made = how.scale * sigmoidal(target)(how.stretch * x) + how.shift
    np.testing.assert_allclose(made, sigmoidal(source)(x), rtol=0, atol=1e-15)
    assert how.inverse == change(target, source)


def test_the_rescaled_sigmoid_is_the_papers() -> None:
    x = np.linspace(-9, 9, 181)
    np.testing.assert_allclose(
        sigmoidal("rescaled_sigmoid")(x), 4 * get("sigmoid")(x) - 2, atol=1e-15
    )


def test_zero_is_what_makes_a_unit_silent() -> None:
    for source, target in PAIRS:
        how = change(source, target)
        assert how.scale * how.zero + how.shift == 0
    assert change("rescaled_sigmoid", "sigmoid").zero == 0.5


@pytest.mark.parametrize("role", ["first", "middle", "last"])
@pytest.mark.parametrize("shape", [(3, 5), (3, 5, 2, 2)])
def test_gradients_are_pulled_back_by_the_adjoint(role: Any, shape: tuple[int, ...]) -> None:
    """<T d, g> = <d, T^T g>, and the change back undoes the change."""
    how = change("rescaled_sigmoid", "sigmoid")
    generator = torch.Generator().manual_seed(0)
    dw, gw = torch.randn(2, *shape, dtype=torch.float64, generator=generator)
    db, gb = torch.randn(2, shape[0], dtype=torch.float64, generator=generator)
    (tw, tb), (pw, pb) = how.map(role, dw, db), how.pull_back(role, gw, gb)
    left = (tw * gw).sum() + (tb * gb).sum()
    torch.testing.assert_close(left, (dw * pw).sum() + (db * pb).sum(), rtol=1e-13, atol=0)
    for ours, there in zip(how.inverse.map(role, tw, tb), (dw, db), strict=True):
        torch.testing.assert_close(ours, there, rtol=1e-13, atol=1e-14)


# --- the same function --------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_changed_network_computes_the_same(kind: str, source: str, target: str) -> None:
    network = build(kind, sigmoidal(source))
    made, _ = other(network, source, target)
    x, _ = next(batches())
    assert worst(network(x), made(x)) < 1e-13


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_those_of_autograd(kind: str) -> None:
    network = build(kind, "rescaled_sigmoid")
    made, how = other(network, "rescaled_sigmoid", "sigmoid")
    x, labels = next(batches())
    for one in (network, made):
        F.cross_entropy(one(x), labels).backward()
    for (role, layer), (_, theirs) in zip(roles(network), roles(made), strict=True):
        back = how.pull_back(role, theirs.weight.grad, theirs.bias.grad)
        for ours, there in zip(back, (layer.weight.grad, layer.bias.grad), strict=True):
            torch.testing.assert_close(ours, there, rtol=1e-9, atol=1e-14)


def test_the_copy_leaves_the_network_as_it_was() -> None:
    network = build("mlp", "tanh")
    before = copy.deepcopy(network.state_dict())
    made = changed(network, "sigmoid")
    assert made.activation.name == "sigmoid"
    assert network.activation.name == "tanh"
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])


# --- the same training, bit for bit -------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "dtype", "updates"),
    [
        ("momentum", "mlp", torch.float32, UPDATES),
        ("adam", "mlp", torch.float64, UPDATES),
        ("momentum", "branches", torch.float32, UPDATES),
        ("adam", "branches", torch.float32, FEW),
        *((name, "mlp", torch.float32, FEW) for name in OPTIMIZERS),
    ],
)
def test_the_rescaled_sigmoid_trains_as_tanh_bit_for_bit(
    name: str, kind: str, dtype: torch.dtype, updates: int
) -> None:
    network = build(kind, "rescaled_sigmoid", dtype)
    made, how = other(network, "rescaled_sigmoid", "tanh")
    ours = learn(network, source_optimizer(name, network), updates)
    theirs = learn(made, target_optimizer(name, made, how), updates)
    assert torch.equal(ours, theirs)
    assert worst(ours[-1], ours[0]) > 0.1
    for (role, layer), (_, there) in zip(roles(network), roles(made), strict=True):
        of_weight, of_bias = how.factors(role)
        assert torch.equal(there.weight, of_weight * layer.weight)
        assert torch.equal(there.bias, of_bias * layer.bias)


def test_so_it_does_in_bfloat16() -> None:
    network = build("branches", "rescaled_sigmoid", torch.float32)
    made, how = other(network, "rescaled_sigmoid", "tanh")
    ours = learn(network, source_optimizer("momentum", network), FEW, half=True)
    theirs = learn(made, target_optimizer("momentum", made, how), FEW, half=True)
    assert ours.dtype == torch.bfloat16
    assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("name", "kind", "updates"),
    [("momentum", "mlp", UPDATES), ("adam", "mlp", FEW), ("momentum", "branches", FEW)],
)
def test_four_times_the_centred_sigmoid_trains_as_itself_bit_for_bit(
    name: str, kind: str, updates: int
) -> None:
    """With the rescaled sigmoid computed as 4 (sigmoid - 1/2), all factors are powers of two."""
    centred = sigmoidal("centred sigmoid")
    four = Activation("four", lambda x: 4 * centred(x), lambda x: 4 * centred.derivative(x))
    network, made = build(kind, four, torch.float32), build(kind, centred, torch.float32)
    how = Change(scale=4.0, stretch=1.0)
    change_(roles(made), how)
    ours = learn(network, source_optimizer(name, network), updates)
    assert torch.equal(ours, learn(made, target_optimizer(name, made, how), updates))


def test_decay_of_biases_is_set_by_itself() -> None:
    network = build("mlp", "rescaled_sigmoid")
    made, how = other(network, "rescaled_sigmoid", "tanh")
    groups = [
        {"params": [p for p in network.parameters() if p.dim() > 1], "weight_decay": 1e-2},
        {"params": [p for p in network.parameters() if p.dim() == 1]},
    ]
    ours = learn(network, torch.optim.SGD(groups, lr=0.05, momentum=0.9), FEW)
    there = target_optimizer("momentum", made, how, decay=1e-2, bias_decay=0.0)
    assert torch.equal(ours, learn(made, there, FEW))


# --- the same training, to rounding -------------------------------------------------------


@functools.cache
def sensitivity(kind: str, name: str, updates: int) -> float:
    """Return how far logits move in a training whose first weights are off by 1, relatively.

    Taken from a difference of 1e-7 with random signs, in float64.
    """
    plain, off = (build(kind, "rescaled_sigmoid") for _ in range(2))
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for p in off.parameters():
            p *= 1 + 1e-7 * torch.randn(p.shape, dtype=p.dtype, generator=generator).sign()
    seen = [learn(one, source_optimizer(name, one), updates) for one in (plain, off)]
    return worst(*seen) / 1e-7


def rounding(kind: str, name: str, updates: int, dtype: torch.dtype) -> float:
    """Bound what rounding does to logits in the whole training.

    A sum of n terms is off by at most n units of rounding; none here has more than 64 terms.  So
    an update with its errors is one from weights that are off by so much, relatively, and all of
    them together do at most what the first would, if it were off by as much for each.
    """
    return sensitivity(kind, name, updates) * updates * 64 * torch.finfo(dtype).eps


TO_ROUNDING = pytest.mark.parametrize(
    ("kind", "name", "updates", "dtype"),
    [
        ("mlp", "momentum", UPDATES, torch.float32),
        ("mlp", "momentum", UPDATES, torch.float64),
        ("mlp", "adam", FEW, torch.float64),
        ("branches", "momentum", FEW, torch.float64),
        ("branches", "momentum", FEW, torch.float32),
    ],
)


@TO_ROUNDING
def test_the_rescaled_sigmoid_trains_as_the_centred_one(
    kind: str, name: str, updates: int, dtype: torch.dtype
) -> None:
    network = build(kind, "rescaled_sigmoid", dtype)
    made, how = other(network, "rescaled_sigmoid", "centred sigmoid")
    ours = learn(network, source_optimizer(name, network), updates)
    theirs = learn(made, target_optimizer(name, made, how), updates)
    assert 0 < worst(ours, theirs) < rounding(kind, name, updates, dtype)


@TO_ROUNDING
def test_pulled_back_the_plain_sigmoid_trains_as_the_rescaled_one(
    kind: str, name: str, updates: int, dtype: torch.dtype
) -> None:
    network = build(kind, "rescaled_sigmoid", dtype)
    made, how = other(network, "rescaled_sigmoid", "sigmoid")
    ours = learn(network, source_optimizer(name, network), updates)
    settings = {"lr": RATES.get(name, 0.01), "weight_decay": 1e-3}
    back = PulledBack(roles(made), how, lambda p: optimizer(name, p, **settings))
    assert 0 < worst(ours, learn(made, back, updates)) < rounding(kind, name, updates, dtype)


@pytest.mark.parametrize("factor", [1.0, 4.0, 64.0])
def test_with_another_factor_than_16_they_part_at_once(factor: float) -> None:
    network = build("mlp", "rescaled_sigmoid")
    made, how = other(network, "rescaled_sigmoid", "centred sigmoid")
    groups = parameter_groups(roles(made), how, rate=0.1)
    assert [group["lr"] / 0.1 for group in groups] == [1, 1, 16, 1, 16, 1, 16, 1]
    for group in groups:
        group["lr"] = 0.1 * factor if group["lr"] > 0.1 else 0.1
    ours = learn(network, source_optimizer("plain", network, 0.0), 2)
    theirs = learn(made, torch.optim.SGD(groups), 2)
    assert worst(ours[0], theirs[0]) < 1e-13
    assert worst(ours[1], theirs[1]) > 1e-2


def test_no_rates_make_up_for_the_shift() -> None:
    """The rate that a bias would need differs from unit to unit, and in sign."""
    network = build("mlp", "rescaled_sigmoid")
    made, how = other(network, "rescaled_sigmoid", "sigmoid")
    x, labels = next(batches())
    F.cross_entropy(made(x), labels).backward()
    layer = made.layers[2]
    step = how.map("middle", *how.pull_back("middle", layer.weight.grad, layer.bias.grad))[1]
    needed = step / layer.bias.grad
    assert needed.min() < 0 < 16 < needed.max()
    with pytest.raises(ValueError, match="no learning rates can make up for a shift"):
        parameter_groups(roles(made), how, rate=0.1)


# --- padding ------------------------------------------------------------------------------


def test_zeros_around_sigmoids_change_the_border_only() -> None:
    def stack(activation: str) -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            Elementwise(activation),
            nn.Conv2d(4, 4, 3, padding=1),
        ).double()

    with torch.random.fork_rng():
        network, zeros, halves = stack("rescaled_sigmoid"), stack("sigmoid"), stack("sigmoid")
    how = change("rescaled_sigmoid", "sigmoid")
    pad_with_([halves[2]], how.zero)
    for made in (zeros, halves):
        of_zeros = Roles((made[0],), (), (made[2],))
        if made is zeros:
            with pytest.raises(ValueError, match="puts zeros around activations"):
                change_(of_zeros, how)
            made[2].padding = (0, 0)
            change_(of_zeros, how)
            made[2].padding = (1, 1)
        else:
            change_(of_zeros, how)
    x = torch.randn(3, 1, 6, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    right = network(x)
    assert worst(right, halves(x)) < 1e-13
    off = (right - zeros(x)).abs().amax((0, 1))
    assert off[1:-1, 1:-1].max() < 1e-13
    border = torch.cat([off[0], off[-1], off[:, 0], off[:, -1]])
    assert border.min() > 1e-3


def test_padding_modules_are_padded_with_the_value() -> None:
    x = torch.zeros(1, 1, 2, 2)
    pad = nn.ZeroPad2d(1)
    pad_with_([pad], 0.5)
    assert float(pad(x).sum()) == 12 * 0.5
    unpadded = nn.AvgPool2d(2, padding=1, count_include_pad=False)
    pad_with_([unpadded, nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")], 0.5)
    assert float(unpadded(x).abs().sum()) == 0
    wide = nn.AvgPool2d((1, 3), stride=1, padding=(0, 1))
    pad_with_([wide], 0.5)
    assert wide(x).shape == (1, 1, 2, 2)
    assert copy.deepcopy(wide)(x).allclose(torch.tensor(0.5 / 3))


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (nn.Conv2d(1, 1, 3, padding="same"), "cannot be repeated"),
        (nn.AvgPool2d(3, padding=1, ceil_mode=True), "cannot be repeated"),
        (nn.Linear(1, 1), "is not a convolution"),
    ],
)
def test_other_paddings_are_refused(module: nn.Module, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pad_with_([module], 0.5)


# --- arguments, and resuming --------------------------------------------------------------


def test_what_cannot_be_changed_is_refused_and_left_alone() -> None:
    with pytest.raises(ValueError, match=r"activation must be one of tanh, .*; got 'relu'"):
        change("tanh", "relu")
    with pytest.raises(ValueError, match="scale and stretch must be positive, got 0 and 1"):
        Change(0, 1)
    with pytest.raises(ValueError, match="there must be two layers or more, got 1"):
        Roles.of(nn.Linear(2, 2))
    one = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="every layer must have one role only"):
        Roles((one,), (), (one,))
    with pytest.raises(ValueError, match="there must be a first and a last layer"):
        Roles((one,), (), ())
    with pytest.raises(ValueError, match="rule must be one of sgd, adam, adamw, got 'lamb'"):
        parameter_groups(Roles.of(MLP([1, 1, 1], "tanh")), Change(2, 0.5), 0.1, rule="lamb")
    bare = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    before = bare[0].weight.clone()
    with pytest.raises(ValueError, match="must have a bias to take up the shift"):
        change_(Roles.of(bare), Change(4, 0.5, -2))
    assert torch.equal(bare[0].weight, before)
    change_(Roles.of(bare), Change(4, 0.5))
    assert torch.equal(bare[0].weight, before / 2)


class Stream:
    """A few fixed batches, over and over."""

    position = 0

    def batch(self, n: int, dtype: Any = np.float32) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(self.position)
        self.position += n
        return rng.standard_normal((n, 60)).astype(dtype), rng.integers(4, size=n)


def test_a_pulled_back_training_resumes_bit_for_bit(tmp_path: Any) -> None:
    def run(stop: int | None, checkpoint: Any) -> nn.Module:
        made = changed(build("mlp", "rescaled_sigmoid", torch.float32), "sigmoid")
        how = change("rescaled_sigmoid", "sigmoid")
        back = PulledBack(Roles.of(made), how, lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9))

        def report(done: int) -> None:
            if stop is not None and done > stop:
                raise KeyboardInterrupt

        watch = Watch(checkpoint, 0.0, report)
        step = optimizer_step(made, back)
        train(made, Stream(), lambda n: {}, [0, 5, 10, 15, 20], step, 16, watch, keep=[back])
        return made

    straight = run(None, None)
    path = tmp_path / "checkpoint"
    with pytest.raises(KeyboardInterrupt):
        run(12, path)
    for ours, there in zip(straight.parameters(), run(None, path).parameters(), strict=True):
        assert torch.equal(ours, there)


def test_a_chain_is_named_in_order() -> None:
    network = MLP([2, 3, 3, 1], "tanh")
    initialize(network, xavier_, seed=0)
    named = Roles.of(network)
    assert named == Roles.of(network.layers)
    assert [role for role, _ in named] == ["first", "middle", "last"]
    assert [layer for _, layer in named] == list(network.layers)
