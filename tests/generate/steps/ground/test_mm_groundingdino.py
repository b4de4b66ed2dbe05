from __future__ import annotations

from pathlib import Path

from labelyard.generate.steps.contract import (
    assert_batches_differ_by_rounding_only,
    assert_company_does_not_matter,
    run_on_copies,
)
from labelyard.generate.steps.ground.mm_groundingdino import MMGroundingDino
from tests.tiny.ground import make_mm_groundingdino
from tests.tiny.records import record


def test_alone_and_in_company(tmp_path: Path) -> None:
    step = MMGroundingDino(checkpoint=str(make_mm_groundingdino(tmp_path)), short_side=160, long_side=266)
    step.setup("cpu")
    records = [
        record("china", ["temple", "roof"], index=0),
        record("flower", ["flower", "Red Leaf"], index=1),
        record("chelsea", [], index=2),
        record("astronaut", [f"thing {n}" for n in range(150)], index=3),
    ]
    found = run_on_copies(step, records)
    assert [bool(r.instances) for r in found] == [True, True, False, True]
    assert {i.label for i in found[1].instances} <= {"flower", "Red Leaf"}
    assert_company_does_not_matter(step, records)

    def build() -> MMGroundingDino:
        batched = MMGroundingDino(checkpoint=step.checkpoint, short_side=160, long_side=266, batch_size=4)
        batched.setup("cpu")
        return batched

    assert_batches_differ_by_rounding_only(build, records)
