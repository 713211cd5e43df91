r"""Greedy layer-wise pre-training: a stack of denoising autoencoders, or of Boltzmann machines.

Before 2010 this is how deep networks were made to train.  Each layer in turn learns, without
labels, to say something about its own input; then all layers are trained together.

Both methods see a layer as one half of a pair with shared weights.  Up, the layer itself gives
means :math:`\bar h = \phi(W v + b)`; down, its transpose gives :math:`\bar v = \psi(W^T h + c)`.
A unit stands for a variable with two values, the ends of its activation's range: 0 and 1 for the
sigmoid, -1 and 1 for tanh.  Either activation is exactly the mean of such a variable with energy
:math:`-h\,s`, so one set of formulas serves both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .activations import Activation, get
from .networks import MLP
from .training import Outcome, Step, Stream, Watch, train

UNITS = ("sigmoid", "tanh")
"""Activations that are the mean of a variable with two values."""

Update = Callable[[Tensor], Tensor]
"""Update a pair on visible values (batch, visible); return the reconstruction's cost before."""


class TiedPair(nn.Module):
    r"""A layer of a network and its way back, with the same weights.

    Parameters
    ----------
    layer : shared, not copied: what the pair learns the network has
    hidden : activation of the layer, one of `UNITS`
    visible : activation of what the layer sees, one of `UNITS`; "sigmoid" for grey pixels

    Attributes
    ----------
    weight : (hidden, visible), of the layer
    hidden_bias : (hidden,), of the layer
    visible_bias : (visible,), of the pair alone; zero at the start

    Raises
    ------
    ValueError
        If an activation is not in `UNITS`.

    Examples
    --------
    >>> pair = TiedPair(nn.Linear(8, 3), "tanh")
    >>> pair.down(pair.up(torch.zeros(2, 8))).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        layer: nn.Linear,
        hidden: str | Activation,
        visible: str | Activation = "sigmoid",
    ) -> None:
        super().__init__()
        self.hidden, self.visible = get(hidden), get(visible)
        for side, unit in (("hidden", self.hidden), ("visible", self.visible)):
            if unit.name not in UNITS:
                raise ValueError(f"{side} must be one of {', '.join(UNITS)}, got {unit.name!r}")
        self.weight, self.hidden_bias = layer.weight, layer.bias
        self.visible_bias = nn.Parameter(layer.weight.new_zeros(layer.in_features))

    def up(self, v: Tensor) -> Tensor:
        """Return the means of the hidden units, (batch, hidden)."""
        mean: Tensor = self.hidden(torch.addmm(self.hidden_bias, v, self.weight.t()))
        return mean

    def down(self, h: Tensor) -> Tensor:
        """Return the means of the visible units, (batch, visible)."""
        mean: Tensor = self.visible(self.below(h))
        return mean

    def below(self, h: Tensor) -> Tensor:
        """Return the pre-activations of the visible units, (batch, visible)."""
        return torch.addmm(self.visible_bias, h, self.weight)

    def cost(self, below: Tensor, v: Tensor) -> Tensor:
        r"""Return the cross-entropy of a reconstruction, in nats an example.

        Values inside the range count as probabilities of its upper end.  The derivative by the
        pre-activations is :math:`\bar v - v`, for sigmoid and tanh alike.

        Parameters
        ----------
        below : pre-activations of the visible units, (batch, visible)
        v : what should have been there, (batch, visible)
        """
        low, high = self.visible.limits
        span = high - low
        logits, target = below, v
        if (low, span) != (0.0, 1.0):
            logits, target = span * below, (v - low) / span
        total = F.binary_cross_entropy_with_logits(logits, target, reduction="sum")
        return total / len(v)


# --- one update ---------------------------------------------------------------------------


def denoising_step(
    pair: TiedPair, rate: float, corruption: float, generator: torch.Generator
) -> Update:
    """Return plain SGD on the cost of restoring inputs of which a part was set to 0.

    Vincent, Larochelle, Bengio & Manzagol (2008), from memory: masking noise, tied weights and
    cross-entropy are theirs; they mask a fixed number of components, we mask each one on its own.

    Parameters
    ----------
    pair : updated in place
    rate : learning rate
    corruption : probability that a component is masked, in [0, 1)
    generator : of the masks

    Raises
    ------
    ValueError
        If ``corruption`` is out of range.

    Examples
    --------
    >>> pair = TiedPair(nn.Linear(4, 3), "sigmoid")
    >>> step = denoising_step(pair, 1.0, corruption=0.25, generator=Noise(0).generator)
    >>> costs = [float(step(torch.eye(4))) for _ in range(200)]
    >>> costs[-1] < costs[0]
    True
    """
    if not 0 <= corruption < 1:
        raise ValueError(f"corruption must be in [0, 1), got {corruption}")
    weight = pair.weight
    slope = pair.hidden.value_slope
    assert slope is not None  # both units have it

    @torch.no_grad()
    def step(v: Tensor) -> Tensor:
        kept = torch.rand(v.shape, generator=generator, dtype=v.dtype) >= corruption
        seen = v * kept
        h = pair.up(seen)
        below = pair.below(h)
        cost = pair.cost(below, v)
        down = pair.visible(below).sub_(v).div_(len(v))
        up = torch.mm(down, weight.t()).mul_(slope(h))
        # The weights serve twice; one product goes through them once.
        weight.addmm_(torch.cat([h, up]).t(), torch.cat([down, seen]), alpha=-rate)
        pair.hidden_bias.sub_(up.sum(0), alpha=rate)
        pair.visible_bias.sub_(down.sum(0), alpha=rate)
        return cost

    return step


def contrastive_divergence_step(
    pair: TiedPair, rate: float, gibbs_steps: int, generator: torch.Generator
) -> Update:
    r"""Return contrastive divergence, CD-k, for a restricted Boltzmann machine.

    The gradient of the log-likelihood is
    :math:`\langle h v^T\rangle_\text{data} - \langle h v^T\rangle_\text{model}`.  The second mean
    needs samples of the model; CD-k takes them after ``k`` steps of Gibbs sampling that start at
    the data (Hinton 2002, from memory), so it is biased, the less so the larger ``k``.

    Parameters
    ----------
    pair : the machine, with energy :math:`-h^T W v - b^T h - c^T v`; updated in place
    rate : learning rate
    gibbs_steps : k, at least 1
    generator : of the samples

    Returns
    -------
    the update; its cost is that of the reconstruction after half a step, which it does not
    descend, but which tells whether it learns

    Raises
    ------
    ValueError
        If ``gibbs_steps`` is out of range.

    Examples
    --------
    >>> pair = TiedPair(nn.Linear(4, 3), "sigmoid")
    >>> step = contrastive_divergence_step(pair, 0.5, gibbs_steps=1, generator=Noise(0).generator)
    >>> costs = [float(step(torch.eye(4))) for _ in range(200)]
    >>> sum(costs[-20:]) < sum(costs[:20])
    True
    """
    if gibbs_steps < 1:
        raise ValueError(f"gibbs_steps must be at least 1, got {gibbs_steps}")
    weight = pair.weight

    @torch.no_grad()
    def step(v: Tensor) -> Tensor:
        first = mean = pair.up(v)
        for k in range(gibbs_steps):
            below = pair.below(sample(mean, pair.hidden, generator))
            if k == 0:
                cost = pair.cost(below, v)
            model = sample(pair.visible(below), pair.visible, generator)
            mean = pair.up(model)
        share = rate / len(v)
        weight.addmm_(torch.cat([first, -mean]).t(), torch.cat([v, model]), alpha=share)
        pair.hidden_bias.add_((first - mean).sum(0), alpha=share)
        pair.visible_bias.add_((v - model).sum(0), alpha=share)
        return cost

    return step


def sample(mean: Tensor, unit: Activation, generator: torch.Generator) -> Tensor:
    """Draw variables at the ends of a unit's range, with the given means.

    >>> sample(torch.tensor([-1.0, 1.0]), get("tanh"), Noise(0).generator)
    tensor([-1.,  1.])
    """
    low, high = unit.limits
    uniform = torch.rand(mean.shape, generator=generator, dtype=mean.dtype)
    if (low, high) == (0.0, 1.0):
        return uniform.lt_(mean)
    return uniform.mul_(high - low).add_(low).lt_(mean).mul_(high - low).add_(low)


# --- layer by layer -----------------------------------------------------------------------


class Noise:
    """A source of randomness that a checkpoint can hold.

    >>> noise = Noise(0, 1)
    >>> state = noise.state_dict()
    >>> drawn = torch.rand(3, generator=noise.generator)
    >>> noise.load_state_dict(state)
    >>> torch.equal(torch.rand(3, generator=noise.generator), drawn)
    True
    """

    def __init__(self, *seeds: int) -> None:
        words = np.random.SeedSequence(seeds).generate_state(1, np.uint64)
        self.generator = torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        return {"state": self.generator.get_state()}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Set the state."""
        self.generator.set_state(state_dict["state"])


