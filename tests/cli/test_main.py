import inspect
import subprocess
import sys
import warnings
from importlib import import_module

import pytest

import throughtime as tt
from throughtime.cli import main as module
from throughtime.cli.main import VERBS, main
from throughtime.errors import Interrupted

CONSOLE_SCRIPT = "import sys; from throughtime.cli.main import main; sys.exit(main())"


def run_process(*arguments: str, **options) -> subprocess.CompletedProcess[str]:
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-c", CONSOLE_SCRIPT, *arguments], capture_output=True, text=True, check=False, timeout=120,
        **options,
    )  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], []])
def test_help_lists_every_verb_with_its_first_sentence(arguments, cli):
    result = cli(*arguments)
    assert result.code == 0
    assert result.err == ""
    words = " ".join(result.out.split())
    for verb, (_, sentence) in VERBS.items():
        assert f"{verb} {sentence}" in words


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_says_defaults_without_brackets_of_their_own(verb, cli):
    assert "default: (" not in " ".join(cli(verb, "--help").out.split())


@pytest.mark.parametrize("verb", VERBS)
def test_help_of_a_verb_begins_with_the_sentence_that_the_list_has(verb, cli):
    place, sentence = VERBS[verb]
    name, function = place.split(":")
    assert inspect.getdoc(getattr(import_module(name), function)).split("\n")[0] == sentence
    result = cli(verb, "--help")
    assert result.code == 0
    assert result.out.startswith(f"Usage: throughtime {verb} ")
    assert sentence in " ".join(result.out.split())
    assert max(map(len, result.out.splitlines())) <= 80


def test_help_of_train_ends_with_examples_that_are_right(cli):
    lines = [line.strip() for line in cli("train", "--help").out.split("Examples:\n")[1].splitlines()]
    assert len(lines) == 2
    for line in lines:
        program, *arguments = line.split()
        missing = cli(*arguments)
        assert program == "throughtime"
        assert (
            missing.err
            == f"throughtime: {arguments[1]} does not exist; expected a text file. Check the path.\n"
        )


def test_help_of_train_groups_its_options(cli):
    lines = cli("train", "--help").out.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles == [
        "Arguments:", "Text:", "Model:", "Gradient:", "Updates:", "Duration:", "Run:", "Other options:",
    ]  # fmt: skip


def test_help_of_a_verb_loads_nothing_slow():
    slow = {"numpy", "numba", "rich", "tokenizers", "tensorboardX"}
    code = (
        "import sys; from throughtime.cli.main import main\n"
        "for verb in sys.argv[1:]:\n"
        f"    main([verb, '--help']); print(verb, *sorted({slow} & set(sys.modules)), file=sys.stderr)"
    )
    found = subprocess.run([sys.executable, "-c", code, *VERBS], capture_output=True, text=True, check=True)
    assert found.stderr.splitlines() == list(VERBS)


def test_version_is_the_package_s(cli):
    assert cli("--version") == (0, f"throughtime {tt.__version__}\n", "")


def failing(error: BaseException):
    """A verb that fails, to put in the place of another's."""

    def verb() -> None:
        """Fail."""
        raise error

    return verb


@pytest.fixture
def fail_with(cli, monkeypatch):
    """Call a verb that fails with an error."""

    def call(error: BaseException, *more: str):
        monkeypatch.setattr("throughtime.cli.check.check", failing(error))
        return cli("check", *more)

    return call


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (tt.ArgumentError("a found; expected b. Do c."), 2),
        (tt.RunError("a found; expected b. Do c."), 2),
        (tt.DivergedError("a found; expected b. Do c."), 1),
        (tt.GradientError("a found;\nexpected b. Do c."), 1),
    ],
)
def test_main_gives_each_error_its_code_and_one_line(error, code, fail_with):
    assert fail_with(error) == (code, "", "throughtime: a found; expected b. Do c.\n")


