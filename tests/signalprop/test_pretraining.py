"""Pre-training: its updates against autograd and exact enumeration, and resuming layer by layer."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from signalprop import training
from signalprop.activations import get
from signalprop.initializers import standard_
from signalprop.networks import MLP, initialize
from signalprop.pretraining import (
    UNITS,
    Encoded,
    Noise,
    TiedPair,
    Update,
    contrastive_divergence_step,
    denoising_step,
    forget,
    pretrain,
    sample,
)
from signalprop.studies.pretraining.exact import Machine
from signalprop.training import Watch

PAIRS = list(itertools.product(UNITS, UNITS))


def drawn_pair(
    hidden: str, visible: str, units: tuple[int, int] = (3, 4), seed: int = 0
) -> TiedPair:
    """Return a pair in float64 with weights and biases of size 1."""
    pair = TiedPair(nn.Linear(*units[::-1]).double(), hidden, visible)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in pair.parameters():
            parameter.normal_(generator=generator)
    return pair


def parameters(pair: TiedPair) -> list[np.ndarray]:
    return [p.detach().numpy().copy() for p in (pair.weight, pair.hidden_bias, pair.visible_bias)]


def values(unit: str, shape: tuple[int, ...], seed: int = 1) -> torch.Tensor:
    """Draw grey values over the whole range of a unit."""
    low, high = get(unit).limits
    uniform = torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.double)
    return low + (high - low) * uniform


# --- units --------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", UNITS)
def test_a_unit_is_the_mean_of_a_variable_with_two_values(unit: str) -> None:
    """By the definition of the mean, with probabilities in proportion to exp(h s)."""
    s = np.linspace(-3, 3, 13)
    h = np.array(get(unit).limits)[:, None]
    expected = (h * np.exp(h * s)).sum(0) / np.exp(h * s).sum(0)
    np.testing.assert_allclose(get(unit)(s), expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("unit", UNITS)
def test_samples_have_two_values_and_the_mean_asked_for(unit: str) -> None:
    """Within four standard errors at each of several means."""
    low, high = get(unit).limits
    wanted = torch.linspace(low, high, 5, dtype=torch.double)
    n = 20_000
    drawn = sample(wanted.expand(n, 5), get(unit), torch.Generator().manual_seed(0))
    assert set(drawn.unique().tolist()) == {low, high}
    error = ((high - wanted) * (wanted - low) / n).sqrt()
    assert ((drawn.mean(0) - wanted).abs() <= 4 * error).all()


@pytest.mark.parametrize("side", ["hidden", "visible"])
def test_other_units_are_refused_by_name(side: str) -> None:
    with pytest.raises(ValueError, match=f"{side} must be one of sigmoid, tanh, got 'relu'"):
        TiedPair(nn.Linear(3, 2), **{"hidden": "tanh", "visible": "tanh", side: "relu"})


def test_a_pair_shares_the_layer_and_adds_a_bias() -> None:
    layer = nn.Linear(5, 2)
    pair = TiedPair(layer, "tanh")
    assert pair.weight is layer.weight
    assert pair.hidden_bias is layer.bias
    assert pair.visible_bias.shape == (5,)
    v = torch.rand(3, 5)
    torch.testing.assert_close(pair.up(v), torch.tanh(layer(v)))


@pytest.mark.parametrize("unit", UNITS)
def test_the_cost_s_derivative_is_the_error_of_the_mean(unit: str) -> None:
    pair = drawn_pair("sigmoid", unit)
    v = values(unit, (7, 4))
    below = torch.randn(7, 4, dtype=torch.double, requires_grad=True)
    [gradient] = torch.autograd.grad(pair.cost(below, v), below)
    torch.testing.assert_close(gradient, (pair.visible(below) - v) / 7, rtol=0, atol=1e-15)


# --- denoising autoencoders ---------------------------------------------------------------


def denoising_cost(
    w: torch.Tensor,
    b: torch.Tensor,
    c: torch.Tensor,
    v: torch.Tensor,
    kept: torch.Tensor,
    units: Any,
) -> torch.Tensor:
    """Write the cost out in probabilities: sum over components, mean over examples."""
    hidden, (low, high) = get(units[0]), get(units[1]).limits
    h = hidden((v * kept) @ w.T + b)
    p = torch.sigmoid((high - low) * (h @ w + c))
    target = (v - low) / (high - low)
    return -(target * p.log() + (1 - target) * (1 - p).log()).sum(1).mean()


@pytest.mark.parametrize("corruption", [0.0, 0.4])
@pytest.mark.parametrize("units", PAIRS)
def test_the_denoising_update_is_that_of_autograd(
    units: tuple[str, str], corruption: float
) -> None:
    """Ten updates in float64, with masks from an equal generator."""
    pair = drawn_pair(*units)
    w, b, c = (torch.from_numpy(p).requires_grad_() for p in parameters(pair))
    step = denoising_step(pair, 0.1, corruption, torch.Generator().manual_seed(5))
    masks = torch.Generator().manual_seed(5)
    for k in range(10):
        v = values(units[1], (6, 4), seed=k)
        kept = torch.rand(v.shape, generator=masks, dtype=v.dtype) >= corruption
        expected = denoising_cost(w, b, c, v, kept, units)
        assert float(step(v)) == pytest.approx(expected.item(), rel=1e-12)
        gradients = torch.autograd.grad(expected, (w, b, c))
        with torch.no_grad():
            for parameter, gradient in zip((w, b, c), gradients, strict=True):
                parameter -= 0.1 * gradient
    for ours, theirs in zip(parameters(pair), (w, b, c), strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("corruption", [-0.1, 1.0])
def test_corruption_out_of_range_is_refused(corruption: float) -> None:
    with pytest.raises(ValueError, match=r"corruption must be in \[0, 1\)"):
        denoising_step(TiedPair(nn.Linear(3, 2), "tanh"), 0.1, corruption, torch.Generator())


# --- Boltzmann machines -------------------------------------------------------------------


def machine(pair: TiedPair) -> Machine:
    """Return the same machine with every state listed."""
    return Machine(*parameters(pair), pair.hidden.limits, pair.visible.limits)


@pytest.mark.parametrize("units", PAIRS)
def test_conditional_means_are_those_of_the_joint_distribution(units: tuple[str, str]) -> None:
    pair = drawn_pair(*units)
    exact = machine(pair)
    h, v = exact.hidden_states, exact.visible_states
    with torch.no_grad():
        up, down = pair.up(torch.from_numpy(v)), pair.down(torch.from_numpy(h))
    np.testing.assert_allclose(up, exact.hidden_given_visible().T @ h, rtol=0, atol=1e-13)
    np.testing.assert_allclose(down, exact.visible_given_hidden().T @ v, rtol=0, atol=1e-13)


@pytest.mark.parametrize("units", PAIRS)
def test_the_exact_gradient_is_the_likelihood_s_difference_quotient(units: tuple[str, str]) -> None:
    pair = drawn_pair(*units)
    data = np.random.default_rng(0).dirichlet(np.ones(16))
    gradients, step = machine(pair).gradient(data), 1e-5
    for which, gradient in enumerate(gradients):
        for index in np.ndindex(gradient.shape):
            at = []
            for sign in (1, -1):
                moved = parameters(pair)
                moved[which][index] += sign * step
                shifted = Machine(*moved, pair.hidden.limits, pair.visible.limits)
                at.append(data @ np.log(shifted.joint().sum(0)))  # log-likelihood
            # Central differences: step^2 from the third derivative, eps / step from rounding.
            assert gradient[index] == pytest.approx((at[0] - at[1]) / (2 * step), abs=1e-8)


def divergence(
    pair: TiedPair, data: torch.Tensor, gibbs_steps: int, repeats: int = 16
) -> tuple[Any, Any]:
    """Return mean and standard error of what an update adds, at rate 1, all parameters in a row."""
    changes = []
    for repeat in range(repeats):
        copied = copy.deepcopy(pair)
        generator = torch.Generator().manual_seed(100 + repeat)
        contrastive_divergence_step(copied, 1.0, gibbs_steps, generator)(data)
        both = zip(parameters(copied), parameters(pair), strict=True)
        changes.append(np.concatenate([(after - before).ravel() for after, before in both]))
    return np.mean(changes, 0), np.std(changes, 0, ddof=1) / np.sqrt(repeats)


@pytest.mark.parametrize("units", PAIRS)
def test_contrastive_divergence_is_on_average_what_listing_every_state_gives(
    units: tuple[str, str],
) -> None:
    """A machine of 4 x 3 units: after one, two and many steps, within five errors."""
    pair = drawn_pair(*units)
    exact = machine(pair)
    rng = np.random.default_rng(3)
    which = rng.choice(16, size=4000, p=rng.dirichlet(np.ones(16)))
    data = np.bincount(which, minlength=16) / len(which)
    v = torch.from_numpy(exact.visible_states[which])

    def expected(steps: int | None) -> np.ndarray:
        return np.concatenate([g.ravel() for g in exact.gradient(data, steps)])

    step = exact.visible_given_hidden() @ exact.hidden_given_visible()
    slowest = np.sort(np.abs(np.linalg.eigvals(step)))[-2]  # the largest is 1
    forgotten = int(np.ceil(np.log(1e-4) / np.log(slowest)))
    np.testing.assert_allclose(expected(forgotten), expected(None), rtol=0, atol=1e-3)
    for steps in (1, 2, forgotten):
        mean, error = divergence(pair, v, steps)
        # Few repeats know their own error badly: 16 of them give a Student's t, and 19 numbers.
        assert (np.abs(mean - expected(steps)) < 5 * error).all(), steps
        if steps == 1:
            assert np.abs((mean - expected(None)) / error).max() > 8


def test_at_the_model_s_own_distribution_contrastive_divergence_stands_still() -> None:
    """Data from the model: any number of Gibbs steps leaves them distributed as they were."""
    pair = drawn_pair("sigmoid", "sigmoid")
    exact = machine(pair)
    which = np.random.default_rng(4).choice(16, size=(16, 4000), p=exact.joint().sum(0))
    changes = []
    for repeat, states in enumerate(which):
        copied = copy.deepcopy(pair)
        generator = torch.Generator().manual_seed(repeat)
        step = contrastive_divergence_step(copied, 1.0, 1, generator)
        step(torch.from_numpy(exact.visible_states[states]))
        both = zip(parameters(copied), parameters(pair), strict=True)
        changes.append(np.concatenate([(after - before).ravel() for after, before in both]))
    mean, error = np.mean(changes, 0), np.std(changes, 0, ddof=1) / 4
    assert (np.abs(mean) < 5 * error).all()


@pytest.mark.parametrize("units", PAIRS)
def test_the_reported_cost_is_that_of_the_first_reconstruction(units: tuple[str, str]) -> None:
    """On average over the hidden samples, whose states are listed."""
    pair = drawn_pair(*units)
    exact = machine(pair)
    v = values(units[1], (1, 4))
    with torch.no_grad():
        given = pair.up(v)[0].numpy()
        low, high = pair.hidden.limits
        h = exact.hidden_states
        p = np.where(h == high, (given - low) / (high - low), (high - given) / (high - low))
        costs = [float(pair.cost(pair.below(torch.from_numpy(s)[None]), v)) for s in h]
    expected = p.prod(1) @ costs
    n = 4000
    step = contrastive_divergence_step(pair, 1e-300, 3, torch.Generator().manual_seed(0))
    assert float(step(v.expand(n, 4))) == pytest.approx(
        expected, abs=4 * np.std(costs) / np.sqrt(n)
    )


def test_gibbs_steps_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="gibbs_steps must be at least 1, got 0"):
        contrastive_divergence_step(TiedPair(nn.Linear(3, 2), "tanh"), 0.1, 0, torch.Generator())


def updated(make: Callable[[TiedPair, torch.Generator], Update], v: torch.Tensor) -> TiedPair:
    pair = drawn_pair("tanh", "sigmoid")
    make(pair, torch.Generator().manual_seed(0))(v)
    return pair


def test_rates_are_of_the_mean_over_examples() -> None:
    """Doubling the batch with the same example and no noise changes nothing."""

    def make(pair: TiedPair, generator: torch.Generator) -> Update:
        return denoising_step(pair, 0.3, 0.0, generator)

    v = values("sigmoid", (1, 4))
    once, often = updated(make, v), updated(make, v.expand(9, 4))
    for a, b in zip(parameters(once), parameters(often), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-14)


# --- layer by layer -----------------------------------------------------------------------


class Patterns:
    """An endless stream of noisy copies of four patterns in [0, 1]."""

    def __init__(self) -> None:
        self.position = 0
        rng = np.random.default_rng(8)
        kinds = rng.integers(0, 2, (4, 12))
        self.labels = rng.integers(4, size=1009)
        self.images = np.clip(0.1 + 0.8 * kinds[self.labels] + 0.1 * rng.random((1009, 12)), 0, 1)

    def batch(self, n: int, dtype: Any = np.float64) -> tuple[np.ndarray, np.ndarray]:
        """Return the next ``n`` examples."""
        which = np.arange(self.position, self.position + n) % 1009
        self.position += n
        return self.images[which].astype(dtype), self.labels[which]


class Killed(BaseException):
    """Stands for the death of the process."""


def network(activation: str = "sigmoid") -> MLP:
    made = MLP([12, 8, 7, 6, 4], activation)
    initialize(made, standard_, 0)
    return made


METHODS = {
    "autoencoders": lambda pair, g: denoising_step(pair, 0.1, 0.2, g),
    "rbms": lambda pair, g: contrastive_divergence_step(pair, 0.1, 1, g),
}


@pytest.mark.parametrize("activation", UNITS)
@pytest.mark.parametrize("kind", METHODS)
def test_every_hidden_layer_learns_and_the_output_layer_does_not(
    kind: str, activation: str
) -> None:
    net = network(activation)
    before = copy.deepcopy(net.state_dict())
    outcomes = pretrain(net, METHODS[kind], lambda layer: Patterns(), 2000, seed=0)
    assert len(outcomes) == 3
    for outcome in outcomes:
        costs = outcome.history["training_cost"][1:]
        assert len(costs) == 10
        assert costs[-1] < costs[0]
    changed = {name for name, p in net.state_dict().items() if not torch.equal(p, before[name])}
    assert changed == {f"layers.{i}.{part}" for i in range(3) for part in ("weight", "bias")}


def test_a_layer_learns_from_the_finished_layers_below_and_leaves_them() -> None:
    """Pre-training all layers is pre-training the first, then the second alone on its output."""
    whole, stepwise = network(), network()
    pretrain(whole, METHODS["rbms"], lambda layer: Patterns(), 50, seed=3)
    for i, layer in enumerate(stepwise.layers[:-1]):
        pair = TiedPair(layer, "sigmoid")
        update = METHODS["rbms"](pair, Noise(3, i).generator)
        stream = Patterns()
        for _ in range(50):
            x = torch.from_numpy(stream.batch(10, np.float32)[0])
            with torch.no_grad():
                entering = [x, *stepwise.hidden(x)][i]
            update(entering)
    for ours, theirs in zip(whole.parameters(), stepwise.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


def test_encoded_examples_are_the_hidden_activations() -> None:
    net = network("tanh")
    stream = Encoded(Patterns(), net.layers[:2], net.activation)
    stream.position = 7
    features, labels = stream.batch(5)
    plain = Patterns()
    plain.position = 7
    images, expected = plain.batch(5, np.float32)
    with torch.no_grad():
        np.testing.assert_allclose(features, net.hidden(torch.from_numpy(images))[1], atol=1e-6)
    np.testing.assert_array_equal(labels, expected)
    assert stream.position == 12


@pytest.mark.parametrize("kind", METHODS)
def test_pretraining_killed_at_every_chunk_ends_as_if_it_never_was(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights and the noise to come are restored; finished layers are not done again."""
    monkeypatch.setattr(training, "CHUNK", 100)
    expected = network()
    whole = pretrain(expected, METHODS[kind], lambda layer: Patterns(), 30, seed=1)
    watch = Watch(tmp_path / "run.checkpoint", seconds=0)
    for deaths in itertools.count():
        alive = itertools.count()

        def report(updates: int, alive: itertools.count[int] = alive) -> None:
            if next(alive) == 1:
                raise Killed

        net = network()
        watch.report = report
        try:
            outcomes = pretrain(net, METHODS[kind], lambda layer: Patterns(), 30, 1, watch=watch)
        except Killed:
            assert deaths < 60
        else:
            break
    assert deaths > 3
    for ours, theirs in zip(net.parameters(), expected.parameters(), strict=True):
        assert torch.equal(ours, theirs)
    for ours, theirs in zip(outcomes, whole, strict=True):
        np.testing.assert_array_equal(
            ours.history["training_cost"], theirs.history["training_cost"]
        )
    assert len(list(tmp_path.iterdir())) == 3
    forget(net, watch)
    assert not list(tmp_path.iterdir())


