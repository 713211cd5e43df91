"""Signal propagation in deep networks: the papers, reproduced.

Import the modules you need; the package itself brings nothing heavy.
"""

__version__ = "0.1.0"
