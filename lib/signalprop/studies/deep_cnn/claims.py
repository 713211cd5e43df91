"""What is said of deep plain convolutional networks.

Of the paper we had the abstract, pictures of two figures, and the published demonstration.
"""

from __future__ import annotations

from ...claims import Claim
from . import checks

CLAIMS = [
    Claim(
        id="xiao2018.abstract",
        source="Xiao et al. 2018, abstract",
        says="Plain convolutional networks of 10,000 layers and more can be trained from "
        "delta-orthogonal weights at the critical point.",
        printed="10,000 layers",
        check=checks.check_trains,
        verdict="not reproduced",
        reason="At the rate fixed beforehand all seeds learn at first and do not keep it; at a "
        "third of it they do (ours.deep-cnn.lower-rate). The depth, the channels and the updates "
        "are a small part of the paper's.",
    ),
    Claim(
        id="ours.deep-cnn.starts",
        source="this book",
        says="A plain tanh network of 256 convolutions learns MNIST in 200 updates from "
        "delta-orthogonal weights, and from torch's or Xavier's at no rate.",
        printed="a prediction: test errors below 0.2 and above 0.8",
        check=checks.check_starts,
        verdict="partly reproduced",
        reason="The usual starts fail as predicted. At the rate fixed beforehand delta-orthogonal "
        "weights are lost again; at a third of it they learn (ours.deep-cnn.lower-rate).",
    ),
    Claim(
        id="ours.deep-cnn.lower-rate",
        source="this book",
        says="At a rate of 0.001 every seed learns.",
        printed="a prediction for two seeds, made when a third had learned: test errors below 0.2",
        check=checks.check_lower_rate,
        verdict="reproduced",
        reason="The rate is the lowest that was tried.",
    ),
    Claim(
        id="ours.deep-cnn.isometry",
        source="this book",
        says="With q* = 1/L a network of 10,000 convolutions starts near an isometry; at the "
        "variance of the paper's deep networks it does not.",
        printed="a prediction: all singular values from 0.02 to 3; a median below 0.1",
        check=checks.check_isometry,
        verdict="reproduced",
        reason="One draw of the weights each, at one input, with 16 channels.",
    ),
]
