"""What came before initialization: networks pre-trained one layer at a time, then together.

Denoising autoencoders are the pre-training of Glorot & Bengio (2010), Figure 11; restricted
Boltzmann machines are that of deep belief networks.  The random starts to compare with are the
runs of the saturation study: same data, networks, rates and seeds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from ... import records
from ...datasets.shapeset import Shapeset
from ...networks import MLP
from ...pretraining import forget, pretrain
from ...probes import LayerProbe, error_rate
from ...records import Record
from ...runner import Result, Study
from ...training import Arrays, Watch, flat_batch, in_place_step, train
from .. import glorot_saturation as saturation
from .updates import method, step_milliseconds

NAME = "pretraining"

BATCH, TEST_SEED = saturation.BATCH, saturation.TEST_SEED
TEST_IMAGES, PROBE_IMAGES = saturation.TEST_IMAGES, saturation.PROBE_IMAGES
PRETRAINING_PROBES = 10

LAYER_ARRAYS = ("mean", "std", "data_std", "signal_gradient_std", "cost")
"""What a record keeps of a layer probe."""


Kind = Literal["none", "autoencoders", "rbms"]


@dataclass(frozen=True)
class Spec:
    """One run: pre-training without labels, then training of all layers.

    Attributes
    ----------
    pretraining : what each layer is pre-trained as
    activation, hidden_layers, width : the network, 1024 inputs and 9 outputs
    weights : the random start, also of the pre-training, see the saturation study
    pretraining_rate : learning rate of every layer's pre-training
    pretraining_updates : for each layer, of ten images
    corruption : probability that an autoencoder's input is masked
    gibbs_steps : of contrastive divergence
    rate, updates : of the training of all layers
    seed : of weights, images, masks and samples
    """

    pretraining: Kind = "autoencoders"
    activation: str = "tanh"
    hidden_layers: int = 5
    width: int = 1000
    weights: saturation.Weights = "standard"
    pretraining_rate: float = 0.01
    pretraining_updates: int = 500_000
    corruption: float = 0.25
    gibbs_steps: int = 1
    rate: float = 0.01
    updates: int = 2_500_000
    seed: int = 0


def _seeds(**settings: Any) -> list[Spec]:
    sizes: dict[str, Any] = {"width": 128, "pretraining_updates": 8000, "updates": 40_000}
    return [Spec(**sizes, **settings, seed=seed) for seed in range(3)]


RATES = {"tanh": 0.05, "sigmoid": 0.2}
"""Learning rates of the random starts on record, and so of ours."""

PRETRAINING_RATES = {
    ("autoencoders", "tanh"): 0.01,
    ("autoencoders", "sigmoid"): 0.03,
    ("rbms", "tanh"): 0.01,
    ("rbms", "sigmoid"): 0.03,
}
"""From short pilots on a seed of its own.

Among factors of three, by the cost of the first layer's reconstruction and, for autoencoders, by
the training cost after 8,000 updates of all layers; never by a test error.
"""

KINDS: tuple[Kind, ...] = ("autoencoders", "rbms")

LAPTOP = {
    f"{activation} {depth} {kind}": _seeds(
        pretraining=kind,
        activation=activation,
        hidden_layers=depth,
        rate=RATES[activation],
        pretraining_rate=PRETRAINING_RATES[kind, activation],
    )
    for activation, depth in (("tanh", 5), ("sigmoid", 5), ("sigmoid", 4))
    for kind in KINDS
}
"""The laptop runs by group; three seeds each."""

RANDOM_STARTS = {
    "tanh 5": "tanh standard",
    "tanh 5 normalized": "tanh normalized",
    "sigmoid 5": "sigmoid depth 5",
    "sigmoid 5, long": "sigmoid depth 5, long",
    "sigmoid 4": "sigmoid rate 0.2",
}
"""The groups of the saturation study that start at random, with the same settings."""

NONE: Kind = "none"

SCALES = {
    "smoke": [
        Spec(
            pretraining=kind,
            activation="sigmoid",
            hidden_layers=3,
            width=64,
            pretraining_rate=0.03,
            pretraining_updates=400,
            rate=0.2,
            updates=1000,
        )
        for kind in KINDS
    ],
    "laptop": [spec for group in LAPTOP.values() for spec in group],
    "paper": [Spec(pretraining=kind, seed=s) for kind in (NONE, *KINDS) for s in range(3)],
}


def group(name: str) -> list[Record]:
    """Load the records of a group, pre-trained or, from the saturation study, started at random.

    Raises
    ------
    RecordError
        If a record is missing or damaged.
    """
    if name in RANDOM_STARTS:
        return saturation.group(RANDOM_STARTS[name])
    return [records.load(NAME, spec) for spec in LAPTOP[name]]


def pretraining_length(spec: Spec | Mapping[str, Any]) -> int:
    """Return the updates of all layers' pre-training; none for a spec without."""
    values = spec if isinstance(spec, Mapping) else vars(spec)
    if values.get("pretraining", "none") == "none":
        return 0
    return int(values["hidden_layers"] * values["pretraining_updates"])


def build(spec: Spec) -> MLP:
    """Build the network of a spec before any training, as the saturation study does."""
    return saturation.build(
        saturation.Spec(
            activation=spec.activation,
            hidden_layers=spec.hidden_layers,
            width=spec.width,
            weights=spec.weights,
            seed=spec.seed,
        )
    )


