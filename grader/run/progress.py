"""How far a class run is: a bar in a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

_A_SECOND = 4  # times the bar is drawn anew: more than that nobody sees, and each costs milliseconds
_EVERY = 30.0  # seconds between two lines where there is no bar
_Item = TypeVar("_Item")


def shown(items: Iterable[_Item], total: int, console: Console, describe: Callable[[_Item], str]) -> Iterator[_Item]:
    """The items, as they come, with a sign of life for each; `describe` gives what stands behind the bar."""
    watched = _barred if console.is_terminal else _plain
    return watched(items, total, console, describe)


class _Rate(ProgressColumn):
    """How many a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.1f}/s" if speed else "", style="dim")


def _barred(items: Iterable[_Item], total: int, console: Console, describe: Callable[[_Item], str]) -> Iterator[_Item]:
    columns = (
        TextColumn("grading"),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True, refresh_per_second=_A_SECOND) as progress:
        task = progress.add_task("", total=total)
        for item in items:
            progress.update(task, advance=1, description=describe(item))
            yield item


def _plain(items: Iterable[_Item], total: int, console: Console, describe: Callable[[_Item], str]) -> Iterator[_Item]:
    start = last = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= _EVERY and count < total:
            last = now
            rate = count / (now - start)
            left = (total - count) / rate
            behind = describe(item)
            console.print(
                f"{count} of {total} graded, {rate:.1f} a second, {left:.0f} s to go{'; ' if behind else ''}{behind}"
            )
