"""The report of a diagnosis: numbers by layer, as a table, a page, a figure, or plain values."""

from __future__ import annotations

import base64
import html
import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from .findings import Finding, findings
from .jacobian import Spectrum
from .stack import Stack

SHOWN = 24
"""Lines of the table; of more layers some are left out, evenly."""

COLUMN = 80
"""Characters in a line of the text below and above the table."""


@dataclass(frozen=True)
class ActivationReport:
    """One call of an activation.

    Attributes
    ----------
    name : of the module that called it, and the function's
    saturated : share of units and examples whose slope is below 0.19 of the largest possible,
        as that of a sigmoid within 0.05 of 0 or 1
    dead : share of units (channels of images) whose slope is below a thousandth of it for
        every example
    ordinary : share that would be saturated with standard normal inputs
    slope_square : mean squared slope

    Examples
    --------
    >>> import torch
    >>> from signalprop.diagnostics import diagnose
    >>> far = torch.full((10, 3), -9.0)
    >>> [seen] = diagnose(torch.nn.ReLU(), far).activations
    >>> seen.saturated, seen.dead, seen.ordinary
    (1.0, 1.0, 0.5)
    """

    name: str
    saturated: float
    dead: float
    ordinary: float
    slope_square: float


@dataclass(frozen=True)
class LayerReport:
    """One call of a layer of weights.

    Attributes
    ----------
    name, kind : in the module, and its class
    shape : of its output for one example
    second_moment : of its outputs, the pre-activations
    data_share : share of it that is variance across examples; None for one example
    gradient : second moment of the gradient by its outputs, of the objective for one example;
        None if there is none
    weight, weight_gradient : root mean squares of its weights, and of the gradient by them
    activations : behind it, before the next layer

    Examples
    --------
    >>> import torch
    >>> from signalprop.diagnostics import diagnose
    >>> twice = torch.nn.Linear(1, 1, bias=False)
    >>> _ = torch.nn.init.constant_(twice.weight, 2.0)
    >>> [layer] = diagnose(twice, torch.ones(10, 1)).layers
    >>> layer.second_moment, layer.data_share, layer.weight
    (4.0, 0.0, 2.0)
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    second_moment: float
    data_share: float | None
    gradient: float | None
    weight: float | None
    weight_gradient: float | None
    activations: tuple[ActivationReport, ...]

    @property
    def weight_to_gradient(self) -> float | None:
        """Size of the weights over that of their gradient; None where there is no gradient."""
        if not self.weight_gradient or self.weight is None:
            return None
        return self.weight / self.weight_gradient


@dataclass(frozen=True, repr=False)
class Report:
    """What `diagnose` found.

    Printed, it is a table and the findings; in a notebook a page with the figure.

    Attributes
    ----------
    module : its class
    parameters, examples : how many
    dtype, mode : precision; "training" or "evaluation"
    layers : of weights, in the order of their calls
    before : activations in front of the first layer
    spectrum : of the input-output Jacobian; None if it was not taken
    spectrum_note : of what by what the Jacobian is, or why there is none
    stack : the dense layers that the theory covers, beside it; None if there are none
    stack_note : why there are none
    normalizations, sums : names of what normalizes; how often signals were added
    finite : whether outputs are
    not_finite_parameters : names
    objective : what the gradient is of
    findings : what stands out

    Examples
    --------
    >>> import torch
    >>> from signalprop.diagnostics import diagnose
    >>> report = diagnose(torch.nn.Linear(3, 2), torch.ones(10, 3))
    >>> sorted(report.to_dict())[:3]
    ['before', 'dtype', 'examples']
    >>> [finding.about for finding in report.findings]
    ['no activation']
    """

    module: str
    parameters: int
    examples: int
    dtype: str
    mode: str
    objective: str
    layers: tuple[LayerReport, ...]
    before: tuple[ActivationReport, ...] = ()
    spectrum: Spectrum | None = None
    spectrum_note: str = ""
    stack: Stack | None = None
    stack_note: str = ""
    normalizations: tuple[str, ...] = ()
    sums: int = 0
    finite: bool = True
    not_finite_parameters: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Look for what stands out."""
        object.__setattr__(self, "findings", findings(self))

    @property
    def activations(self) -> tuple[ActivationReport, ...]:
        """All activations, in the order of their calls."""
        return (*self.before, *(a for layer in self.layers for a in layer.activations))

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values, as ``json.dumps`` takes them.

        The law of theory is there by its parameters and extremes.
        """
        values = asdict(_without_law(self))
        values["stack"] = values["stack"] and values["stack"] | {"law": _law_values(self.stack)}
        for layer, plain in zip(self.layers, values["layers"], strict=True):
            plain["weight_to_gradient"] = layer.weight_to_gradient
        plain_values: dict[str, Any] = _plain(values)
        return plain_values

    def plot(self) -> Figure:
        """Draw activations, second moments, weights over gradients, and singular values."""
        from .figures import report_figure

        return report_figure(self)

    def __repr__(self) -> str:
        """Return the table and the findings."""
        paragraphs = [*self._notes(), *(f"- {line}" for line in self._conclusions())]
        table = [_wrapped(self._headline()), "", *_aligned(_HEADER, self._rows()), ""]
        return "\n".join([*table, *map(_wrapped, paragraphs)])

    def _repr_html_(self) -> str:
        """Return a page for a notebook: findings, figure and table."""
        picture = io.BytesIO()
        self.plot().savefig(picture, format="png")
        encoded = base64.b64encode(picture.getvalue()).decode()
        return "".join(
            [
                f"<p><strong>{html.escape(self._headline())}</strong></p>",
                "<ul>",
                *(f"<li>{html.escape(line)}</li>" for line in self._conclusions()),
                "</ul>",
                *(f"<p>{html.escape(line)}</p>" for line in self._notes()),
                f'<img alt="the report as a figure" src="data:image/png;base64,{encoded}">',
                _html_table(_HEADER, self._rows()),
            ]
        )

    def _conclusions(self) -> list[str]:
        """Return the findings, and what to try, each remedy once."""
        remedies = dict.fromkeys(f.remedy for f in self.findings if f.remedy)
        lines = [*map(str, self.findings), *(f"Try: {remedy}." for remedy in remedies)]
        return lines or ["Nothing stands out."]

    def _headline(self) -> str:
        return (
            f"{self.module}: {self.parameters:,} parameters, {len(self.layers)} layers of weights; "
            f"{self.examples} examples, {self.dtype}, {self.mode} mode"
        )

    def _notes(self) -> list[str]:
        """Return what is to be said of gradients, singular values and theory."""
        notes = [f"Gradients are of {self.objective}."]
        notes.append(f"Jacobian {self.spectrum_note}.")
        if self.spectrum is not None:
            notes[-1] += f" {_spectrum_text(self.spectrum)}"
        notes.append(_stack_text(self.stack) if self.stack else f"Theory: {self.stack_note}.")
        return notes

    def _rows(self) -> list[tuple[str, ...]]:
        """Return the lines of the table: a layer with its activation, further ones below."""
        rows: list[tuple[str, ...]] = [
            ("", "", "", "", "", *_activation_cells(a)) for a in self.before
        ]
        for layer in self.layers:
            first, *more = layer.activations or (None,)
            cells = _activation_cells(first) if first else ("", "", "")
            share = "" if layer.data_share is None else f"{layer.data_share:.2g}"
            numbers = (_number(layer.gradient), _number(layer.weight_to_gradient))
            rows.append((layer.name, _number(layer.second_moment), share, *numbers, *cells))
            rows += [("", "", "", "", "", *_activation_cells(a)) for a in more]
        if len(rows) <= SHOWN:
            return rows
        kept = np.unique(np.linspace(0, len(rows) - 1, SHOWN).round().astype(int))
        return [rows[i] for i in kept]


_HEADER = (
    "layer",
    "signal",
    "of data",
    "gradient",
    "weight/grad",
    "activation",
    "saturated",
    "dead",
)


def _activation_cells(activation: ActivationReport) -> tuple[str, str, str]:
    return (
        activation.name.rpartition("(")[2].rstrip(")"),
        f"{activation.saturated:.1%}",
        f"{activation.dead:.1%}",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2e}"


def _spectrum_text(found: Spectrum) -> str:
    if found.singular_values is None:
        return (
            f"Largest singular value {found.largest:.4g} (± {found.largest_error:.1g}), smallest "
            f"below {found.smallest:.2g}, root mean square {found.mean_square**0.5:.4g} "
            f"({found.method})"
        )
    low = f"{found.smallest:.3g}"
    if found.smallest <= found.noise:
        low = f"below {found.noise:.1g}, where rounding begins," if found.noise else "0"
    return (
        f"Singular values from {low} to {found.largest:.4g}, root mean square "
        f"{found.mean_square**0.5:.4g} ({found.method})"
    )


def _stack_text(stack: Stack) -> str:
    weights = {"orthogonal": "orthogonal", "gaussian": "independent"}.get(stack.weights, "other")
    text = (
        f"Theory covers the {len(stack.layers)} layers of width {stack.width} from "
        f"{stack.layers[0]} to {stack.layers[-1]} ({stack.activation}, {weights} weights, mean "
        f"sigma_w2 {stack.sigma_w2.mean():.4g}, q from {stack.q[0]:.3g} to {stack.q[-1]:.3g}): "
        f"root mean square {stack.mean_square_theory**0.5:.4g}"
    )
    if stack.law is not None:
        text += f", largest singular value {stack.law.s_max:.4g}"
    if stack.spectrum is not None:
        found = stack.spectrum
        text += f"; measured {found.mean_square**0.5:.4g} and {found.largest:.4g}"
    return f"{text}. No law: {stack.no_law}." if stack.no_law else f"{text}."


def _wrapped(paragraph: str) -> str:
    indent = "  " if paragraph.startswith("- ") else ""
    return textwrap.fill(paragraph, COLUMN, subsequent_indent=indent, break_on_hyphens=False)


def _aligned(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table: text to the left, numbers to the right."""
    table = [header, *rows]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    left = {0, 5}
    return [
        "  ".join(
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def _html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    def line(cells: Iterable[str], tag: str) -> str:
        inside = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr>{inside}</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><thead>{line(header, 'th')}</thead><tbody>{body}</tbody></table>"


# --- plain values -------------------------------------------------------------------------


def _without_law(report: Report) -> Report:
    if report.stack is None or report.stack.law is None:
        return report
    return replace(report, stack=replace(report.stack, law=None))


def _law_values(stack: Stack | None) -> dict[str, Any] | None:
    if stack is None or stack.law is None:
        return None
    law = stack.law
    return {
        "depth": law.depth,
        "weights": law.weights,
        "sigma_w2": law.sigma_w2,
        "chi": law.chi,
        "s_max": law.s_max,
        "atoms": law.atoms,
        "support": law.support,
        "mean_square": law.moment(1),
        "variance": law.variance,
    }


def _plain(value: Any) -> Any:
    """Return nested values with arrays as lists and numbers as Python's."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    return value.item() if isinstance(value, np.generic) else value
