"""What He et al. (2015) show about depth that our runs can test, and predictions of ours.

Our networks are an eighth as wide as the paper's and see CIFAR-10 for a few epochs, so they test
whether and when a network begins to learn, not the printed errors.
"""

from __future__ import annotations

from ...claims import Claim
from . import checks

HE = "He et al. 2015"
OURS = "A prediction of ours"

CLAIMS = [
    Claim(
        id="he2015.fig2.both-converge",
        source=f"{HE}, Fig. 2 and section 2.2",
        says="At 22 layers networks converge from Xavier's starting weights and from Kaiming's.",
        printed="both converge; errors .855 and .79 after 3 epochs (read off)",
        check=checks.check_both_converge,
        verdict="partly reproduced",
        reason="Kaiming's two networks begin early. Of Xavier's one begins late, and the other "
        "is dead within 203 updates: the gradient of its first layer is exactly 0.",
    ),
    Claim(
        id="he2015.fig2.kaiming-first",
        source=f"{HE}, Fig. 2",
        says="At 22 layers Kaiming's network starts to reduce its error earlier.",
        printed="after about .4 and .6 of an epoch (read off)",
        check=checks.check_kaiming_first,
        verdict="reproduced",
        reason="By a factor of ten and more, where the paper shows one of one and a half.",
    ),
    Claim(
        id="he2015.fig3.kaiming-converges",
        source=f"{HE}, Fig. 3",
        says="At 30 layers Kaiming's network converges.",
        printed="error .84 after 4.5 epochs, .795 after 9.5 (read off)",
        check=checks.check_kaiming_converges,
        verdict="reproduced",
        reason="Within two hundred updates.",
    ),
    Claim(
        id="he2015.fig3.xavier-stalls",
        source=f"{HE}, Fig. 3 and section 2.2",
        says="At 30 layers Xavier's network does not learn at all.",
        printed="error 1.0 for 9 epochs (read off)",
        check=checks.check_xavier_stalls,
        verdict="reproduced",
        reason="The cost stays at that of a blind guess in both runs, and after 323 updates the "
        "gradient of the first layer is exactly 0 in both: these networks are dead, not slow.",
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
        verdict="reproduced",
        reason="After the same few epochs, with other data and widths, two networks of 30 layers "
        "and only one of 14; the paper's numbers are of fully trained networks.",
    ),
    Claim(
        id="ours.he-depth.stall-depth",
        source="this book",
        says="Of plain gradient descent with Xavier's weights the stall begins between 18 and 26 "
        "layers; Kaiming's networks begin to learn at every depth from 10 to 30.",
        printed="the paper's 22 layers learn, its 30 do not; in our runs, not predicted",
        check=checks.check_stall_depth,
        verdict="reproduced",
        reason="Within 2,000 updates, two seeds; at 22 layers one learns, late, and one does not. "
        "Networks of more than 30 layers were not run.",
    ),
    Claim(
        id="ours.he-depth.factor-put-back",
        source=OURS,
        says="Xavier's network of 30 layers learns if the factor its signal lacks, 2 to the half "
        "of the number of convolutions, is put back into one layer.",
        printed="the network is the same function as Kaiming's",
        check=checks.check_factor_put_back,
        verdict="partly reproduced",
        reason="In the first layer it learns. In the last it diverges at the same learning rate, "
        "unless biases are left out: the function is the same, its training is not.",
    ),
    Claim(
        id="ours.he-depth.factors-are-rates",
        source="this book",
        says="Factors in the weights of a ReLU network are learning rates of its layers: a layer "
        "times a learns like the layer itself at the rate divided by a squared.",
        printed="an identity",
        check=checks.check_same_training,
        verdict="reproduced",
        reason="With momentum and weight decay, to rounding.",
    ),
]
