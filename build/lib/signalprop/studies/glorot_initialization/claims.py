"""What Glorot & Bengio (2010) draw in Figs. 5 to 9, and what one replication of them says."""

from __future__ import annotations

from ...claims import Claim
from . import Quantity, checks
from .checks import PRINTED

SOURCE = "Glorot & Bengio 2010"
REPLICATION = "artur-deluca/saturation 2020"


def _read_off(quantity: Quantity) -> str:
    """Return the printed peaks of both panels, in words."""
    both = PRINTED[quantity]
    return "; ".join(f"{panel} {' '.join(f'{v:g}' for v in of)}" for panel, of in both.items())


CLAIMS = [
    Claim(
        id="glorot2010.fig5.heights",
        source=f"{SOURCE}, Fig. 5",
        says="The heights of the two cost surfaces over two weights, for random inputs and "
        "targets.",
        printed="cross-entropy .7 on the axes, 3.3 to 4.5 in the corners; quadratic .25 and .45 to "
        ".8 (read off)",
        check=checks.check_heights,
        verdict="partly reproduced",
        reason="One scalar input, one tanh unit and two classes (our reading: the figure states "
        "neither network nor data) give the axes, and corners within the printed ranges. They do "
        "not give quadratic corners as unequal as we read them off, with any data.",
    ),
    Claim(
        id="glorot2010.fig5.plateaus",
        source=f"{SOURCE}, Fig. 5 and section 4.1",
        says="The plateaus of the cost are less present with cross-entropy than with the quadratic "
        "cost.",
        printed="(a figure, no number)",
        check=checks.check_plateaus,
        verdict="partly reproduced",
        reason="Plateaus with gradients below 2 % of the largest, or more, cover less of the "
        "square with cross-entropy. At 1 % the order is the other way round, but what is left "
        "there lies at the bottom of the valley. High plateaus, where learning would be stuck, "
        "only the quadratic cost has.",
    ),
    Claim(
        id="glorot2010.fig6.standard-peaks",
        source=f"{SOURCE}, Fig. 6, top",
        says="Densities at 0 of the activations of tanh layers 1 to 5 with the standard "
        "initialization.",
        printed=" ".join(f"{v:g}" for v in PRINTED["activations"]["standard"]) + " (read off)",
        check=checks.check_standard_activations,
        verdict="partly reproduced",
        reason="Equation 1 in every layer gives four of the five to a tenth. Layer 3's is 11 % "
        "higher than printed; single draws of the weights differ by 4 % there.",
    ),
    Claim(
        id="glorot2010.fig6.normalized-peaks",
        source=f"{SOURCE}, Fig. 6, bottom",
        says="The same with the normalized initialization: all layers nearly alike.",
        printed=" ".join(f"{v:g}" for v in PRINTED["activations"]["normalized"]) + " (read off)",
        check=checks.check_normalized_activations,
        verdict="not reproduced",
        reason="Equation 16 in every layer gives a wide first layer and peaks that rise from there "
        "on. The fitted reading gives the printed ones.",
    ),
    Claim(
        id="glorot2010.fig7.standard-shrinks",
        source=f"{SOURCE}, Fig. 7, top",
        says="With the standard initialization back-propagated gradients get smaller from layer to "
        "layer downwards.",
        printed="peaks 80 42 23 13 7.5, each 1.7 to 1.9 times the one above (read off)",
        check=checks.check_gradients_shrink,
        verdict="partly reproduced",
        reason="They do, and their deviations fall at the printed rate in all layers. The peak of "
        "layer 5 is lower than that by a quarter: its gradients are nearly single weights of the "
        "output layer, uniform in ours, and as if Gaussian in the print.",
    ),
    Claim(
        id="glorot2010.fig7.peaks",
        source=f"{SOURCE}, Fig. 7",
        says="Densities at 0 of the back-propagated gradients of layers 1 to 5.",
        printed=_read_off("gradients") + " (read off)",
        check=checks.check_gradient_peaks,
        verdict="not reproduced",
        reason="With equations 1 or 16 in every layer, the output layer's weights are too small "
        "for gradients as large as the printed ones. The fitted reading gives layers 1 to 4, and "
        "layer 5 if the output layer is Gaussian.",
    ),
    Claim(
        id="glorot2010.fig7.normalized-level",
        source=f"{SOURCE}, Fig. 7, bottom, and section 4.2.2",
        says="With the normalized initialization back-propagated gradients are equally large in "
        "all layers.",
        printed="peaks within a factor of 1.24 (read off)",
        check=checks.check_gradients_level,
        verdict="not reproduced",
        reason="With equation 16 in every layer the activations of the lower layers are so wide "
        "that tanh takes a part of the gradient away. In the fitted reading they are level.",
    ),
    Claim(
        id="glorot2010.fig8.equal",
        source=f"{SOURCE}, Fig. 8 and section 4.2.1",
        says="With either initialization the gradients of the weights are equally large in all "
        "layers.",
        printed="peaks of layers 2 to 5: 258 to 273 standard, 40 to 42 normalized (read off)",
        check=checks.check_weight_gradients_equal,
        verdict="reproduced",
        reason="In layers 2 to 5, which have equal shapes, to a few percent.",
    ),
    Claim(
        id="glorot2010.fig8.scale",
        source=f"{SOURCE}, Fig. 8",
        says="Densities at 0 of the gradients of the weights of layers 1 to 5.",
        printed="standard 225, then 258 to 273; normalized 35, then 40 to 42 (read off)",
        check=checks.check_weight_gradient_scale,
        verdict="not reproduced",
        reason="With the formulas in every layer neither gradients of one image nor averages of "
        "ten give them. In the fitted reading those of one image do, to a fifth.",
    ),
    Claim(
        id="glorot2010.fig9.start-values",
        source=f"{SOURCE}, Fig. 9, epoch 0",
        says="Deviations of the weight gradients of layers 1 to 5 before training.",
        printed="standard .003 in all; normalized .03, then .016 (read off)",
        check=checks.check_start_values,
        verdict="not reproduced",
        reason="Not by the formulas in every layer. The fitted reading, which was fitted to Figs. "
        "6, 7 and 10 and not to this one, gives them to 4 % for gradients of single images.",
    ),
    Claim(
        id="glorot2010.fig9.equal-at-start",
        source=f"{SOURCE}, Fig. 9",
        says="Before training the weight gradients of all layers have equal deviations.",
        printed="standard .003 in all layers; normalized .016 in layers 2 to 5, .03 in layer 1 "
        "(read off)",
        check=checks.check_equal_at_start,
        verdict="reproduced",
        reason="At width 128, in every run. Layer 1 is left out: it has eight times the inputs.",
    ),
    Claim(
        id="glorot2010.fig9.lower-layers-larger",
        source=f"{SOURCE}, Fig. 9 and section 4.2.2",
        says="As training goes on, the weight gradients of lower layers become larger than those "
        "of higher ones, if the initialization was the standard one.",
        printed="layer 1 over layer 5: 5.6 at epoch 10, 3.1 at epoch 90 (read off)",
        check=checks.check_lower_layers_larger,
        verdict="partly reproduced",
        reason="Layer 2's are well above layer 5's in all runs. Layer 1's are above them too, but "
        "by less than the factor of 1.5 we had asked for.",
    ),
    Claim(
        id="glorot2010.fig9.worse-with-standard",
        source=f"{SOURCE}, Fig. 9 and section 4.2.2",
        says="The normalized initialization avoids that divergence of the layers.",
        printed="layer 1 over layer 5: about 2, against 3.1 to 5.6 (read off)",
        check=checks.check_worse_with_standard,
        verdict="open",
        reason="The difference has the printed sign, within three standard errors of three seeds.",
    ),
    Claim(
        id="deluca2020.alike",
        source=f"{REPLICATION}, README",
        says="Before training, activations of tanh networks show no difference in kind between "
        "LeCun's initialization and the normalized one.",
        printed="(a figure, no number)",
        check=checks.check_replication_alike,
        verdict="reproduced",
        reason="They cannot: of the five hidden layers only the first has different weights, "
        "1.23 times as large.",
    ),
    Claim(
        id="deluca2020.baseline",
        source=f"{REPLICATION}, README and stored settings",
        says="LeCun's initialization, as used there, is the standard one that the paper improves "
        "on.",
        printed="lecun_uniform",
        check=checks.check_replication_baseline,
        verdict="refuted",
        reason="Keras documents lecun_uniform as U(±√(3/n)), equation 1 is U(±1/√n): a third of "
        "the variance. What was compared is the normalized initialization with itself, save for "
        "the first and the last matrix.",
    ),
]
