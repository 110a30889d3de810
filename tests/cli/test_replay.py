import json
import shutil

import numpy as np
import pytest

import throughtime as tt
from throughtime.training.incidents import Incident, save_incident


@pytest.fixture
def met(trained, tmp_path):
    """A copy of the run, with two incidents."""
    copy = tmp_path / "met"
    shutil.copytree(trained, copy)
    model = tt.load(copy).model
    ids = np.random.default_rng(0).integers(0, model.vocab_size, (11, 4))
    params = dict(model.params)
    params["readout.weight"] = params["readout.weight"].copy()
    params["readout.weight"][2] = np.nan
    for step in (12, 40):
        incident = Incident(
            step, params, ids[:-1], ids[1:], tt.Full(), before=dict(model.params), before_step=10
        )
        save_incident(copy, incident, incident.examine(model))
    return copy


def test_replay_tells_where_and_why(cli, met):
    result = cli("replay", met, "12")
    assert (result.code, result.err) == (0, "")
    assert "readout of sequence 0, step 0" in result.out
    assert "bad parameters: readout.weight is not finite" in result.out


def test_replay_json_is_the_record(cli, met):
    found = json.loads(cli("replay", met, "step-00000040", "--json").out)
    assert found["incident"] == "step-00000040"
    assert found["cause"] == "bad parameters"
    assert found["first"]["operation"] == "readout"
    assert found["first"]["value"] is None  # JSON knows no NaN


def test_replay_without_an_incident_lists_them(cli, met):
    lines = cli("replay", met).out.splitlines()
    assert [line.split()[0] for line in lines] == ["step-00000012", "step-00000040"]
    assert all("bad parameters" in line for line in lines)
    found = json.loads(cli("replay", met, "--json").out)
    assert [entry["incident"] for entry in found["incidents"]] == ["step-00000012", "step-00000040"]


def test_replay_of_a_run_without_incidents(cli, trained):
    assert cli("replay", trained).out == f"{trained} met no incident.\n"
    result = cli("replay", trained, "7")
    assert result.code == 2
    assert "no incident 7; expected a run that met one" in result.err


def test_replay_of_what_is_not_there(cli, met):
    result = cli("replay", met, "13")
    assert result.code == 2
    assert "expected one of step-00000012, step-00000040" in result.err
    assert cli("replay", "nowhere").code == 2
