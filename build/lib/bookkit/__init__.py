"""How this book is installed, checked and built; it knows nothing of the book's subject.

``environment`` makes and repairs the virtual environment, ``nbval_text`` is the pytest plugin that
runs the chapters, ``references`` and ``cache`` keep what they printed, ``sphinx_ext`` makes pages
that read without a network, ``interactive`` makes figures that do, ``browser`` finds the browser
that looks at them.
"""