def test_a_layer_that_diverges_ends_it() -> None:
    net = network()
    outcomes = pretrain(
        net, lambda p, g: denoising_step(p, np.inf, 0.0, g), lambda i: Patterns(), 300, seed=0
    )
    assert len(outcomes) == 1
    assert outcomes[0].diverged_at is not None


def test_progress_counts_the_updates_of_all_layers() -> None:
    seen: list[int] = []
    watch = Watch(report=seen.append)
    pretrain(network(), METHODS["rbms"], lambda layer: Patterns(), 40, seed=0, watch=watch)
    assert seen == sorted(seen)
    assert seen[-1] == 120


def test_noise_differs_between_seeds_and_layers_and_can_be_put_back() -> None:
    first = [
        torch.rand(1, generator=Noise(*seeds).generator).item()
        for seeds in ((0, 0), (0, 1), (1, 0))
    ]
    assert len(set(first)) == 3
    noise = Noise(0, 0)
    state = noise.state_dict()
    state = {name: value.clone() for name, value in state.items()}
    drawn = torch.rand(3, generator=noise.generator)
    noise.load_state_dict(state)
    assert torch.equal(torch.rand(3, generator=noise.generator), drawn)


def test_the_reconstruction_of_a_trained_machine_is_better_than_the_best_constant() -> None:
    """A bias alone knows the frequencies; hidden units must know the patterns."""
    net = network()
    outcome = pretrain(net, METHODS["rbms"], lambda layer: Patterns(), 3000, seed=0)[0]
    images = torch.from_numpy(Patterns().batch(1009)[0])
    mean = images.mean(0).expand_as(images)
    constant = F.binary_cross_entropy(mean, images, reduction="sum") / len(images)
    assert outcome.history["training_cost"][-1] < 0.9 * float(constant)