def pretraining_stream(spec: Spec, layer: int) -> Shapeset:
    """Return the images of a layer's pre-training; no other stream of the study has them."""
    return Shapeset(10_000 + 100 * spec.seed + layer)


def probe_times(updates: int) -> list[int]:
    """Return when to look: twenty times, and often at first."""
    interval = max(updates // 20, 1)
    early = [t for t in (0, 200, 500, 1000) if t < interval]
    return [*early, *range(interval, updates, interval), updates]


class Pretrained:
    """What pre-training left behind besides the network, for the checkpoint of the training."""

    def __init__(self, layers: int) -> None:
        self.cost = torch.full((layers, PRETRAINING_PROBES), torch.nan)
        self.seconds = torch.zeros(layers, dtype=torch.float64)
        self.diverged: list[int] = []

    def state_dict(self) -> dict[str, Any]:
        """Return the state."""
        return dict(vars(self))

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        """Set the state."""
        vars(self).update(state_dict)


def run(spec: Spec, watch: Watch) -> Result:
    """Pre-train the network of a spec layer by layer, then train all of it."""
    network = build(spec)
    before = pretraining_length(spec)
    left = Pretrained(spec.hidden_layers if before else 0)
    if before and (watch.checkpoint is None or not watch.checkpoint.exists()):
        _pretrain(spec, network, left, watch)
    if left.diverged:
        forget(network, watch)
        metrics = {"outcome": "diverged", "diverged_in_layer": left.diverged[0] + 1}
        return Result(metrics, _arrays(left), float(left.seconds.sum()))

    inputs, targets = flat_batch(Shapeset(TEST_SEED), TEST_IMAGES)
    layers = LayerProbe(inputs[:PROBE_IMAGES], targets[:PROBE_IMAGES])

    def probe(network: MLP) -> Arrays:
        start = time.monotonic()
        measured = layers(network)
        return {
            **{name: measured[name] for name in LAYER_ARRAYS},
            "test_error": error_rate(network, inputs, targets),
            "probe_seconds": np.asarray(time.monotonic() - start),
        }

    outcome = train(
        network,
        Shapeset(1 + spec.seed),
        probe,
        probe_times(spec.updates),
        in_place_step(network, spec.rate),
        BATCH,
        Watch(watch.checkpoint, watch.seconds, lambda done: watch.report(before + done)),
        keep=(left,),
    )
    forget(network, watch)
    tuning = outcome.seconds - float(outcome.history["probe_seconds"].sum())
    metrics = saturation.metrics(outcome) | {
        "pretraining_seconds": float(left.seconds.sum()),
        "tuning_seconds": tuning,
        **step_milliseconds(spec, network, inputs, targets),
    }
    seconds = float(left.seconds.sum()) + outcome.seconds
    return Result(metrics, outcome.history | _arrays(left), seconds)


def _pretrain(spec: Spec, network: MLP, left: Pretrained, watch: Watch) -> None:
    """Pre-train the network in place and take down how it went."""
    outcomes = pretrain(
        network,
        method(spec),
        lambda layer: pretraining_stream(spec, layer),
        spec.pretraining_updates,
        spec.seed,
        BATCH,
        PRETRAINING_PROBES,
        watch,
    )
    for layer, outcome in enumerate(outcomes):
        left.seconds[layer] = outcome.seconds
        costs = outcome.history["training_cost"][1:]
        left.cost[layer, : len(costs)] = torch.from_numpy(costs)
        if outcome.diverged_at is not None:
            left.diverged.append(layer)


def _arrays(left: Pretrained) -> Arrays:
    if not len(left.seconds):
        return {}
    return {
        "pretraining_cost": left.cost.numpy(),
        "pretraining_layer_seconds": left.seconds.numpy(),
    }


# --- what a run has cost ------------------------------------------------------------------


def images_seen(record: Record) -> NDArray[np.float64]:
    """Return how many images a run had seen at each probe, those of the pre-training included."""
    return BATCH * (pretraining_length(record.spec) + record.arrays["updates"].astype(float))


def pretraining_worth(record: Record) -> float:
    """Return how many updates of all layers take as long as a run's pre-training; 0 without.

    Drawing the images is left out: they could as well come from a file.
    """
    if not pretraining_length(record.spec):
        return 0.0
    kind = "autoencoders"
    if record.spec["pretraining"] == "rbms":
        kind = f"cd{record.spec['gibbs_steps']}"
    ratio = record.metrics[f"ms_{kind}"] / record.metrics["ms_all_layers"]
    return float(record.spec["pretraining_updates"] * ratio)


def time_spent(record: Record) -> NDArray[np.float64]:
    """Return how long a run had trained at each probe, pre-training included.

    The unit is the time of one update of all layers, of the same network on the same machine:
    unlike seconds it hardly depends on what else the machine was doing.
    """
    return np.asarray(record.arrays["updates"] + pretraining_worth(record))


STUDY = Study(
    name=NAME,
    question="Did deep networks need to be built one layer at a time, and what did it cost?",
    source="Glorot & Bengio (2010), Figure 11 and section 3.1",
    scales=SCALES,
    run=run,
    length=lambda spec: pretraining_length(spec) + int(spec.updates),
)
