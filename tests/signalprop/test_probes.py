"""What a probe reports against the same statistics worked out in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from signalprop.activations import get
from signalprop.initializers import xavier_
from signalprop.networks import MLP, initialize
from signalprop.probes import QUANTILES, LayerProbe, histogram_range

EXAMPLES, WIDTHS = 40, [9, 12, 7, 10, 4]
NAMES = ["sigmoid", "tanh", "softsign", "relu", "gelu"]


def setting(name: str, rng: np.random.Generator) -> tuple[MLP, LayerProbe]:
    """Return a small network, not too tame, and a probe for it."""
    network = MLP(WIDTHS, name)
    initialize(network, xavier_, seed=4)
    with torch.no_grad():
        for layer in network.layers:
            layer.weight.mul_(1.5)
            layer.bias.copy_(torch.from_numpy(rng.normal(0, 0.3, layer.bias.shape)))
    inputs = torch.from_numpy(rng.standard_normal((EXAMPLES, WIDTHS[0]))).float()
    labels = torch.from_numpy(rng.integers(WIDTHS[-1], size=EXAMPLES))
    return network, LayerProbe(inputs, labels)


def by_hand(network: MLP, probe: LayerProbe) -> dict[str, np.ndarray]:
    """Work out every statistic in float64 from the equations of back-propagation."""
    weights = [layer.weight.detach().double().numpy() for layer in network.layers]
    biases = [layer.bias.detach().double().numpy() for layer in network.layers]
    labels = probe.labels.numpy()
    h = [probe.inputs.double().numpy()]
    pre = []
    for weight, bias in zip(weights, biases, strict=True):
        pre.append(h[-1] @ weight.T + bias)
        h.append(network.activation(pre[-1]))
    logits, hidden = pre[-1], h[1:-1]
    # The derivative of each example's own cost by the pre-activations of each layer.
    signals = [softmax(logits, 1) - np.eye(WIDTHS[-1])[labels]]
    for weight, s in zip(weights[:0:-1], pre[-2::-1], strict=True):
        signals.insert(0, network.activation.derivative(s) * (signals[0] @ weight))
    weight_gradients = [s.T @ x / EXAMPLES for s, x in zip(signals, h[:-1], strict=True)]

    def std(values: np.ndarray) -> float:
        return float(np.std(values, ddof=1))

    return {
        "mean": np.array([x.mean() for x in hidden]),
        "std": np.array([std(x) for x in hidden]),
        "data_std": np.array([np.sqrt(x.var(0, ddof=1).mean()) for x in hidden]),
        "abs_quantiles": np.array([np.quantile(abs(x), (0.5, 0.9, 0.98)) for x in hidden]),
        "signal_gradient_std": np.array([std(s) for s in signals[:-1]]),
        "weight_gradient_std": np.array([std(g) for g in weight_gradients]),
        "weight_std": np.array([std(w) for w in weights]),
        "cost": -log_softmax(logits, 1)[np.arange(EXAMPLES), labels].mean(),
        "error": np.mean(logits.argmax(1) != labels),
    }


@pytest.mark.parametrize("name", NAMES)
def test_statistics_are_those_of_numpy(name: str, rng: np.random.Generator) -> None:
    network, probe = setting(name, rng)
    measured, expected = probe(network), by_hand(network, probe)
    assert set(measured) == {*expected, "histogram"}
    for key, value in expected.items():
        assert measured[key].dtype == np.float32
        assert measured[key].shape == value.shape
        np.testing.assert_allclose(measured[key], value, rtol=2e-5, atol=2e-7, err_msg=key)


@pytest.mark.parametrize("name", NAMES)
def test_a_histogram_counts_the_activations_of_its_layer(
    name: str, rng: np.random.Generator
) -> None:
    network, probe = setting(name, rng)
    low, high = histogram_range(network.activation)
    edges = np.linspace(low, high, probe.bins + 1)
    counts = probe(network)["histogram"]
    assert counts.shape == (3, probe.bins)
    with torch.no_grad():
        hidden = [h.numpy().ravel() for h in network.hidden(probe.inputs)]
    for h, count in zip(hidden, counts, strict=True):
        within = h[(h >= low) & (h <= high)]
        bins = np.minimum(np.searchsorted(edges, within, side="right") - 1, probe.bins - 1)
        np.testing.assert_array_equal(count, np.bincount(bins, minlength=probe.bins))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("sigmoid", (0, 1)), ("tanh", (-1, 1)), ("relu", (0, 5)), ("linear", (-5, 5))],
)
def test_histograms_span_the_activation_cut_to_five(
    name: str, expected: tuple[float, float]
) -> None:
    assert histogram_range(get(name)) == expected


def test_a_layer_that_ignores_its_input_has_no_deviation_across_data(
    rng: np.random.Generator,
) -> None:
    """Units at different constants: spread over units, none over examples."""
    network, probe = setting("sigmoid", rng)
    with torch.no_grad():
        network.layers[1].weight.zero_()
    measured = probe(network)
    assert measured["data_std"][1] < 1e-7
    assert measured["std"][1] > 0.03
    assert measured["data_std"][0] > 0.03


def test_a_network_is_left_as_it_was(rng: np.random.Generator) -> None:
    network, probe = setting("tanh", rng)
    network.layers[-1].bias.requires_grad_(False)
    before = {k: v.clone() for k, v in network.state_dict().items()}
    probe(network)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
    assert all(p.grad is None for p in network.parameters())
    assert [p.requires_grad for p in network.parameters()] == [True] * 7 + [False]


def test_a_probe_works_where_gradients_are_off(rng: np.random.Generator) -> None:
    network, probe = setting("tanh", rng)
    expected = probe(network)
    with torch.no_grad():
        measured = probe(network)
    for key, value in expected.items():
        np.testing.assert_array_equal(measured[key], value)


def test_the_paper_s_98_percentile_is_among_the_quantiles() -> None:
    assert 0.98 in QUANTILES


def test_weight_gradients_start_equal_in_layers_of_equal_width() -> None:
    """Glorot & Bengio (2010), eq. 14, on one network small enough in signal to be linear.

    Each layer of n units multiplies the signal by 1 up to about 1 / sqrt(2 n).
    """
    width = 400
    network = MLP([width] * 5 + [9], get("tanh"))
    generator = torch.Generator().manual_seed(0)
    initialize(network, xavier_, seed=0)
    inputs = 1e-2 * torch.randn(300, width, generator=generator)
    labels = torch.randint(9, (300,), generator=generator)
    stds = LayerProbe(inputs, labels)(network)["weight_gradient_std"][:4]
    assert stds.max() / stds.min() < 1 + 4 / np.sqrt(2 * width)
