"""Everything that throughtime raises on purpose.

ThroughtimeError
├── InputError                the input or the arguments are bad; the command line exits with 2
│   ├── ArgumentError         a setting out of range, or two that contradict each other
│   ├── ShapeError            an array of the wrong shape
│   ├── DtypeError            an array or a value of the wrong type
│   ├── TokenError            a token id outside the vocabulary
│   ├── TextError             a text that is missing, empty, binary, not UTF-8, or too short
│   ├── RunError              a run directory that cannot be used
│   │   └── DamagedError      a file whose bytes have changed since it was written
│   ├── WeightsError          weights from elsewhere that are no language model's
│   ├── CellError             a cell that breaks the contract of `throughtime.cells`
│   └── MissingError          an optional package that is not installed
└── WorkFailed                the work itself failed; the command line exits with 1
    ├── DivergedError         a loss or a gradient that is not finite
    ├── GradientError         a gradient check above its tolerance
    └── LostError             a process or a machine that died while it worked

Each message is one line: what was found, what was expected, what to do.

Two more are no errors: StopTraining, which a callback raises to end training, and Interrupted, a KeyboardInterrupt after
which all is in order.
"""


class ThroughtimeError(Exception):
    """The root: `except tt.ThroughtimeError` catches all that throughtime raises on purpose."""


class InputError(ThroughtimeError):
    """The input or the arguments are bad."""


class ArgumentError(InputError, ValueError):
    """A setting is out of range, or two settings contradict each other."""


class ShapeError(InputError, ValueError):
    """An array has the wrong shape."""


class DtypeError(InputError, TypeError):
    """An array or a value has the wrong type."""


class TokenError(InputError, ValueError):
    """A token id lies outside the vocabulary."""


class TextError(InputError, ValueError):
    """A text is missing, empty, binary, not UTF-8, or too short."""


class RunError(InputError, ValueError):
    """A run directory cannot be used."""


class DamagedError(RunError):
    """A file's bytes have changed since it was written."""


class WeightsError(InputError, ValueError):
    """Weights from elsewhere are no language model's."""


class CellError(InputError, ValueError):
    """A cell breaks the contract of `throughtime.cells`."""


class MissingError(InputError, ImportError):
    """An optional package is not installed."""


class WorkFailed(ThroughtimeError):
    """The work itself failed."""


class DivergedError(WorkFailed, ValueError):
    """A loss or a gradient is not finite."""


class GradientError(WorkFailed, ValueError):
    """A gradient check is above its tolerance."""


class LostError(WorkFailed, RuntimeError):
    """What was to do the work, a process or a machine, has died or cannot be reached."""


class StopTraining(Exception):  # it is no error
    """A callback of `throughtime.fit` raises it to end training as if its last update had been made.

    Its text, one line, is told as the reason.
    """


class Interrupted(KeyboardInterrupt):
    """A signal has ended training between two updates, after a checkpoint was written. Its text says how to go on.

    Attributes
    ----------
    signal : int
        2 for Ctrl-C, 15 for SIGTERM.
    """

    def __init__(self, line: str, signal: int) -> None:
        super().__init__(line)
        self.signal = signal

    def __reduce__(self) -> tuple[type["Interrupted"], tuple[str, int]]:
        return type(self), (self.args[0], self.signal)  # pickle would call it with the line alone
