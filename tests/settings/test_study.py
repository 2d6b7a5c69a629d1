from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flowdepth.base.errors import UserError
from flowdepth.settings.flows import KINDS
from flowdepth.settings.sections import Dataset, flat
from flowdepth.settings.study import Study, json_schema, read_study

ROOT = Path(__file__).parents[2]
DEFAULT = yaml.safe_load((ROOT / "config.yaml").read_text())

MARK = {"label": "a", "nll": 80, "source": "b", "quoted": "from memory", "protocol": "c"}
HOSTILE_NAMES = ["", ".", "..", "/evil", "a/b", "a b", "a'b", 'a"b', "a;b", "a\nb", "a\n", "-n"]
HOSTILE_NAMES += ["$(touch canary)", "`touch canary`", "{depth}", "{{x}}", "é", "a\0b", "a" * 101]


def refusal(**changes: object) -> str:
    with pytest.raises(UserError) as caught:
        read_study({**DEFAULT, **changes})
    return str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"trainig": {}}, "trainig: unknown key; did you mean training?"),
        ({"training": {"batchsize": 3}}, "training.batchsize: unknown key; did you mean batch_s"),
        ({"depths": [0, -1]}, "depths.1: found -1, expected greater than or equal to 0"),
        ({"depths": [0, "eight"]}, "depths.1: found 'eight', expected a valid integer"),
        ({"depths": [True]}, "depths.0: found True, expected a valid integer"),
        ({"depths": [2.5]}, "depths.0: found 2.5, expected a valid integer"),
        ({"depths": []}, "depths is empty"),
        ({"seeds": [0, 1, 1]}, "seeds lists [1] more than once"),
        ({"seeds": 5}, "seeds: found 5"),
        ({"evaluate": {"samples": 0}}, "evaluate.samples: found 0"),
        ({"dataset": {"name": "minst"}}, "dataset.name: found 'minst', expected 'digits'"),
        ({"dataset": {"binarisation": "none"}}, "grey pixels have no Bernoulli likelihood"),
        ({"model": {"likelihood": "normal"}}, "model.likelihood is normal but the pixels are bin"),
        ({"training": {"updates": 5, "epochs": 5}}, "give one of the two"),
        ({"training": {"epochs": None}}, "give one of the two"),
        ({"training": {"momentum": 0.9}}, "adam takes none"),
        (
            {"model": {"network": "gated_conv", "latent": 8, "hidden": [300]}},
            "model: hidden is [300] but network gated_conv has layers of its own; leave hidden at",
        ),
        ({"model": {"network": "gated_conv", "activation": "tanh"}}, "leave activation at 'relu'"),
        ({"model": {"network": "gated_conv", "latent": 2}}, "set latent to 3 or more"),
        ({"dataset": {"test": 0.6, "validation": 0.4}}, "leave a share of the images"),
        ({"\r": {}}, "'\\r': unknown key"),
        ({"": {}}, "'': unknown key"),
        ({"seeds": [*range(99)] * 2}, "seeds lists [0, 1, 2, 3,"),
        ({"name": "../evil"}, "name: found '../evil', expected match pattern"),
        *[({"name": name}, "name: found ") for name in HOSTILE_NAMES],
        ({"name": "reference"}, "results/reference is the folder of published studies; choose"),
        ({"name": "energies"}, "results/energies is the folder of `snakemake energies`; choose"),
        ({"dataset": {"root": "a\0b"}}, "dataset.root: found 'a\\x00b', expected match pattern"),
        ({"dataset": {"root": "$NO_SUCH/x"}}, "dataset.root: names NO_SUCH, which is not in the"),
        ({"dataset": {"root": "/a/${NO SUCH}"}}, "dataset.root: names NO SUCH, which is not in"),
        ({"dataset": {"root": "~no-such/x"}}, "dataset.root: ~no-such is nobody's home folder"),
        ({"dataset": {"root": ""}}, "dataset.root: found '', expected have at least 1 character"),
        ({"dataset": {"root": "x" * 5000}}, "dataset.root: found 'xxx"),
        ({"dataset": {"name": "npz; touch canary"}}, "dataset.name: found 'npz; touch canary'"),
        ({"report": {"title": "two\nlines"}}, "report.title: found 'two\\nlines'"),
        (
            {"report": {"title": "\u202egnp.exe"}},
            "whose character '\\u202e' breaks the line, moves",
        ),
        ({"report": {"title": "a\x9b2J"}}, "report.title: found 'a\\x9b2J', whose character"),
        ({"report": {"deviations": ["a\u2028b"]}}, "report.deviations.0: found 'a\\u2028b', whose"),
        (
            {"report": {"published": [{**MARK, "label": "\u2067x"}]}},
            "published.0.label: found '\\u20",
        ),
        ({"training": {"epochs": "010"}}, "training.epochs: found '010', expected a valid integer"),
        ({"depths": ["08"]}, "depths.0: found '08', expected a valid integer"),
        ({"report": {"title": "x" * 201}}, "expected have at most 200 characters"),
        (
            {"report": {"published": [MARK, {**MARK, "nl": 1}]}},
            "report.published.1.nl: unknown key; did you mean nll?",
        ),
        ({"report": {"published": [{"nll": 80}]}}, "report.published.0.label: missing"),
        ({"report": {"published": [{**MARK, "quoted": "heard"}]}}, "quoted: found 'heard'"),
        ({"report": {"deviations": [""]}}, "report.deviations.0: found '', expected have at"),
        ({"depths": ["0; touch canary"]}, "depths.0: found '0; touch canary'"),
        ({"depths": [10_001]}, "depths.0: found 10001, expected less than or equal to 10000"),
        ({"seeds": ["$(touch canary)"]}, "seeds.0: found '$(touch canary)'"),
        ({"seeds": [2**31]}, "seeds.0: found 2147483648, expected less than or equal to"),
        ({"seeds": list(range(0, 400, 2)), "seeds_per_job": 200}, "lower seeds_per_job"),
        ({"training": {"learning_rate": float("nan")}}, "training.learning_rate: found nan"),
        ({"objective": {"bound": "iwae", "gradient": "path"}}, "path gradient is biased"),
        ({"evaluate": {"exact": True}}, "quadrature takes 1 or 2 dimensions"),
        ({"objective": {"annealing": {"kind": "cosine"}}}, "objective.annealing.kind: found 'cos"),
    ],
)
def test_mistake_is_refused_and_explained(changes: dict[str, object], words: str) -> None:
    assert words in refusal(**changes)


