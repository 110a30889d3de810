import ctypes
import platform
import subprocess
import sys

import pytest

from throughtime.machine.amx import permission
from throughtime.machine.jit import COMPILING

IMPORT = """
import throughtime.machine.amx.products
from throughtime.machine.jit import cache_counts
assert cache_counts() == (0, 0)
"""


class System:
    """A C library whose system call answers as told."""

    answer = 0
    asked = 0

    def syscall(self, *arguments):
        System.asked += 1
        assert arguments == (158, 0x1023, 18)
        return System.answer


@pytest.fixture
def machine(monkeypatch):
    """A machine with tiles; tests take away from it."""
    monkeypatch.setattr(permission, "COMPILING", True)
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(permission, "_flags", lambda: {"fpu", "amx_bf16", "avx512_bf16"})
    monkeypatch.setattr(ctypes, "CDLL", lambda name: System())
    monkeypatch.setattr(System, "answer", 0)
    monkeypatch.setattr(System, "asked", 0)
    permission.available.cache_clear()
    yield monkeypatch
    permission.available.cache_clear()


def test_available_where_processor_and_system_agree_and_asked_once(machine):
    assert permission.available()
    assert permission.available()
    assert System.asked == 1


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (permission, "COMPILING", False),
        (platform, "system", lambda: "Darwin"),
        (platform, "machine", lambda: "aarch64"),
        (permission, "_flags", lambda: {"amx_bf16"}),
        (permission, "_flags", lambda: {"avx512_bf16"}),
    ],
)
def test_not_available_and_not_asked_for_where_something_is_missing(machine, place, name, value):
    machine.setattr(place, name, value)
    assert not permission.available()
    assert System.asked == 0


def test_not_available_where_the_system_refuses(machine):
    machine.setattr(System, "answer", -1)
    assert not permission.available()


def test_flags_are_the_processor_s_or_none(monkeypatch, tmp_path):
    def stand_in(path):
        return lambda asked: path

    monkeypatch.setattr(permission, "Path", stand_in(tmp_path / "missing"))
    assert permission._flags() == set()
    (tmp_path / "cpuinfo").write_text("model : x\nflags\t\t: fpu amx_bf16\n\nflags\t\t: fpu\n")
    monkeypatch.setattr(permission, "Path", stand_in(tmp_path / "cpuinfo"))
    assert permission._flags() >= {"fpu", "amx_bf16"}


@pytest.mark.skipif(not COMPILING, reason="nothing is compiled with the compiler off")
def test_nothing_is_compiled_by_an_import():
    subprocess.run([sys.executable, "-c", IMPORT], check=True)
