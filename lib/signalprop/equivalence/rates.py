r"""Learning rates, and an optimizer, with which a changed network learns as the other one did."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from .weights import Change, Layer, Roles, set_

Rule = Literal["sgd", "adam", "adamw"]


def parameter_groups(
    roles: Roles,
    how: Change,
    rate: float,
    decay: float = 0.0,
    bias_decay: float | None = None,
    rule: Rule = "sgd",
    eps: float = 1e-8,
) -> list[dict[str, Any]]:
    r"""Return groups for an optimizer with which the changed network learns as the other did.

    A parameter that is multiplied by :math:`c` has its gradient divided by it.  So its rate is
    multiplied by :math:`c^2` in gradient descent, with or without momentum, and by :math:`c`
    where steps do not depend on the size of the gradient; weight decay that is added to the
    gradient is divided by :math:`c^2`.

    Parameters
    ----------
    roles : layers of the changed network
    how : the change, without shift
    rate : learning rate of the other network, the same for all its parameters
    decay : weight decay there
    bias_decay : that of the biases; as ``decay`` if None
    rule : "sgd" for ``torch.optim.SGD``, "adam" for ``Adam`` and ``RMSprop``, "adamw" for ``AdamW``
    eps : of "adam" and "adamw" there; it is divided by :math:`c`

    Returns
    -------
    one group for each layer and kind of parameter, weights before biases

    Raises
    ------
    ValueError
        If there is a shift, or the rule is unknown.

    Examples
    --------
    >>> layers = [nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1)]
    >>> groups = parameter_groups(Roles.of(layers), Change(scale=2.0, stretch=0.5), rate=0.1)
    >>> [group["lr"] / 0.1 for group in groups]
    [0.25, 0.25, 1.0, 0.25, 4.0, 1.0]
    """
    if rule not in get_args(Rule):
        raise ValueError(f"rule must be one of {', '.join(get_args(Rule))}, got {rule!r}")
    if how.shift:
        raise ValueError("no learning rates can make up for a shift: see PulledBack")
    power = {"sgd": (2, 2), "adam": (1, 2), "adamw": (1, 1)}[rule]
    groups: list[dict[str, Any]] = []
    for role, layer in roles:
        decays = decay, decay if bias_decay is None else bias_decay
        pairs = zip((layer.weight, layer.bias), how.factors(role), decays, strict=True)
        for parameter, factor, one in pairs:
            if parameter is None:
                continue
            group = {
                "params": [parameter],
                "lr": rate * factor ** power[0],
                "weight_decay": one / factor ** power[1],
            }
            groups.append(group if rule == "sgd" else group | {"eps": eps / factor})
    return groups


class PulledBack(torch.optim.Optimizer):
    """An optimizer of one network that trains the other: exact for every change and optimizer.

    The optimizer inside holds the weights of the network of origin.  Each step takes the
    gradient of the changed network back to them, and their step forward again.

    Parameters
    ----------
    roles : layers of the changed network, whose weights are changed already
    how : the change
    make : makes the optimizer of the network of origin from its parameters

    Notes
    -----
    ``inside`` is that optimizer, with the learning rates that a schedule would change.

    Examples
    --------
    >>> network = nn.Sequential(nn.Linear(3, 5), nn.Sigmoid(), nn.Linear(5, 2))
    >>> how = Change(scale=4.0, stretch=1.0, shift=-2.0)  # of the rescaled sigmoid
    >>> optimizer = PulledBack(Roles.of(network), how, lambda p: torch.optim.SGD(p, lr=0.1))
    """

    def __init__(
        self,
        roles: Roles,
        how: Change,
        make: Callable[[list[nn.Parameter]], torch.optim.Optimizer],
    ) -> None:
        self.how, self.layers = how, list(roles)
        self.source: list[tuple[nn.Parameter, nn.Parameter | None]] = []
        for role, layer in self.layers:
            weight, bias = how.inverse.map(role, *_detached(layer))
            self.source.append((nn.Parameter(weight), None if bias is None else nn.Parameter(bias)))
        self.inside = make([p for pair in self.source for p in pair if p is not None])
        super().__init__([p for _, layer in self.layers for p in layer.parameters()], {})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update the parameters of both networks; a closure is not called.

        Raises
        ------
        ValueError
            If a layer has no gradient.
        """
        for (role, layer), (weight, bias) in zip(self.layers, self.source, strict=True):
            if layer.weight.grad is None:
                raise ValueError(f"there is no gradient of {layer}")
            of_bias = None if layer.bias is None else layer.bias.grad
            weight.grad, of_bias = self.how.pull_back(role, layer.weight.grad, of_bias)
            if bias is not None:
                bias.grad = of_bias
        self.inside.step()
        self._show()

    def state_dict(self) -> dict[str, Any]:
        """Return the parameters of the network of origin and the state of their optimizer."""
        source = [[None if p is None else p.detach() for p in pair] for pair in self.source]
        return {"source": source, "inside": self.inside.state_dict()}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Set what `state_dict` returned; the changed network is set to it too."""
        for pair, saved in zip(self.source, state_dict["source"], strict=True):
            for parameter, value in zip(pair, saved, strict=True):
                if parameter is not None:
                    parameter.copy_(value)
        self.inside.load_state_dict(state_dict["inside"])
        self._show()

    def _show(self) -> None:
        """Bring the changed network in line with the network of origin."""
        for (role, layer), pair in zip(self.layers, self.source, strict=True):
            set_(layer, *self.how.map(role, *pair))


def _detached(layer: Layer) -> tuple[Tensor, Tensor | None]:
    bias = layer.bias
    return layer.weight.detach(), None if bias is None else bias.detach()
