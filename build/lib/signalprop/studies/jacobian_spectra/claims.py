"""What Pennington, Schoenholz & Ganguli say of Jacobian spectra, in 2017 and in 2018.

The text of the 2017 paper was not at hand beyond its theory and some of its figures: what is
known from memory only is marked so.
"""

from __future__ import annotations

from functools import partial

from ...claims import Claim
from . import checks
from .universality_claims import CLAIMS_2018

SOURCE = "Pennington et al. 2017"
MEMORY = "from memory of the paper"

CLAIMS_2017 = [
    Claim(
        id="pennington2017.linear.isometry",
        source=f"{SOURCE}, section 2.4",
        says="Orthogonal linear networks are isometries: every singular value is 1.",
        printed="s = 1, variance 0",
        check=checks.check_linear_orthogonal,
        verdict="reproduced",
        reason="A product of orthogonal matrices is orthogonal.",
    ),
    Claim(
        id="pennington2017.linear.density",
        source=f"{SOURCE}, eqs. 13 and 14",
        says="The singular values of Gaussian linear networks have a parametric density.",
        printed=f"s and P(s) as functions of an angle ({MEMORY}; the Fuss-Catalan law)",
        check=checks.check_linear_density,
        verdict="reproduced",
        reason="Our density is solved from the product of S-transforms, without this formula.",
    ),
    Claim(
        id="pennington2017.linear.s-max",
        source=f"{SOURCE}, eq. 14",
        says="The largest singular value of Gaussian linear networks grows like the root of eL.",
        printed="s_max² = (L+1)^(L+1) / L^L ~ eL",
        check=checks.check_linear_edge,
        verdict="reproduced",
        reason="The exact form agrees at every depth; to the next order it is e(L + 1/2).",
    ),
    Claim(
        id="pennington2017.linear.variance",
        source=f"{SOURCE}, section 2.4",
        says="The variance of the squared singular values of Gaussian linear networks is L.",
        printed="L",
        check=checks.check_linear_variance,
        verdict="reproduced",
        reason="From the first two moments of the law.",
    ),
    Claim(
        id="pennington2017.gaussian.variance",
        source=f"{SOURCE}, eq. 19",
        says="With Gaussian weights and slopes 0 or 1 the variance of s² is L/p at criticality.",
        printed="L/p; 2L for ReLU",
        check=checks.check_gaussian_variance,
        verdict="reproduced",
        reason="ReLU, and hard tanh at two values of q*.",
    ),
    Claim(
        id="pennington2017.gaussian.s-max",
        source=f"{SOURCE}, eq. 17",
        says="With Gaussian weights s_max² is eL/p, up to a constant.",
        printed="s_max² = eL/p + O(1)",
        check=checks.check_gaussian_edge,
        verdict="reproduced",
        reason="The constant is e(1 - 1/2p); for ReLU it vanishes.",
    ),
    Claim(
        id="pennington2017.gaussian.never",
        source=f"{SOURCE}, section 2.5.1",
        says="No critical network with Gaussian weights is dynamically isometric.",
        printed="1/p >= 1 for every activation",
        check=checks.check_gaussian_never,
        verdict="reproduced",
        reason="All thirteen activations do no better than a linear network.",
    ),
    Claim(
        id="pennington2017.fig3.gaussian-grows",
        source=f"{SOURCE}, Fig. 3a",
        says="With Gaussian weights s_max grows with depth at every q*; the linear network's is "
        "the smallest.",
        printed=f"curves of s_max against L ({MEMORY})",
        check=checks.check_figure_3_gaussian,
        verdict="reproduced",
        reason="It grows like the root of the depth; hard tanh at q* = 0.05 to 4.",
    ),
    Claim(
        id="pennington2017.orthogonal.variance",
        source=f"{SOURCE}, eq. 23",
        says="With orthogonal weights and slopes 0 or 1 the variance of s² is L(1-p)/p at "
        "criticality.",
        printed="L(1-p)/p; L for ReLU",
        check=checks.check_orthogonal_variance,
        verdict="reproduced",
        reason="ReLU, and hard tanh at two values of q*.",
    ),
    Claim(
        id="pennington2017.orthogonal.bulk-edge",
        source=f"{SOURCE}, eq. 22",
        says="With orthogonal weights the spectrum's continuous part ends at the value of eq. 22; "
        "for ReLU that is nearly the linear Gaussian network's s_max.",
        printed="s² = (1-p)/p L^L/(L-1)^(L-1); for ReLU about e(L - 1/2)",
        check=checks.check_bulk_edge,
        verdict="reproduced",
        reason="ReLU, and hard tanh at two values of q*, L = 2 to 128.",
    ),
    Claim(
        id="pennington2017.relu.no-escape",
        source=f"{SOURCE}, section 2.5.2",
        says="ReLU networks cannot be made isometric by any choice of the variances.",
        printed="p = 1/2",
        check=checks.check_relu_cannot_be_mended,
        verdict="reproduced",
        reason="q* does not enter, and sigma_w2 only multiplies all singular values by one number.",
    ),
    *(
        Claim(
            id=f"pennington2017.fig2.{name}-networks",
            source=f"{SOURCE}, Fig. 2",
            says=f"{title} networks of width 1000 have the singular values that theory predicts.",
            printed=f"curves that coincide at L = 2, 8, 32, 128 (width {MEMORY})",
            check=partial(checks.check_densities, activation),
            verdict="reproduced",
            reason="Two networks at each depth; distribution functions are compared, atoms left "
            "out by 5 %.",
        )
        for name, activation, title in (
            ("linear", "linear", "Gaussian linear"),
            ("relu", "relu", "Orthogonal ReLU"),
            ("hard-tanh", "hard_tanh", "Orthogonal hard tanh"),
        )
    ),
    Claim(
        id="pennington2017.orthogonal.s-max",
        source=f"{SOURCE}, eq. 22",
        says="Equation 22 is the largest singular value.",
        printed="s_max² = (1-p)/p L^L/(L-1)^(L-1)",
        check=checks.check_bulk_edge_is_s_max,
        verdict="refuted",
        reason="While L < 1/(1-p) an atom of mass 1 - L(1-p) lies above the edge, at p^(-L/2): it "
        "is the largest singular value, at most √e. From L = 1/(1-p) on, eq. 22 is right.",
    ),
    Claim(
        id="pennington2017.orthogonal.schedule",
        source=f"{SOURCE}, section 2.5.2",
        says="Hard tanh networks whose q* shrinks with depth, so that (1-p)/p is 1/L, keep s_max "
        "and variance at any depth.",
        printed=f"p ~ 1 - 1/L ({MEMORY})",
        check=checks.check_escape,
        verdict="reproduced",
        reason="s_max tends to √e from below, because it is the atom's place, (1 + 1/L)^(L/2).",
    ),
    Claim(
        id="pennington2017.fig2.edges",
        source=f"{SOURCE}, Fig. 2",
        says="The spectra of hard tanh networks of 32 and 128 layers end at these values.",
        printed="2.0 and 4.1 (read off)",
        check=checks.check_figure_2_edges,
        verdict="reproduced",
        reason="The figure does not state q*; 1/4 is inferred from these edges and from those of "
        "the 2018 paper, so the agreement of both with one q* is what is tested.",
    ),
    Claim(
        id="pennington2017.fig2.spikes",
        source=f"{SOURCE}, Fig. 2",
        says="The spectra of hard tanh networks of 2 and 8 layers have a spike.",
        printed=f"at {checks.SPIKES[0]} and {checks.SPIKES[1]} (read off)",
        check=checks.check_figure_2_spikes,
        verdict="partly reproduced",
        reason="The spikes are the atoms, 3 % farther out. The picture's places are those of the "
        "centre of the last of 15 histogram bins.",
    ),
    Claim(
        id="pennington2017.fig3.orthogonal-flat",
        source=f"{SOURCE}, Fig. 3b and 3d",
        says="With orthogonal weights and small q*, s_max of hard tanh networks stays of order 1.",
        printed=f"curves of s_max against L and q* ({MEMORY})",
        check=checks.check_figure_3_orthogonal,
        verdict="reproduced",
        reason="To 1000 layers at q* = 0.05 and 0.1; at any fixed q* it grows in the end.",
    ),
    Claim(
        id="pennington2017.fig3.onset",
        source=f"{SOURCE}, caption of Fig. 3",
        says="At fixed q* the growth of s_max with the root of the depth begins at L = p/(1-p).",
        printed=f"L > p/(1-p) ({MEMORY})",
        check=checks.check_figure_3_onset,
        verdict="reproduced",
        reason="It is where the bulk overtakes the atom, L = 1/(1-p): one layer later.",
    ),
    Claim(
        id="pennington2017.abstract.only-orthogonal-sigmoids",
        source=f"{SOURCE}, abstract and section 2.5",
        says="ReLU networks cannot be isometric; sigmoidal networks can, with orthogonal weights "
        "only.",
        printed="(text)",
        check=checks.check_only_orthogonal_sigmoids,
        verdict="reproduced",
        reason="In theory at 128 layers. 'Sigmoidal' must not mean the sigmoid itself: its "
        "critical points all have q* above 45.",
    ),
    Claim(
        id="pennington2017.fig4.order",
        source=f"{SOURCE}, caption of Fig. 4",
        says="Networks learn in the order of their isometry, as measured by s_max.",
        printed="SGD to accuracy 0.25: 3.4, 46, 440, 1500, 2800, 3800 steps (read off, to 15 %)",
        check=checks.check_order_follows_s_max,
        verdict="partly reproduced",
        reason="The first and the last are the smallest and the largest s_max. Between them the "
        "order is another: Gaussian tanh with sigma_w2 = 1.05 is second with the fourth s_max. "
        "Theory against the picture; we trained nothing here.",
    ),
]

CLAIMS = [*CLAIMS_2017, *CLAIMS_2018]
