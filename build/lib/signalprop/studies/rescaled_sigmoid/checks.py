"""Checks of the paper's equations: series, the variance argument, and the exact identities."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from ... import summaries
from ...activations import get
from ...claims import Finding, Verdict, decide
from ...equivalence import Roles, change, change_, changed, pad_with_, parameter_groups, sigmoidal
from ...fitnet import Elementwise
from ...meanfield import fixed_point
from ...propagation import gain
from ...summaries import LIMIT, bounded, errors_off
from ..derivations.simulation import Estimate
from . import moments, series
from .pairs import ADAM, SGD, beside, build, gaussian

Floats = NDArray[np.float64]

VARIANCES = (1 / 3, 1.0, 2.0)
"""Weight variance times fan-in of the standard rule, of Xavier's and of Kaiming's."""

DEPTH, SEEDS = 8, range(5)
"""Of the random networks: layers, and how many are drawn."""

ROUNDING = 1e-9
"""Differences below this are rounding, in double precision and after some updates."""

SLOPE_AT_ZERO = 0.3
"""Relative error that is granted to the slope at 0 in place of the slopes that there are."""

APART = 1e-2
"""Logits that differ by more than this are not the same network's."""


def listed(values: ArrayLike, form: str = ".3f") -> str:
    """Write numbers, a comma between."""
    return summaries.listed(values, form, ", ")


# --- equations 7 to 9 ---------------------------------------------------------------------

SERIES = {
    "tanh": (0, 1, 0, -1 / 3, 0),
    "sigmoid": (1 / 2, 1 / 4, 0, -1 / 48, 0),
}
"""The printed coefficients, up to the fourth power."""


def _check_series(name: str) -> Finding:
    exact, contour = series.exact(name, 6), series.by_contour(name, 6)
    printed = np.array(SERIES[name])
    off = np.abs(np.array(exact[:5], dtype=float) - printed).max()
    routes = np.abs(np.array(exact, dtype=float) - contour).max()
    return Finding(
        f"{', '.join(map(str, exact[:5]))}, then {exact[5]} x^5; the contour integral gives the "
        "same to 1e-12",
        decide(off < 1e-15 and routes < 1e-12),
    )


def check_tanh_series() -> Finding:
    """Check the series of tanh."""
    return _check_series("tanh")


def check_sigmoid_series() -> Finding:
    """Check the series of the sigmoid."""
    return _check_series("sigmoid")


def check_relu_series() -> Finding:
    """Check the "series" of ReLU on either side of 0."""
    relu = get("relu")
    right, left = (abs(float(relu(x)) - float(relu(0.0))) / abs(x) for x in (1e-3, -1e-3))
    return Finding(
        f"slope {right:g} on the right and {left:g} on the left: no series at 0; the mean square "
        f"of the slope is {float(relu.slope_square_mean(1.0)):g}",
        decide(right == 1, left == 1),
    )


# --- equations 1 to 6 ---------------------------------------------------------------------


def check_variance() -> Finding:
    """Check equation 3 with both meanings of variance: across examples, and over the weights."""
    q = float(fixed_point("sigmoid", 1.0, 0.0))
    sigmoid, rng = get("sigmoid"), np.random.default_rng(0)
    n, draws = 60, 400
    x = sigmoid(math.sqrt(q) * rng.standard_normal((draws, 30, n)))
    w = rng.standard_normal((draws, n, 20)) / math.sqrt(n)  # n Var[w] = 1
    y = x @ w
    across = Estimate.of((y.var(1).mean(1)) / x.var(1).mean(1))
    whole = Estimate.of((y**2).mean((1, 2)) / x.var((1, 2)))
    square = Estimate.of((y**2).mean((1, 2)) / (x**2).mean((1, 2)))
    verdict = decide(across.off(1) < LIMIT, whole.off(1) < LIMIT)
    return Finding(
        f"sigmoid units at q = {q:.3f} have Var[x] = {x.var():.4f}, E[x^2] = {(x**2).mean():.3f}; "
        f"across examples Var[y] is {across} n Var[w] Var[x]; over units and weights {whole} "
        f"times that, and {square} n Var[w] E[x^2]",
        verdict if square.off(1) < LIMIT else "open",
    )


def missed(activation: str, q: float) -> float:
    r"""Return which share of :math:`\mathbb{E}\phi(y)^2` is in :math:`\phi(y) - \phi'(y)\,y`."""
    act = get(activation)
    y = math.sqrt(q) * np.linspace(-8, 8, 4001)
    density = np.exp(-(y**2) / (2 * q))
    rest = (act(y) - act.derivative(y) * y) ** 2
    return float((rest * density).sum() / ((act(y) ** 2) * density).sum())


