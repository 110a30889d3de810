"""The command line: it reads the arguments, calls one verb, and turns what goes wrong into one line and an exit code.

0    done
1    the work failed: training diverged, a check found a difference, the disk is full
2    the input or the arguments are bad
130  interrupted by Ctrl-C; 143 by SIGTERM
"""

import functools
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.main import get_command

import throughtime
from throughtime.cli.help import Verb, Verbs
from throughtime.cli.stopping import terminable
from throughtime.cli.usage import UsageError, explain, verb_of
from throughtime.errors import InputError, ThroughtimeError

# Verb, where its function is, and the first sentence of that function's help: a verb is loaded only when it is asked
# for, and none loads NumPy before it is called.
VERBS = {
    "train": (
        "throughtime.cli.train:train",
        "Train a language model on text, and keep it in a run directory.",
    ),
    "generate": (
        "throughtime.cli.generate:generate",
        "Let a trained model write, token by token.",
    ),
    "eval": ("throughtime.cli.eval:evaluate", "Score a trained model on a text: its loss and perplexity."),
    "flow": (
        "throughtime.cli.flow:flow",
        "Measure how far a trained model's gradient reaches back in time, and say what to do about it.",
    ),
    "export": (
        "throughtime.cli.export:export",
        "Write a trained model for other programs: as ONNX graphs, or for PyTorch.",
    ),
    "import": (
        "throughtime.cli.import_weights:import_weights",
        "Make a run of a PyTorch language model's weights.",
    ),
    "compare": (
        "throughtime.cli.compare:compare",
        "Train variants of one setting on the same text, and compare how far their gradients reach.",
    ),
    "task": (
        "throughtime.cli.task:task",
        "Train networks on a task of long dependencies, from several seeds, until they succeed or a limit is met.",
    ),
    "study": (
        "throughtime.cli.study:study",
        "Run a study: trials over a grid of settings, side by side, each once.",
    ),
    "runs": (
        "throughtime.cli.runs:runs",
        "List the runs in a directory: what each is, how far it came, how good it is.",
    ),
    "replay": (
        "throughtime.cli.replay:replay",
        "Run a training step that went wrong again: where the first bad value arose, and why.",
    ),
    "check": (
        "throughtime.cli.check:check",
        "Hold the gradient of every cell, truncation and loss against finite differences.",
    ),
    "article": (
        "throughtime.cli.article:article",
        "Replay the article on a text: its equations, gradients, truncations and slips, with numbers.",
    ),
}
# Lines below the options of a verb's help.
EXAMPLES = {
    "train": (
        "throughtime train book.txt --cell gru --num-layers 2 --dropout 0.2",
        "throughtime train texts/ --unit bpe --optimizer adamw --clip-norm 1",
    ),
    "flow": (
        "throughtime flow runs/mine",
        "throughtime flow runs/mine other.txt --max-lag 300 --html flow.html",
    ),
    "export": (
        "throughtime export runs/mine --format onnx",
        "throughtime export runs/mine --format torch --out model",
    ),
    "import": (
        "throughtime import theirs.safetensors --tokenizer symbols.json",
        "throughtime import rnn.safetensors --tokenizer words.txt --nonlinearity tanh",
    ),
    "task": (
        "throughtime task temporal-order --length 30 --clip-norm 1",
        "throughtime task adding --length 50-99 --cell lstm --optimizer adam",
    ),
    "compare": (
        "throughtime compare book.txt --hidden-size 100 --max-steps 2000",
        'throughtime compare book.txt --variant tanh --variant "gru: --cell gru"',
    ),
}
DONE, FAILED, BAD_INPUT, BROKEN_PIPE = 0, 1, 2, 141
BY_SIGNAL = 128  # and the signal's number, as shells have it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; sys.argv's by default.

    Returns
    -------
    int
        The exit code.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    debug = _take_debug(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without these letters shows question marks
    with warnings.catch_warnings():
        warnings.showwarning = _note
        return _run(arguments, debug)


def _run(arguments: list[str], debug: bool) -> int:
    """Parse and call; tell what goes wrong."""
    command: Any = None
    try:
        with terminable():
            command = get_command(app(verb_of(arguments)))
            parsed = _parse(command, arguments)
            code = parsed() if callable(parsed) else parsed
            sys.stdout.flush()  # so that a broken pipe shows here
    except BrokenPipeError:
        # The reader has gone, and it need not be told. What is still buffered must go somewhere when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KeyboardInterrupt as stop:
        _complain(str(stop) or "interrupted")
        return BY_SIGNAL + getattr(stop, "signal", signal.SIGINT)
    except Exception as error:  # noqa: BLE001  # the last resort of a program: nothing escapes but in one line
        if debug:
            import traceback

            traceback.print_exc()
        if isinstance(error, UsageError):
            code, line = BAD_INPUT, explain(error, arguments, command)
        else:
            code, line = _explanation(error, debug)
        _complain(line)
    return int(code or DONE)


def _parse(command: Any, arguments: list[str]) -> Any:
    """What the arguments ask for: a function to call, or the exit code of what has been done."""
    # Not by command.main, which takes signals for an end of its own.
    try:
        with command.make_context("throughtime", list(arguments)) as context:
            return command.invoke(context)
    except typer.Exit as end:  # after --help or --version
        return end.exit_code


def app(wanted: str) -> typer.Typer:
    """All verbs, the wanted one with its options. What it parses into is a function to call: nothing is done yet."""
    made = typer.Typer(
        cls=Verbs,
        add_completion=False,
        rich_markup_mode=None,  # loading rich would double the time of --help
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_program)
    for verb, (place, sentence) in VERBS.items():
        module, name = place.split(":")
        function = _postponed(getattr(import_module(module), name)) if verb == wanted else _unloaded
        lines = "\n".join(("\b", "Examples:", *(f"  {line}" for line in EXAMPLES.get(verb, ()))))
        made.command(verb, cls=Verb, short_help=sentence, epilog=lines if verb in EXAMPLES else None)(
            function
        )
    return made


def _unloaded() -> None:
    pass


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"throughtime {throughtime.__version__}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and leave.", is_eager=True, callback=_print_version
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="With any verb, at any place: tracebacks where something fails.")
    ] = False,
) -> None:
    """Train recurrent networks on text by backpropagation through time, and see that their gradients are right.

    Begin with 'throughtime train': without a text it learns from Python's own help topics.
    """


