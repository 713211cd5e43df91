"""The papers' instruments for any torch module: what saturates, what fades, what is stretched.

`diagnose` looks at a module as it is, on a batch, and leaves no trace in it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from .borrow import borrowed
from .findings import Finding as Finding
from .inputs import Batch, Inputs
from .jacobian import Spectrum as Spectrum
from .jacobian import estimated_spectrum, full_spectrum
from .measures import ActivationRecord, LayerRecord, Recording
from .products import JacobianError, jacobian_of
from .recorder import record, weights_of
from .report import ActivationReport as ActivationReport
from .report import LayerReport as LayerReport
from .report import Report as Report
from .stack import MULTIPLICATIONS, find_stack
from .stack import Stack as Stack

Loss = Callable[[Tensor], Tensor]
How = Literal["auto", "full", "estimate", "none"]

PASSES = 4
"""Passes over the batch that all singular values may cost, unless they are asked for."""


def diagnose(
    module: nn.Module,
    batch: Batch,
    loss: Loss | None = None,
    *,
    jacobian: How = "auto",
    example: int = 0,
    seed: int = 0,
) -> Report:
    r"""Look at how signals and gradients travel through a module.

    Parameters
    ----------
    module : any; it is as before afterwards, also if it raises: weights, buffers, attributes,
        modes, hooks, ``requires_grad``, gradients and random states
    batch : its input, examples along the first axis: a tensor or array, several in a tuple, or by
        name in a dict.  They are brought to the module's device, and real numbers to its precision
    loss : of the module's output (the first tensor of real numbers, if it returns several), a mean
        over examples.  If None, gradients are those of a random sum of the outputs, with standard
        normal coefficients: no labels are needed, and layers compare just as well
    jacobian : "auto" takes all singular values where that costs no more than `PASSES` passes over
        the batch, or about a second, and estimates otherwise; "full" takes all; "estimate"; "none"
    example : at which the Jacobian is taken
    seed : of that sum, and of the estimate

    Returns
    -------
    the report: print it, ``plot()`` it, or take its numbers from ``to_dict()``

    Raises
    ------
    ValueError
        If an argument is out of range, the module has parameters without numbers, or it returns no
        tensor of real numbers.  What the module raises itself is passed on.

    Notes
    -----
    *Modes.*  Dropout and whatever else depends on the mode is off, except normalization, which
    works as in the mode the module is in: a network in training mode is seen as training sees it.

    *Activations* are the elementwise functions of torch and modules of your own that act on each
    element alone.  Their slopes are taken by autograd.  See `recorder.SATURATED` for what counts
    as saturated.

    *The Jacobian* is that of one example's outputs by its inputs, or, if inputs are integers, by
    the output of the first embedding.

    *Cost.*  One pass forward and two backward over the batch (the second tells whether examples
    depend on each other, as in batch normalization), two evaluations more of the activations,
    some milliseconds for each layer, a copy of the weights; the Jacobian, and where theory covers a
    stack of layers the product of these, each about four passes or a second at most.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 5))
    >>> report = diagnose(network, torch.randn(50, 20))
    >>> [(layer.name, layer.kind) for layer in report.layers]
    [('0', 'Linear'), ('2', 'Linear')]
    >>> report.spectrum.singular_values.shape
    (5,)
    """
    _check(module, jacobian)
    module = module._modules.get("_orig_mod") or module  # what torch.compile has wrapped
    with torch.inference_mode(False):
        inputs = Inputs.of(batch, module)
        if not 0 <= example < inputs.examples:
            raise ValueError(f"example must be from 0 to {inputs.examples - 1}, got {example}")
        with borrowed(module):
            _set_modes(module)
            seen = record(module, inputs, loss or _random_sum(seed), example)
        with borrowed(module):  # without what the recording has put into it
            _set_modes(module)
            spectrum, note = _spectrum(module, inputs, seen, jacobian, example, seed)
            theory, no_theory = find_stack(seen.layers, whole=jacobian == "full")
    assert seen.output is not None
    return Report(
        module=type(module).__name__,
        parameters=sum(p.numel() for p in module.parameters()),
        examples=inputs.examples,
        dtype=str(seen.output.dtype).removeprefix("torch."),
        mode="training" if module.training else "evaluation",
        objective="the loss" if loss else "a random sum of the outputs",
        layers=tuple(_layer(note) for note in seen.layers),
        before=tuple(_activation(note) for note in seen.before),
        spectrum=spectrum,
        spectrum_note=note,
        stack=theory,
        stack_note=no_theory,
        normalizations=tuple(seen.normalizations),
        sums=seen.sums,
        finite=bool(seen.output.isfinite().all()),
        not_finite_parameters=tuple(
            name for name, p in module.named_parameters() if not p.isfinite().all()
        ),
    )


def _check(module: Any, jacobian: How) -> None:
    if not isinstance(module, nn.Module):
        raise ValueError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    if jacobian not in get_args(How):
        known = ", ".join(get_args(How))
        raise ValueError(f"jacobian must be one of {known}, got {jacobian!r}")
    for name, part in module.named_modules():
        if isinstance(part, torch.jit.ScriptModule):
            raise ValueError(f"module must be plain Python, {name or 'it'} is a torch.jit script")
    for name, tensor in (*module.named_parameters(), *module.named_buffers()):
        if isinstance(tensor, nn.UninitializedParameter | nn.UninitializedBuffer) or tensor.is_meta:
            raise ValueError(f"module must have numbers in all parameters, {name} has none yet")
        if tensor.is_inference():
            raise ValueError(f"module must have no inference tensors, {name} is one: clone it")


def _set_modes(module: nn.Module) -> None:
    """Switch off compilation, and whatever depends on the mode, but for normalization."""
    for part in module.modules():
        part._compiled_call_impl = None
    training = {part for part in module.modules() if part.training and isinstance(part, _NormBase)}
    module.eval()
    for part in training:
        part.training = True


def _random_sum(seed: int) -> Loss:
    def objective(output: Tensor) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        u = torch.randn(output.shape, generator=generator).to(output.device, output.dtype)
        return (u * output).sum() / max(len(output) if output.dim() else 1, 1)

    return objective


def _spectrum(
    module: nn.Module,
    inputs: Inputs,
    seen: Recording,
    how: How,
    example: int,
    seed: int,
) -> tuple[Spectrum | None, str]:
    """Return the singular values of the Jacobian, and what it is of; or why there are none."""
    if how == "none":
        return None, "was not asked for"
    if seen.output is None or not seen.output.isfinite().all():
        return None, "was left out: outputs are not finite"
    if inputs.floating is None and not seen.embedding:
        return None, "was left out: no input is of real numbers, and no embedding was called"
    signals = [note.output.numel() if note.output is not None else 0 for note in seen.layers]
    weights = [sum(w[0].numel() for w in weights_of(note.module)) for note in seen.layers]
    # About as many multiplications take one example through all layers.
    cost = sum(s * w for s, w in zip(signals, weights, strict=True)) / inputs.examples
    try:
        with jacobian_of(module, inputs, example, seen.embedding, seen.coupled) as operator:
            side = min(operator.rows, operator.columns)
            passes = side * (inputs.examples if operator.coupled else 1)  # of single examples
            cheap = passes <= PASSES * inputs.examples or passes * cost <= MULTIPLICATIONS
            if how == "full" or (how == "auto" and cheap):
                spectrum = full_spectrum(operator, sum(signals) // inputs.examples)
            else:
                spectrum = estimated_spectrum(operator, seed)
    except JacobianError as error:
        return None, f"was left out: {error}"
    by = "the input" if inputs.floating is not None else f"the output of {seen.embedding}"
    size = f"{spectrum.outputs:,} x {spectrum.inputs:,}"
    return spectrum, f"of the output by {by}, at example {example}, {size}"


def _layer(note: LayerRecord) -> LayerReport:
    return LayerReport(
        name=note.name,
        kind=type(note.module).__name__,
        shape=note.shape,
        second_moment=note.second_moment,
        data_share=note.data_share,
        gradient=note.gradient,
        weight=note.weight,
        weight_gradient=note.weight_gradient,
        activations=tuple(_activation(a) for a in note.activations),
    )


def _activation(note: ActivationRecord) -> ActivationReport:
    return ActivationReport(note.name, note.saturated, note.dead, note.ordinary, note.slope_square)
