"""What Pennington, Schoenholz & Ganguli (2018) say: formulas, Table 1, limits, misprints."""

from __future__ import annotations

from functools import partial

from ...claims import Claim
from . import algorithm, checks
from . import universality_checks as limits

SOURCE = "Pennington et al. 2018"
MISPRINT = "misprinted; our notes of the paper hold the correction only"

TABLE = {
    "linear": ("M = 1/(z-1), mu_k = 1, sigma_w2 = 1, variance -L s_1", "Linear networks"),
    "relu": ("M = (1/2)/(z-1), mu_k = 1/2, sigma_w2 = 2, variance L(1-s_1)", "ReLU"),
    "hard_tanh": (
        "M = p/(z-1), mu_k = p = erf(1/sqrt(2q*)), sigma_w2 = 1/p, variance L(1/p - 1 - s_1)",
        "Hard tanh",
    ),
    "erf": (
        "mu_k = (1+πkq*)^(-1/2), sigma_w2 = (1+πq*)^(1/2), variance "
        "L((1+πq*)/(1+2πq*)^(1/2) - 1 - s_1), M by Lerch's function",
        "erf(√π x/2)",
    ),
}

CLAIMS_2018 = [
    Claim(
        id="pennington2018.eq14",
        source=f"{SOURCE}, eqs. 14 to 16",
        says="The moment transform of JJᵀ solves a master equation in that of the slopes.",
        printed="M(z) = M_D²(z^(1/L) F(M(z))), F(x) = S_WᵀW(x) ((1+x)/x)^(1-1/L)",
        check=limits.check_master_equation,
        verdict="reproduced",
        reason="Its left side is an average over our density, its right side one over the slopes.",
    ),
    Claim(
        id="pennington2018.algorithm1",
        source=f"{SOURCE}, Algorithm 1",
        says="Following the root of equation 15 nearest to the last one, from far above the real "
        "axis down to it, gives the density.",
        printed="no number",
        check=algorithm.check_algorithm_1,
        verdict="reproduced",
        reason="It approaches our density from another side, with an error in proportion to the "
        "distance from the axis at which it stops.",
    ),
    Claim(
        id="pennington2018.eq22",
        source=f"{SOURCE}, eqs. 21 and 22",
        says="The first two moments of JJᵀ follow from two moments of the squared slopes.",
        printed="m_1 = (sigma_w2 μ_1)^L, variance m_1² L(μ_2/μ_1² - 1 - s_1)",
        check=limits.check_moments,
        verdict="reproduced",
        reason="Every activation, both kinds of weights.",
    ),
    *(
        Claim(
            id=f"pennington2018.table1.{name.replace('_', '-')}",
            source=f"{SOURCE}, Tables 1 and 2",
            says=f"{title} at criticality: transform and moments of the squared slopes, weight "
            "variance, variance of s².",
            printed=printed,
            check=partial(limits.check_table_row, name),
            verdict="reproduced",
            reason="Both kinds of weights, s_1 = 0 and -1.",
        )
        for name, (printed, title) in TABLE.items()
    ),
    Claim(
        id="pennington2018.bernoulli.limit",
        source=f"{SOURCE}, section 5",
        says="Hard tanh networks whose variance of s² is held at σ₀² have a limit: a bulk up to "
        "λ = e σ₀² and, for σ₀ < 1, a spike at λ = exp(σ₀²).",
        printed="S = exp(-σ₀² z/(1+z)); λ_1 = e σ₀², λ_2 = exp(σ₀²)",
        check=limits.check_bernoulli_limit,
        verdict="reproduced",
        reason="The spike's mass, 1 - σ₀², is not in our notes of the paper; it follows from the "
        "law of depth L.",
    ),
    Claim(
        id="pennington2018.bernoulli.shifted-relu",
        source=f"{SOURCE}, section 5",
        says="The ReLU shifted to [x + 1/2]₊ - 1/2 belongs to the class of hard tanh.",
        printed="(text)",
        check=limits.check_shifted_relu,
        verdict="reproduced",
        reason="Its slope has the same two values, and p tends to 1 as q* shrinks.",
    ),
    Claim(
        id="pennington2018.smooth.limit",
        source=f"{SOURCE}, section 5",
        says="Smooth activations have another limit, the same for all.",
        printed="S = exp(-σ₀² z); erf, SiLU",
        check=limits.check_smooth_limit,
        verdict="reproduced",
        reason="Tanh and softsign, which the paper does not name, go there too; softsign although "
        "its slope has a kink. The distance falls like 1/√L, for SiLU like 1/L.",
    ),
    Claim(
        id="pennington2018.numbers",
        source=f"{SOURCE}, section 5",
        says="At σ₀² = 1/4 the limits have these edges and this spike.",
        printed="bulk edge √e/2 = .824, spike e^(1/8) = 1.133; smooth edges .567 and 1.557",
        check=limits.check_numbers,
        verdict="reproduced",
        reason="To the last printed digit.",
    ),
    Claim(
        id="pennington2018.relu-no-limit",
        source=f"{SOURCE}, section 5",
        says="ReLU networks have no such limit.",
        printed="μ_k does not depend on q*",
        check=limits.check_relu_no_limit,
        verdict="reproduced",
        reason="The schedule does not exist.",
    ),
    Claim(
        id="pennington2018.theorem",
        source=f"{SOURCE}, section 5",
        says="A limit exists with orthogonal weights only.",
        printed="s_1 = 0",
        check=limits.check_theorem,
        verdict="reproduced",
        reason="The variance is L(μ_2/μ_1² - 1 - s_1); the first part is never negative, and "
        "neither is -s_1, the relative variance of WWᵀ. Bounded as L grows, -s_1 must be 0.",
    ),
    *(
        Claim(
            id=f"pennington2018.fig2.{name.replace('_', '-')}-edges",
            source=f"{SOURCE}, Fig. 2",
            says=f"The spectra of {title} networks end at these values at L = 2, 8, 32, 128.",
            printed=", ".join(f"{e:.3f}" for e in limits.EDGES[name][1]) + " (measured)",
            check=partial(limits.check_edges, name),
            verdict="reproduced",
            reason=f"One q*, {q}, gives all four; the figure does not state it.",
        )
        for name, title, q in (
            ("hard_tanh", "hard tanh", "1/4"),
            ("erf", "erf", "1/16 in the units of Table 1"),
        )
    ),
    Claim(
        id="pennington2018.fig2.erf-networks",
        source=f"{SOURCE}, Fig. 2",
        says="Orthogonal erf networks of width 1000 have the singular values that theory predicts.",
        printed="curves that coincide at L = 2, 8, 32, 128",
        check=partial(checks.check_densities, "erf"),
        verdict="reproduced",
        reason="Two networks at each depth; distribution functions are compared.",
    ),
    *(
        Claim(
            id=f"pennington2018.fig4.{name.replace('_', '-')}-networks",
            source=f"{SOURCE}, Fig. 4",
            says=f"{title} networks of width 1000 and σ₀² = 1/4 approach their limit from L = 2 "
            "to 128.",
            printed="histograms that approach the black curve",
            check=partial(limits.check_approach, name),
            verdict="reproduced",
            reason="Two networks at each depth.",
        )
        for name, title in (("hard_tanh", "Hard tanh"), ("erf", "Erf"))
    ),
    Claim(
        id="pennington2018.fig4.erf-theory",
        source=f"{SOURCE}, Fig. 4",
        says="The law of erf networks approaches its limit through L = 512, 2048 and 8192.",
        printed="curves that approach the black one",
        check=limits.check_erf_theory,
        verdict="reproduced",
        reason="Slowly, like 1/√L.",
    ),
    Claim(
        id="pennington2018.misprints.eq26",
        source=f"{SOURCE}, eq. 26",
        says="The p at which hard tanh keeps the variance σ₀².",
        printed=MISPRINT,
        check=limits.check_schedule_p,
        verdict="refuted",
        reason="It is 1/(1 + σ₀²/L), from L(1-p)/p = σ₀².",
    ),
    Claim(
        id="pennington2018.misprints.eq37",
        source=f"{SOURCE}, eqs. 37 and S56",
        says="The edges of the smooth limit.",
        printed="the labels + and - of the two edges exchanged",
        check=limits.check_smooth_edge_labels,
        verdict="refuted",
        reason="s_± = exp(-a_∓/4) √(1 + a_±/2) with a_± = σ₀(σ₀ ± √(σ₀² + 4)).",
    ),
    Claim(
        id="pennington2018.misprints.gaussian-density",
        source=f"{SOURCE}, supplement",
        says="Density and Stieltjes transform of WWᵀ with Gaussian weights.",
        printed=MISPRINT,
        check=limits.check_gaussian_density,
        verdict="refuted",
        reason="They are √((4-x)/x)/2π and (1 - √((z-4)/z))/2.",
    ),
    Claim(
        id="pennington2018.misprints.s30",
        source=f"{SOURCE}, eq. S30",
        says="The schedule q*(L) of hard tanh.",
        printed=MISPRINT,
        check=limits.check_hard_tanh_schedule,
        verdict="refuted",
        reason="It is 1/(2 [erf⁻¹(L/(L + σ₀²))]²), from erf(1/√(2q*)) = 1/(1 + σ₀²/L).",
    ),
    Claim(
        id="pennington2018.misprints.s34",
        source=f"{SOURCE}, eq. S34",
        says="The argument of Lambert's function in the limit of hard tanh.",
        printed=MISPRINT,
        check=limits.check_lambert_argument,
        verdict="refuted",
        reason="It is -σ₀²/z.",
    ),
    Claim(
        id="pennington2018.misprints.s21",
        source=f"{SOURCE}, eqs. S21 to S25",
        says="Slopes are averaged as φ'(q* x), with x a standard Gaussian.",
        printed="φ'(q* x), and q*² in what follows",
        check=limits.check_root_of_q,
        verdict="refuted",
        reason="q* is a variance: it is φ'(√q* x), and Table 1 has it right.",
    ),
    Claim(
        id="pennington2018.misprints.two-erfs",
        source=f"{SOURCE}, Table 1 and supplement",
        says="Table 1 and the supplement speak of the same erf.",
        printed="μ_k = (1+πkq*)^(-1/2) in one, (1+2kq*)^(-1/2) in the other",
        check=limits.check_two_erfs,
        verdict="refuted",
        reason="One is erf(√π x/2), the other √(π/2) erf(x/√2): both have slope 1 at 0, and their "
        "q* differ by a factor π/2. Each is right for its own.",
    ),
]
