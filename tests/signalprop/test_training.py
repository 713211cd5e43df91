"""The training loop: its update against autograd, and resuming bit for bit after any death."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from signalprop import training
from signalprop.activations import NAMES, Activation, get
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.storage import DamagedFileError
from signalprop.training import (
    Arrays,
    Watch,
    autograd_step,
    in_place_step,
    optimizer_step,
    train,
)

WIDTHS = [6, 8, 7, 3]
CHUNK = 10


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at the clock more often than in earnest, so that short runs have many chunks."""
    monkeypatch.setattr(training, "CHUNK", 10 * CHUNK)  # in batches of ten


class Examples:
    """An endless stream: example k is a fixed function of k."""

    def __init__(self) -> None:
        self.position = 0
        rng = np.random.default_rng(8)
        self.images = rng.standard_normal((997, 6))
        self.labels = (self.images[:, :3] + self.images[:, 3:]).argmax(1)

    def batch(self, n: int, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
        """Return the next ``n`` examples."""
        which = np.arange(self.position, self.position + n) % 997
        self.position += n
        return self.images[which].astype(dtype), self.labels[which]


class Killed(BaseException):
    """Stands for the death of the process."""


def network(activation: str | Activation = "tanh", seed: int = 0) -> MLP:
    """Return a small network, drawn from a seed."""
    made = MLP(WIDTHS, activation)
    initialize(made, xavier_, seed)
    return made


def weights(of: torch.nn.Module) -> Arrays:
    """Return copies of all parameters."""
    return {name: p.detach().numpy().copy() for name, p in of.named_parameters()}


def probe(of: MLP) -> Arrays:
    """Measure something that depends on every weight, in two shapes."""
    with torch.no_grad():
        outputs = of(torch.from_numpy(Examples().batch(5, np.float32)[0]))
    return {"outputs": outputs.numpy().copy(), "norm": outputs.norm().numpy().copy()}


def assert_same(a: Arrays, b: Arrays) -> None:
    """Equal names, types, shapes and bits."""
    assert list(a) == list(b)
    for name, values in a.items():
        assert values.dtype == b[name].dtype
        np.testing.assert_array_equal(values, b[name], err_msg=name)


# --- one update ---------------------------------------------------------------------------

ALL = [*map(get, NAMES), *(get(n).centred() for n in ("sigmoid", "softplus"))]


@pytest.mark.parametrize("frozen", ["", "layers.2.bias", "layers.0.weight layers.1.bias"])
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_the_update_in_place_is_that_of_autograd(activation: Activation, frozen: str) -> None:
    """Twenty updates in float64: the two differ by rounding only, frozen parameters not at all."""
    ours = network(activation).double()
    for name, parameter in ours.named_parameters():
        with torch.no_grad():
            parameter.add_(0.05)  # biases of zero would hide a mistake
        parameter.requires_grad_(name not in frozen.split())
    theirs = copy.deepcopy(ours)
    before = weights(ours)
    steps = in_place_step(ours, 0.1), autograd_step(theirs, 0.1)
    stream = Examples()
    for _ in range(20):
        images, labels = map(torch.from_numpy, stream.batch(10))
        costs = [float(step(images, labels)) for step in steps]
        assert costs[0] == pytest.approx(costs[1], rel=1e-13)
    after, expected = weights(ours), weights(theirs)
    for name, values in after.items():
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=2e-14, err_msg=name)
        assert np.array_equal(values, before[name]) == (name in frozen.split())
    assert all(p.requires_grad != (n in frozen.split()) for n, p in ours.named_parameters())
    assert all(p.grad is None for p in ours.parameters())