def check_linearization() -> Finding:
    """Check that activations are their slopes times their inputs, where these are around 0."""
    small = 0.01
    q = float(fixed_point("sigmoid", 1.0, 0.0))
    shares = {(name, v): missed(name, v) for name in ("sigmoid", "tanh") for v in (q, small)}
    verdict: Verdict = "refuted" if shares["sigmoid", small] > 0.5 else "reproduced"
    return Finding(
        f"of the mean square of a sigmoid unit it misses {shares['sigmoid', q]:.0%} at q = {q:.3f} "
        f"and {shares['sigmoid', small]:.0%} at q = {small}; of tanh {shares['tanh', small]:.2%} "
        "there",
        verdict,
    )


@cache
def drawn(activation: str, sigma_w2: float) -> list[moments.Moments]:
    """Draw networks, the same for every check."""
    return [moments.measured(activation, sigma_w2, DEPTH, width=250, seed=s) for s in SEEDS]


def growth(values: Sequence[Floats]) -> Floats:
    """Return the factor of a layer from the fourth layer to the last, for each draw."""
    x = np.array(values)
    return np.asarray((x[:, -1] / x[:, 3]) ** (1 / (x.shape[1] - 4)))


def check_forward() -> Finding:
    """Check equation 4 deep in sigmoid networks: the whole variance, and the data's part."""
    words, whole, data = [], [], []
    for sigma_w2 in VARIANCES:
        runs, expected = drawn("sigmoid", sigma_w2), moments.theory("sigmoid", sigma_w2, DEPTH)
        eq4 = sigma_w2 / 16
        both = [Estimate.of(growth([getattr(m, k) for m in runs])) for k in ("whole", "data")]
        right = growth([expected.data])[0]
        whole.append(abs(both[0].value / eq4 - 1) < SLOPE_AT_ZERO)
        near = abs(both[1].value / eq4 - 1) < SLOPE_AT_ZERO
        data.append(near and both[1].off(right) < LIMIT)
        words.append(
            f"n Var[w] = {sigma_w2:.3g}: printed {eq4:.4f}; the whole {both[0]}, across examples "
            f"{both[1]} (theory {right:.4f})"
        )
    return Finding("factor of a layer at " + "; ".join(words), decide(data, whole))


def check_gradient() -> Finding:
    """Check equation 6 deep in sigmoid networks, with their slopes and with the slope at 0."""
    words, exact = [], []
    for sigma_w2 in VARIANCES:
        factors = np.sqrt(1 / growth([m.gradient for m in drawn("sigmoid", sigma_w2)]))
        theory = moments.theory("sigmoid", sigma_w2, DEPTH).gradient
        right = float(np.sqrt(1 / growth([theory])[0]))
        exact.append(errors_off(factors[:, None], right) < LIMIT)
        words.append(
            f"n Var[w] = {sigma_w2:.3g}: {Estimate.of(factors)}, theory {right:.3f}, with slope "
            f"1/4 {math.sqrt(sigma_w2) / 4:.3f}"
        )
    return Finding("factor of a layer at " + "; ".join(words), decide(exact))


def check_vanishing() -> Finding:
    """Check that gradients vanish in sigmoid networks from every usual start."""
    factors = [moments.settled("sigmoid", v) for v in VARIANCES]
    return Finding(
        f"a layer multiplies the gradient by {listed(factors)} at n Var[w] = 1/3, 1, 2; ten layers "
        f"by {listed(np.power(factors, 10), '.0e')}",
        decide(np.array(factors) < 0.5),
    )


def check_glorot() -> Finding:
    """Check that slopes of 1 give back Xavier's rule."""
    linear = gain("linear")
    return Finding(
        f"n Var[w] = {linear.signal**2:g} keeps the signal and {linear.gradient**2:g} the gradient",
        decide(linear.signal == 1, linear.gradient == 1),
    )


