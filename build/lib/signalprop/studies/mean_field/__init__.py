"""Mean-field theory and free probability, beside random networks and matrices.

Poole et al. (2016), Schoenholz et al. (2017) and the theory of Pennington et al. (2017): where
signals settle, which of two they forget, how gradients grow, and how spectra multiply.  There
are no records: `signals` and `spectra` simulate in seconds what the chapters compare.
"""
