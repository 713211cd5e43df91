"""The one training loop: plain SGD, watched by probes, checkpointed, resumable bit for bit."""

from __future__ import annotations

import io
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from .networks import MLP
from .storage import read_sealed, write_sealed

Arrays = dict[str, NDArray[Any]]
Step = Callable[[Tensor, Tensor], Tensor]
"""Update the network on inputs (batch, inputs) and labels (batch,); return the cost before."""

Network = TypeVar("Network", bound=nn.Module)

CHUNK = 2000
"""Examples between two looks at the clock, for a checkpoint."""


class Stream(Protocol):
    """Training examples in order: `~signalprop.datasets.Shapeset` or a shuffled data set.

    >>> from signalprop.datasets import Shapeset
    >>> stream: Stream = Shapeset(seed=0)
    >>> images, labels = stream.batch(5)
    >>> images.shape, stream.position
    ((5, 32, 32), 5)
    """

    position: int

    def batch(self, n: int, dtype: Any = ...) -> tuple[NDArray[Any], NDArray[np.int64]]:
        """Return the next ``n`` images and labels."""


def flat_batch(stream: Stream, n: int) -> tuple[Tensor, Tensor]:
    """Return the next ``n`` examples of a stream as a network gets them.

    Returns
    -------
    inputs : (n, features), float32
    labels : (n,)

    Examples
    --------
    >>> from signalprop.datasets import Shapeset
    >>> inputs, labels = flat_batch(Shapeset(seed=0), 5)
    >>> inputs.shape, labels.shape
    (torch.Size([5, 1024]), torch.Size([5]))
    """
    images, labels = stream.batch(n, np.float32)
    return torch.from_numpy(images).flatten(1), torch.from_numpy(labels)


class Stateful(Protocol):
    """What a checkpoint can hold besides the network, such as an optimizer.

    >>> layer = nn.Linear(2, 2)
    >>> kept: list[Stateful] = [layer, torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)]
    >>> [sorted(part.state_dict()) for part in kept]
    [['bias', 'weight'], ['param_groups', 'state']]
    """

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Set the state."""


# --- one update ---------------------------------------------------------------------------


def autograd_step(network: nn.Module, rate: float) -> Step:
    """Return plain SGD on the mean cross-entropy as autograd and torch's optimizer do it.

    >>> layer = nn.Linear(2, 2)
    >>> step = autograd_step(layer, rate=0.1)
    >>> costs = [float(step(torch.eye(2), torch.tensor([0, 1]))) for _ in range(100)]
    >>> costs[-1] < costs[0]
    True
    """
    parameters = [p for p in network.parameters() if p.requires_grad]
    return optimizer_step(network, torch.optim.SGD(parameters, lr=rate))


def optimizer_step(
    network: nn.Module, optimizer: torch.optim.Optimizer, half: bool = False
) -> Step:
    """Return a step of an optimizer on the mean cross-entropy.

    Parameters
    ----------
    network : updated in place
    optimizer : of the parameters to be updated
    half : multiply matrices in bfloat16 (autocast); parameters and updates stay float32

    Examples
    --------
    >>> layer = nn.Linear(2, 2)
    >>> step = optimizer_step(layer, torch.optim.Adam(layer.parameters()))
    >>> step(torch.eye(2), torch.tensor([0, 1])).shape
    torch.Size([])
    """

    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        with torch.autocast(inputs.device.type, torch.bfloat16, enabled=half):
            logits = network(inputs)
        cost = F.cross_entropy(logits.float() if half else logits, labels)
        cost.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return cost.detach()

    return step


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean cross-entropy, (), and its gradient by the logits, (batch, classes).

    >>> cost, gradient = cross_entropy(torch.zeros(1, 4), torch.tensor([1]))
    >>> gradient.tolist()
    [[0.25, -0.75, 0.25, 0.25]]
    """
    log_p = F.log_softmax(logits, 1)
    cost = F.nll_loss(log_p, labels)
    gradient = log_p.exp_()
    gradient[torch.arange(len(labels)), labels] -= 1
    gradient /= len(labels)
    return cost, gradient