def check_stable() -> Finding:
    """Check that the rescaled sigmoid keeps gradients at Xavier's variance, as tanh does."""
    ours, tanh = (
        [moments.settled(name, v) for v in VARIANCES] for name in ("rescaled_sigmoid", "tanh")
    )
    nets = np.sqrt(1 / growth([m.gradient for m in drawn("rescaled_sigmoid", 1.0)]))
    off = abs(float(nets.mean()) - 1)
    return Finding(
        f"a layer multiplies the gradient by {listed(ours)} at n Var[w] = 1/3, 1, 2, tanh by "
        f"{listed(tanh)}; in layers 4 to {DEPTH} of networks with n Var[w] = 1 by "
        f"{Estimate.of(nets)}",
        decide(abs(ours[1] - 1) < 1e-6 and np.allclose(ours, tanh, rtol=1e-6), off < 0.1),
    )


def check_value_and_slope() -> Finding:
    """Check equation 10: value 0 and slope 1 at 0, and the same function as 2 tanh(x/2)."""
    ours, x = get("rescaled_sigmoid"), np.linspace(-30, 30, 601)
    printed = 4 * get("sigmoid")(x) - 2
    off = float(np.abs(printed - 2 * np.tanh(x / 2)).max())
    return Finding(
        f"value {float(ours(0.0)):g} and slope {float(ours.derivative(0.0)):g} at 0; 4 sigmoid(x) "
        f"- 2 and 2 tanh(x/2) differ by rounding ({bounded(off)})",
        decide(ours(0.0) == 0 and ours.derivative(0.0) == 1, off < 1e-14),
    )


# --- identities ---------------------------------------------------------------------------


def check_tanh() -> Finding:
    """Check that a network of rescaled sigmoids learns as one of tanh, to the last bit."""
    data, same = gaussian(50), []
    for make, settings in ((torch.optim.SGD, SGD), (torch.optim.Adam, ADAM)):
        same.append(beside(build(), "tanh", data, settings=settings, make=make).max() == 0)
    how = change("rescaled_sigmoid", "tanh")
    return Finding(
        f"first weights times {how.factors('first')[0]:g}, middle {how.factors('middle')[0]:g}, "
        f"last {how.factors('last')[0]:g}, hidden biases {how.factors('middle')[1]:g}: logits "
        f"equal to the last bit in {sum(same)} of {len(same)} trainings of 50 updates (momentum; "
        "Adam; both with weight decay)",
        decide(same),
    )


def check_weights() -> Finding:
    """Check which networks of larger weights compute what the rescaled sigmoid's does."""
    network = build()
    x = gaussian(1)[0][0]
    off = {}
    for name, activation, first in (
        ("all layers, plain sigmoid", "sigmoid", 4.0),
        ("all but the first, plain sigmoid", "sigmoid", 1.0),
        ("all but the first, sigmoid - 1/2", "centred sigmoid", 1.0),
    ):
        made = changed(network, "rescaled_sigmoid")
        made.activation = sigmoidal(activation)
        with torch.no_grad():
            for layer in made.layers:
                layer.weight *= first if layer is made.layers[0] else 4.0
            off[name] = float((network(x) - made(x)).abs().max())
    with torch.no_grad():
        shifted = float((network(x) - changed(network, "sigmoid")(x)).abs().max())
    literal, first_spared, centred = off.values()
    return Finding(
        "; ".join(f"{name}: logits off by {_size(value)}" for name, value in off.items())
        + f"; with the shift of the biases the plain sigmoid: {_size(shifted)}",
        decide(centred < ROUNDING and shifted < ROUNDING, min(literal, first_spared) < ROUNDING),
    )


def _size(difference: float) -> str:
    return "rounding" if difference < ROUNDING else f"{difference:.1f}"


def check_rate() -> Finding:
    """Check which factor of the learning rate makes up for the factor 4 of the weights."""
    data, network = gaussian(50), build()
    ends = {}
    for name, make, settings in (("momentum", torch.optim.SGD, SGD), ("Adam", None, ADAM)):
        for factor in (4.0, 16.0):
            off = beside(
                network, "centred sigmoid", data, factor, settings, make or torch.optim.Adam
            )
            ends[name, factor] = float(off.max())
    verdict: Verdict = "open"
    if ends["momentum", 4.0] < ROUNDING:
        verdict = "reproduced"
    elif ends["momentum", 16.0] < ROUNDING and ends["momentum", 4.0] > APART:
        verdict = "refuted"
    words = [f"{name}, rate times {k:g}: {_size(v)}" for (name, k), v in ends.items()]
    return Finding("logits of sigmoid - 1/2 off in 50 updates: " + "; ".join(words), verdict)


