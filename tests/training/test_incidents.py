"""Incidents: what is written can be run again, and says the same."""

import shutil

import numpy as np
import pytest

import throughtime as tt
from throughtime.networks.faults import examine
from throughtime.training.incidents import (
    Incident,
    find_incident,
    incidents,
    load_incident,
    replay_incident,
    save_incident,
)


@pytest.fixture
def incident(trained):
    """A step of the finished run's model: dropout is none, one weight infinite."""
    model = trained.model
    rng = np.random.default_rng(0)
    ids = rng.integers(0, model.vocab_size, (11, 4))
    params = {name: array.copy() for name, array in model.params.items()}
    params["rnn.weight_hh_l0"][3, 4] = np.inf
    return Incident(
        step=1234,
        params=params,
        inputs=ids[:-1],
        targets=ids[1:],
        truncation=tt.Chunk(10),
        state=np.full((1, 4, 12), 0.25, np.float32),
        lengths=np.array([10, 3, 10, 7]),
        before={name: array.copy() for name, array in model.params.items()},
        before_step=1200,
        lr=0.02,
        clip="norm 1",
        norm=float("nan"),
        usual_norm=0.5,
    )


def test_a_saved_incident_is_loaded_as_it_was(incident, trained, tmp_path):
    path = save_incident(tmp_path, incident, incident.examine(trained.model))
    assert path == tmp_path / "incidents" / "step-00001234.safetensors"
    found, record = load_incident(path)
    for name in ("step", "truncation", "reduction", "before_step", "random", "lr", "clip", "usual_norm"):
        assert getattr(found, name) == getattr(incident, name), name
    assert np.isnan(found.norm)
    for name in ("inputs", "targets", "state", "lengths"):
        assert (getattr(found, name) == getattr(incident, name)).all(), name
    assert found.reset is None
    assert found.updates == 33  # 1233 had been made
    for part in ("params", "before"):
        for name, array in getattr(incident, part).items():
            assert (getattr(found, part)[name] == array).all(), name
    assert record["cause"] == "bad parameters"


def test_an_lstms_state_is_a_pair_again(incident, trained, tmp_path):
    fault = incident.examine(trained.model)
    incident.state = (np.zeros((1, 4, 12), np.float32), np.ones((1, 4, 12), np.float32))
    found, _ = load_incident(save_incident(tmp_path, incident, fault))
    assert isinstance(found.state, tuple)
    assert (found.state[1] == 1).all()


def test_a_replay_says_what_was_found(incident, trained, tmp_path):
    copied = shutil.copytree(trained.path, tmp_path / "copy")
    fault = incident.examine(trained.model)
    assert fault.first is not None
    assert (fault.first.operation, fault.first.t, fault.first.layer) == ("recurrent projection", 0, 0)
    path = save_incident(copied, incident, fault)
    for name in ("step-00001234", 1234, "1234", path, str(path)):
        again = replay_incident(copied, name)
        assert str(again) == str(fault)
        assert again.line == fault.line


def test_examining_leaves_the_model_as_it_is(incident, trained):
    model = trained.model
    params = {name: array.copy() for name, array in model.params.items()}
    random = model.layers.stack.dropout.rng.bit_generator.state
    incident.random = random
    incident.examine(model)
    assert all((model.params[name] == array).all() for name, array in params.items())
    assert model.layers.stack.dropout.rng.bit_generator.state == random


def test_dropouts_masks_are_drawn_again_as_they_were():
    model = tt.LanguageModel(7, 6, "gru", num_layers=3, dropout=0.4, dtype="float64", seed=0)
    ids = np.random.default_rng(0).integers(0, 7, (9, 4))
    random = model.layers.stack.dropout.rng.bit_generator.state
    result = tt.bptt(model, ids[:-1], ids[1:], training=True)
    step = Incident(1, model.params, ids[:-1], ids[1:], tt.Full(), random=random)
    fault = step.examine(model)
    assert fault.loss == pytest.approx(result.loss, rel=1e-12)
    assert fault.loss != pytest.approx(examine(model, ids[:-1], ids[1:]).loss, rel=1e-6)
    assert fault.norm == pytest.approx(np.sqrt(sum((g**2).sum() for g in result.grads.values())), rel=1e-10)


@pytest.mark.parametrize("random", [{"bit_generator": "seed"}, {"bit_generator": "PCG64", "state": 3}, 7])
def test_dropouts_generator_is_one_of_numpys(random, incident, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(np.random, "seed", lambda: pytest.fail("called by a file's leave"))
    copied = shutil.copytree(trained.path, tmp_path / "copy")
    fault = incident.examine(trained.model)
    incident.random = random
    save_incident(copied, incident, fault)
    with pytest.raises(tt.RunError, match=r"step-00001234\.safetensors .* random generator's state"):
        replay_incident(copied, 1234)


def test_incidents_are_listed_in_order_and_found_by_name(incident, trained, tmp_path):
    fault = incident.examine(trained.model)
    assert incidents(tmp_path) == []
    for step in (20, 7, 20):
        incident.step = step
        save_incident(tmp_path, incident, fault)
    names = [path.stem for path in incidents(tmp_path)]
    assert names == ["step-00000007", "step-00000020", "step-00000020-2"]
    assert find_incident(tmp_path, "20-2").stem == "step-00000020-2"
    assert find_incident(tmp_path, 20).stem == "step-00000020"


def test_an_incident_that_is_not_there_is_told_with_those_that_are(incident, trained, tmp_path):
    with pytest.raises(tt.RunError, match="no incident 5; expected a run that met one"):
        find_incident(tmp_path, 5)
    save_incident(tmp_path, incident, incident.examine(trained.model))
    with pytest.raises(tt.RunError, match="no incident 5; expected one of step-00001234"):
        find_incident(tmp_path, 5)


def test_a_damaged_incident_is_named(incident, trained, tmp_path):
    path = save_incident(tmp_path, incident, incident.examine(trained.model))
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(tt.RunError, match="is damaged"):
        load_incident(path)


def test_an_incident_of_another_model_is_refused(incident, trained, tmp_path):
    copied = shutil.copytree(trained.path, tmp_path / "copy")
    fault = incident.examine(trained.model)
    del incident.params["readout.bias"]
    save_incident(copied, incident, fault)
    with pytest.raises(tt.RunError, match="does not fit the model"):
        replay_incident(copied, 1234)
