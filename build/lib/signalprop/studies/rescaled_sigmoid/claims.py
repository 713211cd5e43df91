"""What Xu, Huang & Li (2016) say of the rescaled sigmoid, and what we found beside it."""

from __future__ import annotations

from ...claims import Claim
from . import checks, rate_checks

XU = "Xu, Huang & Li 2016"
OURS = "this book"

CLAIMS = [
    # --- the series and the argument ------------------------------------------------------
    Claim(
        id="xu2016.eq3.variance",
        source=f"{XU}, eq. 3",
        says="The variance of a layer's pre-activations is n Var[w] times the variance of its "
        "inputs.",
        printed="Var[y] = n Var[w] Var[x]",
        check=checks.check_variance,
        verdict="partly reproduced",
        reason="True of the variance across examples. Over units and weights it is the second "
        "moment of the inputs that counts, 17 times as large for a sigmoid: their mean is 1/2.",
    ),
    Claim(
        id="xu2016.sec2.linear",
        source=f"{XU}, section 2",
        says="Where pre-activations are around 0, activations are the slope times the "
        "pre-activation.",
        printed="x is approximated by diag(f'(y)) y",
        check=checks.check_linearization,
        verdict="refuted",
        reason="It leaves out f(0), which is 1/2 for the sigmoid and nearly all of its activation. "
        "Right for tanh, ReLU and the rescaled sigmoid.",
    ),
    Claim(
        id="xu2016.eq4.forward",
        source=f"{XU}, eq. 4",
        says="A layer of sigmoids around 0 multiplies the variance of the signal by n Var[w]/16.",
        printed="n Var[w] f'(y) Var[y] f'(y), with slope 1/4",
        check=checks.check_forward,
        verdict="partly reproduced",
        reason="So fades, nearly, the variance across examples. The whole variance does not fade: "
        "it settles at a fixed point, kept up by the mean of one half.",
    ),
    Claim(
        id="xu2016.eq6.backward",
        source=f"{XU}, eqs. 5 and 6",
        says="A layer multiplies the variance of the gradient by n Var[w] times the squared slope.",
        printed="n Var[w] f'(y) Var[gradient above] f'(y)",
        check=checks.check_gradient,
        verdict="reproduced",
        reason="With the slopes that there are. The slope at 0, which is the largest, gives up to "
        "an eighth too much.",
    ),
    Claim(
        id="xu2016.sec2.xavier",
        source=f"{XU}, section 2",
        says="With slopes of 1 the two conditions give Xavier's initialization.",
        printed="recovered where f' = 1",
        check=checks.check_glorot,
        verdict="reproduced",
        reason="For layers of equal width, as the paper supposes.",
    ),
    Claim(
        id="xu2016.eq7.relu",
        source=f"{XU}, eq. 7",
        says="The Taylor series of ReLU is x.",
        printed="relu(x) = 0 + x",
        check=checks.check_relu_series,
        verdict="partly reproduced",
        reason="On the right of 0 only. Half of the units have slope 0, so ReLU does not meet the "
        "condition f' = 1 either, and needs Kaiming's factor 2.",
    ),
    Claim(
        id="xu2016.eq8.tanh",
        source=f"{XU}, eq. 8",
        says="tanh x = x - x^3/3 + O(x^5).",
        printed="x - x^3/3 + O(x^5)",
        check=checks.check_tanh_series,
        verdict="reproduced",
        reason="By a recursion in fractions and by a contour integral.",
    ),
    Claim(
        id="xu2016.eq9.sigmoid",
        source=f"{XU}, eq. 9",
        says="sigmoid x = 1/2 + x/4 - x^3/48 + O(x^5).",
        printed="1/2 + x/4 - x^3/48 + O(x^5)",
        check=checks.check_sigmoid_series,
        verdict="reproduced",
        reason="By a recursion in fractions and by a contour integral.",
    ),
    Claim(
        id="xu2016.sec2.vanishing",
        source=f"{XU}, section 2",
        says="Sigmoid units around 0 make the gradient vanish, because their slope is 1/4.",
        printed="slope 1/4",
        check=checks.check_vanishing,
        verdict="reproduced",
        reason="At all three usual variances of the weights, in theory and in networks "
        "(xu2016.eq6.backward).",
    ),
    # --- the rescaled sigmoid -------------------------------------------------------------
    Claim(
        id="xu2016.eq10.slope",
        source=f"{XU}, eq. 10",
        says="4 sigmoid(x) - 2 has value 0 and slope 1 at 0.",
        printed="4 sigmoid(x) - 2",
        check=checks.check_value_and_slope,
        verdict="reproduced",
        reason="It is 2 tanh(x/2), which the paper does not say.",
    ),
    Claim(
        id="xu2016.abstract.stable",
        source=f"{XU}, abstract",
        says="The rescaled sigmoid keeps the gradient at a stable scale.",
        printed="stable scale",
        check=checks.check_stable,
        verdict="reproduced",
        reason="With Xavier's variance, exactly in the limit of depth, as tanh does. With torch's "
        "default, a third of that, a layer still loses four tenths.",
    ),
    Claim(
        id="ours.rescaled.tanh",
        source=OURS,
        says="A network of rescaled sigmoids is a tanh network: first weights and hidden biases "
        "halved, last weights doubled, with rates times 1/4, 1/4 and 4 under gradient descent.",
        printed="not in the paper, whose table has both as different rows",
        check=checks.check_tanh,
        verdict="reproduced",
        reason="Factors of two are exact in floating-point arithmetic.",
    ),
    Claim(
        id="xu2016.eq10.weights",
        source=f"{XU}, section 2",
        says="Using the rescaled sigmoid is the same as multiplying the starting weights of each "
        "layer by 4.",
        printed="W by a factor of 4 for each layer",
        check=checks.check_weights,
        verdict="partly reproduced",
        reason="Of each layer but the first, and only if the 1/2 is taken away, from the "
        "activations or by a shift of every bias.",
    ),
    Claim(
        id="xu2016.eq10.rate",
        source=f"{XU}, section 2",
        says="And it is the same as multiplying the learning rate of each layer by 4.",
        printed="learning rate by a factor of 4 for each layer",
        check=checks.check_rate,
        verdict="refuted",
        reason="Under gradient descent the factor is 16, of the weights of all layers but the "
        "first; biases keep their rate. It is 4 under Adam.",
    ),
    Claim(
        id="ours.rescaled.coupled",
        source=OURS,
        says="No learning rates make the plain sigmoid's network learn as the rescaled one does; "
        "an update in which biases and weights are coupled does.",
        printed="-",
        check=checks.check_coupled,
        verdict="reproduced",
        reason="The change of parameters is a shear, which has no diagonal metric.",
    ),
    Claim(
        id="ours.rescaled.stretch",
        source=OURS,
        says="Seen from the plain sigmoid's parameters, the steps of a unit of n inputs are "
        "stretched by 16 in n - 1 directions, by about 4n + 17 in one, and by 16/(4n + 17) in "
        "another.",
        printed="-",
        check=checks.check_metric,
        verdict="reproduced",
        reason="Eigenvalues of a matrix that is written down in the chapter.",
    ),
    Claim(
        id="ours.rescaled.padding",
        source=OURS,
        says="In a convolutional network the plain sigmoid needs a border of 1/2 where the "
        "rescaled one has zeros.",
        printed="-",
        check=checks.check_padding,
        verdict="reproduced",
        reason="With zeros only outputs near the border are off.",
    ),
    # --- rates by layer -------------------------------------------------------------------
    Claim(
        id="xu2016.sec2.equivalent",
        source=f"{XU}, section 2",
        says="The rescaled sigmoid is roughly the same as rates that are larger in lower layers, "
        "with weights that are larger in higher ones.",
        printed="rates: the lower the larger; W: the higher the larger",
        check=checks.check_rough_equivalence,
        verdict="refuted",
        reason="For the weights yes, in one step after the first layer. The rates are the other "
        "way round: the first layer has the smallest.",
    ),
    Claim(
        id="xu2016.sec2.same-rate",
        source=f"{XU}, section 2",
        says="A deep sigmoid network does not learn if all layers have the same learning rate.",
        printed="if we use same learning rate in each layer",
        check=rate_checks.check_same_rate,
        verdict="partly reproduced",
        reason="Not from the usual weights, at any rate. From weights that make up for the slopes "
        "it does, at one rate for all layers.",
    ),
    Claim(
        id="xu2016.sec2.rates",
        source=f"{XU}, section 2",
        says="Rates by layer, the lower the larger, and starting weights by the slopes, the higher "
        "the larger, mend it.",
        printed="one way to fix this problem (not run in the paper)",
        check=rate_checks.check_both,
        verdict="reproduced",
        reason="At six layers, with rates that double with each layer down. But the weights do it "
        "alone (ours.rescaled.weights-alone), and the rates do not.",
    ),
    Claim(
        id="ours.rescaled.rates-alone",
        source=OURS,
        says="Rates by layer alone do not make a sigmoid network of six layers learn in 2,000 "
        "updates.",
        printed="-",
        check=rate_checks.check_rates_alone,
        verdict="reproduced",
        reason="With a factor of 4 from layer to layer the network begins to learn and is far from "
        "done; with 2 and 16, and at twenty layers, it does not begin.",
    ),
    Claim(
        id="ours.rescaled.weights-alone",
        source=OURS,
        says="Starting weights by the slopes alone do, at six layers and at twenty.",
        printed="-",
        check=rate_checks.check_weights_alone,
        verdict="reproduced",
        reason="They keep the gradient by construction. At twenty layers that takes ten times as "
        "many updates as the rescaled sigmoid.",
    ),
    Claim(
        id="ours.rescaled.four",
        source=OURS,
        says="Four times the usual weights, with the 1/2 left where it is, do at six layers and do "
        "not at twenty.",
        printed="-",
        check=rate_checks.check_four,
        verdict="reproduced",
        reason="A factor of 0.63 a layer is bearable six times and not twenty times. Expected "
        "before the runs.",
    ),
    Claim(
        id="ours.rescaled.learns",
        source=OURS,
        says="The rescaled sigmoid learns at six layers and at twenty; the plain one at neither.",
        printed="-",
        check=rate_checks.check_rescaled_learns,
        verdict="reproduced",
        reason="Three seeds of three at both depths; the plain sigmoid none, at nine base rates.",
    ),
    Claim(
        id="ours.rescaled.same-run",
        source=OURS,
        says="A centred sigmoid with four times the weights and sixteen times their rate repeats "
        "the rescaled sigmoid's runs.",
        printed="-",
        check=rate_checks.check_same_run,
        verdict="partly reproduced",
        reason="To rounding for 2,000 updates at three base rates. At the fourth, the highest at "
        "which it learns, the training itself lets rounding grow.",
    ),
]
