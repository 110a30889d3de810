import json

import pytest

from throughtime.cli import check as module


@pytest.fixture
def few(monkeypatch):
    """Two cells instead of five."""
    monkeypatch.setattr(module, "_CELLS", {name: module._CELLS[name] for name in ("rnn relu", "gru")})


def test_check_covers_every_cell_truncation_and_loss():
    assert {kind for kind, _ in module._CELLS.values()} == {"rnn", "lstm", "gru"}
    assert {nonlinearity for kind, nonlinearity in module._CELLS.values() if kind == "rnn"} == {
        "tanh",
        "relu",
        "sigmoid",
    }
    from throughtime.losses import losses

    assert set(module._LOSSES) == set(losses)


@pytest.mark.usefixtures("few")
def test_check_finds_the_gradients_right(cli):
    result = cli("check", "--json")
    found = json.loads(result.out)
    assert result.code == 0
    assert result.err == ""
    assert found["passed"] is True
    assert found["worst"] < 1e-6
    assert len(found["checks"]) == 2 * 4 * 3
    assert {check["truncation"] for check in found["checks"]} == {
        "full", "window:2", "chunk:3", "chunk:2,5",
    }  # fmt: skip


@pytest.mark.usefixtures("few")
def test_check_shows_a_table(cli):
    result = cli("check")
    assert result.code == 0
    rows = [line.split("│") for line in result.out.splitlines() if line.startswith("│")]
    assert [row[1].strip() for row in rows] == ["rnn relu", "gru"]
    assert all(float(entry) < 1e-6 for row in rows for entry in row[2:6])
    assert "24 gradients checked" in result.out


@pytest.mark.usefixtures("few")
def test_check_fails_with_the_first_gradient_that_is_wrong(cli, monkeypatch):
    original = module._check_one

    def wrong(cell, truncation, loss, seed):
        found = original(cell, truncation, loss, seed)
        if (cell, str(truncation), loss) == ("gru", "chunk:3", "squared"):
            found |= {"error": 0.25, "passed": False}
        return found

    monkeypatch.setattr(module, "_check_one", wrong)
    result = cli("check")
    assert result.code == 1
    assert "2.5e-01 wrong" in result.out
    assert result.err.startswith("throughtime: 1 of 24 gradients are wrong, first that of ")
    assert "(gru, chunk:3, squared) by 2.5e-01, relative; expected at most 1e-06" in result.err
    as_json = cli("check", "--json")
    assert as_json.code == 1
    assert json.loads(as_json.out)["passed"] is False


def test_check_sees_a_wrong_equation(cli, monkeypatch):
    from throughtime.networks.network import Network

    monkeypatch.setattr(module, "_CELLS", {"gru": ("gru", "tanh")})
    original = Network.bptt

    def spoiled(self, *arguments, **options):
        result = original(self, *arguments, **options)
        result.grads["rnn.weight_hh_l0"] *= 1.001
        return result

    monkeypatch.setattr(Network, "bptt", spoiled)
    result = cli("check")
    assert result.code == 1
    assert "12 of 12 gradients are wrong, first that of rnn.weight_hh_l0" in result.err


def test_check_refuses_a_negative_seed(cli):
    result = cli("check", "--seed", "-1")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("throughtime: --seed is -1; expected a whole number of at least 0")
