"""One network with two activations: exact changes of weights and of learning rates."""

from .rates import PulledBack as PulledBack
from .rates import parameter_groups as parameter_groups
from .weights import CURVES as CURVES
from .weights import Change as Change
from .weights import Roles as Roles
from .weights import change as change
from .weights import change_ as change_
from .weights import changed as changed
from .weights import pad_with_ as pad_with_
from .weights import sigmoidal as sigmoidal
