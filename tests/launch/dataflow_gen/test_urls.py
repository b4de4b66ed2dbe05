"""Rows whose images and videos lie behind addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.worker import in_flight
from tests.launch.dataflow_gen.support import CAPTION, FILM, FILMS, UPPER, lines, pipeline, run, step, write_rows
from tests.support.pictures_server import pictures_server


def test_images_are_fetched_where_the_user_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(in_flight, "PATIENCE", (0.0, 0.0))
    with pictures_server() as server:
        names = ("20.png", "gone-404", "twice-busy.png", "cut.png")
        write_rows(tmp_path / "list.jsonl", [{"image": f"{server.address}/{name}"} for name in names])
        config = pipeline(tmp_path, [CAPTION, UPPER])
        assert run(config) == 1 and "load.urls=true" in capsys.readouterr().err
        assert not (tmp_path / "base").exists() and not server.asked
        assert run(config, "load.urls=true") == 3
        assert lines(tmp_path / "out" / "result.jsonl") == [
            {
                "image": f"{server.address}/{name}",
                "text": f"SIZE ({width}, 10)",
                "text_by_step": {CAPTION_STEP: f"size ({width}, 10)", UPPER_STEP: f"SIZE ({width}, 10)"},
            }
            for name, width in (("20.png", 20), ("twice-busy.png", 7))
        ]
        assert server.asked["/20.png"] == 1, "by the step that looks at it, and no other"
    reasons = [line["reason"].partition(": http")[0] for line in lines(tmp_path / "out" / "failed.jsonl")]
    assert reasons[0] == "the server says 404 Not Found"
    assert reasons[1].startswith("the connection was cut after ")


CAPTION_STEP, UPPER_STEP = "step_1_ImageCaptioner_Size_Captioner", "step_2_TextGenerator_Upper"


WATCHER = """

@CAPTIONER_REGISTRY.register()
class Watcher:
    def generate_batch(self, videos):
        import av

        return [f"{path[-4:]}: {sum(1 for _ in av.open(path).decode(video=0))} frames" for path in videos]
"""


def with_classes(folder: Path, source: str) -> None:
    with (folder / "mine.py").open("a") as file:
        file.write(source)


def test_videos_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(in_flight, "PATIENCE", (0.0, 0.0))
    with pictures_server() as server:
        rows = [f"{server.address}/{name}" for name in ("film.mp4?of=me", "half-film.mp4", "gone-404")]
        write_rows(tmp_path / "list.jsonl", [{"video": address} for address in rows])
        config = pipeline(tmp_path, [step("VideoCaptioner", "Watcher"), UPPER])
        with_classes(tmp_path, WATCHER)
        assert run(config) == 1 and "load.urls=true" in capsys.readouterr().err
        assert run(config, "load.urls=true") == 3
        (line,) = lines(tmp_path / "out" / "result.jsonl")
        assert (line["video"], line["text"]) == (rows[0], ".MP4: 20 FRAMES")
        failed = lines(tmp_path / "out" / "failed.jsonl")
        assert [one["row"] for one in failed] == [1, 2]
        assert "not a video, or a damaged one" in failed[0]["reason"] and rows[1] in failed[0]["reason"]


def test_what_a_film_begins_at(tmp_path: Path) -> None:
    with pictures_server() as server:
        row = {"text": "a cat", "image_path": f"{server.address}/64.png", "video": "a.mp4"}
        write_rows(tmp_path / "list.jsonl", [row])
        config = pipeline(tmp_path, [FILM])
        with_classes(tmp_path, FILMS)
        assert run(config, "load.urls=true") == 0
        (line,) = lines(tmp_path / "out" / "result.jsonl")
        assert line["image_path"] == row["image_path"] and Path(line["video"]).name == "a.mp4"
