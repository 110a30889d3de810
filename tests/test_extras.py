"""Optional packages: without one, importing what needs it gives one line that names the extra."""

import importlib
import subprocess
import sys

import pytest

import throughtime as tt
from throughtime.extras import require

NEIGHBOURS = {
    "throughtime.cluster.ray": ("ray", "ray"),
    "throughtime.onnx": ("onnx", "onnx"),
    "throughtime.sklearn": ("sklearn", "sklearn"),
    "throughtime.tensorboard": ("tensorboardX", "tensorboard"),
    "throughtime.torch": ("torch", "torch"),
    "throughtime.tqdm": ("tqdm", "tqdm"),
}


@pytest.mark.parametrize("module", NEIGHBOURS)
def test_neighbour_that_is_missing_is_named_with_its_extra(module, monkeypatch):
    package, extra = NEIGHBOURS[module]
    monkeypatch.setitem(sys.modules, package, None)
    for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(tt.MissingError) as caught:
        importlib.import_module(module)
    assert str(caught.value).startswith(f"{package} is not installed; expected it ")
    assert str(caught.value).endswith(f"Type: pip install 'throughtime[{extra}]'.")
    assert "\n" not in str(caught.value)


def test_require_lets_through_what_is_installed_but_broken(tmp_path, monkeypatch):
    (tmp_path / "broken_neighbour.py").write_text("import surely_not_installed\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ModuleNotFoundError, match="surely_not_installed") as caught:
        require("broken_neighbour", "torch")
    assert not isinstance(caught.value, tt.MissingError)


def test_package_itself_needs_no_neighbour():
    packages = {package for package, _ in NEIGHBOURS.values()}
    code = f"import sys, throughtime as tt; tt.LanguageModel, tt.fit; print(*{packages!r} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []
