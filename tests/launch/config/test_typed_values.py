"""What is typed as the value of a text setting is what the setting gets, whichever letters are in it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose as hydra_compose
from hypothesis import example, given
from hypothesis import strategies as st
from omegaconf import DictConfig, OmegaConf

from labelyard.launch import run
from labelyard.launch.config.compose import composed
from labelyard.launch.config.typed_values import as_typed, parse
from labelyard.utils.errors import UserError
from tests.conftest import FAKES, ROOT, call, environment
from tests.letters import ODD, PRINTABLE


@dataclass
class Group:
    path: str = "???"
    root: str | None = None
    count: int = 3
    keep: list[str] = field(default_factory=list)


CONFIG = OmegaConf.create({"output": "here", "source": OmegaConf.structured(Group)})


def arrived(override: str) -> object:
    """What the configuration holds after it, by way of Hydra's parser."""
    assert isinstance(CONFIG, DictConfig)
    parsed = parse(as_typed(override, CONFIG))
    assert parsed is not None, override
    config = OmegaConf.merge(CONFIG, {})
    OmegaConf.update(config, parsed.key_or_group, parsed.value())
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return plain["source"][override.partition("=")[0].rpartition(".")[2]]


def has_a_meaning(text: str) -> bool:
    return text in ("null", "???") or (len(text) > 1 and text[0] == text[-1] and text[0] in "'\"")


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
    | st.text("$\\{}'\"ab:", min_size=1)
)
@example("fotos ü (1)/list.json")
@example("a=b,c#d")
@example("1e3")
@example("007")
@example("True")
@example("a\\")
@example("\\${a}\\\\${b}\\")
@example("it's \\' \"so\"")
@example(" padded ")
@example("a\nb")
@example("choice(a,b)")
@example("[a,b]")
@example("{a:b}")
@example(PRINTABLE)
def test_any_text_arrives_as_it_was_typed(text: str) -> None:
    if not has_a_meaning(text):
        assert arrived(f"source.path={text}") == text


@pytest.mark.parametrize(
    ("typed", "got"),
    [
        ("source.root=null", None),
        ("source.root=", ""),
        ('source.path="a,b"', "a,b"),
        ("source.path='a=b'", "a=b"),
        ('source.path="null"', "null"),
        ('source.path="${output}/x"', "here/x"),
        ("source.path=${output}/ü, (1)", "here/ü, (1)"),
        ("source.path=${source.count} ${oc.env:LABELYARD_TEST}!", "3 value!"),
        ("source.path=${nothing} ${output}", "${nothing} here"),
        ("source.path=${no_such:HOME}", "${no_such:HOME}"),
        ("source.path=\\${output}", "${output}"),
        ("source.count=7", 7),
        ("source.keep=[a,b]", ["a", "b"]),
        ("source.keep=['größe, mm',b]", ["größe, mm", "b"]),
    ],
)
def test_what_has_a_meaning_keeps_it(typed: str, got: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABELYARD_TEST", "value")
    assert arrived(typed) == got


@pytest.mark.parametrize("text", [*ODD, "${b}", "a${oc.nothing:x}"])
def test_the_configuration_holds_it(text: str) -> None:
    found = composed(
        [f"source.path={text}.json", f"output={text}", f"++source.root={text}", "pipeline=fake"], directory=FAKES
    )
    values = OmegaConf.to_container(found.config, resolve=True)
    assert isinstance(values, dict)
    assert (values["output"], values["source"]["path"], values["source"]["root"]) == (text, f"{text}.json", text)
    assert found.overrides[1] == f"output={text}", "as it was typed, for lines to copy"


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("source.keep=[größe]", "the value can't be read. In lists and dictionaries text goes in quotes"),
        ("source.keep=a,b", "several values, where one belongs. A list is in brackets: 'source.keep=[a,b]'"),
        ("work.batch=(", "the value can't be read"),
    ],
)
def test_what_stays_in_the_grammar_is_told_in_plain_words(override: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        composed([override])
    assert told in str(caught.value) and "Lexer" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("plus", ["", "+", "++"])
def test_a_setting_that_takes_any_by_name_takes_new_ones_with_and_without_a_plus(plus: str) -> None:
    steps = ["draw=flux", "+draw@other=schnell", "pipeline.steps=[draw,other]"]
    given = [
        f"{plus}draw.options.image=null",
        f"{plus}other.options.sizes.least=[1,2]",
        "draw.options.max_sequence_length=7",
    ]
    found = composed(["source.path=a.json", "output=out", *steps, *given]).config
    assert found.draw.options == {"max_sequence_length": 7, "image": None}
    assert found.other.options == {"max_sequence_length": 256, "sizes": {"least": [1, 2]}}


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("draw.optoins.image=1", "there is no key 'optoins' in draw.*Did you mean draw.options?"),
        ("draw.steps.image=1", "draw.steps is a value and has no keys below it"),
        ("other.options.image=1", "there is no key 'other'"),
    ],
)
def test_elsewhere_a_key_that_is_none_is_a_mistake(override: str, told: str) -> None:
    with pytest.raises(UserError, match=told):
        composed(["source.path=a.json", "output=out", "draw=flux", "pipeline.steps=[draw]", override])


