"""What Pennington, Schoenholz & Ganguli (2017) state of learning, section 3 and Fig. 4.

The text was partly recalled from memory, and the figure read off a picture.
"""

from __future__ import annotations

from ...claims import Claim
from . import checks

SOURCE = "Pennington, Schoenholz & Ganguli 2017"

CLAIMS = [
    Claim(
        id="pennington2017.fig4.faster",
        source=f"{SOURCE}, abstract and Fig. 4",
        says="The most isometric network learns orders of magnitude faster than the ReLU ones.",
        printed="3.4 steps of SGD against 2800 and 3800 to a test accuracy of 0.25 (read off, to "
        "15 %): 820 and 1100 times",
        check=checks.check_faster,
        verdict="reproduced",
        reason="At the paper's depth, width and batch, with one draw of the weights. Gaussian ReLU "
        "had not got there when its run ended. 25 % is a low bar.",
    ),
    Claim(
        id="pennington2017.fig4.times",
        source=f"{SOURCE}, Fig. 4a",
        says="How many steps of SGD each of the six networks takes to a test accuracy of 0.25.",
        printed="tanh 1.05: 3.4, 46; tanh 2: 440, 1500; ReLU: 2800, 3800 (orthogonal, Gaussian; "
        "read off)",
        check=checks.check_times,
        verdict="partly reproduced",
        reason="Three of six within a factor of two; two are faster, one was not seen to get "
        "there. How inputs are scaled and how the first and the last layer start is not known.",
    ),
    Claim(
        id="pennington2017.fig4.sgd-order",
        source=f"{SOURCE}, Fig. 4a",
        says="The order in which the six networks learn under SGD.",
        printed="tanh 1.05, tanh 2, ReLU, each orthogonal before Gaussian",
        check=checks.check_order,
        verdict="partly reproduced",
        reason="All pairs but that of the two ReLU networks, of which the Gaussian one was not "
        "trained as long as the other.",
    ),
    Claim(
        id="pennington2017.fig4.gaps",
        source=f"{SOURCE}, section 3 (from memory) and Fig. 4a",
        says="What orthogonal weights gain is much for tanh with sigma_w2 = 1.05, and little for "
        "tanh with 2 and for ReLU.",
        printed="14, 3.4 and 1.3 times (read off)",
        check=checks.check_gaps,
        verdict="partly reproduced",
        reason="Much for tanh 1.05, little for tanh 2. For ReLU it is not known, since the "
        "Gaussian network was not seen to learn.",
    ),
    Claim(
        id="ours.tangent-order",
        source="This book, on Fig. 4a of Pennington, Schoenholz & Ganguli 2017",
        says="The conditioning of the tangent kernel at the start orders the six networks better "
        "than s_max does.",
        printed="(ours; chosen knowing the printed order, before our runs)",
        check=checks.check_tangent_order,
        verdict="partly reproduced",
        reason="It sets both networks of tanh 1.05 apart, which s_max does not; among the other "
        "four it orders fewer pairs.",
    ),
]
