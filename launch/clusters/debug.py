"""One worker, in this very process: where a debugger and a plain traceback are wanted."""

from __future__ import annotations

import json
from dataclasses import dataclass

from labelyard.generate.run_folder.layout import RunFolder
from labelyard.generate.worker.exit_codes import FINISHED, STOPPED
from labelyard.launch.clusters.base import Cluster, Start, exit_code, visible_gpus
from labelyard.launch.exit_codes import FAILED, INTERRUPTED
from labelyard.launch.merging.merge import merge
from labelyard.launch.merging.summary import summary
from labelyard.utils.images import keeping_pillow_s_limit


@dataclass(kw_only=True)
class Debug(Cluster):
    def gpus_of_a_worker(self) -> int:
        return len(visible_gpus())

    def workers(self) -> int:
        return 1

    def describe(self, folder: RunFolder) -> list[str]:
        return ["1 worker in this process"]

    def run(self, start: Start) -> int:
        from labelyard.generate.__main__ import work
        from labelyard.generate.worker.stop_signals import Stop

        stop = Stop()
        stop.listen()
        with keeping_pillow_s_limit():
            code = work(start.folder, json.loads(start.config.read_bytes()), stop)
        merged = merge(start.folder)
        print(summary(start.folder, merged))
        if stop.asked:
            return INTERRUPTED
        if code not in (FINISHED, STOPPED):  # also if its GPU broke: nobody starts it again here
            return FAILED
        return exit_code(merged)