def in_place_step(network: MLP, rate: float, l1: float = 0.0) -> Step:
    r"""Return the same update as `autograd_step` in three matrix products a layer.

    The gradient of a weight matrix is never stored: its product is subtracted from the
    weights at once, which saves three passes over the matrix in memory.  For batches of ten
    those passes, not the arithmetic, set the time.

    Parameters
    ----------
    network : updated in place; parameters with ``requires_grad=False`` stay as they are
    rate : learning rate, of 0 to the largest number that the weights can hold
    l1 : coefficient :math:`\lambda \ge 0` of a penalty on the activations,
        :math:`\lambda \sum_l \sum_j |h_{lj}|`, added to the cost; it is summed over all hidden
        units and, like the cost, averaged over the examples

    Raises
    ------
    ValueError
        If ``rate`` or ``l1`` is out of range.

    Notes
    -----
    With :math:`s_l = W_l h_{l-1} + b_l` and
    :math:`\delta_l = \partial C/\partial s_l`, the rules are
    :math:`\delta_{l-1} = \phi'(s_{l-1}) \odot W_l^T \delta_l` and
    :math:`W_l \leftarrow W_l - \eta\, \delta_l h_{l-1}^T`.  With a penalty, and N examples,
    :math:`W_l^T \delta_l + \lambda\,\mathrm{sign}(h_{l-1})/N` stands for
    :math:`W_l^T \delta_l`.

    Examples
    --------
    >>> network = MLP([2, 5, 2], "tanh")
    >>> step = in_place_step(network, rate=0.1)
    >>> costs = [float(step(torch.eye(2), torch.tensor([0, 1]))) for _ in range(100)]
    >>> costs[-1] < costs[0]
    True
    """
    if not l1 >= 0:
        raise ValueError(f"l1 must be >= 0, got {l1}")
    activation = network.activation
    layers = [(layer.weight, layer.bias) for layer in network.layers]
    most = torch.finfo(layers[0][0].dtype).max  # torch takes no larger factor of a product
    if not 0 <= rate <= most:
        raise ValueError(f"rate must be >= 0 and <= {most:.3g}, got {rate}")
    slope = activation.value_slope or activation.derivative

    @torch.no_grad()
    def step(inputs: Tensor, labels: Tensor) -> Tensor:
        h, entering, at = inputs, [], []
        for weight, bias in layers[:-1]:
            entering.append(h)
            # W h^T reads W in the order of its memory; h W^T would not.
            s = torch.mm(weight, h.t()).t().add(bias).contiguous()
            h = activation(s)
            at.append(s if slope is activation.derivative else h)
        entering.append(h)
        weight, bias = layers[-1]
        cost, delta = cross_entropy(torch.addmm(bias, h, weight.t()), labels)
        for i in range(len(layers) - 1, -1, -1):
            weight, bias = layers[i]
            back = torch.mm(delta, weight) if i else None  # with the weights before the update
            if weight.requires_grad:
                weight.addmm_(delta.t(), entering[i], alpha=-rate)
            if bias.requires_grad:
                bias.sub_(delta.sum(0), alpha=rate)
            if back is not None:
                if l1:
                    cost += entering[i].abs().sum() * (l1 / len(labels))
                    back.add_(entering[i].sign(), alpha=l1 / len(labels))
                delta = back.mul_(slope(at[i - 1]))
        return cost

    return step


# --- the loop -----------------------------------------------------------------------------


@dataclass
class Watch:
    """What a run tells the outside while it runs, and what it resumes from.

    Parameters
    ----------
    checkpoint : file to resume from and to save to; nothing is saved if None
    seconds : least time between two checkpoints
    report : called with the number of updates done, at every chunk

    Examples
    --------
    >>> Watch(Path("run.checkpoint")).seconds
    30.0
    """

    checkpoint: Path | None = None
    seconds: float = 30.0
    report: Callable[[int], None] = lambda updates: None


@dataclass
class Outcome:
    """How a training run ended.

    Attributes
    ----------
    diverged_at : updates done when cost or weights were found to be no longer finite (looked at
        once a chunk); None if they always were
    history : measurements by name, (probes, ...); ``updates`` says when each was taken and
        ``training_cost`` is the mean cost of the updates since the one before
    seconds : time spent, all sittings together

    Examples
    --------
    >>> Outcome(diverged_at=None, history={}, seconds=1.0).ending
    {'outcome': 'finished', 'diverged_at': None}
    """

    diverged_at: int | None
    history: Arrays
    seconds: float

    @property
    def ending(self) -> dict[str, Any]:
        """How it ended, as metrics of a record: ``outcome`` and ``diverged_at``."""
        outcome = "finished" if self.diverged_at is None else "diverged"
        return {"outcome": outcome, "diverged_at": self.diverged_at}


@dataclass
class _State:
    """Everything that a checkpoint holds besides the network."""

    updates: int = 0
    costs: float = 0.0  # sum since the last probe
    diverged_at: int | None = None
    seconds: float = 0.0
    history: list[dict[str, Tensor]] = field(default_factory=list)


