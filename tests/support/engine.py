"""As an inference server is started by a worker: python engine.py --port PORT --seen FOLDER [--load SECONDS]

It says it is healthy once it has loaded, has a process of its own below it as vLLM has, and dies where a question
says so. What it was asked and has answered it writes into the folder, for those who outlive it.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.fault_server import Asked, Fault, FaultServer, said

DEADLY = "deadly"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkpoint")
    parser.add_argument("--port", type=int)
    parser.add_argument("--seen", type=Path)
    parser.add_argument("--load", type=float, default=0.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--fail", action="store_true")
    parser.add_argument("--enable-sleep-mode", action="store_true")
    chosen, others = parser.parse_known_args()
    if chosen.fail:
        sys.exit("ValueError: error: no such model")
    chosen.seen.mkdir(exist_ok=True)
    below = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"], start_new_session=True)
    (chosen.seen / f"started-{os.getpid()}").write_text(f"{below.pid} {' '.join(others)}")
    time.sleep(chosen.load)

    def script(asked: Asked, number: int) -> Fault | None:
        if asked.path in ("/sleep?level=1", "/wake_up"):
            with (chosen.seen / "naps").open("a") as file:
                file.write(f"{asked.path}\n")
            return Fault(200 if chosen.enable_sleep_mode and os.environ.get("VLLM_SERVER_DEV_MODE") else 404, {})
        if DEADLY in asked.text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "die once" in asked.text and not (chosen.seen / "died").exists():
            (chosen.seen / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        with (chosen.seen / "answered").open("a") as file:
            file.write(f"{asked.text}\n")
        return Fault(200, said(f"you said {asked.text}"))

    FaultServer(script, chosen.port, chosen.seconds).start()
    while True:
        time.sleep(1000)


if __name__ == "__main__":
    main()
