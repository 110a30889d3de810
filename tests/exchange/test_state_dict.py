import hashlib
import pickle
import zipfile

import numpy as np
import pytest
from safetensors.numpy import save_file

import throughtime as tt
from throughtime.exchange.state_dict import read_state_dict


def test_tensors_are_read_as_they_are(tmp_path):
    tensors = {"a.weight": np.arange(6.0).reshape(2, 3), "b": np.zeros(2)}
    save_file(tensors, tmp_path / "weights")
    found, sha256 = read_state_dict(tmp_path / "weights")
    assert sha256 == hashlib.sha256((tmp_path / "weights").read_bytes()).hexdigest()
    assert found.keys() == tensors.keys()
    for name, array in tensors.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def pickled(path):
    path.write_bytes(pickle.dumps({"a": 1}))


def archived(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"a": 1}))


@pytest.mark.parametrize("write", [pickled, archived])
def test_a_pickle_is_not_opened(write, tmp_path):
    write(tmp_path / "model.safetensors")
    with pytest.raises(
        tt.WeightsError, match=r"is a pickle, as torch.save writes it, which may run"
    ) as caught:
        read_state_dict(tmp_path / "model.safetensors")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("entry", [None, "model_state_dict", "state_dict"])
def test_the_conversion_of_a_pickle_is_right(entry, torch, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = torch.nn.Linear(2, 3)
    with torch.no_grad():
        module.weight = torch.nn.Parameter(module.weight.new_ones(2, 3).T)  # not contiguous
    state_dict = {**module.state_dict(), "version": 2}
    torch.save(state_dict if entry is None else {"epoch": 3, entry: state_dict}, "model.pt")
    with pytest.raises(tt.WeightsError, match=r"often checkpoint\['model_state_dict'\]") as caught:
        read_state_dict(tmp_path / "model.pt")
    code = str(caught.value).partition("in Python: ")[2]
    assert "map_location='cpu'" in code
    exec(code, {})
    found, _ = read_state_dict(tmp_path / "weights.safetensors")
    assert found.keys() == {"weight", "bias"}
    np.testing.assert_array_equal(found["weight"], module.weight.detach().numpy())


def test_a_name_that_save_model_has_left_out_is_there(tmp_path):
    save_file({"a": np.ones(2)}, tmp_path / "weights", metadata={"b": "a", "format": "pt"})
    found, _ = read_state_dict(tmp_path / "weights")
    assert found.keys() == {"a", "b"}
    np.testing.assert_array_equal(found["b"], found["a"])


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({}, "holds no tensor; expected a model's state_dict"),
        ({"a": np.zeros(2, np.float16)}, "has 'a' of type F16; expected all of float32, or all of float64"),
        (
            {"a": np.zeros(2), "b": np.zeros(2, np.float32), "c": np.zeros(2, np.float32)},
            "has 'a' of type F64",
        ),
        ({"a": np.zeros(2), "steps": np.array(3)}, "has 'steps' of type I64; expected all of float32"),
        ({"a": np.array([0, np.nan])}, "has a, which is not finite; expected finite numbers"),
        ({"a": np.array([np.inf])}, "has a, which is not finite; expected finite numbers"),
        (
            {"\x1b[2J\n": np.zeros(2)},
            r"has a tensor called '\\x1b\[2J\\n'; expected a name that can be shown",
        ),
    ],
)
def test_tensors_that_are_no_weights_are_refused(tensors, message, tmp_path):
    save_file(tensors, tmp_path / "weights")
    with pytest.raises(tt.WeightsError, match=message):
        read_state_dict(tmp_path / "weights")


@pytest.mark.parametrize("content", [b"", b"text", b"\x10\0\0\0\0\0\0\0{}"])
def test_another_file_is_refused(content, tmp_path):
    (tmp_path / "weights").write_bytes(content)
    with pytest.raises(tt.WeightsError, match=r"is no file of safetensors .*; expected one") as caught:
        read_state_dict(tmp_path / "weights")
    assert "\n" not in str(caught.value)
    with pytest.raises(
        tt.WeightsError, match=r"cannot be read \(No such file or directory\); expected weights"
    ):
        read_state_dict(tmp_path / "none")
    with pytest.raises(tt.WeightsError, match=r"cannot be read \(Is a directory\); expected weights"):
        read_state_dict(tmp_path)
