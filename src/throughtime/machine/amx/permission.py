"""Whether this process may use the tiles."""

import ctypes
import functools
import platform
from pathlib import Path

from throughtime.machine.jit import COMPILING

_NEEDED = {"amx_bf16", "avx512_bf16"}
# Linux hands out the tiles' 8 KB of registers on request, process by process; without it the first use is SIGILL.
_ARCH_PRCTL, _REQ_XCOMP_PERM, _XTILEDATA = 158, 0x1023, 18


@functools.cache
def available() -> bool:
    """Whether processor and system have the tiles and grant them; asked once, and inherited by forked children.

    To be asked before anything of this package is called: compiling it for a processor without tiles aborts the process.
    """
    if not COMPILING or (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        return False
    return _flags() >= _NEEDED and not ctypes.CDLL(None).syscall(_ARCH_PRCTL, _REQ_XCOMP_PERM, _XTILEDATA)


def _flags() -> set[str]:
    """What the processor can do, in the kernel's words."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return set()
    return next((set(line.split()) for line in lines if line.startswith("flags")), set())
