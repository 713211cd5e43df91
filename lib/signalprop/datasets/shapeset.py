"""Shapeset-3x2, the endless synthetic data set of Glorot & Bengio (2010).

Each image shows one or two filled shapes (triangle, parallelogram, ellipse) of
random size, position, orientation and grey on a plain background.  The label
says which shapes are there: nine classes, whose frequencies are 1/6 (one
shape), 1/9 (two different shapes) and 1/18 (two equal shapes).

The rules are those of the authors' generator; the pixel rule is ours (a pixel is
inside when its centre is), because the original left it to a drawing library.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike, NDArray

CLASSES = ("T", "P", "E", "TP", "PE", "TE", "TT", "PP", "EE")
"""Class names by label: triangle, parallelogram, ellipse and their pairs."""

CLASS_PRIORS = np.array([3, 3, 3, 2, 2, 2, 1, 1, 1]) / 18
"""Probability of each label."""

Floats = NDArray[np.float64]

# Images are made in blocks, each from a generator of its own: image k of a seed is the same
# whatever the sizes of the batches that led to it, and reaching it costs one block.
_BLOCK = 2000

_VERTICES = np.array([3, 4, 20])  # triangle, quadrilateral, "ellipse"
_PAIR_LABEL = np.array([[6, 3, 5], [3, 7, 4], [5, 4, 8]])
_POLYGON_AREA = _VERTICES * np.sin(2 * np.pi / _VERTICES) / (2 * np.pi)  # per s0 s1 of the ellipse

_ANGLES = 254  # steps of a full turn
_SCALES = (0.2, 0.8)  # diameter along each axis, in image sizes
_MARGIN = 1.0  # pixels between a shape and the image's edge
_MAX_OVERLAP = 0.5
_MAX_REJECTIONS = 50
_DARK, _LIGHT = (
    (0, 115),
    (140, 256),
)  # grey bytes [low, high): the band between stays empty


class Shapeset:
    """An endless, seeded stream of labelled images.

    Parameters
    ----------
    seed : non-negative int; equal seeds give equal streams
    size : side of the square images in pixels, at least 8
    start : index of the first image to deliver

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    Glorot & Bengio (2010), section 2.1.  No image is ever repeated in training, so
    there is no over-fitting to measure: the test error is the error on new images.

    Examples
    --------
    >>> images, labels = Shapeset(seed=0).batch(3)
    >>> images.shape, labels.shape
    ((3, 32, 32), (3,))
    >>> rest = Shapeset(seed=0, start=2).batch(1)[0]
    >>> bool((rest == images[2:]).all())
    True
    """

    def __init__(self, seed: int, size: int = 32, *, start: int = 0) -> None:
        for name, value, least in (
            ("seed", seed, 0),
            ("size", size, 8),
            ("start", start, 0),
        ):
            if value < least:
                raise ValueError(f"{name} must be at least {least}, got {value}")
        self.seed, self.size, self.position = seed, size, start
        self._block_index = -1
        self._block = _EMPTY

    def batch(
        self, n: int, dtype: DTypeLike = np.float64
    ) -> tuple[NDArray[np.floating], NDArray[np.int64]]:
        """Deliver the next ``n`` images and their labels.

        Parameters
        ----------
        n : how many, at least 1
        dtype : floating-point type of the images

        Returns
        -------
        images : (n, size, size), grey in [0, 1]
        labels : (n,), 0 to 8, see `CLASSES`
        """
        images, labels = self.bytes(n)
        return np.divide(images, 255, dtype=dtype), labels

    def bytes(self, n: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Deliver the next ``n`` images as bytes, 0 to 255, and their labels.

        Raises
        ------
        ValueError
            If ``n`` is not positive.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        parts = []
        stop = self.position + n
        while self.position < stop:
            index, offset = divmod(self.position, _BLOCK)
            if index != self._block_index:
                self._block = _draw_block(np.random.default_rng([self.seed, index]), self.size)
                self._block_index = index
            take = min(_BLOCK - offset, stop - self.position)
            parts.append([part[offset : offset + take] for part in self._block])
            self.position += take
        images, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
        return images, labels


_EMPTY: tuple[NDArray[np.uint8], NDArray[np.int64]] = (
    np.empty((0, 0, 0), np.uint8),
    np.empty(0, np.int64),
)


class _Shapes:
    """Some polygons of any kind: their rotations are fixed, size and place can be drawn again."""

    def __init__(self, rng: np.random.Generator, count: int, size: int) -> None:
        self.kind = rng.integers(3, size=count)
        self.size = size
        n = _VERTICES[self.kind]
        # The first rotation, before stretching, stays within half a symmetry sector.
        first = rng.integers(255 // n)
        first = np.where(first > 254 // (2 * n), np.minimum(255 - 254 // n + first, _ANGLES), first)
        self.first = first * (2 * np.pi / _ANGLES)
        self.last = rng.integers(_ANGLES, size=count) * (2 * np.pi / _ANGLES)
        self.scales = np.empty((count, 2))
        self.centre = np.empty((count, 2))
        self.vertices = np.empty((count, _VERTICES.max(), 2))  # about the centre
        self.place(rng, np.arange(count))

    def place(self, rng: np.random.Generator, which: NDArray[np.intp]) -> None:
        """Draw scales and centres of the shapes ``which``."""
        scales = np.sort(rng.uniform(*_SCALES, (len(which), 2)) * self.size)[:, ::-1]
        shift = rng.uniform(size=(len(which), 2))
        self.scales[which] = scales
        first = self.first[which]
        # Stretching tilts the base; the second rotation levels it, the last one turns it anywhere.
        level = np.arctan(scales[:, 1] / scales[:, 0] * np.tan(first))
        matrix = _rotation(first) * scales[:, None, :] @ _rotation(self.last[which] - level)
        vertices = _BASE[self.kind[which]] @ matrix
        self.vertices[which] = vertices
        low, high = _MARGIN - vertices.min(1), self.size - _MARGIN - vertices.max(1)
        self.centre[which] = low + shift * (high - low)

    @property
    def area(self) -> Floats:
        """Area of each polygon, up to a common factor."""
        area: Floats = self.scales.prod(1) * _POLYGON_AREA[self.kind]
        return area


def _rotation(angle: NDArray[np.floating]) -> Floats:
    """Rotation matrices for row vectors, (count, 2, 2)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)


