"""What Saxe, McClelland & Ganguli (2014) state of deep linear networks.

We had the paper's main text before us, its Fig. 6 as a picture in another's report, and not its
appendices: thresholds and the preparation of images are our choices.
"""

from __future__ import annotations

from functools import partial

from ...claims import Claim
from . import checks

SAXE = "Saxe, McClelland & Ganguli 2014"

CLAIMS = [
    Claim(
        id="saxe2014.three-layers",
        source=f"{SAXE}, on networks of three layers of units",
        says="A mode of two weight matrices, aligned and balanced, is learned along a logistic "
        "curve, in a time of order tau / s.",
        printed="u(t) = s e^(2st/tau) / (e^(2st/tau) - 1 + s/u_0)",
        check=partial(checks.check_courses, 2),
        verdict="reproduced",
        reason="Whole matrices under gradient descent differ from it by a term proportional to "
        "the rate, as they should.",
    ),
    Claim(
        id="saxe2014.eq15.modes",
        source=f"{SAXE}, eq. 15",
        says="In deeper networks a mode follows tau du/dt = D u^(2 - 2/D) (s - u), with D weight "
        "matrices.",
        printed="the equation, with N_l - 1 for D",
        check=partial(checks.check_courses, 3, 8),
        verdict="reproduced",
        reason="As for two matrices.",
    ),
    Claim(
        id="saxe2014.eq17.limit",
        source=f"{SAXE}, eq. 17",
        says="The time to learn a mode, times the number of layers, tends to a limit.",
        printed="the formula",
        check=checks.check_limit,
        verdict="reproduced",
        reason="Integrals at finite depth approach the closed form as 1 / depth.",
    ),
    Claim(
        id="saxe2014.finite-delay",
        source=f"{SAXE}, after eq. 17",
        says="With rates inverse to depth, an infinitely deep network is behind a shallow one by a "
        "finite delay of order s / u_0.",
        printed="O(s / epsilon), epsilon the strength at the start",
        check=checks.check_delay,
        verdict="reproduced",
        reason="By the closed forms it is s / u_0 - s / u_f over the rate (in units of the "
        "curvature at the end), and gradient descent takes as long.",
    ),
    Claim(
        id="saxe2014.fig4.saturates",
        source=f"{SAXE}, Fig. 4",
        says="From an aligned start the learning time, each depth at its best rate, levels off.",
        printed="a curve over 3 to 100 layers that saturates",
        check=checks.check_saturates,
        verdict="reproduced",
        reason="Modes of the digits instead of MNIST's, and our threshold. It levels off late: at "
        "the strength of 0.001 that the paper starts from, u^(2/D) is close to 1 only for D well "
        "above 14.",
    ),
    Claim(
        id="saxe2014.fig4.rate",
        source=f"{SAXE}, Fig. 4 and after eq. 17",
        says="The best learning rate from an aligned start is inverse to the number of layers.",
        printed="O(1 / (N_l s^2))",
        check=checks.check_aligned_rates,
        verdict="reproduced",
        reason="It is set by the curvature at the end of learning, D s^(2 - 2/D).",
    ),
    Claim(
        id="saxe2014.fig6.orthogonal",
        source=f"{SAXE}, Fig. 6A",
        says="From random orthogonal weights the learning time does not depend on depth.",
        printed="about 3 epochs from 3 to 100 layers (read off)",
        check=checks.check_orthogonal,
        verdict="reproduced",
        reason="It does not grow; from 8 matrices on it even falls. The digits of scikit-learn, "
        "256 units, all images in each step.",
    ),
    Claim(
        id="saxe2014.fig6.glorot",
        source=f"{SAXE}, Fig. 6A",
        says="From Glorot's weights the learning time is proportional to depth.",
        printed="about 5, 45, 85, 130 and 168 epochs with 3, 30, 54, 64 and 100 layers (read off)",
        check=checks.check_glorot,
        verdict="reproduced",
        reason="In networks of 256 units, where 64 matrices have some very strong directions.",
    ),
    Claim(
        id="saxe2014.fig6.ratio",
        source=f"{SAXE}, Fig. 6A",
        says="With 64 layers, orthogonal weights learn tens of times faster than Glorot's.",
        printed="about 130 against 3 epochs: 43 times (read off)",
        check=checks.check_ratio,
        verdict="reproduced",
        reason="Within a factor of two, the tolerance set before the runs; other images, width, "
        "threshold and descent.",
    ),
    Claim(
        id="saxe2014.fig6.rates",
        source=f"{SAXE}, Fig. 6A",
        says="The best rate is the same at all depths with orthogonal weights, and falls with "
        "Glorot's.",
        printed="2e-5 throughout; 1.6e-5 to 0.06e-5, a power -0.94 of the depth (read off)",
        check=checks.check_rates,
        verdict="not reproduced",
        reason="With orthogonal weights, too, the best rate falls, about as the root of depth, "
        "and yet learning takes no longer, since a step moves all matrices. With Glorot's "
        "weights it falls faster than printed.",
    ),
]