def test_main_calls_the_unexpected_a_bug_and_shows_the_traceback_with_debug_alone(fail_with):
    result = fail_with(ZeroDivisionError("by zero"))
    line = "throughtime: ZeroDivisionError: by zero; this is a bug in throughtime. Run again with --debug to see where"
    assert result == (1, "", f"{line}, and report it.\n")
    debugged = fail_with(ZeroDivisionError("by zero"), "--debug")
    assert debugged.code == 1
    assert debugged.err.startswith("Traceback")
    assert debugged.err.splitlines()[-1].startswith("throughtime: ZeroDivisionError: by zero; this is a bug")
    assert "--debug" not in debugged.err.splitlines()[-1]


def test_main_takes_debug_at_any_place_but_not_behind_two_dashes(cli, corpus):
    assert "Traceback" in cli("--debug", "train", "nowhere.txt").err
    assert "Traceback" in cli("train", "nowhere.txt", "--debug").err
    behind = cli("train", "--", "--debug")
    assert behind == (2, "", "throughtime: --debug does not exist; expected a text file. Check the path.\n")


def test_main_says_that_the_memory_or_the_disk_is_full(fail_with):
    assert "the memory is full; expected room" in fail_with(MemoryError()).err
    full = fail_with(OSError(28, "No space left on device", "runs/x"))
    assert full.code == 1
    assert full.err == (
        "throughtime: runs/x cannot be used (No space left on device); expected to read and write there. "
        "Check the disk and its permissions.\n"
    )


@pytest.mark.parametrize(
    ("stop", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (Interrupted("interrupted at step 3. Go on.", 2), 130, "interrupted at step 3. Go on."),
        (Interrupted("interrupted at step 3. Go on.", 15), 143, "interrupted at step 3. Go on."),
    ],
)
def test_main_interrupted_says_so(stop, code, line, fail_with):
    assert fail_with(stop) == (code, "", f"throughtime: {line}\n")


def test_main_shows_a_warning_as_a_line(cli, monkeypatch):
    def warning() -> None:
        """Warn."""
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            warnings.warn("a file is damaged; it is made anew.", UserWarning, stacklevel=1)

    monkeypatch.setattr("throughtime.cli.check.check", warning)
    assert cli("check") == (0, "", "throughtime: note: a file is damaged; it is made anew.\n")


def test_main_is_quiet_when_its_reader_has_gone(trained):
    process = subprocess.Popen(
        [sys.executable, "-c", CONSOLE_SCRIPT, "generate", str(trained), "--length", "5000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.read(10)
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 141


def test_main_writes_what_the_terminal_cannot_as_question_marks(trained):
    result = run_process("generate", "việt", env={"PYTHONIOENCODING": "ascii", "PATH": ""})
    assert result.returncode == 2
    assert "vi?t does not exist" in result.stderr


def test_main_reads_the_arguments_of_the_process():
    result = run_process("train", "nowhere.txt", "--cell", "foo")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "throughtime: --cell is 'foo'; expected one of rnn, lstm, gru. See throughtime train --help.\n"
    )


def test_main_returns_a_verb_s_own_code(monkeypatch, cli):
    monkeypatch.setattr("throughtime.cli.check.check", lambda: 7)
    assert cli("check").code == 7


def test_verbs_are_functions_of_their_modules():
    for place, _ in VERBS.values():
        name, function = place.split(":")
        assert callable(getattr(import_module(name), function))
    assert module.main is main


def test_the_package_runs_as_a_module():
    done = subprocess.run(
        [sys.executable, "-m", "throughtime", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"throughtime {tt.__version__}\n"


@pytest.mark.parametrize(
    ("verb", "usage"),
    [
        ("train", "[OPTIONS] [FILES|-]..."),
        ("eval", "[OPTIONS] RUN FILE"),
        ("article", "[OPTIONS] [FILE]"),
    ],
)
def test_help_shows_arguments_as_they_are_typed(cli, verb, usage):
    assert cli(verb, "--help").out.startswith(f"Usage: throughtime {verb} {usage}\n")
