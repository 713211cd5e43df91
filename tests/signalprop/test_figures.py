"""The published figures: what they draw is gated by numbers, how a few of them look by pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.figure import Figure

from signalprop import activations, meanfield, records
from signalprop import figures as theory
from signalprop.datasets import Shapeset
from signalprop.records import Record
from signalprop.spectra import jacobian_law
from signalprop.studies import (
    cifar_table,
    deep_cnn,
    glorot_table,
    he_depth,
    jacobian_spectra,
    lsuv,
    pretraining,
    question,
    rectifiers,
    rescaled_sigmoid,
)
from signalprop.studies import glorot_saturation as study
from signalprop.studies import starts as starts_study
from signalprop.studies.cifar_table import checks as cifar_checks
from signalprop.studies.cifar_table import figures as cifar_figures
from signalprop.studies.cifar_table import printed as cifar_printed
from signalprop.studies.deep_cnn import checks as cnn_checks
from signalprop.studies.deep_cnn import figures as cnn_figures
from signalprop.studies.deep_linear import checks as linear_checks
from signalprop.studies.deep_linear import figures as linear_figures
from signalprop.studies.glorot_initialization import checks as initialization_checks
from signalprop.studies.glorot_initialization import figures as initialization_figures
from signalprop.studies.glorot_saturation import checks as saturation_checks
from signalprop.studies.glorot_saturation import figures
from signalprop.studies.glorot_table import checks as table_checks
from signalprop.studies.glorot_table import figures as table_figures
from signalprop.studies.he_depth import figures as depth_figures
from signalprop.studies.jacobian_spectra import comparison
from signalprop.studies.jacobian_spectra import figures as spectra_figures
from signalprop.studies.learning_speed import checks as speed_checks
from signalprop.studies.learning_speed import figures as speed_figures
from signalprop.studies.learning_speed import lasting as speed_lasting
from signalprop.studies.learning_speed import scaling as speed_scaling
from signalprop.studies.learning_speed import specs as speed_specs
from signalprop.studies.lsuv import figures as lsuv_figures
from signalprop.studies.mean_field import figures as mean_field_figures
from signalprop.studies.pretraining import figures as pretraining_figures
from signalprop.studies.question import figures as question_figures
from signalprop.studies.rectifiers import figures as rectifier_figures
from signalprop.studies.rescaled_sigmoid import figures as rescaled_figures
from signalprop.studies.starts import figures as starts_figures

IMAGE = {"tolerance": 2, "savefig_kwargs": {"dpi": 100}}


def samples() -> Figure:
    return figures.samples_figure(*Shapeset(seed=5, size=64).batch(27))


def curves() -> Figure:
    """Draw the figure that the README shows, from its baseline."""
    four, five = study.group("sigmoid rate 0.2"), study.group("sigmoid depth 5")
    return figures.activation_figure({"4 hidden layers": four, "5 hidden layers": five})


def terms() -> Figure:
    return figures.terms_figure({"4": study.group("sigmoid rate 0.2")})


def controls() -> Figure:
    return figures.control_figure({name: study.group(name) for name in ("priors", "centred")})


def escape() -> Figure:
    return figures.escape_figure({r: study.group(f"sigmoid rate {r}") for r in study.RATES})


def percentiles() -> Figure:
    return figures.saturation_figure({"tanh": study.group("tanh standard")})


def histograms() -> Figure:
    return figures.histogram_figure(
        {"tanh": study.group("tanh standard"), "softsign": study.group("softsign standard")}
    )


def errors() -> Figure:
    names = ("sigmoid depth 5", "tanh standard", "softsign normalized")
    return figures.error_figure({name: study.group(name) for name in names}, chance=5 / 6)


def saturated() -> Figure:
    rng = np.random.default_rng(0)
    units = {s: activations.get("sigmoid")(s * rng.standard_normal(1000)) for s in (1.0, 4.0)}
    return theory.saturated_figure([1.0, 4.0], units)


def gradients() -> Figure:
    return theory.gradient_figure({"a": np.array([0.1, 0.5, 1.0]), "b": np.array([3.0, 2.0, 1.0])})


def phases() -> Figure:
    q = np.linspace(1e-4, 1.5, 60)
    return mean_field_figures.phase_figure(
        q, *meanfield.critical_point("tanh", q), {0.5: (1.688, 0.038)}
    )


def densities() -> Figure:
    """Draw Figure 2 of Pennington et al. (2017), laws and networks on record."""
    measured = comparison.measured("densities")
    kinds = {"linear": "linear, Gaussian", "relu": "ReLU", "hard_tanh": "hard tanh"}
    panels = {
        f"$L$ = {depth}": [
            spectra_figures.Curve(label, jacobian_spectra.law(spec), values)
            for name, label in kinds.items()
            for spec, values in measured.items()
            if (spec.activation, spec.depth) == (name, depth)
        ]
        for depth in jacobian_spectra.DEPTHS
    }
    return spectra_figures.densities_figure(panels, reach=(4, 8, 14, 20))


def distributions() -> Figure:
    laws = {f"{w}": jacobian_law("tanh", 200, w, q_star=0.8) for w in ("gaussian", "orthogonal")}
    return spectra_figures.distribution_figure(laws, reach=(1e-6, 50), log=True)


def visits() -> Figure:
    return question_figures.visits_figure(question.group("long"))


def areas() -> Figure:
    eps = np.array(initialization_checks.EPS)
    return initialization_figures.area_figure(eps, {"all": initialization_checks.areas()})


def pretrained(network: str) -> dict[str, list[Record]]:
    return {kind: pretraining.group(network + kind) for kind in ("", " autoencoders", " rbms")}


def pretrained_plateau() -> Figure:
    return pretraining_figures.plateau_figure({d: pretrained(f"sigmoid {d}") for d in "45"})


def pretrained_signal() -> Figure:
    return pretraining_figures.signal_figure(pretrained("sigmoid 5"))


def table_curves() -> Figure:
    return table_figures.curves_figure(
        {
            dataset: {row: glorot_table.group(dataset, row) for row in glorot_table.ROWS}
            for dataset in glorot_table.UPDATES
        },
        table_checks.PRINTED,
    )


def paper_size() -> Figure:
    full = records.load(study.NAME, study.PAPER)
    return figures.activation_figure({"4 x 1000": [full]}, saturation_checks.FIGURE_2)


def pretrained_errors() -> Figure:
    runs = {"tanh": pretrained("tanh 5")}
    return pretraining_figures.error_figure(runs, {"images": pretraining.images_seen}, 5 / 6)


def table_dots() -> Figure:
    errors = {row: 100 * cell.errors for row, cell in table_checks.column("mnist").items()}
    return table_figures.table_figure({"mnist": errors}, table_checks.PRINTED, table_checks.BOLD)


def table_rates() -> Figure:
    tried = {row: glorot_table.tried("mnist", row) for row in glorot_table.ROWS}
    return table_figures.rates_figure(
        {
            "mnist": {
                row: {rate: run.metrics["validation_error"] for rate, run in runs.items()}
                for row, runs in tried.items()
            }
        }
    )


def sparsity() -> Figure:
    runs = {name: rectifiers.group(name) for name in ("relu", "l1 0.001")}
    return rectifier_figures.sparsity_figure(runs)


def unit_zeros() -> Figure:
    runs = rectifiers.group("relu")
    return rectifier_figures.units_figure({"before": (runs, True), "after": (runs, False)})


def tradeoff() -> Figure:
    penalized = {l1: rectifiers.group(f"l1 {l1:g}") for l1 in rectifiers.PENALTIES}
    return rectifier_figures.tradeoff_figure({0.0: rectifiers.group("relu")} | penalized)


def units_compared() -> Figure:
    runs = {name: rectifiers.group(name) for name in rectifiers.ACTIVATIONS}
    return rectifier_figures.errors_figure(runs, {"relu": 1.43})


def depths() -> Figure:
    rules = {
        rule: {depth: he_depth.group(f"{rule} {depth}") for depth in he_depth.DEPTHS}
        for rule in ("kaiming", "xavier")
    }
    return depth_figures.depth_figure(rules, reference="xavier")


def depth_curves() -> Figure:
    runs = {rule: he_depth.group(f"{rule} 30") for rule in ("kaiming", "xavier")}
    return depth_figures.curves_figure({"30": runs}, "training_cost", "cost", 2.3)


def starts() -> Figure:
    return lsuv_figures.rates_figure(
        {name: lsuv.group(f"sigmoid {name}") for name in ("lsuv", "lsuv-means")}
    )


def rescaled_rates() -> Figure:
    groups = {name: rescaled_sigmoid.group(name) for name in ("sigmoid", "rescaled")}
    return rescaled_figures.rates_figure({"all": groups})


def cifar_start() -> Figure:
    runs = {name: cifar_table.group(name)[0] for name in ("sigmoid", "rescaled_sigmoid")}
    return cifar_figures.start_figure(runs)


def cifar_curves() -> Figure:
    relu, *others = (
        cifar_table.group(name + cifar_checks.LONGER)[0]
        for name in ("relu", "rescaled_sigmoid", "tanh", "leaky_relu", "leaky_tanh")
    )
    return cifar_figures.curves_figure({run.spec["activation"]: (run, relu) for run in others})


def cifar_rows() -> Figure:
    test = {name: cifar_checks.mean(name + cifar_checks.LONGER) for name in cifar_printed.ROWS}
    return cifar_figures.table_figure(
        {name: (a, cifar_printed.deviation(a)) for name, a in test.items()},
        {name: cifar_checks.mean(name) for name in cifar_printed.ROWS},
    )


def cifar_saturated() -> Figure:
    names = ("rescaled_sigmoid", "tanh", "leaky_tanh")
    return cifar_figures.saturation_figure(
        {name: cifar_table.group(name + cifar_checks.LONGER)[0] for name in names}
    )


def linear_learned() -> Figure:
    return linear_figures.learned_figure(
        [
            linear_figures.Learned(
                weights,
                *linear_checks.learned(weights, "steps"),
                linear_checks.learned(weights, "rate")[1],
            )
            for weights in ("orthogonal", "glorot")
        ]
    )


def learning_curves() -> Figure:
    curves = []
    for case, printed in zip(speed_specs.CASES, speed_checks.PRINTED, strict=True):
        run = speed_checks.best_of(case).record.arrays
        curves.append(
            speed_figures.Curve(case.label, run["updates"], run["test"], run["train"], printed)
        )
    return speed_figures.learning_figure(curves, speed_specs.REACHED)


def what_orders() -> Figure:
    labels = [case.label for case in speed_specs.CASES]
    predictors = speed_checks.predictors()
    return speed_figures.predictors_figure(labels, speed_checks.PRINTED, predictors)


def optimizers() -> Figure:
    panels = {name: speed_checks.panel(name) for name in speed_specs.PANEL_RATES}
    ours = {name: [run.steps for run in runs] for name, runs in panels.items()}
    return speed_figures.optimizers_figure(
        [case.label for case in speed_specs.CASES],
        {"printed": speed_checks.PRINTED_PANELS, "ours": ours},
        [[run.at_least for run in runs] for runs in panels.values()],
    )


def depth_collapse() -> Figure:
    panels = {}
    for weights, power in (("orthogonal", 0.5), ("gaussian", 1.0)):
        sweeps = speed_scaling.depth_sweeps(weights)
        panels[weights] = (power, [speed_figures.Times(s.depth, s.rates, s.steps) for s in sweeps])
    return speed_figures.collapse_figure(panels)


def best_times() -> Figure:
    by_depth = {w: speed_scaling.depth_sweeps(w) for w in speed_specs.DEPTH_RATES}
    return speed_figures.best_times_figure(
        {weights: [(s.depth, s.best[1]) for s in sweeps] for weights, sweeps in by_depth.items()},
        [(s.q_star, s.best[1]) for s in speed_scaling.q_sweeps()],
    )


def kernel_times() -> Figure:
    explained = [
        speed_figures.Explained(speed_scaling.kernel_at_start(s), s.s_max, s.best[1])
        for s in speed_scaling.q_sweeps()
    ]
    return speed_figures.kernel_figure({"by q*": explained})


def isometry_lasts() -> Figure:
    record = speed_lasting.trained(1 / 64)
    updates, test = record.arrays["updates"], record.arrays["test"]
    watched = speed_figures.Watched("a", updates, speed_lasting.isometry(record), test)
    return speed_figures.isometry_figure([watched])


def spectrum_learning() -> Figure:
    values = speed_lasting.trained(1 / 64).arrays["singular_values"]
    return speed_figures.spectrum_figure({"start": values[0], "end": values[-1]})


def starts_rates() -> Figure:
    names = ("critical orthogonal", "orthogonal", "xavier")
    return starts_figures.rates_figure({n: starts_study.group(f"training {n}") for n in names})


def deep_cnn_training() -> Figure:
    delta = {str(rate): runs for rate, runs in cnn_checks.by_rate().items()}
    return cnn_figures.training_figure({"delta": delta, "other": {"a": deep_cnn.group("torch")}})


def deep_cnn_isometry() -> Figure:
    measured = {"printed": deep_cnn.group("isometry, printed")[0]}
    spec = deep_cnn.LAPTOP["isometry, printed"][0]
    law = jacobian_law("tanh", spec.depth, "orthogonal", q_star=spec.variance)
    return cnn_figures.isometry_figure(measured, {"printed": law})


ALL = [
    *(samples, curves, terms, controls, escape, percentiles, histograms, errors),
    *(theory.sigmoid_figure, saturated, gradients),
    *(visits, areas, depths, depth_curves, starts),
    *(pretrained_plateau, pretrained_signal, table_curves),
    *(pretrained_errors, table_dots, table_rates, paper_size),
    *(sparsity, unit_zeros, tradeoff, units_compared),
    *(rescaled_rates, cifar_start, cifar_curves, cifar_rows, cifar_saturated, linear_learned),
    *(learning_curves, what_orders, optimizers, depth_collapse, best_times),
    *(kernel_times, isometry_lasts, spectrum_learning),
    *(starts_rates, deep_cnn_training, deep_cnn_isometry),
    *(phases, densities, distributions),
]


@pytest.mark.parametrize("draw", ALL, ids=lambda draw: draw.__name__)
def test_a_figure_draws_the_same_numbers(
    draw: Callable[[], Figure], ndarrays_regression: pytest.FixtureRequest
) -> None:
    drawn = {}
    for i, ax in enumerate(draw().axes):
        for j, line in enumerate(ax.lines):
            drawn[f"axes {i} line {j}"] = np.column_stack(line.get_data()).astype(float)
        for j, image in enumerate(ax.images):
            drawn[f"axes {i} image {j} mean"] = np.array([float(np.mean(image.get_array()))])
    assert drawn
    ndarrays_regression.check(drawn, default_tolerance={"rtol": 1e-6, "atol": 1e-9})


@pytest.mark.parametrize("draw", ALL, ids=lambda draw: draw.__name__)
def test_the_lines_of_a_figure_differ_in_more_than_colour(draw: Callable[[], Figure]) -> None:
    for ax in draw().axes:
        named = [line for line in ax.lines if not line.get_label().startswith("_")]
        kinds = {(str(line._unscaled_dash_pattern), line.get_marker()) for line in named}
        assert len(kinds) == len(named)


@pytest.mark.mpl_image_compare(**IMAGE)
def test_the_curves_figure_looks_the_same() -> Figure:
    return curves()


@pytest.mark.mpl_image_compare(**IMAGE)
def test_the_histograms_figure_looks_the_same() -> Figure:
    return histograms()


@pytest.mark.mpl_image_compare(**IMAGE)
def test_the_samples_figure_looks_the_same() -> Figure:
    return samples()


@pytest.mark.mpl_image_compare(**IMAGE)
def test_the_densities_figure_looks_the_same() -> Figure:
    return densities()
