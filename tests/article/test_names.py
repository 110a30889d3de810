"""The article stands alone: NumPy is all that it imports."""

import ast
import sys
from pathlib import Path

import pytest

import throughtime.article as article

FILES = sorted(Path(article.__file__).parent.glob("*.py"))


def test_article_exposes_what_it_lists() -> None:
    assert all(hasattr(article, name) for name in article.__all__)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_article_imports_numpy_and_nothing_else_but_itself(file: Path) -> None:
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    foreign = [
        name
        for name in names
        if not name.startswith("throughtime.article.")
        and name.split(".")[0] not in {"numpy", *sys.stdlib_module_names}
    ]
    assert foreign == []
