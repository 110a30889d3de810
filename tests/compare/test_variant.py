import pickle

import pytest
from tests.compare.conftest import variant

import throughtime as tt
from throughtime.compare.variant import Variant, require_comparable


@pytest.mark.parametrize("name", ["", "a/b", "..", "compare.json", "-x", "a b", "x" * 41])
def test_variant_name_must_be_fit_for_a_directory(name):
    with pytest.raises(tt.ArgumentError, match="a directory is called after it"):
        variant(name)


def test_variant_name_may_have_any_script_s_letters():
    assert variant("mạng+lstm_1-a").name == "mạng+lstm_1-a"


def test_variant_refuses_what_is_no_setting_of_training():
    with pytest.raises(tt.ArgumentError, match="has out, seq_length; expected settings of fit: optimizer"):
        variant("a", out="somewhere", seq_length=3)


def test_variant_is_plain_data():
    found = pickle.loads(pickle.dumps(variant("a", clip=tt.ClipNorm(2.0))))
    assert found.settings(10) == variant("a", clip=tt.ClipNorm(2.0)).settings(10)


def test_variant_has_a_new_optimizer_each_time():
    one = variant("a", optimizer=tt.Adam(0.5))
    one.plan.optimizer.lr = 7.0
    assert one.plan.optimizer.lr == 0.5


def test_variant_settings_are_those_of_model_and_training():
    found = variant("a", "gru", truncation=tt.Window(3)).settings(10)
    assert found["model"]["cell"] == "gru"
    assert found["model"]["vocab_size"] == 10
    assert found["training"]["truncation"] == "window:3"


def test_variant_settings_refuse_omega_where_it_has_no_meaning():
    with pytest.raises(tt.InputError):
        variant("a", "lstm", omega=1.0).settings(10)


def test_require_comparable_takes_variants_that_differ_in_model_and_update():
    require_comparable([variant("a"), variant("b", "lstm", clip=tt.ClipNorm(1.0), optimizer=tt.SGD(1.0))])


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("max_steps", 21),
        ("seed", 1),
        ("batch_size", 5),
        ("val_fraction", 0.2),
        ("epochs", 1),
        ("by", "sentence"),
    ],
)
def test_require_comparable_wants_one_text_and_one_budget(setting, value):
    others = {"seq_len": None} if setting == "by" else {}
    with pytest.raises(
        tt.ArgumentError, match=f"{setting} .* found in a, and {value!r} in b; expected one for all"
    ):
        require_comparable([variant("a"), variant("b", **{setting: value}, **others)])


@pytest.mark.parametrize(
    "settings",
    [
        {"seq_len": 20},
        {"seq_len": 20, "truncation": tt.Window(3)},
        {"seq_len": None, "truncation": tt.Chunk(20)},
        {"seq_len": None, "truncation": tt.Chunk(20, 40)},
        {"seq_len": 20, "truncation": tt.Auto(0.1)},
    ],
)
def test_require_comparable_wants_one_number_of_new_steps_per_update(settings):
    with pytest.raises(tt.ArgumentError) as error:
        require_comparable([variant("a"), variant("b", **settings), variant("c", "gru")])
    assert str(error.value).startswith(
        "new steps per update: 10 in a and c, 20 in b; expected one number for all"
    )


def test_require_comparable_takes_truncations_that_look_back_unequally_far():
    window, full = variant("a", truncation=tt.Window(3)), variant("b", truncation=tt.Full())
    chunk = variant("c", seq_len=None, truncation=tt.Chunk(10, 30))
    require_comparable([window, full, chunk, variant("d", truncation=tt.Auto(0.1))])


def test_require_comparable_wants_names_that_differ_on_every_file_system():
    with pytest.raises(tt.ArgumentError, match="the variant name LSTM found twice"):
        require_comparable([variant("lstm"), variant("LSTM")])


def test_require_comparable_wants_a_variant():
    with pytest.raises(tt.ArgumentError, match="no variant found"):
        require_comparable([])


def test_variant_s_defaults_are_those_of_fit():
    assert Variant(name="a", model={"hidden_size": 3}).plan.epochs == 10
