"""What Glorot & Bengio (2010) say of pre-training, and two remarks of a blog post on its cost.

Our runs are small (128 units, half a million images), so they test orders, not printed values.
"""

from __future__ import annotations

from ...claims import BLOG_POST, Claim
from . import checks

SOURCE = "Glorot & Bengio 2010"

CLAIMS = [
    Claim(
        id="glorot2010.fig11.pretraining-wins",
        source=f"{SOURCE}, Fig. 11",
        says="Networks pre-trained as denoising autoencoders end at lower test errors than any "
        "random start.",
        printed="11 % against 16 % (normalized) and 27.5 % (standard tanh) after 25 million images "
        "(read off)",
        check=checks.check_wins,
        verdict="partly reproduced",
        reason="Update for update, autoencoders beat the standard random start. Their lead over "
        "the normalized one is within three standard errors of three seeds; and our runs end after "
        "a thirtieth of the paper's images, far from its errors. Which units the paper's "
        "pre-trained network had is not known to us; ours are tanh.",
    ),
    Claim(
        id="glorot2010.fig11.good-part-of-gap",
        source=f"{SOURCE}, Fig. 11",
        says="The normalized initialization closes a good part of the gap between random starts "
        "and pre-training.",
        printed="11.5 of 16.5 points (read off)",
        check=checks.check_gap,
        verdict="open",
        reason="About half of the gap, as against two thirds in print. Our bound is one half, and "
        "the standard error is larger than the distance from it: three seeds cannot tell. (Our "
        "rule asked for the mean only, and would have said reproduced; since then it asks for "
        "three standard errors on either side.) Our runs end where the paper's figure begins.",
    ),
    Claim(
        id="glorot2010.sec3.1.pretrained-do-not-saturate",
        source=f"{SOURCE}, section 3.1 (from memory)",
        says="Deep sigmoid networks that start from unsupervised pre-training, such as that by "
        "Boltzmann machines, do not show the saturated top layer and its plateau.",
        printed="no number",
        check=checks.check_plateau,
        verdict="partly reproduced",
        reason="There is no plateau. The top layer's mean does fall below the 0.1 that we took for "
        "the bound of a living layer, but only to where networks also end that have escaped by "
        "themselves, and the layer goes on telling images apart: it is sparse, not dead.",
    ),
    Claim(
        id="blog.rbm-cost",
        source=BLOG_POST,
        says="Training a deep belief network should be quite slow, since each of its machines "
        "relies on Gibbs sampling.",
        printed="no number",
        check=checks.check_rbm_cost,
        verdict="partly reproduced",
        reason="Slow with many Gibbs steps. With the one step of contrastive divergence, an "
        "update of every layer costs as much as one of autoencoders, less than three updates of "
        "all layers.",
    ),
    Claim(
        id="blog.all-layers-together",
        source=BLOG_POST,
        says="Once gradients do not vanish, training all layers together is more efficient than "
        "stacking one at a time.",
        printed="no number",
        check=checks.check_all_together,
        verdict="partly reproduced",
        reason="In as much time, all layers together from a normalized start beat a stack of "
        "Boltzmann machines, and are level with a stack of autoencoders.",
    ),
    Claim(
        id="blog.dbn-factorisation",
        source=BLOG_POST,
        says="A deep belief network is the distribution P(x|g1) P(g1|g2) ... P(g(l-1), g(l)), "
        "whose last factor is a restricted Boltzmann machine.",
        printed="the formula",
        check=checks.check_factorisation,
        verdict="reproduced",
        reason="It is the standard formula. Listed state by state it sums to 1; and a layer "
        "stacked on top with mirrored weights changes nothing, which is why layers can be added "
        "greedily.",
    ),
]