def _base_polygon(n: int) -> Floats:
    """Regular n-gon of diameter 1 standing on a side; spare vertices repeat the last one."""
    k = np.minimum(np.arange(_VERTICES.max()), n - 1)
    angle = 2 * np.pi * (k / n + 1 / (2 * n) + 1 / 4)
    return 0.5 * np.stack([np.cos(angle), np.sin(angle)], -1)


_BASE = np.stack([_base_polygon(n) for n in _VERTICES])


def _covers_too_much(old: _Shapes, new: _Shapes, pairs: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Estimate from projections on the line of centres whether ``new`` hides too much of ``old``.

    This is the original's rule of thumb, not a count of pixels.
    """
    v = new.centre[pairs] - np.trunc(old.centre[pairs])
    d = np.maximum(np.hypot(*v.T), 1e-12)
    direction = (v / d[:, None])[:, :, None]
    reach = (old.vertices[pairs] @ direction).max((1, 2)) - (new.vertices[pairs] @ direction).min(
        (1, 2)
    )
    fraction = np.where(reach >= d, 1 - 2 ** (1 - np.maximum(reach, d) / d), 0)
    covered: NDArray[np.bool_] = new.area[pairs] * fraction > _MAX_OVERLAP * old.area[pairs]
    return covered


def _draw_block(rng: np.random.Generator, size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw one block of images (as bytes) and labels."""
    two = rng.integers(2, size=_BLOCK).astype(bool)
    dark_ground = rng.integers(2, size=_BLOCK).astype(bool)
    dark, light = rng.integers(*_DARK, (3, _BLOCK)), rng.integers(*_LIGHT, (3, _BLOCK))
    ground = np.where(dark_ground, dark[0], light[0]).astype(np.uint8)
    greys = np.where(dark_ground, light[1:], dark[1:]).astype(np.uint8)

    old, new = _Shapes(rng, _BLOCK, size), _Shapes(rng, _BLOCK, size)
    pending = np.flatnonzero(two)
    for _ in range(_MAX_REJECTIONS):
        pending = pending[_covers_too_much(old, new, pending)]
        if not len(pending):
            break
        new.place(rng, pending)
    else:
        two[pending] = False

    images = np.repeat(ground, size * size).reshape(_BLOCK, size, size)
    _paint(images, old, greys[0], np.arange(_BLOCK))
    _paint(images, new, greys[1], np.flatnonzero(two))
    labels = np.where(two, _PAIR_LABEL[old.kind, new.kind], old.kind)
    return images, labels


def _paint(
    images: NDArray[np.uint8],
    shapes: _Shapes,
    grey: NDArray[np.uint8],
    which: NDArray[np.intp],
) -> None:
    """Fill the shapes ``which`` into their images, in place.

    A convex polygon meets the centre line of a pixel row in one interval, so two ends say
    which pixels of the row are inside.
    """
    size = images.shape[1]
    first, last = np.zeros((2, len(images), size), np.int16)
    rows = np.arange(size, dtype=np.float32) + np.float32(0.5)
    for kind, n in enumerate(_VERTICES):
        some = which[shapes.kind[which] == kind]
        points = shapes.vertices[some, :n] + shapes.centre[some, None]
        x, y = points.astype(np.float32).transpose(2, 1, 0)[..., None]  # (n, shapes, 1)
        x_next, y_next = np.roll(x, -1, 0), np.roll(y, -1, 0)
        with np.errstate(divide="ignore", invalid="ignore"):  # level edges meet no centre line
            meets = x + (rows - y) * ((x_next - x) / (y_next - y))
        misses = (y <= rows) == (y_next <= rows)
        # Pixel k is inside when its centre k + 1/2 is; a row that is missed gets size, 0.
        first[some] = np.ceil(np.where(misses, size, meets).min(0) - 0.5)
        last[some] = np.ceil(np.where(misses, 0, meets).max(0) - 0.5)
    # Row k of the table marks the columns left of k: gathering is faster than comparing.
    left_of = np.tri(size + 1, size, -1, dtype=bool)
    inside = left_of[last]
    inside &= ~left_of[first]
    np.copyto(images, grey[:, None, None], where=inside)
