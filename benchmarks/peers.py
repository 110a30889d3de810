"""Who is timed, in which module and with which settings, and how a process holds itself to its share of the machine."""

import importlib
import os
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from benchmarks.settings import BEST

OURS = "throughtime"
# Read by BLAS, OpenMP and XLA when they are loaded, so they must stand before the process starts.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
XLA_ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


class Unavailable(Exception):
    """Why a peer cannot be timed here: a package that is missing, or a setting that is not there."""


class Timed(NamedTuple):
    """What is timed.

    Attributes
    ----------
    run : function
        One training step, or one text.
    settings : str
        What was chosen for it, for the table.
    units : int
        What one run's time is divided by: 1 step, or as many tokens.
    """

    run: Callable[[], Any]
    settings: str
    units: int = 1


class Peer(NamedTuple):
    """`module.function(task, **options)` returns a Timed."""

    module: str
    options: Mapping[str, Any] = MappingProxyType({})
    threads: int = 1
    function: str = "make_step"


PEERS = {
    "throughtime": Peer("step_throughtime"),
    "throughtime-bf16": Peer("step_throughtime", {"precision": "bf16"}),
    "throughtime-2": Peer("step_throughtime", {"threads": 2}, 2),
    "torch": Peer("step_torch"),
    "torch-default": Peer("step_torch", {"flush": False}),
    "torch-bf16": Peer("step_torch", {"precision": "bf16"}),
    "torch-2": Peer("step_torch", {"threads": 2}, 2),
    "torch-compile": Peer("step_torch_compile"),
    "jax": Peer("step_jax"),
    "numpy-classic": Peer("step_article"),
    "product-numpy": Peer("ceilings", {"library": "numpy"}, function="make_product"),
    "product-torch": Peer("ceilings", {"library": "torch"}, function="make_product"),
    "profile-throughtime": Peer("profile_throughtime", function="make_timed"),
    "profile-torch-each": Peer("profile_torch", {"way": "each"}, function="make_timed"),
    "profile-torch-batched": Peer("profile_torch", {"way": "batched"}, function="make_timed"),
    "generate-throughtime": Peer("generate_throughtime", function="make_text"),
    "generate-onnxruntime": Peer("generate_onnxruntime", function="make_text"),
}


def environment(threads: int) -> dict[str, str]:
    """The environment of a process that may use so many threads."""
    return (
        os.environ
        | dict.fromkeys(THREAD_VARIABLES, str(threads))
        | {"XLA_FLAGS": XLA_ONE_THREAD, "JAX_PLATFORMS": "cpu"}
    )


def pin(threads: int) -> None:
    """Hold this process, before it starts threads, to its last processors: some runtimes ask only how many there are."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def prepare(peer: str, name: str, task: Any) -> Timed:
    """What a peer runs for a task of that name, with the best settings that are known.

    Raises
    ------
    Unavailable
        The peer cannot run here.
    """
    module, options, _, function = PEERS[peer]
    try:
        make = getattr(importlib.import_module(f"benchmarks.{module}"), function)
    except ModuleNotFoundError as missing:
        raise Unavailable(f"{missing.name} is not installed") from missing
    timed: Timed = make(task, **options, **BEST.get(peer, {}).get(name, {}))
    return timed
