"""The documents at the root keep their word."""

import re
import tomllib
from pathlib import Path

import pytest
from tests.conftest import require_torch

import throughtime as tt

ROOT = Path(__file__).parents[1]


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


README_EXAMPLES = re.findall(r"```python\n(.*?)```", text_of("README.md"), flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(README_EXAMPLES)))
def test_readme_example_runs(number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    if "import torch" in README_EXAMPLES[number]:
        require_torch()
    exec(compile(README_EXAMPLES[number], f"README.md, example {number}", "exec"), {})


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_document_links_to_files_that_exist(document: str):
    targets = re.findall(r"\]\(([^)]+)\)", text_of(document))
    files = [target.partition("#")[0] for target in targets if not target.startswith(("http", "#"))]
    assert [name for name in files if not (ROOT / name).exists()] == []


def test_version_is_the_same_everywhere():
    assert f"\nversion: {tt.__version__}\n" in text_of("CITATION.cff")
    assert f"\n## [{tt.__version__}]" in text_of("CHANGELOG.md")


def test_readme_names_every_public_truncation_with_its_spelling():
    for truncation, spelling in [(tt.Full(), "full"), (tt.Window(4), "window:4"), (tt.Chunk(50), "chunk:50")]:
        assert str(truncation) == spelling
        assert f"`{spelling}`" in text_of("README.md")


def test_make_installs_only_extras_that_exist():
    extras = tomllib.loads(text_of("pyproject.toml"))["project"]["optional-dependencies"]
    assert set(re.findall(r"--editable '\.\[(\w+)\]'", text_of("Makefile"))) <= set(extras)
    assert '["oracle"]' in text_of("Makefile")
    assert "oracle" in extras
