"""All claims of this package, in the order of the book."""

from __future__ import annotations

from . import depth_claims, glorot_claims, rectifier_claims, web_claims

CLAIMS = [
    *glorot_claims.CLAIMS,
    *depth_claims.CLAIMS,
    *rectifier_claims.CLAIMS,
    *web_claims.CLAIMS,
]
