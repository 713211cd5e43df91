"""The rest of a blog post on the history of initialization, and what users of libraries ask."""

from __future__ import annotations

from ...claims import BLOG_POST, Claim, by_reading
from ..glorot_initialization.checks import check_plateaus
from . import other_checks as checks

CLAIMS = [
    Claim(
        id="blog.fewer-plateaus",
        source=f"{BLOG_POST}, after Glorot & Bengio 2010, section 4.1",
        says="Cross-entropy has fewer plateaus than the quadratic cost.",
        printed="fewer",
        check=check_plateaus,
        verdict="partly reproduced",
        reason="The test of glorot2010.fig5.plateaus, on the one surface that the paper shows.",
    ),
    Claim(
        id="blog.timeline",
        source=BLOG_POST,
        says="2010: Xavier's initialization, and that the sigmoid does not suit deep networks; "
        "2011: ReLU does; 2012: AlexNet uses it; 2015: Kaiming's initialization.",
        printed="2010, 2011, 2012, 2015",
        check=by_reading(
            "the papers bear these years and say so; AlexNet from memory", "reproduced"
        ),
        verdict="reproduced",
        reason="As a list of papers. Whether sigmoids suit deep networks is another question: with "
        "orthogonal weights of the right size they train "
        "(see the chapters on dynamical isometry).",
    ),
    Claim(
        id="users.saturation-threshold",
        source="nn-zero-to-hero's issue tracker, 66",
        says="There is a share of saturated units, for tanh less than a tenth, above which a "
        "network is in trouble.",
        printed="less than 10 % for tanh",
        check=checks.check_threshold,
        verdict="refuted",
        reason="In each of our tanh networks that learn, some layer has half or more of its "
        "activations near ±1 at the end. Asked was about the start, too, where no network of ours "
        "has so many: as a rule for the start it is not tested.",
    ),
    Claim(
        id="users.formulas",
        source="issue trackers of a machine-learning textbook (cs249r_book, 1161), a library "
        "(mlverse/torch, 555) and a course (cs231n, 148)",
        says="Xavier's deviation is sqrt(1/n), or sqrt(2/n + m); with Kaiming's a neuron has the "
        "variance 2/n.",
        printed="sqrt(1/fan_in); sqrt(2/fan_in + fan_out); 2.0/n",
        check=checks.check_formulas,
        verdict="refuted",
        reason="The issues report these, and rightly: the deviation is sqrt(2/(n + m)), which is "
        "sqrt(1/n) for equal fans only; 2/n is the variance of a weight, and a neuron with inputs "
        "of variance 1 has 2.",
    ),
]
