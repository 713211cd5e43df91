"""What the tests of the library share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # on networks this small, threads would only wait for each other


@pytest.fixture
def rng() -> np.random.Generator:
    """Return the same stream of randomness for every test."""
    return np.random.default_rng(20101)
