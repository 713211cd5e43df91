"""What the question on a Q&A site and its answer claim, one sentence at a time."""

from __future__ import annotations

from ...claims import Claim, by_reading
from . import checks, theory_checks

QUESTION = "Q&A, the question"
ANSWER = "Q&A, the answer"
COMMENT = "Q&A, a comment"

CLAIMS = [
    Claim(
        id="qa.units-near-limits",
        source=f"{QUESTION}, affirmed by the answer",
        says="In a trained sigmoid network every hidden unit is very close to 0 or to 1 on a "
        "training point.",
        printed="every entry of every hidden layer",
        check=checks.check_near_limits,
        verdict="refuted",
        reason="In no trained network is any layer that near, with nine tenths of its activations "
        "within 0.05 of 0 or 1. How many are depends on learning rate, time and decay. Only "
        "networks that failed to learn have such a layer.",
    ),
    Claim(
        id="qa.many-visits",
        source=QUESTION,
        says="They are, because gradient descent has passed many times on that point.",
        printed="the reason given",
        check=checks.check_visits,
        verdict="refuted",
        reason="Layers are as saturated on images that were never visited: the difference is below "
        "0.03 in every network.",
    ),
    Claim(
        id="ours.question.time-and-decay",
        source="this book",
        says="Saturation grows with training time, and weight decay lowers it.",
        printed="a prediction of ours",
        check=checks.check_time,
        verdict="reproduced",
        reason="In every run.",
    ),
    Claim(
        id="ours.question.rate",
        source="this book",
        says="Saturation grows with the learning rate.",
        printed="a prediction of ours",
        check=checks.check_rate,
        verdict="reproduced",
        reason="At each of three rates, for every seed.",
    ),
    Claim(
        id="ours.question.depth",
        source="this book",
        says="The deeper a network, the more of its units are saturated after training.",
        printed="seen in the runs, not predicted",
        check=checks.check_depth,
        verdict="partly reproduced",
        reason="On the small digits, at each of three learning rates. On MNIST networks of two and "
        "three layers are less saturated than those of one.",
    ),
    Claim(
        id="ours.question.top-layer",
        source="this book",
        says="The top layer is the most saturated one of its network.",
        printed="seen in the runs, not predicted",
        check=checks.check_top_layer,
        verdict="partly reproduced",
        reason="At the two lower rates, but for one network. At the highest rate it is layer 1 "
        "from four layers on, and on MNIST it is layer 1 always.",
    ),
    Claim(
        id="qa.slope",
        source=ANSWER,
        says="The slope of the sigmoid is sigma (1 - sigma).",
        printed="the formula",
        check=theory_checks.check_slope,
        verdict="reproduced",
        reason="Against a derivative that does not use the formula.",
    ),
    Claim(
        id="qa.large-weights",
        source=ANSWER,
        says="With large initial weights a unit's output is very often 1 or 0.",
        printed="very often",
        check=theory_checks.check_large_weights_saturate,
        verdict="reproduced",
        reason="If large means weights of variance 1 whatever the number of inputs. With Xavier's "
        "variance practically no unit is there.",
    ),
    Claim(
        id="ours.question.large-weights-stay",
        source="this book",
        says="Networks that start with weights of variance 1 are saturated before training and "
        "stay so.",
        printed="a prediction of ours",
        check=checks.check_large_weights,
        verdict="not reproduced",
        reason="They stay as they start, but with 64 pixels that is just below the half of all "
        "units which we had asked for.",
    ),
    Claim(
        id="qa.gradient-is-zero",
        source=ANSWER,
        says="At an output of 1 or 0 the gradient is 0 and the unit's weights cannot be updated.",
        printed="0",
        check=theory_checks.check_zero_gradient,
        verdict="refuted",
        reason="The slope is small and never 0; only rounding makes it 0, far beyond where any "
        "unit of this book sits. Saturated layers do come back: "
        "glorot2010.fig2.escape.",
    ),
    Claim(
        id="qa.greatest-slope",
        source=ANSWER,
        says="The slope of the sigmoid is at most 0.25.",
        printed="0.25",
        check=theory_checks.check_greatest_slope,
        verdict="reproduced",
        reason="At input 0.",
    ),
    Claim(
        id="qa.weight-below-four",
        source=ANSWER,
        says="If the weight of a neuron is less than 4, the error diminishes on its way back.",
        printed="4",
        check=theory_checks.check_weight_of_four,
        verdict="partly reproduced",
        reason="Right for a chain of single units, where below 4 is enough for the error to "
        "shrink. But above 4 it mostly shrinks too, and in a layer of n inputs 4 is the bound of "
        "a centred sigmoid's weights times sqrt(n); the sigmoid's own is 10.",
    ),
    Claim(
        id="qa.worse-with-depth",
        source=ANSWER,
        says="This becomes progressively worse with more layers.",
        printed="progressively worse",
        check=theory_checks.check_worse_with_depth,
        verdict="reproduced",
        reason="By the same factor in every layer.",
    ),
    Claim(
        id="qa.small-and-large-are-bad",
        source=ANSWER,
        says="Small weights are bad, and large weights are bad.",
        printed="both",
        check=theory_checks.check_small_and_large,
        verdict="reproduced",
        reason="For sigmoid layers without biases, small means all weights up to the point where "
        "two thirds of the units are saturated: there is no good value in between.",
    ),
    Claim(
        id="qa.per-layer-rates",
        source=ANSWER,
        says="Xu et al. work around it with a different learning rate for each layer.",
        printed="a different learning rate for each layer",
        check=by_reading(
            "they mention rates by layer, then propose and test a rescaled activation only",
            "refuted",
        ),
        verdict="refuted",
        reason="The paper proposes a rescaled sigmoid and a leaky tanh and reports no run with "
        "rates by layer. Ours are in xu2016.sec2.rates.",
    ),
    Claim(
        id="qa.rectifiers-scale-better",
        source=ANSWER,
        says="The community adopted ReLU, which has fewer drawbacks and scales better.",
        printed="fewer drawbacks; scale better",
        check=by_reading("history and opinion; no quantity to test is named", "open"),
        verdict="open",
        reason="Measured are pieces: ReLU cannot be made isometric, and sigmoid-shaped units can; "
        "on MNIST rectifiers err a little less often than tanh units, and clearly less often than "
        "softplus units.",
    ),
    Claim(
        id="qa.earliest-1994",
        source=ANSWER,
        says="The earliest account of the problem that could be found is from 1994.",
        printed="1994",
        check=by_reading(
            "Hochreiter's diploma thesis of 1991 is earlier (from memory of its contents)",
            "refuted",
        ),
        verdict="refuted",
        reason="Bengio, Simard and Frasconi wrote in 1994; Hochreiter's thesis of 1991 describes "
        "vanishing errors.",
    ),
    Claim(
        id="qa.weights-are-gaussian",
        source=COMMENT,
        says="The weights of each layer of a trained image classifier are Gaussian, even if they "
        "did not start so.",
        printed="Gaussian for each layer",
        check=checks.check_gaussian_weights,
        verdict="partly reproduced",
        reason="Training does take them away from the uniform law they started with, past the "
        "normal one to heavier tails; few layers are near it.",
    ),
]
