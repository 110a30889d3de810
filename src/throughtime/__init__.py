"""Recurrent networks trained by backpropagation through time, with the gradient in plain sight.

    import throughtime as tt

The names below are loaded when they are first used: importing the package costs a few milliseconds
and loads neither NumPy nor the compiler.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from throughtime.errors import (
    ArgumentError,
    CellError,
    DamagedError,
    DivergedError,
    DtypeError,
    GradientError,
    InputError,
    Interrupted,
    LostError,
    MissingError,
    RunError,
    ShapeError,
    StopTraining,
    TextError,
    ThroughtimeError,
    TokenError,
    WeightsError,
    WorkFailed,
)

if TYPE_CHECKING:
    from throughtime.cells.cell import Cell
    from throughtime.data.corpus import Corpus
    from throughtime.data.tokenizer import Tokenizer
    from throughtime.flow.assertion import assert_horizon
    from throughtime.flow.jacobian import chain_singular_values, find_jacobians
    from throughtime.flow.lyapunov import lyapunov_exponents
    from throughtime.flow.profile import GradientFlow, gradient_flow
    from throughtime.networks.check_cell import check_cell
    from throughtime.networks.faults import examine
    from throughtime.networks.gradients import bptt, check_gradients
    from throughtime.networks.language_model import LanguageModel
    from throughtime.networks.layer import Recurrent
    from throughtime.networks.named import GRU, LSTM, RNN
    from throughtime.networks.sequence_model import SequenceModel
    from throughtime.optim.adam import Adam
    from throughtime.optim.adamw import AdamW
    from throughtime.optim.clip import ClipNorm, ClipValue
    from throughtime.optim.clip_auto import ClipAuto
    from throughtime.optim.grammar import schedule_from_spec
    from throughtime.optim.momentum import Momentum
    from throughtime.optim.rmsprop import RMSprop
    from throughtime.optim.sgd import SGD
    from throughtime.training.diagnosis import diagnose
    from throughtime.training.evaluate import evaluate
    from throughtime.training.fit import fit
    from throughtime.training.generate import generate
    from throughtime.training.resume import resume
    from throughtime.training.run import load
    from throughtime.truncation import Auto, Chunk, Full, Window

__version__ = "0.1.0"

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SGD",
    "Adam",
    "AdamW",
    "ArgumentError",
    "Auto",
    "Cell",
    "CellError",
    "Chunk",
    "ClipAuto",
    "ClipNorm",
    "ClipValue",
    "Corpus",
    "DamagedError",
    "DivergedError",
    "DtypeError",
    "Full",
    "GradientError",
    "GradientFlow",
    "InputError",
    "Interrupted",
    "LanguageModel",
    "LostError",
    "MissingError",
    "Momentum",
    "RMSprop",
    "Recurrent",
    "RunError",
    "SequenceModel",
    "ShapeError",
    "StopTraining",
    "TextError",
    "ThroughtimeError",
    "TokenError",
    "Tokenizer",
    "WeightsError",
    "Window",
    "WorkFailed",
    "__version__",
    "assert_horizon",
    "bptt",
    "chain_singular_values",
    "check_cell",
    "check_gradients",
    "diagnose",
    "evaluate",
    "examine",
    "find_jacobians",
    "fit",
    "generate",
    "gradient_flow",
    "load",
    "lyapunov_exponents",
    "resume",
    "schedule_from_spec",
]

# Where each name is found when it is first asked for. A test holds this table, the imports that type
# checkers read, and __all__ to one another.
_MODULE_OF = {
    "Adam": "throughtime.optim.adam",
    "AdamW": "throughtime.optim.adamw",
    "Auto": "throughtime.truncation",
    "Cell": "throughtime.cells.cell",
    "Chunk": "throughtime.truncation",
    "ClipAuto": "throughtime.optim.clip_auto",
    "ClipNorm": "throughtime.optim.clip",
    "ClipValue": "throughtime.optim.clip",
    "Corpus": "throughtime.data.corpus",
    "Full": "throughtime.truncation",
    "GRU": "throughtime.networks.named",
    "GradientFlow": "throughtime.flow.profile",
    "LSTM": "throughtime.networks.named",
    "LanguageModel": "throughtime.networks.language_model",
    "Momentum": "throughtime.optim.momentum",
    "RMSprop": "throughtime.optim.rmsprop",
    "RNN": "throughtime.networks.named",
    "Recurrent": "throughtime.networks.layer",
    "SGD": "throughtime.optim.sgd",
    "SequenceModel": "throughtime.networks.sequence_model",
    "Tokenizer": "throughtime.data.tokenizer",
    "Window": "throughtime.truncation",
    "assert_horizon": "throughtime.flow.assertion",
    "bptt": "throughtime.networks.gradients",
    "chain_singular_values": "throughtime.flow.jacobian",
    "check_cell": "throughtime.networks.check_cell",
    "check_gradients": "throughtime.networks.gradients",
    "diagnose": "throughtime.training.diagnosis",
    "evaluate": "throughtime.training.evaluate",
    "examine": "throughtime.networks.faults",
    "find_jacobians": "throughtime.flow.jacobian",
    "fit": "throughtime.training.fit",
    "generate": "throughtime.training.generate",
    "gradient_flow": "throughtime.flow.profile",
    "load": "throughtime.training.run",
    "lyapunov_exponents": "throughtime.flow.lyapunov",
    "resume": "throughtime.training.resume",
    "schedule_from_spec": "throughtime.optim.grammar",
}

if not TYPE_CHECKING:  # a checker that saw __getattr__ would accept any name at all

    def __getattr__(name: str) -> object:
        """Load a public name the first time it is asked for (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module 'throughtime' has no attribute {name!r}")
        value = getattr(import_module(_MODULE_OF[name]), name)
        globals()[name] = value  # from now on a plain attribute
        return value

    def __dir__() -> list[str]:
        """List the public names, loaded or not."""
        return sorted({*globals(), *__all__})
