"""Denormals vanish inside the block, in its thread, and nowhere else."""

import threading

import numpy as np
import pytest
from numba import njit

from throughtime.machine import denormals
from throughtime.machine.denormals import flush_to_zero
from throughtime.machine.jit import COMPILING, python_function

pytestmark = pytest.mark.skipif(
    not COMPILING or not denormals._FLUSH, reason="no control register known, or the compiler is off"
)

TINY = np.full(64, 1e-30, np.float32)


def product():
    """A denormal, unless flushed: 1e-40 in float32."""
    return float((TINY * np.float32(1e-10)).max())


def test_denormals_are_kept_outside_and_flushed_inside():
    assert product() > 0
    with flush_to_zero():
        assert product() == 0
    assert product() > 0


def test_denormal_inputs_count_as_zero_inside():
    denormal = np.full(64, 1e-40, np.float32)
    with flush_to_zero():
        scaled = denormal * np.float32(1e30)
    assert (scaled == 0).all()


def test_nothing_else_about_arithmetic_changes():
    x = np.array([1e-37, 1e38, np.inf, np.nan, 0.1], np.float32)
    outside = np.sqrt(x) * np.float32(3)
    with flush_to_zero():
        inside = np.sqrt(x) * np.float32(3)
    np.testing.assert_array_equal(inside, outside)


def test_exception_restores_the_register():
    with pytest.raises(ZeroDivisionError), flush_to_zero():
        _ = 1 / product()
    assert product() > 0


def test_nested_blocks_flush_until_the_outer_one_ends():
    with flush_to_zero():
        with flush_to_zero():
            pass
        assert product() == 0
    assert product() > 0


def test_only_the_thread_of_the_block_flushes():
    # Started before the block: a thread that is started within it inherits its starter's register.
    inside, found = threading.Event(), []
    other = threading.Thread(target=lambda: (inside.wait(), found.append(product())))
    other.start()
    with flush_to_zero():
        inside.set()
        other.join()
        assert product() == 0
    assert found[0] > 0


def test_register_keeps_its_other_bits():
    before = denormals._exchange(np.uint64(0), np.uint64(0))
    with flush_to_zero():
        inside = denormals._exchange(np.uint64(0), np.uint64(0))
    assert inside == before | denormals._FLUSH
    assert denormals._exchange(np.uint64(0), np.uint64(0)) == before


def test_register_is_read_and_written_by_code_that_is_compiled_afresh():
    exchange = njit(python_function(denormals._exchange))
    found = exchange(np.uint64(denormals._FLUSH), np.uint64(denormals._FLUSH))
    try:
        assert product() == 0
    finally:
        exchange(found & np.uint64(denormals._FLUSH), np.uint64(denormals._FLUSH))
    assert product() > 0


def test_unknown_processor_leaves_arithmetic_alone(monkeypatch):
    monkeypatch.setattr(denormals, "_FLUSH", 0)
    with flush_to_zero():
        assert product() > 0