class Encoded:
    """A stream of examples as the hidden layers of a network show them.

    Parameters
    ----------
    stream : of images
    layers : through which they go, the first one first; may be none
    activation : of these layers

    Examples
    --------
    >>> from signalprop.datasets import Shapeset
    >>> network = MLP([1024, 5, 4, 9], "tanh")
    >>> activations, labels = Encoded(Shapeset(0), network.layers[:1], network.activation).batch(2)
    >>> activations.shape
    (2, 5)
    """

    def __init__(self, stream: Stream, layers: Sequence[nn.Linear], activation: Activation) -> None:
        self.stream, self.layers, self.activation = stream, layers, activation

    @property
    def position(self) -> int:
        """Number of the next example."""
        return self.stream.position

    @position.setter
    def position(self, value: int) -> None:
        self.stream.position = value

    @torch.no_grad()
    def batch(self, n: int, dtype: Any = np.float32) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return activations (n, width) of the next examples, and their labels."""
        images, labels = self.stream.batch(n, dtype)
        x = torch.from_numpy(images).flatten(1)
        for layer in self.layers:
            x = self.activation(layer(x))
        return x.numpy(), labels


def pretrain(
    network: MLP,
    method: Callable[[TiedPair, torch.Generator], Update],
    stream: Callable[[int], Stream],
    updates: int,
    seed: int,
    batch_size: int = 10,
    probes: int = 10,
    watch: Watch | None = None,
) -> list[Outcome]:
    """Pre-train the hidden layers of a network, one after the other, in place.

    A layer learns from the activations of those below it, which no longer change.  The output
    layer and its starting weights stay as they are.

    Parameters
    ----------
    network : of `UNITS`, with inputs in [0, 1]
    method : makes the update of a pair, see `denoising_step`, `contrastive_divergence_step`
    stream : makes the examples of layer i, counted from 0
    updates : for each layer
    seed : of the masks or samples, together with the layer
    batch_size : examples an update
    probes : how often to take down the reconstruction's mean cost
    watch : progress over all layers; each layer has a checkpoint of its own next to this one,
        and `forget` removes them

    Returns
    -------
    the outcome of each layer; where one diverged, the layers above it were left out

    Examples
    --------
    >>> from signalprop.datasets import Shapeset
    >>> def method(pair, generator):
    ...     return denoising_step(pair, 0.01, 0.25, generator)
    >>> network = MLP([1024, 5, 4, 9], "tanh")
    >>> outcomes = pretrain(network, method, lambda i: Shapeset(i), updates=20, seed=0)
    >>> [outcome.history["training_cost"].shape for outcome in outcomes]
    [(11,), (11,)]
    """
    watch = watch or Watch()
    hidden = network.layers[:-1]
    outcomes: list[Outcome] = []
    for i, layer in enumerate(hidden):
        pair = TiedPair(layer, network.activation, network.activation if i else "sigmoid")
        noise = Noise(seed, i)
        checkpoint = watch.checkpoint and watch.checkpoint.with_suffix(f".layer{i}")

        def report(done: int, before: int = i * updates, watch: Watch = watch) -> None:
            watch.report(before + done)

        outcome = train(
            pair,
            Encoded(stream(i), hidden[:i], network.activation),
            lambda pair: {},
            [updates * k // probes for k in range(probes + 1)],
            _without_labels(method(pair, noise.generator)),
            batch_size,
            Watch(checkpoint, watch.seconds, report),
            keep=(noise,),
        )
        outcomes.append(outcome)
        if outcome.diverged_at is not None:
            break
    return outcomes


def _without_labels(update: Update) -> Step:
    return lambda inputs, labels: update(inputs)


def forget(network: MLP, watch: Watch) -> None:
    """Remove the checkpoints that `pretrain` left.

    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "run.layer0").touch()
    ...     forget(MLP([3, 2, 2], "tanh"), Watch(Path(folder, "run.checkpoint")))
    ...     list(Path(folder).iterdir())
    []
    """
    if watch.checkpoint is not None:
        for i in range(len(network.layers) - 1):
            watch.checkpoint.with_suffix(f".layer{i}").unlink(missing_ok=True)
