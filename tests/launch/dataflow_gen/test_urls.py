"""Rows whose images lie behind addresses."""

from __future__ import annotations

from pathlib import Path

import pytest

from labelyard.generate.worker import in_flight
from tests.launch.dataflow_gen.support import CAPTION, UPPER, lines, pipeline, run, write_rows
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
