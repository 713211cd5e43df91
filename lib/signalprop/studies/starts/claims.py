"""What we say of starting weights, ours and others'."""

from __future__ import annotations

from ...claims import Claim
from . import checks

CLAIMS = [
    Claim(
        id="ours.starts.training",
        source="this book",
        says="A tanh network of 100 layers learns the digits in 250 steps from critical orthogonal "
        "weights, and from none of the starts of torch, lsuv 0.3.0 and AnyInit 0.4.0.",
        printed="a prediction: above 95 % of the training digits; below 80 %",
        check=checks.check_training,
        verdict="partly reproduced",
        reason="One of three seeds of Xavier's weights is above the line. And plain orthogonal "
        "weights, which the prediction does not name, learn as well as critical ones.",
    ),
    Claim(
        id="ours.starts.tanh",
        source="this book",
        says="At depth 200 packages that scale by variance leave tanh networks in chaos, torch's "
        "start leaves them in order, and critical orthogonal weights near an isometry.",
        printed="a prediction: s_max above 1e3; below 1e-10; below 10, with a median above 0.05",
        check=checks.check_tanh,
        verdict="reproduced",
        reason="At inputs of variance 1 plain orthogonal weights come within a factor of five of "
        "critical ones.",
    ),
    Claim(
        id="ours.starts.relu",
        source="this book",
        says="With ReLU no start keeps half of the directions at depth 200.",
        printed="a prediction: median below 1e-6 of the largest singular value",
        check=checks.check_relu,
        verdict="reproduced",
        reason="In float64 all of these medians are rounding, so this is a bound.",
    ),
]
