"""Xavier and Kaiming initialization, every line of their derivations against numbers.

Glorot & Bengio (2010, section 4.2.1), He et al. (2015, section 2.2), what a blog post makes of
them, and what users of libraries ask.  There are no records: `simulation` draws networks in
fractions of a second, `one_layer` the singular values of one layer, and `libraries` asks torch.
"""
