"""Data sets in files: read as they were written, refused when not the published ones."""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from signalprop.datasets import DataError, Examples, load, sources
from signalprop.datasets.formats import Cifar, Idx, content_sum

FOLDERS = {"mnist": "mnist", "cifar10": "cifar-10-batches-bin", "cifar100": "cifar-100-binary"}


@pytest.fixture(params=FOLDERS)
def name(request: pytest.FixtureRequest) -> str:
    """Return the name of each set in turn."""
    return str(request.param)


@pytest.fixture
def folder(made: dict[str, Any], name: str, tmp_path: Path) -> Path:
    """Return the folder of the files of the set."""
    return Path(made[name].write(tmp_path / FOLDERS[name]))


# --- what is read -------------------------------------------------------------------------


def test_what_is_read_is_what_was_written(made: dict[str, Any], name: str, folder: Path) -> None:
    data = load(name, folder.parent)
    assert data.name == name
    for k, part in enumerate((data.train, data.test)):
        assert part.images.dtype == np.uint8
        assert part.labels.dtype == np.int64
        np.testing.assert_array_equal(part.images, made[name].images[k])
        np.testing.assert_array_equal(part.labels, made[name].labels[k])
        if name == "cifar100":
            np.testing.assert_array_equal(part.coarse, made[name].coarse[k])
        else:
            assert part.coarse is None


def test_classes_are_named(made: dict[str, Any], name: str, folder: Path) -> None:
    data = load(name, folder.parent)
    expected = {
        "mnist": ([str(k) for k in range(10)], []),
        "cifar10": ([f"b{k}" for k in range(10)], []),
        "cifar100": ([f"f{k}" for k in range(100)], [f"c{k}" for k in range(20)]),
    }
    assert (list(data.classes), list(data.coarse_classes)) == expected[name]


