"""The explorer of spectra in a browser: by itself against the laws, and in its chapter."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from numpy.typing import NDArray

from bookkit import interactive
from bookkit.browser import DESKTOP, PHONE, opened
from signalprop import explorer
from signalprop.spectra import JacobianLaw, jacobian_law

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

ROOT = Path(__file__).parents[2]
CHAPTER = Path("book", "isometry", "orthogonal-sigmoid")

pytestmark = pytest.mark.browser


def page_of(script: Path, folder: Path) -> str:
    """Write a page with a small explorer and nothing else; return its address."""
    laws = explorer.table(("tanh", "hard_tanh", "relu"), (1, 8, 32), (0.125, 0.25))
    shown = interactive.figure(script, laws, "Explorer", explorer.summary(laws))
    path = folder / "page.html"
    path.write_text(f"<!doctype html><meta charset='utf8'><title>Try</title>{shown.html}", "utf8")
    return path.as_uri()


def scale(ticks: list[tuple[float, float]]) -> NDArray[np.float64]:
    """Return the slope and offset that turn pixels into values, from (value, pixel) pairs."""
    values, pixels = np.array(ticks).T
    return np.polyfit(pixels, values, 1)


def readout(page: Page) -> str:
    return page.locator(".interactive [role=status]").inner_text().replace("\xa0", " ")


def told(law: JacobianLaw) -> str:
    """Return what the explorer says of a law."""
    atoms = [f"{mass:.3g} at s = {s:.4g}" for s, mass in law.atoms]
    return (
        f"smax = {law.s_max:.4g}, variance of s² = {law.variance:.3g}, "
        f"{'atoms: ' + ' and '.join(atoms) if atoms else 'no atoms'}."
    )


def test_the_curve_lies_where_the_axes_say(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, page_of(explorer.SCRIPT, tmp_path), "light", DESKTOP) as (page, found):
        page.locator("[name=depth]").press("End")
        law = jacobian_law("tanh", 32, "orthogonal", q_star=0.25)
        assert told(law) in readout(page)
        ticks = page.locator(".interactive svg text").evaluate_all(
            "nodes => nodes.map(n => [n.textContent, +n.getAttribute('x'), +n.getAttribute('y'),"
            " n.getAttribute('text-anchor')])"
        )
        path = page.locator(".interactive .curve").get_attribute("d")
        assert not found
    scale_s = scale([(float(t), x) for t, x, _, at in ticks if at == "middle" and t[0].isdigit()])
    powers = [(t[2:].replace("\N{MINUS SIGN}", "-"), y) for t, _, y, at in ticks if at == "end"]
    scale_power = scale([(float(t), y - 5) for t, y in powers])  # labels are 5 px below their lines
    assert path
    pixels = np.array([point.split(",") for point in path.split("L")[1:-1]], dtype=float)
    s, power = np.polyval(scale_s, pixels[:, 0]), np.polyval(scale_power, pixels[:, 1])
    assert len(s) == explorer.POINTS
    # Coordinates are rounded to 0.1 px, levels to half of one
    slack = 0.05 * abs(scale_power[0]) + 4 / (explorer.LEVELS - 1) + 1e-6
    around = np.array([s - 0.05 * scale_s[0], s, s + 0.05 * scale_s[0]])
    exact = np.log10(np.clip(law.density(around), 1e-5, 1e3))
    assert (power > exact.min(axis=0) - slack).all()
    assert (power < exact.max(axis=0) + slack).all()


def test_settings_without_a_curve_or_a_choice(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, page_of(explorer.SCRIPT, tmp_path), "dark", PHONE) as (page, found):
        page.locator("[name=activation]").select_option(label="ReLU")
        page.locator("[name=depth]").press("Home")
        law = jacobian_law("relu", 1, "orthogonal")
        assert readout(page).startswith("ReLU, orthogonal weights, depth 1, any q*: " + told(law))
        assert page.locator("[name=q_star]").is_disabled()
        assert page.locator(".curve").count() == 0
        assert page.locator("circle.stem").count() == 2
        page.locator("[name=activation]").select_option(label="tanh")
        assert page.locator("[name=q_star]").is_enabled()
        assert page.locator("circle.stem").count() == 0
        assert not found


def test_it_is_as_wide_as_the_page(browser: Browser, tmp_path: Path) -> None:
    with opened(browser, page_of(explorer.SCRIPT, tmp_path), "light", DESKTOP) as (page, found):
        for width in (PHONE, DESKTOP, 360):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(
                "() => +document.querySelector('.interactive svg').getAttribute('width') ==="
                " document.querySelector('.controls').clientWidth"
            )
        assert not found


def test_the_text_stays_where_the_script_fails(browser: Browser, tmp_path: Path) -> None:
    script = tmp_path / "draw.js"
    script.write_text("function draw(root, data) { root.innerHTML = '<p>half</p>'; missing(); }\n")
    with opened(browser, page_of(script, tmp_path), "light", DESKTOP) as (page, found):
        assert "Largest singular value" in page.locator(".interactive").inner_text()
        assert "half" not in page.locator(".interactive").inner_text()
        assert found == ["page error: missing is not defined"]


@pytest.mark.parametrize(("scheme", "width"), [("light", DESKTOP), ("dark", PHONE)])
def test_the_chapter_s_explorer_by_keyboard(browser: Browser, scheme: str, width: int) -> None:
    url = (ROOT / "_build" / "html" / CHAPTER).with_suffix(".html").as_uri()
    with opened(browser, url, scheme, width) as (page, found):
        page.locator(".interactive select").first.focus()
        for key in ("ArrowDown", "ArrowDown", "Tab", "ArrowDown", "ArrowUp", "Tab"):
            page.keyboard.press(key)
        before = readout(page)
        for key in ("ArrowLeft", "ArrowLeft", "Tab", "ArrowLeft"):  # depth 32 to 8, q* 1/4 to 1/8
            page.keyboard.press(key)
        law = jacobian_law("hard_tanh", 8, "orthogonal", q_star=1 / 8)
        assert readout(page) != before
        setting = "hard tanh, orthogonal weights, depth 8, q* = 1/8: "
        assert readout(page).startswith(setting + told(law))
        assert page.locator(".interactive [name=depth]").get_attribute("aria-valuetext") == "8"
        inks = page.evaluate(
            "() => ['.interactive', '.bd-article'].map("
            "name => getComputedStyle(document.querySelector(name)).color)"
        )
        assert inks[0] == inks[1]
        assert not found
