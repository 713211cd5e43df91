"""Data sets."""

from .augmented import Augmented as Augmented
from .formats import DataError as DataError
from .images import Examples as Examples
from .images import ImageSet as ImageSet
from .images import load as load
from .shapeset import Shapeset as Shapeset
from .shuffled import Shuffled as Shuffled
from .sources import download as download
