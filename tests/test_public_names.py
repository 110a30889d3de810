"""The public surface: users and outside checks call these names, so a change here is a change of contract."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import throughtime as tt

ERRORS = {
    "ThroughtimeError",
    "InputError",
    "ArgumentError",
    "ShapeError",
    "DtypeError",
    "TokenError",
    "TextError",
    "RunError",
    "CellError",
    "WeightsError",
    "WorkFailed",
    "DivergedError",
    "GradientError",
    "LostError",
    "DamagedError",
    "MissingError",
}
SIGNALS = {"Interrupted", "StopTraining"}  # no errors: how training ends
LAZY = {
    *("LSTM", "GRU", "RNN", "Recurrent"),
    *("SequenceModel", "LanguageModel", "bptt", "check_gradients"),
    *("Cell", "check_cell"),
    *("Full", "Window", "Chunk", "Auto"),
    *("gradient_flow", "GradientFlow", "assert_horizon", "diagnose"),
    *("find_jacobians", "chain_singular_values", "lyapunov_exponents"),
    *("SGD", "Momentum", "RMSprop", "Adam", "AdamW"),
    *("ClipNorm", "ClipAuto", "ClipValue", "schedule_from_spec"),
    *("Tokenizer", "Corpus"),
    *("fit", "resume", "load", "generate", "evaluate", "examine"),
}


def imports_for_type_checkers() -> dict[str, str]:
    """Name -> module, as written under `if TYPE_CHECKING:`."""
    tree = ast.parse(Path(tt.__file__).read_text(encoding="utf-8"))
    block = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )
    return {
        alias.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom) and statement.module
        for alias in statement.names
    }


def run_python(code: str) -> str:
    """What a new interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_public_names_are_these_and_no_others():
    assert set(tt.__all__) == ERRORS | SIGNALS | LAZY | {"__version__"}
    assert len(tt.__all__) == len(set(tt.__all__))


def test_public_names_are_the_same_for_type_checkers_and_at_run_time():
    assert imports_for_type_checkers() == tt._MODULE_OF
    assert set(tt._MODULE_OF) == LAZY


@pytest.mark.parametrize("name", sorted(LAZY))
def test_public_name_loads_and_is_documented(name: str):
    value = getattr(tt, name)
    assert getattr(tt, name) is value
    assert inspect.getdoc(value)


@pytest.mark.parametrize("name", sorted(ERRORS))
def test_error_class_is_the_package_s_own(name: str):
    assert issubclass(getattr(tt, name), tt.ThroughtimeError)


def test_public_names_are_listed_before_they_are_loaded():
    listed = run_python("import throughtime as tt; print(*dir(tt))").split()
    assert set(listed) >= LAZY


def test_unknown_name_raises_attribute_error_that_names_it():
    with pytest.raises(AttributeError, match="module 'throughtime' has no attribute 'nothing'"):
        _ = tt.nothing


def test_import_loads_neither_compiler_nor_torch_nor_numpy():
    heavy = "{'numba', 'llvmlite', 'torch', 'numpy', 'scipy', 'tokenizers', 'rich', 'typer'}"
    assert run_python(f"import sys, throughtime; print(sorted({heavy} & set(sys.modules)))") == "[]\n"


def test_help_loads_neither_compiler_nor_torch_nor_numpy():
    code = (
        "import sys\n"
        "from throughtime.cli.main import main\n"
        "sys.argv = ['throughtime', '--help']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        "print('LOADED', *sorted({'numba', 'llvmlite', 'torch', 'numpy', 'scipy'} & set(sys.modules)))\n"
    )
    assert run_python(code).splitlines()[-1].split() == ["LOADED"]
