"""What Xu, Huang & Li (2016) say of their table, row by row, and of what lies behind it."""

from __future__ import annotations

import functools

from ...claims import Claim
from . import checks
from .printed import NAMES, ROWS

XU = "Xu, Huang & Li 2016"
TABLE = f"{XU}, Table 1"

SCALE = (
    "Ours is an eighth as wide and learns for 12 epochs of 45, so the printed numbers themselves "
    "are not tested."
)
EARLY = "At an eighth of the width, one seed, after 12 epochs of 45"

CLAIMS = [
    Claim(
        id="xu2016.table1.sigmoid",
        source=TABLE,
        says="The network of plain sigmoids does not train.",
        printed="N/A",
        check=checks.check_sigmoid,
        verdict="reproduced",
        reason="It stays at chance for the one epoch that we gave it. At the start its units do "
        "not depend on the image, and hardly any gradient arrives (see the last two claims).",
    ),
    *(
        Claim(
            id=f"xu2016.table1.{name.replace('_', '-')}",
            source=TABLE,
            says=f"With {NAMES[name]} the network trains to this accuracy.",
            printed=f"train {row.train} %, test {row.test} %",
            check=checks.row_checks[name],
            verdict="partly reproduced",
            reason=SCALE,
        )
        for name, row in ROWS.items()
    ),
    Claim(
        id="xu2016.table1.order",
        source=TABLE,
        says="On test images the order is rescaled sigmoid, tanh, ReLU, leaky tanh, leaky ReLU.",
        printed="59.11 < 61.99 < 67.91 < 70.43 < 70.64 %",
        check=checks.check_order,
        verdict="not reproduced",
        reason=f"{EARLY}, and no evidence about the end: ReLU and leaky tanh, which lose their "
        "signal on the way from Xavier's start (our guess), are behind by less than after 5. "
        "Tanh and the rescaled sigmoid are not told apart.",
    ),
    Claim(
        id="xu2016.sec3.leak-gains",
        source=f"{XU}, section 3",
        says="The leak alone improves tanh on test images by 13.6 % of its accuracy.",
        printed="13.6 % (that is 8.44 points)",
        check=checks.check_gain_of_leak,
        verdict="not reproduced",
        reason=f"{EARLY}. Leaky tanh starts late and is behind tanh, by half as much as after 5. "
        "After 5, with a gain or without its mean, it is better, but still behind.",
    ),
    Claim(
        id="xu2016.sec3.near-leaky-relu",
        source=f"{XU}, section 3",
        says="Leaky tanh is about as good as leaky ReLU.",
        printed="70.43 and 70.64 %",
        check=checks.check_near_leaky_relu,
        verdict="not reproduced",
        reason=f"{EARLY}. Here leaky ReLU is the best of the six, by far.",
    ),
    Claim(
        id="xu2016.abstract.beats-relu",
        source=f"{XU}, abstract and Table 1",
        says="Leaky tanh outperforms ReLU.",
        printed="70.43 against 67.91 %",
        check=functools.partial(checks.check_better, "leaky_tanh", "relu"),
        verdict="not reproduced",
        reason=f"{EARLY}. After 10 they were level; ReLU gains more from the lower rate.",
    ),
    Claim(
        id="xu2016.table1.tanh-beats-rescaled",
        source=TABLE,
        says="Tanh is better than the rescaled sigmoid.",
        printed="61.99 against 59.11 %",
        check=functools.partial(checks.check_better, "tanh", "rescaled_sigmoid"),
        verdict="open",
        reason=f"{EARLY} they are not told apart; after 5 the rescaled sigmoid was ahead. The two "
        "rows are one network with other scales at its ends: their order is a matter of these.",
    ),
    Claim(
        id="xu2016.sec3.saturation-harmless",
        source=f"{XU}, section 3",
        says="Saturation is no longer a problem when there is a leak.",
        printed="the statement",
        check=checks.check_saturation_harmless,
        verdict="not reproduced",
        reason=f"{EARLY}. Leaky tanh saturates less than a third as much as tanh, and is behind "
        "it. Tanh is ahead of ReLU too: that saturation harms is not seen either.",
    ),
    Claim(
        id="xu2016.sec2.signal-vanishes",
        source=f"{XU}, section 2",
        says="In this network the sigmoid does not keep the variance of its signal, and the "
        "rescaled sigmoid does.",
        printed="the statement, for layers of equal size",
        check=checks.check_data_vanishes,
        verdict="reproduced",
        reason="Measured in the network of the table; the weights of both are the same.",
    ),
    Claim(
        id="xu2016.sec2.gradient-vanishes",
        source=f"{XU}, section 2",
        says="In this network the gradient vanishes with the sigmoid, not with the rescaled one.",
        printed="the statement, for layers of equal size",
        check=checks.check_gradient_vanishes,
        verdict="reproduced",
        reason="Measured in the network of the table; the weights of both are the same.",
    ),
    Claim(
        id="xu2016.abstract.converges",
        source=f"{XU}, abstract",
        says="The network of rescaled sigmoids converges robustly, without normalization and "
        "without weights made for it.",
        printed="the statement",
        check=checks.check_converges,
        verdict="partly reproduced",
        reason="It learns from epoch to epoch, and does not diverge. One seed does not show "
        "robustness, and 12 epochs of 45 are no convergence. The rule was made after the runs.",
    ),
]