@pytest.mark.parametrize("make", [in_place_step, autograd_step])
def test_a_step_goes_down_the_gradient_of_the_mean_cost_it_returns(
    make: Callable[..., Any],
) -> None:
    """The change of each weight over the rate is minus the difference quotient of the cost."""
    trained = network("softsign").double()
    start = copy.deepcopy(trained)
    images, labels = map(torch.from_numpy, Examples().batch(10))
    rate, h = 0.3, 1e-6

    def cost() -> float:
        with torch.no_grad():
            return float(F.cross_entropy(start(images), labels))

    assert float(make(trained, rate)(images, labels)) == pytest.approx(cost(), rel=1e-13)
    for before, after in zip(start.parameters(), trained.parameters(), strict=True):
        gradient = (before - after).detach() / rate
        flat = before.detach().view(-1)
        for k in range(0, len(flat), 5):
            value = float(flat[k])
            flat[k] = value + h
            up = cost()
            flat[k] = value - h
            down = cost()
            flat[k] = value
            # Central differences: h^2 from the third derivative, eps / h from rounding.
            quotient = (up - down) / (2 * h)
            assert float(gradient.view(-1)[k]) == pytest.approx(quotient, abs=1e-9)


def test_a_batch_may_have_any_size() -> None:
    """The update averages over the examples it is given, one or many."""
    ours = network().double()
    theirs = copy.deepcopy(ours)
    stream = Examples()
    for size in (1, 7, 64):
        images, labels = map(torch.from_numpy, stream.batch(size))
        in_place_step(ours, 0.1)(images, labels)
        autograd_step(theirs, 0.1)(images, labels)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-14)


def test_inputs_are_left_as_they_were() -> None:
    images, labels = map(torch.from_numpy, Examples().batch(10, np.float32))
    copies = images.clone(), labels.clone()
    in_place_step(network(), 0.1)(images, labels)
    assert torch.equal(images, copies[0])
    assert torch.equal(labels, copies[1])


# --- with a penalty -----------------------------------------------------------------------


def penalized(of: MLP, images: torch.Tensor, labels: torch.Tensor, l1: float) -> torch.Tensor:
    """Return the cost with the penalty, in the plainest way."""
    penalty = torch.stack([h.abs().sum(1).mean() for h in of.hidden(images)]).sum()
    return F.cross_entropy(of(images), labels) + l1 * penalty


@pytest.mark.parametrize("frozen", ["", "layers.2.bias layers.0.weight"])
@pytest.mark.parametrize("activation", ALL, ids=lambda a: a.name)
def test_the_penalized_update_is_that_of_autograd(activation: Activation, frozen: str) -> None:
    """Twenty updates in float64: costs and weights differ by rounding only."""
    l1, rate = 0.03, 0.2
    ours = network(activation).double()
    for name, parameter in ours.named_parameters():
        with torch.no_grad():
            parameter.add_(0.05)
        parameter.requires_grad_(name not in frozen.split())
    theirs = copy.deepcopy(ours)
    step = in_place_step(ours, rate, l1)
    optimizer = torch.optim.SGD([p for p in theirs.parameters() if p.requires_grad], lr=rate)
    stream = Examples()
    for _ in range(20):
        images, labels = map(torch.from_numpy, stream.batch(6))
        optimizer.zero_grad()
        cost = penalized(theirs, images, labels, l1)
        cost.backward()
        optimizer.step()
        assert float(step(images, labels)) == pytest.approx(float(cost.detach()), rel=1e-12)
    for name, values in weights(ours).items():
        np.testing.assert_allclose(values, weights(theirs)[name], rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["relu", "softplus", "tanh"])
def test_the_penalized_update_is_the_slope_of_the_cost_it_returns(name: str) -> None:
    """Central differences, at every parameter."""
    images, labels = map(torch.from_numpy, Examples().batch(6))
    l1, eps = 0.5, 1e-6
    moved, still = network(name).double(), network(name).double()
    in_place_step(moved, 1.0, l1)(images, labels)
    cost = in_place_step(still, 0.0, l1)  # a rate of 0 only evaluates
    for before, after in zip(still.parameters(), moved.parameters(), strict=True):
        gradient = (before - after).detach().flatten()
        flat = before.data.view(-1)
        for k in range(len(flat)):
            value = float(flat[k])
            flat[k] = value + eps
            high = float(cost(images, labels))
            flat[k] = value - eps
            low = float(cost(images, labels))
            flat[k] = value
            assert float(gradient[k]) == pytest.approx((high - low) / (2 * eps), abs=1e-7)


