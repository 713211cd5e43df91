"""What He et al. (2015) show about depth that our runs can test, and predictions of ours.

Our networks are an eighth as wide as the paper's and see CIFAR-10 for a few epochs, so they test
whether and when a network begins to learn, not the printed errors.
"""

from __future__ import annotations

from ...claims import Claim
from . import checks

HE = "He et al. 2015"
OURS = "A prediction of ours"

NOT_RUN = "The runs are not on record yet."

CLAIMS = [
    Claim(
        id="he2015.fig2.both-converge",
        source=f"{HE}, Fig. 2 and section 2.2",
        says="At 22 layers networks converge from Xavier's starting weights and from Kaiming's.",
        printed="both converge; errors .855 and .79 after 3 epochs (read off)",
        check=checks.check_both_converge,
        verdict="open",
        reason=NOT_RUN,
    ),
    Claim(
        id="he2015.fig2.kaiming-first",
        source=f"{HE}, Fig. 2",
        says="At 22 layers Kaiming's network starts to reduce its error earlier.",
        printed="after about .4 and .6 of an epoch (read off)",
        check=checks.check_kaiming_first,
        verdict="open",
        reason=NOT_RUN,
    ),
    Claim(
        id="he2015.fig3.kaiming-converges",
        source=f"{HE}, Fig. 3",
        says="At 30 layers Kaiming's network converges.",
        printed="error .84 after 4.5 epochs, .795 after 9.5 (read off)",
        check=checks.check_kaiming_converges,
        verdict="open",
        reason=NOT_RUN,
    ),
    Claim(
        id="he2015.fig3.xavier-stalls",
        source=f"{HE}, Fig. 3 and section 2.2",
        says="At 30 layers Xavier's network does not learn at all.",
        printed="error 1.0 for 9 epochs (read off)",
        check=checks.check_xavier_stalls,
        verdict="open",
        reason=NOT_RUN,
    ),
    Claim(
        id="he2015.sec2.2.gradients-diminish",
        source=f"{HE}, section 2.2",
        says="It stalls because its gradients diminish.",
        printed="the statement",
        check=checks.check_gradients_at_start,
        verdict="reproduced",
        reason="They are smaller than Kaiming's by the same factor, 2^-13 at 27 convolutions, in "
        "every layer: they do not fade from layer to layer.",
    ),
    Claim(
        id="he2015.sec2.2.deeper-is-worse",
        source=f"{HE}, section 2.2",
        says="The network of 30 layers, though it converges, is worse than the one of 14.",
        printed="38.56 % against 33.82 % (ImageNet, top 1)",
        check=checks.check_deeper_is_worse,
        verdict="open",
        reason=NOT_RUN,
    ),
]