def _postponed(verb: Callable[..., Any]) -> Callable[..., Callable[[], Any]]:
    """Errors of a verb's work are then not the parser's to handle."""

    @functools.wraps(verb)
    def parsed(*arguments: Any, **options: Any) -> Callable[[], Any]:
        return functools.partial(verb, *arguments, **options)

    parsed.__annotations__ = verb.__annotations__
    return parsed


def _take_debug(arguments: list[str]) -> bool:
    """Take --debug out of the arguments, wherever it stands."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    found = "--debug" in arguments[:end]
    arguments[:end] = [argument for argument in arguments[:end] if argument != "--debug"]
    return found


def _explanation(error: Exception, debug: bool) -> tuple[int, str]:
    """An exit code, and one line."""
    if isinstance(error, ThroughtimeError):
        return (BAD_INPUT if isinstance(error, InputError) else FAILED), str(error)
    if isinstance(error, MemoryError) or str(error).startswith(
        "Maximum allowed dimension"
    ):  # NumPy's, of any array
        return FAILED, (
            "the memory is full; expected room for the model and its text. "
            "Lower --hidden-size, --vocab-size, --batch-size or --seq-len."
        )
    if isinstance(error, OSError) and error.filename is not None:
        return FAILED, (
            f"{error.filename} cannot be used ({error.strerror}); expected to read and write there. "
            "Check the disk and its permissions."
        )
    more = "Please report it." if debug else "Run again with --debug to see where, and report it."
    return FAILED, f"{type(error).__name__}: {error}; this is a bug in throughtime. {more}"


def _note(message: Warning | str, *where: Any, **more: Any) -> None:
    """Show a warning as a line."""
    _complain(f"note: {message}")


def _complain(line: str) -> None:
    print(f"throughtime: {' '.join(line.split())}", file=sys.stderr)