def test_hydras_own_face_takes_the_same_command_line(tmp_path: Path) -> None:
    """Settings before and behind --cfg, odd letters, a step that is left out, options of the user's own."""
    done = call(
        "run", "source=csv", "source.path=fotos ü (1)/a=b.csv", "--config-dir", FAKES, "--cfg", "job",
        "output=${b} #~!", "embed=null", "tag=fake", "source.keep=[a,b]", "--wait", "cluster=slurm",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = yaml.safe_load(done.stdout)
    assert shown["source"]["path"] == "fotos ü (1)/a=b.csv" and shown["source"]["_target_"].endswith("Csv")
    assert shown["output"] == "\\${b} #~!", "as OmegaConf writes it"
    assert shown["tag"]["count"] == 2 and "embed" not in shown and shown["cluster"]["wait"] is True
    assert not list(tmp_path.iterdir())


def test_hydras_own_face_tells_mistakes_as_everywhere_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run.main(["source.pth=x", "--cfg", "job"]) == 1
    assert "Did you mean source.path?" in capsys.readouterr().err


def test_several_runs_in_one_command_are_still_had_by_commas(tmp_path: Path) -> None:
    listed = tmp_path / "a (1).json"
    listed.write_text('[{"image": "x.jpg", "caption": "c"}]')
    done = subprocess.run(
        [sys.executable, str(ROOT / "launch" / "run.py"), "--multirun", "--config-dir", FAKES, "pipeline=fake",
         f"source.path={listed}", "output=out_1,out_2", "plan_only=true"],
        env=environment(), cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out_1" / "plan.json").exists() and (tmp_path / "out_2" / "plan.json").exists()


@pytest.mark.parametrize(
    ("overrides", "looks"),
    [
        (["work.batch=2", "shard_size=3", "limit=null", "write.short_side=16"], 0),
        (["cluster.num_jobs=2"], 0),
        (["pipeline=bare", "pipeline.steps=[]"], 0),
        (["ground=coco_ssd", "ground.box_threshold=0.3"], 0),
        (["cluster=slurm", "cluster.partition=3"], 1),  # the name of a partition
        (["cluster.partition=3", "cluster=slurm"], 1),
        (["output=007"], 1),
        (["ground.box_threshold=0.3"], 1),  # of which step the configuration has to say
    ],
)
def test_numbers_where_no_text_can_stand_are_understood_at_a_glance(
    overrides: list[str], looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed_with: list[object] = []

    def counted(*given: Any, **others: Any) -> Any:
        composed_with.append(given)
        return hydra_compose(*given, **others)

    monkeypatch.setattr("labelyard.launch.config.compose.compose", counted)
    config = composed(["source.path=a", *overrides]).config
    assert len(composed_with) == 1 + looks
    if "cluster.partition=3" in overrides:
        assert config.cluster.partition == "3"
    if "output=007" in overrides:
        assert config.output == "007"
