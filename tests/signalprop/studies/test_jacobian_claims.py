"""The comparison of networks with laws, the checks that must be able to fail, and the figures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from signalprop.spectra import jacobian_law, universal_law
from signalprop.studies.jacobian_spectra import (
    checks,
    comparison,
    figures,
    formulas,
    universality_checks,
)
from signalprop.studies.jacobian_spectra.claims import CLAIMS


def test_samples_of_a_law_pass_and_those_of_another_do_not() -> None:
    law, other = (jacobian_law("tanh", 8, q_star=q) for q in (0.25, 0.35))
    values = law.sample(2000, seed=1)
    assert comparison.deviation(values, law) < comparison.allowed(2000)
    assert comparison.deviation(values, other) > comparison.allowed(2000)
    assert comparison.deviation(1.1 * values, law) > comparison.allowed(2000)


def test_an_atom_may_spread_but_not_move(rng: np.random.Generator) -> None:
    law = jacobian_law("hard_tanh", 8, q_star=0.25)
    values = law.sample(2000, seed=1)
    near = values * (1 + 0.01 * rng.standard_normal(2000))
    assert comparison.deviation(near, law) < comparison.allowed(2000)
    moved = np.where(values == law.s_max, 0.9 * values, values)
    assert comparison.deviation(moved, law) > comparison.allowed(2000)


def test_the_limit_is_kolmogorov_s() -> None:
    assert comparison.allowed(10_000) == pytest.approx(0.0195, abs=1e-4)


def test_claims_have_names_of_their_own() -> None:
    names = [claim.id for claim in CLAIMS]
    assert len(set(names)) == len(names)
    assert {name.partition(".")[0] for name in names} == {"pennington2017", "pennington2018"}


def test_checks_notice_wrong_formulas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exchanged edges, another edge, another schedule: none is waved through."""
    right = formulas.smooth_edges
    monkeypatch.setattr(formulas, "smooth_edges", lambda v: right(v)[::-1])
    assert universality_checks.check_smooth_edge_labels().verdict == "open"
    monkeypatch.setattr(formulas, "bernoulli_p", lambda depth, v: 1 - v / depth)
    assert universality_checks.check_schedule_p().verdict == "open"
    assert universality_checks.check_hard_tanh_schedule().verdict == "open"
    monkeypatch.setattr(formulas, "linear_edge", lambda depth: math.sqrt(math.e * depth))
    assert checks.check_linear_edge().verdict == "partly reproduced"
    monkeypatch.setattr(formulas, "orthogonal_edge", formulas.gaussian_edge)
    assert checks.check_bulk_edge().verdict != "reproduced"


def test_a_table_row_notices_another_erf(monkeypatch: pytest.MonkeyPatch) -> None:
    row = formulas.TABLE_1["erf"]
    assert universality_checks.check_table_row("erf").verdict == "reproduced"
    wrong = formulas.Row(
        row.activation,
        formulas.SUPPLEMENT_ERF_SCALE,
        row.transform,
        row.moment,
        row.sigma_w2,
        row.variance,
    )
    monkeypatch.setitem(formulas.TABLE_1, "erf", wrong)
    assert universality_checks.check_table_row("erf").verdict == "not reproduced"


def test_the_figures_draw_what_they_are_given() -> None:
    law = jacobian_law("hard_tanh", 8, q_star=0.25)
    values = law.sample(500, seed=0)
    curve = figures.Curve("hard tanh", law, values)
    drawn = figures.densities_figure({title: [curve] for title in "abcd"}, reach=(2, 2, 2, 2))
    line, atom, points = drawn.axes[0].lines
    np.testing.assert_allclose(line.get_ydata()[:-1], law.density(line.get_xdata()[:-1]))
    assert atom.get_xdata()[0] == law.s_max
    share = np.nansum(points.get_ydata()) * 2 / 40
    assert share == pytest.approx((values > comparison.NOISE).mean())

    steps = figures.distribution_figure({"hard tanh": law}, (0, 2)).axes[0].lines[0]
    np.testing.assert_allclose(steps.get_ydata(), law.cdf(steps.get_xdata()))

    widths = figures.widths_figure(law, {"500": values}, (1e-3, 2))
    difference = widths.axes[1].lines[0].get_ydata()
    assert abs(difference).max() < comparison.allowed(500)

    panel = figures.Curves("t", "x", "y", [1, 2], {"a": [0, 1]}, {"level": 0.5})
    curves = figures.curves_figure([panel]).axes[0]
    np.testing.assert_array_equal(curves.lines[0].get_ydata(), [np.nan, 1])

    limit = universal_law("bernoulli", 0.25)
    panels = {8: figures.Convergence(values, law, limit)}
    assert len(figures.convergence_figure({"hard tanh": panels}).axes) == 1

    one = jacobian_law("hard_tanh", 1, q_star=0.25)
    slopes = figures.slopes_figure({"hard tanh": figures.Slope(np.tanh, {0.25: one})})
    x, share = slopes.axes[1].lines[0].get_data()
    assert share[np.searchsorted(x, 0.5)] == pytest.approx(1 - checks.gate("hard_tanh"))
