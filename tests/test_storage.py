import json
import os
import random

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from throughtime.errors import DamagedError
from throughtime.storage import (
    load_sealed,
    metadata,
    open_sealed,
    part_of,
    save_sealed,
    seal,
    write_whole,
)

ARRAYS = {
    "weight": np.arange(6.0).reshape(2, 3),
    "turned": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(2, 3)),
    "ids": np.array([1, 2, 65535], np.uint16),
    "empty": np.zeros((0, 4)),
}


def test_sealed_gives_back_arrays_and_facts(tmp_path):
    file = tmp_path / "a.safetensors"
    save_sealed(file, ARRAYS, {"step": np.int64(3), "loss": float("inf"), "sha256": "0" * 64})
    arrays, about = load_sealed(file)
    assert about == {"step": 3, "loss": float("inf"), "sha256": "0" * 64}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        assert np.array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    assert load_file(file).keys() == ARRAYS.keys()  # the format is safetensors' own


def test_sealed_is_mapped_where_it_lies(tmp_path):
    file = tmp_path / "a.safetensors"
    save_sealed(file, ARRAYS, "facts")
    places, about = open_sealed(file)
    assert about == "facts"
    for name in ("weight", "turned", "ids"):
        place = places[name]
        mapped = np.memmap(file, place.dtype, "r", place.offset, place.shape)
        assert np.array_equal(mapped, ARRAYS[name])
    assert places["empty"].shape == (0, 4)


def test_sealed_gives_the_same_bytes_again(tmp_path):
    for name in ("a", "b"):
        save_sealed(tmp_path / name, dict(ARRAYS), {"x": 1, "y": [None, "ừ"]})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize("read", [load_sealed, open_sealed])
def test_every_damaged_byte_is_found(tmp_path, read):
    file = tmp_path / "a.safetensors"
    save_sealed(file, ARRAYS, {"step": 3})
    whole = file.read_bytes()
    rng = random.Random(0)
    for place in range(len(whole)):
        content = bytearray(whole)
        content[place] ^= rng.randrange(1, 256)
        file.write_bytes(content)
        with pytest.raises(DamagedError, match=r"a\.safetensors is damaged \(.*\); expected .*\. Remove it"):
            read(file)
    file.write_bytes(whole)
    read(file)


@pytest.mark.parametrize("read", [load_sealed, open_sealed])
@pytest.mark.parametrize("kept", [0, 4, 8, 60, -1])
def test_a_shortened_file_is_found(tmp_path, read, kept):
    file = tmp_path / "a.safetensors"
    save_sealed(file, ARRAYS, {"step": 3})
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(DamagedError, match="is damaged"):
        read(file)


@pytest.mark.parametrize("read", [load_sealed, open_sealed])
def test_a_file_without_a_seal_is_refused(tmp_path, read):
    save_file({"a": np.ones(3)}, tmp_path / "plain", metadata={"format": "np"})
    with pytest.raises(DamagedError, match="is damaged"):
        read(tmp_path / "plain")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "absent")


def test_a_file_written_piece_by_piece_is_sealed_afterwards(tmp_path):
    header = json.dumps(
        {"__metadata__": metadata(7), "ids": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]}}
    ).encode()
    with (tmp_path / "a").open("w+b") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        file.write(b"\x01\x02\x03")
        seal(file)
    arrays, about = load_sealed(tmp_path / "a")
    assert (arrays["ids"].tolist(), about) == ([1, 2, 3], 7)
    assert open_sealed(tmp_path / "a")[0]["ids"].offset == 8 + len(header)


@pytest.mark.parametrize("offsets", [[0, 64], [8, 56], [-8, 40], [0, 40], [48], None])
def test_arrays_that_lie_elsewhere_are_damage_even_under_a_right_seal(offsets, tmp_path):
    entry = {"dtype": "F64", "shape": [6], "data_offsets": offsets}
    header = json.dumps({"__metadata__": metadata(None), "a": entry}).encode()
    with (tmp_path / "a").open("w+b") as file:
        file.write(len(header).to_bytes(8, "little") + header + bytes(48))
        seal(file)
    with pytest.raises(DamagedError, match="is damaged"):
        open_sealed(tmp_path / "a")


def test_part_of_takes_one_part_by_its_own_names():
    arrays = {"a/x": np.zeros(1), "a/x/y": np.ones(1), "ab/x": np.zeros(1), "a": np.zeros(1)}
    assert part_of(arrays, "a") == {"x": arrays["a/x"], "x/y": arrays["a/x/y"]}


def test_a_failed_write_leaves_what_was_there(tmp_path, monkeypatch):
    file = tmp_path / "a"
    write_whole(file, b"old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_whole(file, b"new")
    assert caught.value.filename == str(file)
    assert file.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a"]