def test_the_penalty_makes_zeros() -> None:
    images, labels = map(torch.from_numpy, Examples().batch(50))
    fractions = []
    for l1 in (0.0, 0.1):
        net = network("relu").double()
        step = in_place_step(net, 0.1, l1)
        for _ in range(100):
            step(images, labels)
        with torch.no_grad():
            fractions.append([float((h == 0).double().mean()) for h in net.hidden(images)])
    assert np.all(np.subtract(fractions[1], fractions[0]) > 0.1)


@pytest.mark.parametrize("l1", [-1.0, math.nan])
def test_a_penalty_out_of_range(l1: float) -> None:
    with pytest.raises(ValueError, match="l1 must be >= 0"):
        in_place_step(network(), 0.1, l1)


@pytest.mark.parametrize("rate", [-0.1, math.nan, 1e39])
def test_a_rate_out_of_range(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate must be >= 0 and <= 3\.4e\+38"):
        in_place_step(network(), rate)


# --- the loop -----------------------------------------------------------------------------

SCHEDULE = [0, 3, CHUNK, CHUNK + 1, 2 * CHUNK + 5, 6 * CHUNK]


def test_probes_are_taken_at_the_asked_times_and_every_example_is_seen_once_in_order() -> None:
    seen: list[np.ndarray] = []
    stream = Examples()

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(inputs.numpy().copy())
        return torch.tensor(float(len(seen)))  # the cost of update k is k

    outcome = train(
        network(),
        stream,
        lambda _: {"done": np.asarray(len(seen))},
        SCHEDULE,
        step,
        batch_size=4,
    )
    np.testing.assert_array_equal(outcome.history["updates"], SCHEDULE)
    np.testing.assert_array_equal(outcome.history["done"], SCHEDULE)
    np.testing.assert_array_equal(
        np.concatenate(seen), Examples().batch(4 * SCHEDULE[-1], np.float32)[0]
    )
    # The mean of the costs between two probes: (first + last) / 2.
    means = [(a + 1 + b) / 2 for a, b in itertools.pairwise(SCHEDULE)]
    np.testing.assert_allclose(outcome.history["training_cost"], [0, *means], rtol=1e-7)
    assert outcome.diverged_at is None


def test_a_history_stacks_every_measurement_along_its_first_axis() -> None:
    net = network()
    history = train(net, Examples(), probe, SCHEDULE, in_place_step(net, 0.1)).history
    shapes = {name: values.shape for name, values in history.items()}
    n = len(SCHEDULE)
    assert shapes == {"outputs": (n, 5, 3), "norm": (n,), "updates": (n,), "training_cost": (n,)}


def test_training_learns() -> None:
    """The cost falls far below the log 3 nats of a guess; on fresh examples it can only learn."""
    net = network()
    history = train(net, Examples(), probe, range(0, 1001, 200), in_place_step(net, 1.0)).history
    assert history["training_cost"][1:].max() < math.log(3)
    assert history["training_cost"][-1] < 0.2


def test_training_is_the_steps_one_after_another() -> None:
    """No hidden state: the loop's network equals that of a plain for loop, bit for bit."""
    net, plain = network(), network()
    train(net, Examples(), probe, SCHEDULE, in_place_step(net, 0.1))
    stream, step = Examples(), in_place_step(plain, 0.1)
    for _ in range(SCHEDULE[-1]):
        step(*map(torch.from_numpy, stream.batch(10, np.float32)))
    assert_same(weights(net), weights(plain))


@pytest.mark.parametrize("make", [in_place_step, autograd_step])
def test_divergence_is_an_outcome_and_not_an_error(make: Callable[..., Any]) -> None:
    net = network("relu")
    outcome = train(net, Examples(), probe, [0, 2, 500], make(net, 1e30))
    assert outcome.diverged_at is not None
    assert outcome.diverged_at <= 500
    # What was measured before stays; nothing is measured on a network of nans.
    assert len(outcome.history["updates"]) in (1, 2)
    assert np.isfinite(outcome.history["outputs"]).all()
    assert (outcome.history["updates"] < outcome.diverged_at).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("when", [1, CHUNK, CHUNK + 1, 77])
def test_divergence_is_noticed_within_a_chunk(bad: float, when: int) -> None:
    count = itertools.count(1)

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return torch.tensor(bad if next(count) == when else 1.0)

    outcome = train(network(), Examples(), probe, [0, 100], step)
    assert outcome.diverged_at is not None
    assert when <= outcome.diverged_at < when + CHUNK


# --- checkpoints --------------------------------------------------------------------------


def sitting(
    checkpoint: Path,
    report: Callable[[int], None],
    *,
    rate: float = 0.1,
    measure: Callable[[MLP], Arrays] = probe,
) -> tuple[MLP, training.Outcome]:
    """Train from a network and a stream that know nothing of the sittings before."""
    net, stream = network("relu", seed=99), Examples()
    stream.position = 12345
    watch = Watch(checkpoint, seconds=0, report=report)
    if not checkpoint.exists():
        net = network("relu")
    outcome = train(net, stream, measure, SCHEDULE, in_place_step(net, rate), watch=watch)
    return net, outcome


def undisturbed(rate: float = 0.1) -> tuple[MLP, training.Outcome]:
    """Train without a checkpoint."""
    net = network("relu")
    return net, train(net, Examples(), probe, SCHEDULE, in_place_step(net, rate))


@pytest.mark.parametrize("rate", [0.1, 1e30])
@pytest.mark.parametrize("survives", [1, 2])
def test_a_run_killed_at_every_chunk_ends_as_if_it_never_was(
    survives: int, rate: float, tmp_path: Path
) -> None:
    """Each sitting dies in the chunk after the one it managed to save."""
    expected_net, expected = undisturbed(rate)
    deaths, reached = 0, [0]
    while True:
        alive = itertools.count()

        def report(updates: int, alive: itertools.count[int] = alive) -> None:
            reached.append(updates)
            if next(alive) == survives:
                raise Killed

        try:
            net, outcome = sitting(tmp_path / "run.checkpoint", report, rate=rate)
        except Killed:
            deaths += 1
            assert deaths < 50
        else:
            break
    assert_same(outcome.history, expected.history)
    assert outcome.diverged_at == expected.diverged_at
    assert_same(weights(net), weights(expected_net))
    if rate == 0.1:
        assert deaths >= len(set(reached)) // (survives + 1)
        # No sitting repeats more than the chunk it died in.
        assert all(b >= a for a, b in itertools.pairwise(reached))


def test_a_run_killed_in_a_probe_ends_as_if_it_never_was(tmp_path: Path) -> None:
    expected_net, expected = undisturbed()
    for victim in range(1, len(SCHEDULE)):
        alive = itertools.count()

        def measure(net: MLP, alive: itertools.count[int] = alive, at: int = victim) -> Arrays:
            if next(alive) == at:
                raise Killed
            return probe(net)

        checkpoint = tmp_path / f"{victim}.checkpoint"
        with pytest.raises(Killed):
            sitting(checkpoint, lambda _: None, measure=measure)
        net, outcome = sitting(checkpoint, lambda _: None)
        assert_same(outcome.history, expected.history)
        assert_same(weights(net), weights(expected_net))


@pytest.mark.parametrize("kept", [True, False])
def test_an_optimizer_that_is_kept_resumes_with_its_momentum(kept: bool, tmp_path: Path) -> None:
    def sit(report: Callable[[int], None], checkpoint: Path | None = None) -> MLP:
        net = network("relu")
        optimizer = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
        step, watch = optimizer_step(net, optimizer), Watch(checkpoint, 0, report)
        keep = [optimizer] if kept else []
        train(net, Examples(), probe, SCHEDULE, step, watch=watch, keep=keep)
        return net

    def die(updates: int) -> None:
        if updates >= 2 * CHUNK:
            raise Killed

    with pytest.raises(Killed):
        sit(die, tmp_path / "run.checkpoint")
    resumed, whole = sit(lambda _: None, tmp_path / "run.checkpoint"), sit(lambda _: None)
    ours, expected = weights(resumed), weights(whole)
    assert all(np.array_equal(ours[name], expected[name]) for name in expected) == kept


def test_half_precision_is_that_of_the_products_only() -> None:
    """One step in bfloat16 differs by its rounding, 2**-8 of the gradient; weights stay float32."""
    images, classes = Examples().batch(10, np.float32)
    inputs, labels = torch.from_numpy(images), torch.from_numpy(classes)
    moved = {}
    for half in (False, True):
        net = network("tanh")
        before = weights(net)
        step = optimizer_step(net, torch.optim.SGD(net.parameters(), lr=1.0), half)
        assert step(inputs, labels).dtype == torch.float32
        moved[half] = {name: w - before[name] for name, w in weights(net).items()}
    for name, full in moved[False].items():
        rounded = moved[True][name]
        assert 0 < np.abs(full - rounded).max() < 0.05 * np.abs(full).max()


def test_a_finished_run_resumes_to_its_end(tmp_path: Path) -> None:
    """A kill between the last chunk and the record: nothing is trained again."""
    first_net, first = sitting(tmp_path / "run.checkpoint", lambda _: None)
    chunks: list[int] = []
    again_net, again = sitting(tmp_path / "run.checkpoint", chunks.append)
    assert chunks == []
    assert_same(again.history, first.history)
    assert_same(weights(again_net), weights(first_net))


def test_frozen_parameters_stay_frozen_when_resumed(tmp_path: Path) -> None:
    def build(seed: int) -> MLP:
        net = network(seed=seed)
        net.layers[-1].bias.requires_grad_(False).fill_(0.7)
        return net

    def kill(updates: int) -> None:
        if updates > 3 * CHUNK:
            raise Killed

    path = tmp_path / "run.checkpoint"
    whole, first, second = build(0), build(0), build(1)
    train(whole, Examples(), probe, SCHEDULE, in_place_step(whole, 0.1))
    step = in_place_step(first, 0.1)
    with pytest.raises(Killed):
        train(first, Examples(), probe, SCHEDULE, step, watch=Watch(path, 0, kill))
    train(second, Examples(), probe, SCHEDULE, in_place_step(second, 0.1), watch=Watch(path, 0))
    assert_same(weights(second), weights(whole))
    assert second.layers[-1].bias.requires_grad is False
    assert (second.layers[-1].bias == 0.7).all()


def test_checkpoints_keep_the_asked_distance_and_seconds_add_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that a chunk moves by 4 seconds."""
    now = [1000.0]
    saved: list[float] = []
    write = training.write_sealed

    def write_and_note(path: Path, data: bytes) -> None:
        saved.append(now[0])
        write(path, data)

    monkeypatch.setattr(training.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(training, "write_sealed", write_and_note)
    count = itertools.count(1)

    def step(inputs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if next(count) % CHUNK == 0:
            now[0] += 4
        return torch.tensor(1.0)

    def kill(updates: int) -> None:
        if updates == 7 * CHUNK:
            raise Killed

    def run(report: Callable[[int], None]) -> training.Outcome:
        watch = Watch(tmp_path / "run.checkpoint", seconds=10, report=report)
        return train(network(), Examples(), probe, [0, 12 * CHUNK], step, watch=watch)

    with pytest.raises(Killed):
        run(kill)  # dies at the 7th chunk, having saved at the 3rd and the 6th
    assert saved == [1012, 1024]
    now[0] += 5000  # a night without the machine costs nothing
    assert run(lambda _: None).seconds == 12 * 4
    assert all(b - a >= 10 for a, b in itertools.pairwise(saved))


def test_nothing_is_saved_without_a_checkpoint_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    net = network()
    train(net, Examples(), probe, SCHEDULE, in_place_step(net, 0.1), watch=Watch(seconds=0))
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """Cut short or altered anywhere; it is named, and left for a person to look at."""
    path = tmp_path / "run.checkpoint"
    sitting(path, lambda _: None)
    whole = path.read_bytes()
    damaged = [whole[:k] for k in (0, 31, 32, len(whole) // 2, len(whole) - 1)]
    flips = np.linspace(0, len(whole) - 1, 40).astype(int)
    damaged += [whole[:k] + bytes([whole[k] ^ 1]) + whole[k + 1 :] for k in flips]
    for content in (*damaged, whole + b"\0"):
        path.write_bytes(content)
        with pytest.raises(DamagedFileError, match=r"run\.checkpoint is damaged"):
            sitting(path, lambda _: None)
        assert path.read_bytes() == content
    path.write_bytes(whole)
    sitting(path, lambda _: None)
