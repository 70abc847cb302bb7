"""The whole seal: every active layer is closed in its order and tried at once. What is not closed is an error."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from grader.seal import landlock, process, rlimits, seccomp, user
from grader.seal.layers import LANDLOCK, PROCESS, RLIMITS, SECCOMP, USER, Limits, SealError


@dataclass(frozen=True)
class Layer:
    """One layer: how it is prepared, closed and tried."""

    close: Callable[[Limits], None]
    why_open: Callable[[Limits], str]  # what is possible that should not be; '' for nothing
    load: Callable[[], None] = lambda: None  # once, in the process that forks the others

    def shut(self, limits: Limits) -> None:
        """Closes this process off, and tries it. Raises SealError if it is not closed now."""
        try:
            self.close(limits)
        except (OSError, ValueError) as error:
            raise SealError(str(error)) from None
        if what := self.why_open(limits):
            raise SealError(what)


LAYERS = {
    PROCESS: Layer(process.close, process.why_open, process.load),
    RLIMITS: Layer(rlimits.close, rlimits.why_open),
    USER: Layer(user.close, user.why_open),
    LANDLOCK: Layer(landlock.close, landlock.why_open, landlock.load),
    SECCOMP: Layer(seccomp.close, seccomp.why_open, seccomp.load),
}


def seal(active: Collection[str], limits: Limits) -> tuple[str, ...]:
    """Closes this process off with the active layers, for good. The layers closed here; SealError if one is not."""
    closed: list[str] = []
    for name, layer in LAYERS.items():
        if name in active:
            try:
                layer.shut(limits)
            except SealError as error:
                raise SealError(f"{name}: {error}") from None
            closed.append(name)
    return tuple(closed)
