"""The judge as a process: takes one job a line, answers one result a line.

Both ends of this channel are the kit's own; JSON keeps it plain all the same.

    {"lesson": "exercises/mlp", "seed": 7}          first, once; it does not pass through the warm process
    {"submission": {...}, "steps": [...], "is_check": true}  -> {"result": {...}} or {"fault": "...", "exit_code": 3}
"""

from __future__ import annotations

import gc
import json
import socket
import traceback
from pathlib import Path
from typing import Any

from grader.errors import KitError
from grader.judge.job import read_job
from grader.judge.submission import Judge
from grader.lesson import load_lesson
from grader.seal.layers import isolation_from_json
from grader.warm.client import Forker


def main(channel: socket.socket, control: socket.socket, arguments: dict[str, Any]) -> None:
    """Serves jobs until the command hangs up."""
    forker = Forker(control, isolation_from_json(arguments["isolation"]))
    settled = False
    with channel.makefile("r", encoding="utf-8") as jobs, channel.makefile("w", encoding="utf-8") as results:
        judge: Judge | None = None
        setup = json.loads(next(jobs, "null"))
        for line in jobs:
            try:
                judge = judge or Judge(load_lesson(Path(setup["lesson"])), setup["seed"], forker)
                reply: dict[str, Any] = {"result": judge.judge(read_job(line)).as_json()}
            except KitError as error:
                reply = {"fault": str(error), "exit_code": error.exit_code}
            except Exception:
                reply = {"fault": traceback.format_exc(), "exit_code": 3}
            results.write(json.dumps(reply) + "\n")
            results.flush()
            if not settled:
                settled = True
                _keep()


def _keep() -> None:
    """The references stay: no collection has to look through them again. And little else is made in circles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
