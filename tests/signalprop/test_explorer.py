"""The explorer's table against the laws themselves, and against formulas that need none."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from signalprop import explorer
from signalprop.spectra import JacobianLaw, jacobian_law

NAMES, DEPTHS, Q_STARS = ("tanh", "hard_tanh", "relu", "linear"), (1, 4, 64), (1 / 64, 1.0)
HALF_A_LEVEL = (explorer.DECADES[1] - explorer.DECADES[0]) / (explorer.LEVELS - 1) / 2
LAST_DIGIT = 0.51 * 10.0 ** (1 - explorer.PRECISION)


@pytest.fixture(scope="module")
def table() -> dict[str, Any]:
    return explorer.table(NAMES, DEPTHS, Q_STARS)


def entry(table: dict[str, Any], name: str) -> dict[str, Any]:
    return next(entry for entry in table["activations"] if entry["name"] == name)


def decoded(low: float, high: float, digits: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return s, the power of ten of the density, and weights of the midpoint rule over s."""
    n, base = len(digits) // 2, len(explorer.DIGITS)
    pairs = np.array([explorer.DIGITS.index(digit) for digit in digits]).reshape(n, 2)
    share = (base * pairs[:, 0] + pairs[:, 1]) / (base**2 - 1)
    angle = (np.arange(n) + 0.5) * np.pi / n
    middle, half = (high + low) / 2, (high - low) / 2
    power = explorer.DECADES[0] + share * (explorer.DECADES[1] - explorer.DECADES[0])
    return middle - half * np.cos(angle), power, half * np.sin(angle) * np.pi / n


CASES = [
    (name, i, j, k)
    for name in NAMES
    for i in range(1 if name in ("relu", "linear") else len(Q_STARS))
    for j in range(2)
    for k in range(len(DEPTHS))
]


@pytest.mark.parametrize(("name", "i", "j", "k"), CASES)
def test_entry_is_the_law(table: dict[str, Any], name: str, i: int, j: int, k: int) -> None:
    law: JacobianLaw = jacobian_law(name, DEPTHS[k], table["weights"][j], q_star=Q_STARS[i])
    s_max, variance, atoms, *curve = entry(table, name)["laws"][i][j][k]
    assert s_max == pytest.approx(law.s_max, rel=LAST_DIGIT)
    assert variance == pytest.approx(law.variance, rel=LAST_DIGIT)
    visible = [atom for atom in law.atoms if atom[1] >= 1e-5]
    assert np.ravel(atoms) == pytest.approx(np.ravel(visible), rel=LAST_DIGIT)
    if not curve:
        assert law.continuous_mass < 1e-5
        return
    low, high, digits = curve
    s, power, _ = decoded(low, high, digits)
    exact = np.log10(np.clip(law.density(s), 1e-5, 1e3))
    np.testing.assert_allclose(power, exact, rtol=0, atol=1.001 * HALF_A_LEVEL)
    assert (law.density(np.linspace(0, low, 50)[1:-1]) < 1e-5).all()
    assert high == pytest.approx(law.support[1], rel=LAST_DIGIT)


def test_one_linear_gaussian_layer_is_a_quarter_circle(table: dict[str, Any]) -> None:
    s_max, variance, atoms, low, high, digits = entry(table, "linear")["laws"][0][1][0]
    s, power, _ = decoded(low, high, digits)
    assert (s_max, variance, atoms) == (2.0, 1.0, [])
    circle = np.log10(np.sqrt(4 - s**2) / np.pi)
    np.testing.assert_allclose(power, circle, rtol=0, atol=1.001 * HALF_A_LEVEL)


def test_curves_and_atoms_hold_all_mass(table: dict[str, Any]) -> None:
    """One Gaussian layer of hard tanh: its curve ends like a square root on both sides."""
    _, _, atoms, low, high, digits = entry(table, "hard_tanh")["laws"][1][1][0]
    _, power, weights = decoded(low, high, digits)
    linear = math.erfc(1 / math.sqrt(2))  # P(|z| > 1), where its slope is 0
    assert atoms == [[0.0, pytest.approx(linear, rel=LAST_DIGIT)]]
    # A level is good to 0.2 %; what is cut off where the curve begins is far below that.
    assert 10**power @ weights == pytest.approx(1 - linear, rel=math.log(10) * HALF_A_LEVEL)


def test_products_of_gaussian_matrices_have_known_edges(table: dict[str, Any]) -> None:
    for depth, (s_max, variance, *_) in zip(
        DEPTHS, entry(table, "linear")["laws"][0][1], strict=True
    ):
        edge = math.sqrt((depth + 1) ** (depth + 1) / depth**depth)
        assert s_max == pytest.approx(edge, rel=LAST_DIGIT)
        assert variance == depth


def test_networks_are_critical(table: dict[str, Any]) -> None:
    relu, tanh = entry(table, "relu"), entry(table, "tanh")
    assert (relu["q_star"], relu["sigma_w2"], relu["sigma_b2"]) == ([], [2.0], [0.0])
    assert tanh["q_star"] == list(Q_STARS)
    z, weights = np.polynomial.hermite_e.hermegauss(60)
    weights /= weights.sum()
    sigma_w2 = 1 / (weights @ np.cosh(z / 8) ** -4)  # chi = 1 at q* = 1/64
    sigma_b2 = 1 / 64 - sigma_w2 * (weights @ np.tanh(z / 8) ** 2)  # and q* is a fixed point
    assert tanh["sigma_w2"][0] == pytest.approx(sigma_w2, rel=LAST_DIGIT)
    assert tanh["sigma_b2"][0] == pytest.approx(sigma_b2, rel=LAST_DIGIT)


def test_the_table_is_small_and_fit_for_json(table: dict[str, Any]) -> None:
    assert json.loads(json.dumps(table)) == table
    laws = len(CASES)
    size = len(json.dumps(table, separators=(",", ":"))) / laws
    scale_free = 2
    all_laws = 2 * len(explorer.DEPTHS)
    all_laws *= (len(explorer.ACTIVATIONS) - scale_free) * len(explorer.Q_STARS) + scale_free
    assert size * all_laws < 200_000


def test_summary(table: dict[str, Any]) -> None:
    lines = explorer.summary(table, q_star=1.0, columns=2).splitlines()
    assert lines[0] == "Largest singular value of critical networks at q* = 1"
    assert lines[1].split() == ["depth", "1", "64"]
    assert lines[-2].split() == ["linear,", "orthogonal", "1", "1"]
    assert lines[-1].split() == ["linear,", "gaussian", "2", "13.24"]
    assert len(lines) == 2 + 2 * len(NAMES)


def test_summary_of_a_setting_that_is_not_there(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"q_star must be one of 0.015625, 1.0, got 0.25"):
        explorer.summary(table)
