"""The tiles in NumPy, so that the kernels' own lines run, and are tested, with the compiler off and on any processor."""

import ctypes

import numpy as np
from tests.machine.amx.rounding import halves

from throughtime.machine.amx import blocks, packing, products


class Tiles:
    """Stands for the intrinsics; refuses products of tiles that are not configured."""

    def __init__(self):
        self.rows = None

    def configure(self, upper, lower):
        assert self.rows is None
        assert 1 <= min(upper, lower) <= max(upper, lower) <= 16
        self.rows = upper, lower

    def release(self):
        assert self.rows is not None
        self.rows = None

    def block(self, upper, lower, stride, left, right, steps, add):
        for half, (address, rows) in enumerate(zip((upper, lower), self.rows, strict=True)):
            for column in range(2):
                total = memory(address + 64 * column, stride, rows, 16, np.float32)
                total[...] = total if add else 0
                for step in range(steps):
                    a = memory(left + 2048 * step + 1024 * half, 64, rows, 32, np.uint16)
                    b = memory(right + 2048 * step + 1024 * column, 64, 16, 32, np.uint16)
                    with np.errstate(invalid="ignore"):
                        total += numbers(a) @ numbers(b).reshape(16, 16, 2).swapaxes(1, 2).reshape(32, 16)


def install(monkeypatch):
    tiles = Tiles()
    for name in ("configure", "release"):
        monkeypatch.setattr(products, name, getattr(tiles, name))
    monkeypatch.setattr(blocks, "block", tiles.block)
    monkeypatch.setattr(blocks, "copy_row", copy_row)
    for side in ("left", "right"):
        monkeypatch.setattr(packing, f"lay_{side}_along", lay(pairs=False, turned=side == "right"))
        monkeypatch.setattr(packing, f"lay_{side}_across", lay(pairs=True, turned=side == "left"))


def memory(address, stride, rows, columns, dtype):
    """Memory at an address as an array, without any check."""
    size = (rows - 1) * abs(stride) + columns * np.dtype(dtype).itemsize
    low = address + min(0, (rows - 1) * stride)
    buffer = (ctypes.c_char * size).from_address(low)
    return np.ndarray((rows, columns), dtype, buffer, address - low, (stride, np.dtype(dtype).itemsize))


def numbers(halves):
    return (halves.astype(np.uint32) << 16).view(np.float32)


def copy_row(to, source, columns):
    memory(to, 0, 1, columns, np.float32)[...] = memory(source, 0, 1, columns, np.float32)


def lay(pairs, turned):
    def lay_tile(to, source, stride, rows, columns):
        shape = (32, 16) if pairs else (16, 32)
        rows, columns = min(rows, shape[0]), min(columns, shape[1])
        tile = np.zeros(shape, np.uint16)
        if rows > 0 and columns > 0:
            tile[:rows, :columns] = halves(memory(source, stride, rows, columns, np.float32))
        if pairs:
            tile = tile.reshape(16, 2, 16).swapaxes(1, 2).reshape(16, 32).copy()
        words = tile.view(np.uint32)
        memory(to, 64, 16, 16, np.uint32)[...] = words.T if turned else words

    return lay_tile