def test_all_mistakes_are_named_at_once() -> None:
    message = refusal(depths=[-1], seeds=["x"], modle={}, evaluate={"sample": 3})
    assert message.startswith("The configuration has 4 mistakes:")
    for path in ("depths.0", "seeds.0", "modle", "evaluate.sample"):
        assert f"\n  {path}: " in message


def test_missing_key_is_named() -> None:
    with pytest.raises(UserError, match="name: missing"):
        read_study({"depths": [0], "seeds": [0]})


def test_settings_are_frozen_after_reading() -> None:
    study = read_study(DEFAULT)
    with pytest.raises(Exception, match="frozen"):
        study.name = "other"


def test_scientific_notation_is_read_as_a_number() -> None:
    study = read_study({**DEFAULT, "training": {"learning_rate": "1e-3"}})
    assert study.training.learning_rate == 1e-3


def test_nested_values_of_the_command_line_are_read_from_text() -> None:
    """Snakemake passes what ``--config`` nests as text: numbers, lists and null."""
    changes = {"depths": ["0", "8"], "training": {"epochs": "null", "updates": "70"}}
    changes["evaluate"] = {"exact": "false"}
    study = read_study({**DEFAULT, **changes})
    assert (study.depths, study.training.epochs, study.training.updates) == ((0, 8), None, 70)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("~/images.npz", "/home/me/images.npz"),
        ("~", "/home/me"),
        ("$SCRATCH/x", "/scratch/a b/x"),
        ("x/${SCRATCH}", "x//scratch/a b"),
        ("./~/x", "./~/x"),
        ("$(touch canary) $ {x}", "$(touch canary) $ {x}"),
    ],
)
def test_paths_are_read_as_a_shell_reads_them(
    monkeypatch: pytest.MonkeyPatch, written: str, read: str
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch/a b")
    assert read_study({**DEFAULT, "dataset": {"root": written}}).dataset.root == read


def test_canonical_form_ignores_the_order_of_keys() -> None:
    one = Dataset(name="mnist", seed=3).canonical()
    assert one == Dataset.model_validate({"seed": 3, "name": "mnist"}).canonical()
    assert Dataset.model_validate_json(one) == Dataset(name="mnist", seed=3)


def test_packs_hold_every_seed_once() -> None:
    study = read_study({**DEFAULT, "seeds": [5, 3, 8, 1, 0], "seeds_per_job": 2})
    assert study.packs() == {"5+3": (5, 3), "8+1": (8, 1), "0": (0,)}


def test_packs_are_named_by_their_seeds() -> None:
    """Folders of results carry these names: another one would orphan them."""
    names = [
        name
        for seeds in ([4], [0, 1], [0, 1, 2, 3], [1, 5, 8], [3, 2, 1])
        for name in read_study({**DEFAULT, "seeds": seeds}).packs()
    ]
    assert names == ["4", "0+1", "0-3", "1+5+8", "3+2+1"]


def test_device_can_be_left_out_of_the_canonical_form() -> None:
    here, there = (read_study({**DEFAULT, "device": device}) for device in ("cpu", "cuda"))
    assert here.canonical() != there.canonical()
    assert here.canonical("device") == there.canonical("device")


def test_nested_settings_keep_their_path() -> None:
    nested = {"a": {"b": 1, "c": {"d": [2]}}, "e": None}
    assert list(flat(nested)) == [("a.b", 1), ("a.c.d", [2]), ("e", None)]


def test_default_file_lists_and_explains_every_setting() -> None:
    text = (ROOT / "config.yaml").read_text()
    settings = read_study(DEFAULT).model_dump(mode="json")
    # The width of layers is listed for the kinds that have one.
    assert {*dict(flat(settings)), "flow.width"} == {*dict(flat(DEFAULT))}
    for line in text.splitlines():
        if re.match(r" *\w+: \S", line):
            assert "#" in line, line


def test_code_and_default_file_agree_on_defaults() -> None:
    file = read_study(DEFAULT)
    code = Study(name=file.name, depths=file.depths, seeds=file.seeds)
    assert code == file


def test_stored_schema_is_up_to_date() -> None:
    stored = (ROOT / "workflow" / "schemas" / "config.schema.json").read_text()
    assert stored == json_schema(), "run: python -m flowdepth.settings.study > workflow/schemas/..."
    assert "updates" in json.loads(stored)["$defs"]["Training"]["properties"]


@pytest.mark.parametrize("overlay", sorted((ROOT / "studies").glob("*.yaml")), ids=lambda p: p.stem)
def test_shipped_study_is_accepted_under_the_name_of_its_file(overlay: Path) -> None:
    changes = yaml.safe_load(overlay.read_text())
    merged = {
        key: {**DEFAULT[key], **changes.get(key, {})}
        if isinstance(DEFAULT[key], dict)
        else changes.get(key, DEFAULT[key])
        for key in DEFAULT
    }
    assert set(changes) <= set(DEFAULT)
    assert read_study(merged).name == overlay.stem


@pytest.mark.parametrize("module", ["settings.study", "data.catalogue"])
def test_modules_of_the_snakefile_import_no_heavy_library(module: str) -> None:
    script = f"import sys, flowdepth.{module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "pandas", "matplotlib", "scipy"} & set(loaded)


def test_the_width_of_layers_counts_where_they_have_one() -> None:
    studies = {kind: read_study({**DEFAULT, "flow": kind}) for kind in KINDS}
    found = {kind: json.loads(one.pack_settings("train")) for kind, one in studies.items()}
    assert {kind for kind, one in found.items() if "width" in one["flow"]} == {"sylvester"}


def test_layers_wider_than_the_latent_space_are_refused_where_they_have_a_width() -> None:
    changes = {"flow": "sylvester", "model": {"latent": 3}}
    assert "flow.width is 4 but model.latent is 3" in refusal(**changes)
    assert "set flow.width to 3 or less" in refusal(**changes)
    assert read_study({**DEFAULT, **changes, "flow": "planar"}).flow.width == 4
