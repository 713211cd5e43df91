r"""Mean-field theory of wide deep networks: how variances, correlations and gradients travel.

A layer maps the variance of its pre-activations from :math:`q` to
:math:`\sigma_w^2\, \mathbb{E}\,\phi(\sqrt q z)^2 + \sigma_b^2` (Poole et al. 2016).  At the fixed
point :math:`q^*` everything else is a number: :math:`\chi`, the growth of squared gradients per
layer, separates order (:math:`\chi < 1`) from chaos (:math:`\chi > 1`).
"""

from .correlations import DepthScales, correlation_map, depth_scales, fixed_correlation
from .criticality import critical_point, critical_q
from .lengths import (
    chi,
    curvature,
    fixed_point,
    gradient_factor,
    length_map,
    phase_diagram,
)

__all__ = [
    "DepthScales",
    "chi",
    "correlation_map",
    "critical_point",
    "critical_q",
    "curvature",
    "depth_scales",
    "fixed_correlation",
    "fixed_point",
    "gradient_factor",
    "length_map",
    "phase_diagram",
]
