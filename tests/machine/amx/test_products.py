"""Products of bfloat16 operands: the right numbers at any size and layout, and nothing else touched."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from tests.machine.amx.rounding import assert_is_product

from throughtime.errors import DtypeError, ShapeError
from throughtime.machine.amx import products
from throughtime.machine.amx.products import multiply, pack, product
from throughtime.machine.jit import COMPILING

pytestmark = pytest.mark.usefixtures("tiles")
needs_compiler = pytest.mark.skipif(not COMPILING, reason="tiles in NumPy have no state of a thread")

SIZES = (1, 15, 16, 17, 31, 33, 63, 100, 257)
# Every size in every place, each time with other neighbours.
SHAPES = [(SIZES[i], SIZES[(i + s) % 9], SIZES[(2 * i + s) % 9]) for s in (1, 3) for i in range(9)]


def operand(rng, rows, columns, turned=False):
    """(rows, columns) with steps between its rows, or columns if turned, amid NaN that must not be read."""
    shape = (columns, rows) if turned else (rows, columns)
    room = np.full((shape[0] + 4, shape[1] + 8), np.nan, np.float32)
    view = room[2:-2, 3:-5]
    view[...] = rng.standard_normal(shape)
    return view.T if turned else view


def guarded(M, N):
    """All of a larger array, and the part of it that a product is to fill."""
    room = np.full((M + 2, N + 7), 7, np.float32)
    return room, room[1:-1, 3:-4]


def contiguous(rows, columns, fill):
    """A flat array of `fill`, and (rows, columns) in the midst of it."""
    room = np.full(rows * columns + 80, fill, np.float32)
    return room, room[40:-40].reshape(rows, columns)


def assert_nothing_beyond(room, out):
    out[...] = 7
    assert (room == 7).all()


@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
@pytest.mark.parametrize(("M", "K", "N"), SHAPES)
def test_multiply_is_the_product_of_rounded_operands(M, K, N, layout):
    rng = np.random.default_rng([M, K, N])
    a, b = operand(rng, M, K, layout[0] == "t"), operand(rng, K, N, layout[1] == "t")
    room, out = guarded(M, N)
    assert multiply(a, b, out) is out
    assert_is_product(out, a, b)
    assert_nothing_beyond(room, out)


@pytest.mark.parametrize("layout", ["nn", "tt"])
@pytest.mark.parametrize(("M", "K", "N"), [(100, 65, 33), (33, 65, 100), (70, 65, 70), (1, 65, 70)])
def test_multiply_in_several_passes_makes_the_same_bits(M, K, N, layout, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = operand(rng, M, K, layout[0] == "t"), operand(rng, K, N, layout[1] == "t")
    whole = multiply(a, b, np.empty((M, N), np.float32))
    monkeypatch.setattr(products, "DEPTH", 32)
    monkeypatch.setattr(products, "RESIDENT", 1)
    room, out = guarded(M, N)
    np.testing.assert_array_equal(multiply(a, b, out), whole)
    assert_nothing_beyond(room, out)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(("M", "K", "N"), [*SHAPES, (50, 128, 512), (16, 256, 256)])
def test_product_has_the_bits_of_multiply(M, K, N, turned):
    rng = np.random.default_rng(0)
    w, (_, a), (room, out) = operand(rng, K, N, turned), contiguous(M, K, np.nan), contiguous(M, N, 7)
    a[...] = rng.standard_normal((M, K))
    product(a, pack(w), out)
    assert_is_product(out, a, w)
    np.testing.assert_array_equal(out, multiply(a, w, np.empty((M, N), np.float32)))
    assert_nothing_beyond(room, out)


def test_rows_have_the_same_bits_in_any_batch():
    rng = np.random.default_rng(0)
    a, b = operand(rng, 100, 70), operand(rng, 70, 40)
    whole = multiply(a, b, np.empty((100, 40), np.float32))
    for first, last in [(0, 1), (3, 20), (40, 100)]:
        part = multiply(a[first:last], b, np.empty((last - first, 40), np.float32))
        np.testing.assert_array_equal(part, whole[first:last])


@pytest.mark.parametrize(("M", "N"), [(3, 5), (40, 35)])
def test_product_over_nothing_is_zero(M, N):
    a, b = np.empty((M, 0), np.float32), np.empty((0, N), np.float32)
    for fill in (multiply, lambda a, b, out: product(a, pack(b), out)):
        out = np.full((M, N), np.nan, np.float32)
        fill(a, b, out)
        assert (out == 0).all()


@pytest.mark.parametrize(("M", "N"), [(0, 5), (5, 0), (0, 0)])
def test_product_without_entries_is_left_alone(M, N):
    a, b = np.ones((M, 3), np.float32), np.ones((3, N), np.float32)
    assert multiply(a, b, np.empty((M, N), np.float32)).size == 0
    product(a, pack(b), np.empty((M, N), np.float32))


@pytest.mark.parametrize("step", [-1, 2])
def test_operands_of_other_layouts_are_copied(step):
    rng = np.random.default_rng(0)
    a, b = operand(rng, 20, 40)[:, ::step], operand(rng, 40, 30)[::-1, ::step][: 40 // abs(step)]
    assert_is_product(multiply(a, b, np.empty((20, b.shape[1]), np.float32)), a, b)
    out = np.empty((20, b.shape[1]), np.float32)
    product(np.ascontiguousarray(a), pack(b), out)
    assert_is_product(out, a, b)


@pytest.mark.parametrize("layout", ["nn", "nt", "tn", "tt"])
def test_what_is_no_number_stays_so_and_spoils_only_its_row_or_column(layout):
    a, b = np.ones((40, 50), np.float32), np.ones((50, 45), np.float32)
    a[3, 40], a[5, 7], b[2, 44], b[9, 1] = np.nan, -np.inf, np.nan, np.inf
    # A NaN whose low bits alone make it one: cut off, they would leave infinity.
    a[8, 0] = np.array(0x7F800001, np.uint32).view(np.float32)
    with np.errstate(invalid="ignore"):
        expected = a.astype(np.float64) @ b
    a, b = (np.asfortranarray(x) if how == "t" else x for x, how in zip((a, b), layout, strict=True))
    np.testing.assert_array_equal(multiply(a, b, np.empty((40, 45), np.float32)), expected)


def test_operands_are_rounded_to_the_nearest_and_ties_to_even():
    ulp = 2.0**-7
    x = np.array(
        [[1 + ulp / 2, 1 + 3 * ulp / 2, 1 + ulp / 2 + 2**-20, -1 - ulp / 2, 3.4e38, 1e-40]], np.float32
    )
    expected = [[1, 1 + 2 * ulp, 1 + ulp, -1, np.inf, 0]]
    one = np.ones((1, 1), np.float32)
    assert multiply(one, x, np.empty((1, 6), np.float32)).tolist() == expected
    assert multiply(x.T, one, np.empty((6, 1), np.float32)).T.tolist() == expected


def test_what_does_not_fit_is_refused():
    a, b, out = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32), np.ones((2, 4), np.float32)
    with pytest.raises(ShapeError, match=r"shapes \(2, 3\), \(4, 3\)"):
        multiply(a, b.T, out)
    with pytest.raises(ShapeError, match=r"and \(2, 5\)"):
        multiply(a, b, np.ones((2, 5), np.float32))
    with pytest.raises(DtypeError, match="float64"):
        multiply(a.astype(float), b, out)
    with pytest.raises(ShapeError, match="strides"):
        multiply(a, b, np.ones((4, 2), np.float32).T)


@needs_compiler
def test_threads_do_not_meet():
    rng = np.random.default_rng(0)
    # Large enough that threads spend their time in the kernels, side by side.
    shapes = [(300, 640, 128), (70, 900, 330), (900, 390, 200), (160, 400, 800)]
    tasks = [(operand(rng, M, K).copy(), operand(rng, K, N)) for M, K, N in shapes]
    alone = [multiply(a, b, np.empty((len(a), b.shape[1]), np.float32)) for a, b in tasks]
    packed = [pack(b) for _, b in tasks]  # shared, as a sweep's threads share it
    start, wrong = threading.Barrier(4), []

    def work(shift):
        start.wait()
        for turn in range(200):
            n = (turn + shift) % 4
            (a, b), out = tasks[n], np.empty_like(alone[n])
            multiply(a, b, out) if turn % 2 else product(a, packed[n], out)
            if not np.array_equal(out, alone[n]):
                wrong.append((shift, turn))

    threads = [threading.Thread(target=work, args=(shift,)) for shift in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


FORK = """
import os, warnings
import numpy as np
from throughtime.machine.amx.permission import available
from throughtime.machine.amx.products import multiply
assert available()
a = np.random.default_rng(0).standard_normal((70, 70)).astype(np.float32)
expected = multiply(a, a.T, np.empty_like(a))
child = os.fork()
same = np.array_equal(multiply(a, a.T, np.empty_like(a)), expected)
if not child:
    os._exit(0 if same and available() else 3)
assert same and os.waitpid(child, 0)[1] == 0
"""


@needs_compiler
def test_forked_child_has_the_tiles_too():
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    done = subprocess.run([sys.executable, "-c", FORK], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
