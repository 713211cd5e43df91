"""What a training process asks of the system's memory allocator."""

from __future__ import annotations

import ctypes
import sys

# Constants of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def keep_freed() -> bool:
    """Ask glibc to keep what is freed, for the next tensor.

    By default large blocks go back to the system at once, and every new activation of a
    convolutional network is made of pages that the system has to clear first: on a virtual
    machine this can take longer than the convolution.  The process then keeps the most memory it
    ever used.

    Returns
    -------
    whether the request was accepted; False where there is no glibc
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):  # another C library
        return False
    largest = 2**30
    return bool(mallopt(_MMAP_THRESHOLD, largest) and mallopt(_TRIM_THRESHOLD, 2**31 - 1))
