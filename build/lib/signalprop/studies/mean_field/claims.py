"""What the mean-field papers state and can be tested on paper or in seconds.

Formulas that we had before us in a secondary source are quoted as they stand there; what we know
only from memory of a paper is said to be from memory, and so are its locators.
"""

from __future__ import annotations

from ...claims import Claim
from . import checks, spectral_checks

POOLE = "Poole et al. 2016"
SCHOENHOLZ = "Schoenholz et al. 2017"
PENNINGTON = "Pennington et al. 2017"

CLAIMS = [
    # --- order and chaos ------------------------------------------------------------------
    Claim(
        id="poole2016.eq3.length-map",
        source=f"{POOLE}, section 2 (equation number from memory)",
        says="A wide random layer maps the variance q of its pre-activations to "
        "sigma_w2 E phi(sqrt(q) z)^2 + sigma_b2.",
        printed="the formula",
        check=checks.check_length_map,
        verdict="reproduced",
        reason="Random tanh networks at the paper's variances follow it in every layer, within the "
        "error of a few networks.",
    ),
    Claim(
        id="poole2016.fig1.fast-convergence",
        source=f"{POOLE}, section 2 and Fig. 1 (from memory)",
        says="Whatever its length, an input's variance is at the fixed point after a few layers.",
        printed="about four layers (from memory of the figure)",
        check=checks.check_fast_convergence,
        verdict="reproduced",
        reason="At the three weight variances shown there. It is not a law: near the isometric end "
        "of the critical line it takes many layers (pennington2017.sec2.fast-convergence).",
    ),
    Claim(
        id="poole2016.eq5.correlation-map",
        source=f"{POOLE}, section 3 (equation number from memory)",
        says="The correlation of two inputs follows its own map, a two-dimensional Gaussian "
        "average.",
        printed="the formula",
        check=checks.check_correlation_map,
        verdict="reproduced",
        reason="In random networks of both phases.",
    ),
    Claim(
        id="poole2016.fig2.fixed-correlations",
        source=f"{POOLE}, Fig. 2",
        says="Correlations end at c* = 1 in the ordered phase and below 1 in the chaotic phase, "
        "ever lower with larger weights.",
        printed="curves for sigma_w = 1.3, 2.5 and 4 at sigma_b = 0.3 (numbers from memory: 1, "
        "above 0.1, near 0)",
        check=checks.check_fixed_correlations,
        verdict="reproduced",
        reason="c* is 1 exactly where chi is below 1.",
    ),
    Claim(
        id="poole2016.eq6.slope-at-one",
        source=f"{POOLE}, section 3 (equation number from memory)",
        says="The slope of the correlation map at c = 1 is chi = sigma_w2 E phi'(sqrt(q*) z)^2.",
        printed="the formula",
        check=checks.check_slope_at_1,
        verdict="reproduced",
        reason="A difference quotient of the map agrees to its own error.",
    ),
    Claim(
        id="poole2016.eq9.curvature",
        source=f"{POOLE}, section 4 (equation number from memory)",
        says="A layer multiplies the squared speed of a circle's image by chi and takes its "
        "squared curvature to 3 chi_2 / chi^2 + kappa^2 / chi.",
        printed="the recursions",
        check=checks.check_curvature,
        verdict="reproduced",
        reason="Circles in random networks follow both; we also derive both in the chapter.",
    ),
    Claim(
        id="poole2016.sec4.total-curvature",
        source=f"{POOLE}, section 4 (from memory)",
        says="In the chaotic phase a curve's length grows exponentially with depth while its "
        "curvature settles, so that its total curvature grows exponentially too.",
        printed="the statement",
        check=checks.check_total_curvature,
        verdict="reproduced",
        reason="It follows from the recursions: chi > 1 stretches and forgets the old curvature.",
    ),
    Claim(
        id="schoenholz2017.eq7.xi-q",
        source=f"{SCHOENHOLZ}, section 3 (formula and locator from memory)",
        says="Lengths converge over xi_q layers, 1 / xi_q = -log(chi + sigma_w2 E phi'' phi).",
        printed="the formula",
        check=checks.check_xi_q,
        verdict="reproduced",
        reason="It is the slope of the length map at q*, by Stein's lemma.",
    ),
    Claim(
        id="schoenholz2017.eq9.xi-c",
        source=f"{SCHOENHOLZ}, section 3 (equation number from memory)",
        says="Correlations converge over xi_c layers, 1 / xi_c = -log(sigma_w2 E phi'(u_1) "
        "phi'(u_2)) at c*.",
        printed="the formula",
        check=checks.check_xi_c,
        verdict="reproduced",
        reason="It is the slope of the correlation map at c*.",
    ),
    Claim(
        id="schoenholz2017.sec3.ordered",
        source=f"{SCHOENHOLZ}, section 3",
        says="In the ordered phase xi_c = -1 / log chi.",
        printed="the formula",
        check=checks.check_ordered_xi_c,
        verdict="reproduced",
        reason="There c* = 1, where the map's slope is chi.",
    ),
    Claim(
        id="schoenholz2017.sec3.divergence",
        source=f"{SCHOENHOLZ}, section 3",
        says="xi_c diverges at the border of order and chaos.",
        printed="the statement",
        check=checks.check_divergence,
        verdict="reproduced",
        reason="On both sides as 1 / |chi - 1| for tanh. For slopes that jump (hard tanh) it is "
        "twice that on the chaotic side.",
    ),
    Claim(
        id="schoenholz2017.sec4.gradient",
        source=f"{SCHOENHOLZ}, section 4 (from memory)",
        says="Going back, a layer multiplies the second moment of the gradient by chi.",
        printed="xi_grad = -1 / log chi, up to sign (from memory)",
        check=checks.check_gradient,
        verdict="reproduced",
        reason="In random networks, although their backward pass reuses the forward weights, which "
        "the derivation treats as fresh ones.",
    ),
    Claim(
        id="schoenholz2017.sec5.dropout",
        source=f"{SCHOENHOLZ}, section 5 and abstract (formulas from memory)",
        says="Dropout destroys the critical point: two equal inputs do not stay equal, and c* = 1 "
        "is no fixed point any more.",
        printed="the statement",
        check=checks.check_dropout,
        verdict="reproduced",
        reason="The two inputs' masks differ, and already 5 % of dropped units part them for good.",
    ),
    Claim(
        id="schoenholz2017.fig5.six-xi",
        source=f"{SCHOENHOLZ}, Fig. 5 and section 6 (from memory)",
        says="Networks train if they are not deeper than about six times xi_c.",
        printed="6 xi_c (from memory)",
        check=checks.check_six_xi,
        verdict="open",
        reason="A statement about training; nothing is trained in this study.",
    ),
    Claim(
        id="pennington2017.fig1.critical-line",
        source=f"{PENNINGTON}, Fig. 1",
        says="The critical line of tanh starts at (sigma_w2, sigma_b2) = (1, 0) and leaves the "
        "frame at the top, near sigma_w2 = 2.4.",
        printed="starts at (1, 0), leaves at about 2.4; colours of q* up to 1.5 (read off)",
        check=checks.check_figure_1,
        verdict="reproduced",
        reason="Within the width of the line.",
    ),
    Claim(
        id="pennington2017.eq4.fixed-point",
        source=f"{PENNINGTON}, eq. 4",
        says="The variance q* = sigma_w2 E phi(sqrt(q*) z)^2 + sigma_b2 is handed on unchanged.",
        printed="the formula",
        check=checks.check_fixed_length,
        verdict="reproduced",
        reason="In random critical networks. For ReLU every variance is a fixed point, and the "
        "variance wanders.",
    ),
    Claim(
        id="pennington2017.sec2.fast-convergence",
        source=f"{PENNINGTON}, section 2",
        says="Inputs may be taken to have variance q*, since convergence to it is fast.",
        printed="an assumption (or inputs are scaled)",
        check=checks.check_convergence_at_criticality,
        verdict="partly reproduced",
        reason="Fast at sigma_w2 = 2. At 1.05, the paper's best network, a deviation lasts for "
        "dozens of layers, so there the inputs must be scaled.",
    ),
    Claim(
        id="pennington2017.eq5.chi",
        source=f"{PENNINGTON}, eq. 5",
        says="chi is the mean squared singular value of one layer D W, and chi^L that of J.",
        printed="the formula",
        check=spectral_checks.check_chi,
        verdict="reproduced",
        reason="For Gaussian and for orthogonal weights, off the critical line.",
    ),
    Claim(
        id="pennington2017.sec2.critical-points",
        source=f"{PENNINGTON}, section 2",
        says="Linear and ReLU networks have one critical point each; hard tanh, tanh and erf have "
        "a line of them that ends at (1, 0).",
        printed="(sigma_w, sigma_b) = (1, 0) and (sqrt 2, 0)",
        check=checks.check_critical_points,
        verdict="reproduced",
        reason="For erf if it is scaled to slope 1 at 0, as in the papers.",
    ),
    Claim(
        id="pennington2017.sec2.linear-part",
        source=f"{PENNINGTON}, section 2",
        says="For piecewise-linear units chi = sigma_w2 p, with p the probability of the linear "
        "part: 1/2 for ReLU, erf(1 / sqrt(2 q*)) for hard tanh.",
        printed="the formulas",
        check=checks.check_linear_part,
        verdict="reproduced",
        reason="Counted in a large sample.",
    ),
    Claim(
        id="pennington2017.sec3.bias-variances",
        source=f"{PENNINGTON}, section 3 (from memory)",
        says="The tanh networks with sigma_w2 = 1.05 and 2 are critical.",
        printed="sigma_b2 = 2.01e-5 and 0.104 (from memory)",
        check=checks.check_critical_biases,
        verdict="reproduced",
        reason="Both are the exact values, rounded.",
    ),
    # --- free probability -----------------------------------------------------------------
    Claim(
        id="pennington2017.eq7.stieltjes",
        source=f"{PENNINGTON}, eqs. 7 and 8",
        says="The density is -1/pi times the imaginary part of the Stieltjes transform G just "
        "above the real axis.",
        printed="the formula",
        check=spectral_checks.check_stieltjes,
        verdict="reproduced",
        reason="On Wishart matrices, against their histogram.",
    ),
    Claim(
        id="pennington2017.eq9.moments",
        source=f"{PENNINGTON}, eq. 9",
        says="M(z) = z G(z) - 1 generates the moments: the sum of m_k / z^k.",
        printed="the formula",
        check=spectral_checks.check_moments,
        verdict="reproduced",
        reason="An identity, exact to rounding.",
    ),
    Claim(
        id="pennington2017.eq12.product-rule",
        source=f"{PENNINGTON}, eq. 12",
        says="S of J J^T is the product over layers of the S-transforms of W W^T and of D^2.",
        printed="the formula; freeness is assumed",
        check=spectral_checks.check_product_rule,
        verdict="reproduced",
        reason="On whole networks, whose slopes are not independent of the weights. That they are "
        "free is an assumption of the paper, which this supports and does not prove.",
    ),
    Claim(
        id="pennington2017.sec2.s-gaussian",
        source=f"{PENNINGTON}, section 2.4",
        says="For Gaussian weights S = 1 / (sigma_w2 (1 + z)).",
        printed="the formula",
        check=spectral_checks.check_s_gaussian,
        verdict="reproduced",
        reason="Derived in the chapter and measured.",
    ),
    Claim(
        id="pennington2017.sec2.s-orthogonal",
        source=f"{PENNINGTON}, section 2.4",
        says="For orthogonal weights S = 1 / sigma_w2.",
        printed="the formula",
        check=spectral_checks.check_s_orthogonal,
        verdict="reproduced",
        reason="All eigenvalues are equal.",
    ),
    Claim(
        id="pennington2017.sec2.s-bernoulli",
        source=f"{PENNINGTON}, section 2.5",
        says="For slopes that are 1 with probability p, else 0, S = (1 + z) / (z + p).",
        printed="the formula",
        check=spectral_checks.check_s_bernoulli,
        verdict="reproduced",
        reason="Derived in the chapter and measured, for ReLU and hard tanh.",
    ),
    Claim(
        id="pennington2017.eq18.lagrange",
        source=f"{PENNINGTON}, eq. 18",
        says="The inverse of M starts with m_1 / z + m_2 / m_1, which gives the first two moments.",
        printed="the expansion",
        check=spectral_checks.check_lagrange,
        verdict="reproduced",
        reason="On the spectra of random networks.",
    ),
    Claim(
        id="pennington2018.eq22-simulated",
        source="Pennington et al. 2018, eqs. 21 and 22",
        says="The squared singular values of J of random networks have the variance "
        "m_1^2 L (mu_2 / mu_1^2 - 1 - s_1), s_1 = 0 for orthogonal and -1 for Gaussian weights.",
        printed="the formula",
        check=spectral_checks.check_variance,
        verdict="reproduced",
        reason="Extrapolated from widths 150 and 300 the averages agree within a few standard "
        "errors. Single networks scatter far more.",
    ),
]