def check_coupled() -> Finding:
    """Check that the plain sigmoid needs a coupled update, and that this is exact."""
    data, network = gaussian(50), build()
    exact = max(
        float(beside(network, "sigmoid", data, settings=settings, make=make).max())
        for make, settings in ((torch.optim.SGD, SGD), (torch.optim.Adam, ADAM))
    )
    rates = {k: float(beside(network, "sigmoid", data, k).max()) for k in (1.0, 4.0, 16.0)}
    made, how = changed(network, "sigmoid"), change("rescaled_sigmoid", "sigmoid")
    nn.functional.cross_entropy(made(data[0][0]), data[1][0]).backward()  # type: ignore[no-untyped-call]
    layer = made.layers[1]
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    step = how.map("middle", *how.pull_back("middle", layer.weight.grad, layer.bias.grad))[1]
    assert step is not None
    needed = (step / layer.bias.grad).numpy()
    return Finding(
        f"coupled update (momentum and Adam, 50 updates): {_size(exact)}; rates times "
        f"{listed(list(rates), 'g')} on the weights: off by {listed(list(rates.values()), '.1f')}; "
        f"the biases of one layer would need rates from {needed.min():.0f} to {needed.max():.0f} "
        "times the usual",
        decide(exact < ROUNDING, min(rates.values()) > APART, needed.min() < 0 < needed.max()),
    )


def metric(inputs: int) -> Floats:
    r"""Return :math:`TT^T` for a unit of the plain sigmoid, (inputs + 1, inputs + 1), bias last."""
    how = change("rescaled_sigmoid", "sigmoid")
    columns = []
    for k in range(inputs + 1):
        unit = torch.zeros(inputs + 1, dtype=torch.float64)
        unit[k] = 1
        weight, bias = how.map("middle", unit[None, :-1], unit[-1:])
        assert bias is not None
        columns.append(np.append(weight.numpy(), bias.numpy()))
    t = np.array(columns).T
    return np.asarray(t @ t.T)


def check_metric() -> Finding:
    """Check the stretch between the two networks' weights of a unit."""
    words, right = [], []
    for n in (10, 100, 1000):
        values = np.linalg.eigvalsh(metric(n))
        trace = 17 + 4 * n
        largest = (trace + math.sqrt(trace**2 - 64)) / 2
        right += [
            np.allclose(values[1:-1], 16),
            math.isclose(values[-1], largest, rel_tol=1e-9),
            math.isclose(values[0] * values[-1], 16, rel_tol=1e-6),
        ]
        words.append(f"n = {n}: {values[-1]:.1f}, {values[-2]:g}, ..., {values[0]:.2g}")
    return Finding("eigenvalues at " + "; ".join(words), decide(right))


def check_padding() -> Finding:
    """Check that a padded network needs a border of one half, and where zeros would show."""

    def stack(activation: str) -> nn.Sequential:
        generator = torch.Generator().manual_seed(0)
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            Elementwise(activation),
            nn.Conv2d(4, 4, 3, padding=1),
        ).double()
        for p in net.parameters():
            nn.init.normal_(p, 0, 0.3, generator=generator)
        return net

    how = change("rescaled_sigmoid", "sigmoid")
    right, halves, zeros = stack("rescaled_sigmoid"), stack("sigmoid"), stack("sigmoid")
    pad_with_([halves[2]], how.zero)
    change_(Roles.of(halves), how)
    zeros.load_state_dict(halves.state_dict())
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(5, 1, 8, 8, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        exact = float((right(x) - halves(x)).abs().max())
        off = (right(x) - zeros(x)).abs().amax((0, 1))
    inside = float(off[1:-1, 1:-1].max())
    return Finding(
        f"a border of 1/2: {_size(exact)}; of 0: {_size(inside)} inside, up to "
        f"{float(off.max()):.1f} at the border",
        decide(exact < ROUNDING, inside < ROUNDING < float(off.max())),
    )


def check_rough_equivalence() -> Finding:
    """Check that the rates that make a network the rescaled sigmoid's fall with the layer."""
    network = changed(build(), "centred sigmoid")
    how = change("rescaled_sigmoid", "centred sigmoid")
    groups = parameter_groups(Roles.of(network.layers), how, rate=1.0)
    rates = np.array([group["lr"] for group in groups[::2]])
    weights = np.array([how.factors(role)[0] for role, _ in Roles.of(network.layers)])
    falling = rates[0] == rates.max() and rates[0] > rates[-1]
    verdict: Verdict = "reproduced" if falling else "refuted"
    return Finding(
        f"from the first layer to the last: weights times {listed(weights, 'g')}, rates times "
        f"{listed(rates, 'g')}; none at all without removing the 1/2",
        verdict,
    )