@pytest.mark.parametrize("gzipped", [(0, 1, 2, 3), (1, 2)])
@pytest.mark.parametrize("both", [False, True])
def test_mnist_may_be_gzipped(
    made: dict[str, Any], gzipped: tuple[int, ...], both: bool, tmp_path: Path
) -> None:
    folder = made["mnist"].write(tmp_path / "mnist")
    files = list(made["mnist"].files.items())
    for k in gzipped:
        (folder / f"{files[k][0]}.gz").write_bytes(gzip.compress(files[k][1]))
        if not both:
            (folder / files[k][0]).unlink()
    np.testing.assert_array_equal(load("mnist", tmp_path).test.images, made["mnist"].images[1])


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_may_be_in_any_order(
    made: dict[str, Any], name: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    """Images may even move between the files of the training set, with their labels."""
    folder, layout = made[name].write(tmp_path / FOLDERS[name]), sources.SOURCES[name].layout
    assert isinstance(layout, Cifar)
    length = 3072 + len(layout.names)
    content = b"".join(made[name].files[file] for file in layout.train)
    records = np.frombuffer(content, np.uint8).reshape(-1, length)
    order = rng.permutation(len(records))
    for file, part in zip(layout.train, np.split(records[order], len(layout.train)), strict=True):
        (folder / file).write_bytes(part.tobytes())
    train = load(name, tmp_path).train
    np.testing.assert_array_equal(train.images, made[name].images[0][order])
    np.testing.assert_array_equal(train.labels, made[name].labels[0][order])


def test_blank_lines_after_the_names_are_nothing(made: dict[str, Any], tmp_path: Path) -> None:
    """The published list of CIFAR-10 ends with one."""
    folder = made["cifar10"].write(tmp_path / FOLDERS["cifar10"])
    with (folder / "batches.meta.txt").open("a") as file:
        file.write("\n\n")
    assert load("cifar10", tmp_path).classes[9] == "b9"


def test_the_folder_may_be_named_by_the_environment(
    made: dict[str, Any], name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SIGNALPROP_DATA", str(folder.parent))
    assert len(load(name).train) == len(made[name].labels[0])
    with pytest.raises(DataError, match="no such folder"):
        load(name, tmp_path / "elsewhere")  # what is given comes first


def test_the_folder_is_the_repositorys_otherwise(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("SIGNALPROP_DATA", raising=False)
    root = Path(__file__).parents[3]
    assert (root / "pyproject.toml").exists()
    assert sources.place(name) == root / "data" / FOLDERS[name]


# --- what is refused ----------------------------------------------------------------------


def flipped(data: bytes) -> list[bytes]:
    """Return copies with one bit wrong: near the begin, in the middle, at the end."""
    positions = (0, 1, 9, len(data) // 2, len(data) - 2)
    return [data[:k] + bytes([data[k] ^ 1]) + data[k + 1 :] for k in positions]


def test_any_wrong_bit_is_noticed(made: dict[str, Any], name: str, folder: Path) -> None:
    for file, data in made[name].files.items():
        for wrong in flipped(data):
            (folder / file).write_bytes(wrong)
            with pytest.raises(DataError, match=r"not the published content|names where") as error:
                load(name, folder.parent)
            named = file if name != "cifar10" else "_batch|batches"
            assert any(part in str(error.value) for part in named.split("|"))
        (folder / file).write_bytes(data)
    load(name, folder.parent)


@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"x", lambda d: b""])
def test_a_file_of_another_length_is_told_with_both_lengths(
    made: dict[str, Any], name: str, folder: Path, change: Callable[[bytes], bytes]
) -> None:
    for file, data in made[name].files.items():
        if file.endswith(".txt"):
            continue
        (folder / file).write_bytes(change(data))
        with pytest.raises(DataError) as error:
            load(name, folder.parent)
        have = len(change(data))
        text = f"{file} has {have:,} bytes where {len(data):,} are expected"
        assert text in str(error.value)
        assert ("interrupted copy?" in str(error.value)) == (have < len(data))
        (folder / file).write_bytes(data)


def test_a_missing_file_is_named(made: dict[str, Any], name: str, folder: Path) -> None:
    for file, data in made[name].files.items():
        (folder / file).unlink()
        with pytest.raises(DataError, match=rf"{file} is missing\."):
            load(name, folder.parent)
        (folder / file).mkdir()
        with pytest.raises(DataError, match=rf"{file} is missing\."):
            load(name, folder.parent)
        (folder / file).rmdir()
        (folder / file).write_bytes(data)


def test_a_message_says_what_where_and_what_to_do(
    made: dict[str, Any], name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SIGNALPROP_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError) as error:
        load(name)
    assert str(error.value) == (
        f"{name} is not in data/{FOLDERS[name]}: there is no such folder. Fetch it with "
        f"`signalprop data {name}`, or name another folder with SIGNALPROP_DATA."
    )
    with pytest.raises(DataError, match=f"`signalprop data {name} --folder there`"):
        load(name, "there")


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_an_image_that_is_doubled_lost_or_moved_to_the_test_is_noticed(
    made: dict[str, Any], name: str, folder: Path
) -> None:
    """The sizes stay right; only the sums can tell."""
    length = 3072 + len(sources.SOURCES[name].layout.names)  # type: ignore[union-attr]
    train, *_, test = [file for file in made[name].files if file.endswith(".bin")]
    for source, target in itertools.product((train, test), repeat=2):
        data = made[name].files[target]
        moved = made[name].files[source][:length]
        (folder / target).write_bytes(data[:length] + moved + data[2 * length :])
        with pytest.raises(DataError, match="not the published content"):
            load(name, folder.parent)
        (folder / target).write_bytes(data)


@pytest.mark.parametrize("change", ["swap", "fewer"])
def test_names_in_another_order_would_be_other_classes(
    made: dict[str, Any], change: str, tmp_path: Path
) -> None:
    folder = made["cifar100"].write(tmp_path / FOLDERS["cifar100"])
    path = folder / "fine_label_names.txt"
    words = path.read_text().split()
    if change == "swap":
        words[3], words[4] = words[4], words[3]
    else:
        words.pop()
    path.write_text("\n".join(words))
    with pytest.raises(DataError, match=r"fine_label_names\.txt ha(ve|s 99 names where 100)"):
        load("cifar100", tmp_path)


def test_gzipped_files_are_checked_too(made: dict[str, Any], tmp_path: Path) -> None:
    folder = made["mnist"].write(tmp_path / "mnist")
    for file, data in made["mnist"].files.items():
        packed = gzip.compress(data)
        (folder / file).unlink()
        middle = len(packed) // 2
        wrong = packed[:middle] + bytes([packed[middle] ^ 1]) + packed[middle + 1 :]
        other = gzip.compress(data[:-1] + bytes([data[-1] ^ 1]))
        for content in (packed[:-9], packed[:5], b"", b"no gzip", wrong, other):
            (folder / f"{file}.gz").write_bytes(content)
            with pytest.raises(DataError, match=file):
                load("mnist", tmp_path)
        (folder / f"{file}.gz").write_bytes(packed)
    load("mnist", tmp_path)


@pytest.mark.parametrize("wrong", ["minst", "", "MNIST"])
def test_an_unknown_name_is_told_with_the_known_ones(wrong: str) -> None:
    with pytest.raises(ValueError, match="name must be one of mnist, cifar10, cifar100, digits"):
        load(wrong)


# --- the published sets -------------------------------------------------------------------


def test_published_sizes_are_those_of_the_published_counts() -> None:
    """60,000 and 10,000 images of 28 x 28 and their labels, behind headers of 16 and 8 bytes."""
    layout = sources.SOURCES["mnist"].layout
    assert isinstance(layout, Idx)
    sizes = [size for size, _ in layout.files.values()]
    assert sizes == [16 + 60_000 * 28**2, 8 + 60_000, 16 + 10_000 * 28**2, 8 + 10_000]
    for name, classes in (("cifar10", [10]), ("cifar100", [20, 100])):
        cifar = sources.SOURCES[name].layout
        assert isinstance(cifar, Cifar)
        assert len(cifar.train) * cifar.per_file[0] == 50_000
        assert len(cifar.test) * cifar.per_file[1] == 10_000
        assert [count for _, count in cifar.names] == classes


def test_digits_keep_their_seventeen_greys() -> None:
    from sklearn.datasets import load_digits

    digits, original = load("digits"), load_digits()
    images = np.concatenate([digits.train.images, digits.test.images])[:, 0]
    assert len(np.unique(images)) == 17
    assert (images.min(), images.max()) == (0, 255)
    np.testing.assert_array_equal(np.rint(images / 255 * 16), original.images)
    assert np.abs(images / 255 - original.images / 16).max() <= 0.5 / 255
    labels = np.concatenate([digits.train.labels, digits.test.labels])
    np.testing.assert_array_equal(labels, original.target)


def test_digits_are_divided_between_two_forms() -> None:
    """A form begins with the ten digits twice; training and test have nearly equal classes."""
    digits = load("digits")
    for part in (digits.train, digits.test):
        assert part.labels[:20].tolist() == [*range(10), *range(10)]
        assert np.bincount(part.labels).min() > 0.09 * len(part)


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    code = (
        "import sys, signalprop.datasets; "
        "print({'sklearn', 'pooch', 'requests', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# --- examples -----------------------------------------------------------------------------


@pytest.fixture
def examples(rng: np.random.Generator) -> Examples:
    """Return six random images with both kinds of labels."""
    images = rng.integers(256, size=(6, 3, 4, 5), dtype=np.uint8)
    return Examples(images, np.arange(6), np.arange(6) // 2)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("index", [None, slice(1, 5, 2), np.array([4, 0, 4]), np.arange(6) > 2])
def test_pixels_are_bytes_over_255(examples: Examples, index: Any, dtype: Any) -> None:
    pixels = examples.pixels(index, dtype)
    images = examples.images if index is None else examples.images[index]
    assert pixels.dtype == dtype
    np.testing.assert_array_equal(pixels, images.astype(dtype) / dtype(255))
    assert examples.pixels().dtype == np.float32


def test_a_part_keeps_images_and_labels_together(examples: Examples) -> None:
    part = examples.part(slice(2, 5))
    assert len(part) == 3
    np.testing.assert_array_equal(part.images, examples.images[2:5])
    assert part.labels.tolist() == [2, 3, 4]
    assert part.coarse is not None
    assert part.coarse.tolist() == [1, 1, 2]
    assert Examples(examples.images, examples.labels).part(slice(2)).coarse is None


def test_examples_that_do_not_belong_together_are_refused(examples: Examples) -> None:
    images, labels = examples.images, examples.labels
    with pytest.raises(ValueError, match="images must be bytes"):
        Examples(images.astype(float), labels)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="images must be bytes"):
        Examples(images[0], labels)
    with pytest.raises(ValueError, match=r"labels must be \(6,\), got \(5,\)"):
        Examples(images, labels[:5])
    with pytest.raises(ValueError, match=r"coarse must be \(6,\), got \(6, 1\)"):
        Examples(images, labels, labels[:, None])


def test_the_sum_of_contents_is_free_of_order_and_of_nothing_else() -> None:
    records = [b"one", b"two", b"two", b"three"]
    sums = {content_sum(order) for order in itertools.permutations(records)}
    assert len(sums) == 1
    others = [records[:3], records[1:], [*records, b""], [b"one", b"one", b"two", b"three"]]
    assert len(sums | {content_sum(other) for other in others}) == 5
    assert all(len(value) == 64 for value in sums)
