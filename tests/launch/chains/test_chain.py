"""Chains here, from a list to the records of the last stage: in this process, without models."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from labelyard.generate.rows import Rows
from labelyard.generate.source import Source
from labelyard.launch import cancel, chain, jsons2txt, retry, run, status, validate
from labelyard.launch.chains import frozen
from labelyard.launch.chains.folder import ChainFolder
from labelyard.launch.chains.frozen import Redo
from labelyard.launch.planning.reading import rows_of
from labelyard.launch.starting import dry_run
from tests.conftest import MakeList, fake_run, listed
from tests.launch.chains.support import STAGES, fakes, files, run_chain, without_made_by


def test_the_stages_come_to_what_their_steps_come_to_in_one_run(make_list: MakeList, tmp_path: Path) -> None:
    train, out, one = make_list(5), tmp_path / "out", tmp_path / "one"
    assert run_chain(train, out) == 0
    steps = "pipeline.steps=[trouble,tag,ground,segment,caption,embed]"
    assert run.main(list(map(str, fake_run(train, one, "pipeline=faults", steps, "cluster=debug")))) == 0
    chained, at_once = listed(out / "captions"), listed(one)
    assert [Path(path).name for path in chained] == [Path(path).name for path in at_once] and len(chained) == 5
    for left, right in zip(chained, at_once, strict=True):
        records = [without_made_by(json.loads(Path(path).read_bytes())) for path in (left, right)]
        assert records[0] == records[1]
    annos = [anno for path in chained for anno in json.loads(Path(path).read_bytes())["annos"] if "pad" not in anno]
    assert len(annos) > 5 and all(anno["caption"] for anno in annos)
    assert len(listed(out / "edges")) == 5
    assert len(list((out / "edges" / "images" / "edges").rglob("*.png"))) == 5


def joined(train: Path, out: Path, *more: str) -> int:
    code: int = chain.main(["joined", *fakes(train, out, "cluster=debug", *more)[1:]])
    return code


def test_a_stage_that_needs_two_has_what_both_have_found(make_list: MakeList, tmp_path: Path) -> None:
    train, out, one = make_list(4), tmp_path / "out", tmp_path / "one"
    assert joined(train, out) == 0
    steps = "pipeline.steps=[trouble,tag,ground,segment,edges,caption,embed]"
    assert run.main(list(map(str, fake_run(train, one, "pipeline=faults", steps, "cluster=debug")))) == 0
    for left, right in zip(listed(out / "captions"), listed(one), strict=True):
        records = [without_made_by(json.loads(Path(path).read_bytes())) for path in (left, right)]
        assert records[0] == records[1] and "edges" in records[0]["images"]


def test_what_a_stage_keeps_aside_the_next_one_finds(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(3), tmp_path / "out"
    assert chain.main(["apart", *fakes(train, out, "cluster=debug")[1:]]) == 0
    before, after = (
        [json.loads(Path(path).read_bytes()) for path in listed(out / stage)] for stage in ("boxes", "merged")
    )
    for one, other in zip(before, after, strict=True):
        assert one["annos"] == []
        boxes = [found["box"] for found in one["aside"]["ground"]["instances"]]
        assert boxes == [anno["original"]["box"] for anno in other["annos"] if "pad" not in anno]
    assert any(one["annos"] for one in after)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("edges:pipeline.steps=[segment,edges]", "it needs masks, edges, and both have a step 'segment'"),
        ("edges:pipeline.steps=[tag,edges]", "it needs masks, edges, and both have a step 'tag'"),
    ],
)
def test_what_two_stages_make_alike_is_not_joined(
    more: str, said: str, make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert joined(make_list(2), tmp_path / "out", more) == 1
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_given_again_it_goes_on_with_all_of_it(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_chain(make_list(3), out) == 0
    before = [files(out / stage / "records") for stage in STAGES]
    frozen = (out / "chain.json").stat().st_mtime_ns
    assert run_chain(make_list(3), out) == 0
    assert [files(out / stage / "records") for stage in STAGES] == before, "nothing is computed again"
    assert (out / "chain.json").stat().st_mtime_ns == frozen
    assert run_chain(make_list(5), out) == 0
    assert [len(listed(out / stage)) for stage in STAGES] == [5, 5, 5, 5], "what is new in the list reaches every stage"
    assert "stage 4 of 4: captions, of the records of masks" in capsys.readouterr().out


def test_quarantined_items_hold_nobody_up(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = make_list(5), tmp_path / "out"
    lost = tmp_path / "pictures" / "0001.jpg"
    content = lost.read_bytes()
    lost.unlink()
    assert run_chain(train, out, "masks:trouble.reject=0003") == 3
    assert [len(listed(out / stage)) for stage in STAGES] == [4, 3, 4, 3]
    assert "1 item of it in quarantine; on with the 4 that are done" in capsys.readouterr().out
    lost.write_bytes(content)
    assert retry.main([str(out / "regions")]) == 0 and retry.main([str(out / "masks")]) == 0
    assert run_chain(train, out) == 0
    assert [len(listed(out / stage)) for stage in STAGES] == [5, 5, 5, 5]


def test_a_stage_that_fails_ends_the_chain(make_list: MakeList, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert run_chain(make_list(3), out, "masks:trouble.setup_fails=true") == 1
    assert len(listed(out / "regions")) == 3 and not (out / "edges").exists()
    assert run_chain(make_list(3), out) == 0


def test_a_changed_setting_is_refused_and_redone_where_it_is_asked_for(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = make_list(3), tmp_path / "out"
    assert run_chain(train, out) == 0
    before = files(out)
    assert run_chain(train, out, "masks:write.jpeg_quality=60") == 1
    said = capsys.readouterr().err
    assert "masks: write.jpeg_quality: 95 in the chain, 60 now" in said
    assert "To do masks, captions again in fresh folders: the same command with --again masks" in said
    assert run_chain(train, out, "masks:write.jpeg_quality=60", "--again", "captions") == 1, "that is not what changed"
    assert files(out) == before

    for _ in range(2):  # given again it goes on with what it began
        assert run_chain(train, out, "masks:write.jpeg_quality=60", "--again", "masks") == 0
        assert sorted(path.name for path in out.iterdir() if (path / "run.json").exists()) == [
            *("captions", "captions-2", "edges", "masks", "masks-2", "regions"),
        ]
    records = files(out / "regions" / "records") | files(out / "edges" / "records") | files(out / "masks" / "records")
    assert records and records.items() <= before.items(), "what does not need it is left as it was"
    assert json.loads((out / "captions-2" / "run.json").read_text())["config"]["source"]["path"] == str(out / "masks-2")
    assert run_chain(train, out, "masks:write.jpeg_quality=60") == 0, "from now on these are its settings"
    assert run_chain(train, out) == 1


def test_what_nobody_has_begun_may_change(make_list: MakeList, tmp_path: Path) -> None:
    train, out = make_list(3), tmp_path / "out"
    assert run_chain(train, out, "masks:trouble.setup_fails=true") == 1
    assert run_chain(train, out, "captions:write.jpeg_quality=60") == 0
    frozen = json.loads((out / "chain.json").read_text())["stages"]
    assert frozen["captions"]["data"]["write"]["jpeg_quality"] == 60 and frozen["captions"]["folder"] == "captions"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (
            ["tag.cuont=3"],
            "stage regions: tag.cuont=3: there is no key 'cuont' in tag. Valid keys: aside, count.",
        ),
        (["captions:embed=fakes"], "stage captions: embed=fakes: 'embed' has no option 'fakes'"),
        (["masks:cluster=slurm"], "stage regions runs with cluster=debug and masks with cluster=slurm"),
        (["edges:work.batch=0"], "stage edges: work.batch=0: give"),
        (["captions:pipeline.steps=[trouble,segmant]"], "segmant"),
        (["edges:pipeline.steps=[caption,embed,depth]"], "stage edges:"),
        (["regions:pipeline.steps=[tag]"], "stage masks: "),
        (["plan_only=true"], "plan_only=true"),
        (["--again", "mask"], "--again mask: the chain has no such stage; it has regions"),
        (["source.path=nowhere.json"], "nowhere.json"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_written(
    more: list[str], said: str, make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_chain(make_list(2), tmp_path / "out", *more) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "out").exists()


def test_dry_run_tells_all_stages_and_writes_nothing(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    rates = [f"{stage}:rate={n}" for n, stage in enumerate(STAGES, 1)]
    assert run_chain(make_list(2), out, "dry_run=true", *rates) == 0
    said = capsys.readouterr().out
    assert "items      2 new of 2 rows" in said and "items      those that are done in masks by then" in said
    assert "pipeline   trouble -> caption -> embed" in said
    assert said.count("files      6: 2 records, and 4 for each shard") == 3
    assert "files      8: 2 records, 1 images beside each" in said
    assert "new        26 files, about 0.0016 GB, 0.0012 GPU hours at the given rates\n" in said
    assert not out.exists()


def test_a_list_that_two_stages_read_is_counted_once(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read = list[object]()

    def ahead(source: Source, limit: int | None) -> Iterator[Rows]:
        read.append(source)
        return rows_of(source, limit)

    monkeypatch.setattr(dry_run, "rows_of", ahead)
    asked = fakes(make_list(3), tmp_path / "out", "cluster=debug", "dry_run=true")
    assert chain.main(["twice", *asked[1:]]) == 0
    assert capsys.readouterr().out.count("items      3 new of 3 rows") == 2 and len(read) == 1


def test_dry_run_tells_every_job_of_a_cluster(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ("cluster.partition=big", "captions:cluster.partition=small", "captions:cluster.gpus_per_node=0")
    assert run_chain(make_list(2), tmp_path / "out", "cluster=slurm", *small, "dry_run=true") == 0
    said = capsys.readouterr().out
    assert said.count("#SBATCH --partition=big") == 8 and said.count("#SBATCH --partition=small") == 3
    assert "---- the job that starts captions: sbatch gets ----" in said and "--next captions" in said
    assert "dry_run=true" not in said


def test_programs_for_one_run_say_which_there_are(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run_chain(make_list(2), out) == 0
    before = files(out)
    for main in (validate.main, jsons2txt.main, retry.main):
        capsys.readouterr()
        assert main([str(out)]) == 1
        said = capsys.readouterr().err
        assert "holds a chain" in said and all(str(out / stage) in said for stage in STAGES)
    assert cancel.main([str(out)]) == 0 and "no jobs were submitted for this chain" in capsys.readouterr().out
    assert cancel.goes_on(out) == cancel.goes_on(out / STAGES[0]) == "the same chain.py command goes on from there"
    assert files(out) == before


def test_status_has_a_line_for_each_stage_and_the_table_of_what_is_begun(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = make_list(4), tmp_path / "out"
    assert run_chain(train, out, "masks:trouble.setup_fails=true") == 1
    capsys.readouterr()
    assert status.main([str(out)]) == 0
    said = capsys.readouterr().out
    assert "regions   complete      4 items: 4 done, 0 quarantined, 0 pending" in said
    assert "masks     begun         4 items: 0 done, 0 quarantined, 4 pending" in said
    assert "edges     not begun" in said and "captions  waits for masks" in said
    assert f"masks:\nrun          {out / 'masks'}\n" in said
    assert status.main([str(out), "--json"]) == 0
    seen = json.loads(capsys.readouterr().out)
    assert [(stage["stage"], stage["complete"]) for stage in seen["stages"]][:2] == [
        ("regions", True),
        ("masks", False),
    ]
    assert run_chain(train, out) == 0
    capsys.readouterr()
    assert status.main([str(out), "--watch"]) == 0 and "captions  complete" in capsys.readouterr().out


def test_a_place_that_holds_something_else_is_refused(
    make_list: MakeList, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train, out = make_list(2), tmp_path / "out"
    assert run.main(list(map(str, fake_run(train, out, "cluster=debug")))) == 0
    assert run_chain(train, out) == 1 and "is a run folder" in capsys.readouterr().err
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "thesis.tex").touch()
    assert run_chain(train, tmp_path / "papers") == 1 and "it holds thesis.tex" in capsys.readouterr().err
    assert run_chain(train, tmp_path / "new") == 0
    assert run.main(list(map(str, fake_run(train, tmp_path / "new", "cluster=debug")))) == 1


def test_the_arguments_of_a_job_are_those_of_the_command(tmp_path: Path) -> None:
    from labelyard.launch.chain import parsed

    asked = parsed([*fakes(Path("list.json"), tmp_path, "--again", "masks"), "tag.count=1"])
    assert asked is not None and asked.again == ("masks",)
    again = parsed([*asked.command(), "--next", "edges"])
    assert again is not None and (again.settings, again.directory) == (asked.settings, asked.directory)
    assert again.next == "edges" and again.again == ()


def test_what_is_done_again_may_get_the_place_of_what_was_there(tmp_path: Path) -> None:
    folder = ChainFolder(tmp_path)
    wanted = {"a": ((), {"x": 1}), "b": (("a",), {"x": 1}), "c": (("b",), {"x": 1})}
    frozen.write(folder, frozen.settled(folder, "three", wanted, Redo(), "out").chain)
    for name in wanted:
        run_folder = folder.run(name)
        run_folder.make()
        run_folder.write_plan(run_folder.read_plan())
    wanted["b"] = (("a",), {"x": 2})
    found = frozen.settled(folder, "three", wanted, Redo(("b",), set_aside=True), "out")
    assert dict(found.old) == {"c": "c.old-1", "b": "b.old-1"}
    assert list(found.old) == ["c", "b"], "none is ever left that rests on what has gone"
    assert [stage.folder for stage in found.chain.stages.values()] == ["a", "b", "c"]
    frozen.make_room(folder, found.old)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b.old-1", "c.old-1", "chain.json"]