def train(
    network: Network,
    stream: Stream,
    probe: Callable[[Network], Arrays],
    probe_at: Iterable[int],
    step: Step,
    batch_size: int = 10,
    watch: Watch | None = None,
    keep: Sequence[Stateful] = (),
    enough: Callable[[Arrays], bool] = lambda measured: False,
) -> Outcome:
    """Train a network on a stream of examples.

    Parameters
    ----------
    network : trained in place; it gets its inputs flat, (batch, features)
    stream : the examples; it is moved to where the training stands
    probe : what to measure; called at each of ``probe_at``
    probe_at : numbers of updates, increasing; the last one ends the training
    step : one update, see `in_place_step`
    batch_size : consecutive examples an update
    watch : progress, and the checkpoint to resume from; the result is the same bit for bit
        however often the run was killed and resumed
    keep : what else changes while it trains, such as an optimizer with momentum
    enough : asked with every measurement whether to end the training there

    Returns
    -------
    the outcome; a run whose cost becomes infinite or undefined ends there and says so

    Examples
    --------
    >>> from signalprop.datasets import Shapeset
    >>> network = MLP([1024, 5, 9], "tanh")
    >>> outcome = train(
    ...     network,
    ...     Shapeset(seed=0),
    ...     probe=lambda network: {"bias": network.layers[-1].bias.detach().numpy().copy()},
    ...     probe_at=[0, 5, 10],
    ...     step=in_place_step(network, rate=0.1),
    ... )
    >>> outcome.history["updates"].tolist(), outcome.history["bias"].shape
    ([0, 5, 10], (3, 9))
    """
    watch = watch or Watch()
    state = _State()
    if watch.checkpoint is not None and watch.checkpoint.exists():
        state = _restore(watch.checkpoint, [network, *keep])
    stream.position = state.updates * batch_size
    chunk = max(CHUNK // batch_size, 1)
    started = saved = time.monotonic() - state.seconds
    schedule = [int(u) for u in probe_at]
    for target in schedule[len(state.history) :]:
        since = schedule[len(state.history) - 1] if state.history else 0
        while state.updates < target and state.diverged_at is None:
            stop = min(target, (state.updates // chunk + 1) * chunk)
            state.costs += _advance(step, stream, stop - state.updates, batch_size)
            state.updates = stop
            if not math.isfinite(state.costs):
                state.diverged_at = stop
            now = time.monotonic()
            state.seconds = now - started
            watch.report(stop)
            if watch.checkpoint is not None and now - saved >= watch.seconds:
                _save(watch.checkpoint, [network, *keep], state)
                saved = now
        if state.diverged_at is None and not _is_finite(network):
            state.diverged_at = target  # a cost would show it one update later
        if state.diverged_at is not None:
            break
        measured = probe(network)
        measured["updates"] = np.asarray(target)
        measured["training_cost"] = np.asarray(state.costs / max(target - since, 1), np.float32)
        state.history.append({name: torch.from_numpy(a) for name, a in measured.items()})
        state.costs = 0.0
        if enough(measured):
            break
    state.seconds = time.monotonic() - started
    return Outcome(state.diverged_at, _stack(state.history), state.seconds)


def _advance(step: Step, stream: Stream, updates: int, batch_size: int) -> float:
    """Do some updates; return the sum of their costs."""
    images, labels = stream.batch(updates * batch_size, np.float32)
    inputs = torch.from_numpy(images).reshape(updates, batch_size, -1)
    targets = torch.from_numpy(labels).reshape(updates, batch_size)
    costs = [step(x, y) for x, y in zip(inputs, targets, strict=True)]
    return float(torch.stack(costs).double().sum())


def _is_finite(network: nn.Module) -> bool:
    return all(bool(p.isfinite().all()) for p in network.parameters())


def _stack(history: Sequence[dict[str, Tensor]]) -> Arrays:
    names = history[0] if history else {}
    return {name: np.stack([m[name].numpy() for m in history]) for name in names}


def _save(path: Path, parts: Sequence[Stateful], state: _State) -> None:
    buffer = io.BytesIO()
    content = {"parts": [part.state_dict() for part in parts], "state": vars(state)}
    torch.save(content, buffer)
    write_sealed(path, buffer.getvalue())


def _restore(path: Path, parts: Sequence[Stateful]) -> _State:
    content = torch.load(io.BytesIO(read_sealed(path)), weights_only=True)
    for part, saved in zip(parts, content["parts"], strict=True):
        part.load_state_dict(saved)
    return _State(**content["state"])
