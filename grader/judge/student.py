"""The judge's hold on the student process: load, call, deadlines, death and replacement."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType, TracebackType

from grader.errors import WorkerFault
from grader.judge.budget import PATIENCE, Budget, Limit, Lost, Meter, not_reached, overrun
from grader.judge.situation import answer_key
from grader.lesson import Limits
from grader.seal.layers import BUBBLEWRAP
from grader.submission.answers import Answer as Written
from grader.warm.client import Forked, Forker
from grader.wire import frames
from grader.wire.block import WireError
from grader.wire.frames import Part
from grader.wire.line import Line
from grader.wire.messages import (
    Answer,
    Failed,
    Load,
    Loaded,
    Open,
    Plan,
    Ran,
    Recorded,
    Replayed,
    Reply,
    Run,
    Sealed,
    Unsealed,
)

NO_WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType({})
_SPARE_CPU_SECONDS = 5.0
_SEALING = 30.0  # seconds that a new process may take until it is sealed, on a very busy machine
_LAST_BREATH = 0.5  # seconds that a process which hung up gets to end by itself, so that we learn how


def _vanished(reply: Reply | Lost) -> bool:
    """Whether the process was gone before this reply, by another cause than the clock."""
    return isinstance(reply, Lost) and reply.verdict != "timeout"


class _Overrun(Exception):
    """A limit was reached before there was an answer."""

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.message)
        self.lost = lost


class Student:
    """One submission's process. It is replaced when it dies; each replacement starts afresh."""

    def __init__(self, forker: Forker, limits: Limits, words: Mapping[str, tuple[str, ...]] = NO_WORDS) -> None:
        """`words` are what a lesson adds to the language of a step."""
        self._forker = forker
        self._limits = limits
        self._words = {kind: list(added) for kind, added in words.items()}
        self._process: Forked | None = None
        self._line: Line | None = None
        self._loaded: dict[str, Loaded] = {}
        self._ran: dict[str, str] = {}  # by a program's key: its text
        self._sources: dict[str, tuple[Open, Part]] = {}
        self._opened: tuple[Open, Part] | None = None
        self._planned: Plan | None = None
        self._replays: dict[int, tuple[Part, Replayed | Failed]] = {}
        self._ahead: dict[int, tuple[Part, Answer | Failed]] = {}  # replies to calls that were made in time
        self._suspects: set[tuple[str, str]] = set()  # programs that were under way when their process was lost,
        self._fatal: dict[tuple[str, str], Lost] = {}  # and those that it was lost to
        self._asked = 0
        self._left = limits.submission_seconds  # of processor time
        self._ends = time.monotonic() + PATIENCE * limits.submission_seconds
        self._was_cut_short = False
        self.mapped_mib: int | None = None  # by a new process, before it runs a line

    def __enter__(self) -> Student:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(WorkerFault):  # the warm process is gone, and this one with it
            self._bury(0)

    def budget(self, seconds: float) -> Budget:
        """What a step that starts now may use, `seconds` over all its calls. The process is there before its clock."""
        start = time.monotonic()
        if self._left <= 0 or start >= self._ends:
            over = not_reached(self._limits.submission_seconds, by_wall_clock=self._left > 0)
            return Budget(0.0, 0.0, start, overrun=over)
        self._living()
        now = time.monotonic()
        self._ends += now - start
        return Budget(self._limits.call_seconds, seconds, now + PATIENCE * seconds)

    def extend(self, seconds: float) -> None:
        """Time on top of the submission's, for a part that has a limit of its own."""
        self._left += seconds
        self._ends += PATIENCE * seconds

    def start_again(self) -> None:
        """Ends the process, and starts the wall clock anew; processor time that was used stays used."""
        self._bury(0)
        self._suspects.clear()
        self._fatal.clear()
        self._ends = time.monotonic() + PATIENCE * self._limits.submission_seconds

    def was_cut_short(self) -> bool:
        """Whether the wall clock ended something since this was last asked."""
        was, self._was_cut_short = self._was_cut_short, False
        return was

    def load(self, written: Written, budget: Budget) -> Loaded | Failed | Lost:
        """Makes an answer ready in the current process, once."""
        return self.load_and_call(written, (), budget)[0]

    def load_and_call(
        self, written: Written, calls: Sequence[Part], budget: Budget
    ) -> tuple[Loaded | Failed | Lost, list[Answer | Failed | Lost]]:
        """Makes an answer ready, once, and calls it; the calls are under way before it is known to be ready.

        The replies to the calls come in order, up to one that is lost; none where it was not made ready.
        """
        key = answer_key(written.exercise, written.name)
        if calls and all(id(call) in self._ahead for call in calls):
            return self._loaded[key], [self._ahead.pop(id(call))[1] for call in calls]
        ready, replies = self._together(written, calls, budget)
        if len(calls) > 1 and any(_vanished(reply) for reply in (ready, *replies)):
            ready = self.load(written, budget)  # replies to a burst come together: one by one shows which is lost
            replies = self._one_by_one(written, calls, budget) if isinstance(ready, Loaded) else []
        return ready, replies

    def call_ahead(self, asked: Sequence[tuple[Written, Sequence[Part]]], budget: Budget) -> None:
        """Makes many answers ready, and calls them, in one burst: the replies are there when they are asked for.

        None is where one was lost: what each answer comes to is then seen one by one, in a new process.
        """
        requests: list[Part] = []
        places: list[tuple[Written, int, Sequence[Part]]] = []
        run: dict[str, tuple[int, str]] = {}
        for written, calls in asked:
            if written.program not in run:
                run[written.program] = len(requests), written.source
                requests.append(frames.write(Run(written.program, written.file, written.source, written.own_files)))
            key = answer_key(written.exercise, written.name)
            requests.append(frames.write(Load(key, written.program, written.name, written.position)))
            places.append((written, len(requests) - 1, calls))
            requests += calls
        replies = self._ask_all(requests, budget)
        if len(replies) < len(requests) or any(isinstance(reply, Lost) for reply in replies):
            self._bury(0)
            self._was_cut_short = False  # what follows shows whether it is again
            return
        self._ran = {program: source for program, (at, source) in run.items() if isinstance(replies[at], Ran)}
        for written, at, calls in places:
            ready = replies[at]
            said = replies[at + 1 : at + 1 + len(calls)]
            if isinstance(ready, Loaded) and all(isinstance(reply, Answer | Failed) for reply in said):
                self._loaded[answer_key(written.exercise, written.name)] = ready
                for call, reply in zip(calls, said, strict=True):
                    assert isinstance(reply, Answer | Failed)
                    self._ahead[id(call)] = call, reply

    def _together(
        self, written: Written, calls: Sequence[Part], budget: Budget
    ) -> tuple[Loaded | Failed | Lost, list[Answer | Failed | Lost]]:
        """The load, where it is needed, and all calls in one burst."""
        if written.flat:
            return self._flat(written, calls, budget)
        key = answer_key(written.exercise, written.name)
        if key in self._loaded:
            return self._loaded[key], self._called(self._ask_all(calls, budget))
        program = written.program, written.source
        if program in self._fatal:
            lost = self._fatal[program]
            self._was_cut_short = self._was_cut_short or lost.by_wall_clock
            return lost, []
        ready, replies = self._prepared(written, key, calls, budget)
        if isinstance(ready, Lost) and ready.is_stale:
            ready, replies = self._prepared(written, key, calls, budget)  # in a new process
        if isinstance(ready, Answer | Ran | Recorded | Replayed):
            return self._lost_to_junk("an answer came before its question"), []
        if not isinstance(ready, Loaded):
            return ready, []
        if self._process:
            self._loaded[key] = ready
        return ready, self._called(replies)

    def record(self, opened: Open, call: Part, budget: Budget) -> Recorded | Failed | Lost:
        """What the statements of a program do whose gradients are variables."""
        replies = self._ask_all([frames.write(opened), call], budget)
        found = replies[-1]
        if isinstance(found, Recorded | Failed | Lost):
            self._opened = (opened, call) if isinstance(found, Recorded) else None
            return found
        return self._lost_to_junk("a record that is no record")

    def _flat(
        self, written: Written, calls: Sequence[Part], budget: Budget
    ) -> tuple[Loaded | Failed | Lost, list[Answer | Failed | Lost]]:
        """Calls of a gradient that is a variable: one replay answers a call for all of its program's gradients."""
        assert written.flat is not None
        assert written.plan is not None
        self._living()
        source = self._sources.get(written.flat.key)
        if source is None:
            return self._lost_to_junk("a program that was never recorded"), []
        if self._opened != source:
            recorded = self.record(*source, budget)
            if not isinstance(recorded, Recorded):
                return recorded, []
            self._planned = None
        if self._planned is not written.plan:
            (ran,) = self._ask_all([frames.write(written.plan)], budget)
            if not isinstance(ran, Ran):
                return (ran if isinstance(ran, Failed | Lost) else self._lost_to_junk("no plan was made")), []
            self._planned = written.plan
            self._replays.clear()
        loaded = Loaded(written.parameters, ())
        if written.place < 0:
            return loaded, self._called(self._ask_all(calls, budget))
        new = [call for call in calls if id(call) not in self._replays]
        for call, reply in zip(new, self._ask_all(new, budget), strict=False):
            if not isinstance(reply, Replayed | Failed):
                lost = reply if isinstance(reply, Lost) else self._lost_to_junk("a replay that is none")
                return loaded, [*self._known(written, calls), lost]
            self._replays[id(call)] = call, reply
        return loaded, self._known(written, calls)

    def _known(self, written: Written, calls: Sequence[Part]) -> list[Answer | Failed | Lost]:
        """One gradient's part of the replays that are there, up to the first that is not."""
        found: list[Answer | Failed | Lost] = []
        for call in calls:
            if id(call) not in self._replays:
                break
            reply = self._replays[id(call)][1]
            if isinstance(reply, Failed):
                found.append(reply)
            elif written.place >= len(reply.returned):
                found.append(self._lost_to_junk("a replay that lacks gradients"))
            else:
                outcome = reply.outcomes[written.place]
                item = reply.returned[written.place]
                found.append(outcome.failed or Answer((item,), False, (), outcome.output))
        return found

    def remember(self, key: str, opened: Open, call: Part) -> None:
        """How a program is opened and recorded, so that a new process can be made ready."""
        self._sources[key] = opened, call

    def _prepared(
        self, written: Written, key: str, calls: Sequence[Part], budget: Budget
    ) -> tuple[Reply | Lost, list[Reply | Lost]]:
        """What is said to the load, and to the calls. The program runs first, where it has not in this process."""
        if budget.overrun:  # nothing is run: the program is not to blame
            return self._over(budget, budget.overrun), []
        self._living()
        load = frames.write(Load(key, written.program, written.name, written.position))
        if self._ran.get(written.program) == written.source:
            replies = self._ask_all([load, *calls], budget)
            return replies[0], replies[1:]
        run = frames.write(Run(written.program, written.file, written.source, written.own_files))
        program = written.program, written.source
        if program in self._suspects:
            (ran,) = self._ask_all([run], budget)
            replies = self._ask_all([load, *calls], budget) if isinstance(ran, Ran) else []
            if isinstance(ran, Lost):
                self._fatal[program] = ran
        else:
            ran, *replies = self._ask_all([run, load, *calls], budget)
        if isinstance(ran, Lost):
            self._suspects.add(program)
            return ran, []
        if not isinstance(ran, Ran):
            return self._lost_to_junk("a program ran and was not told"), []
        if self._process:
            self._ran[written.program] = written.source
        return replies[0], replies[1:]

    def _one_by_one(self, written: Written, calls: Sequence[Part], budget: Budget) -> list[Answer | Failed | Lost]:
        replies: list[Answer | Failed | Lost] = []
        for call in calls:
            replies.append(self.call(written, call, budget))
            if isinstance(replies[-1], Lost):
                break
        return replies

    def calls_of_several(self, calls: Sequence[Part], budget: Budget) -> list[Answer | Failed]:
        """One call each of answers that are ready, in one burst; nothing where any reply of it is lost."""
        replies = self._called(self._ask_all(calls, budget))
        found = [reply for reply in replies if not isinstance(reply, Lost)]
        return found if len(found) == len(calls) else []

    def call(self, written: Written, call: Part, budget: Budget) -> Answer | Failed | Lost:
        """Calls an answer, loading it first where the process is new."""
        return self.calls(written, [call], budget)[0]

    def calls(self, written: Written, calls: Sequence[Part], budget: Budget) -> list[Answer | Failed | Lost]:
        """Several calls of one answer at once: the replies in order, up to one that is lost, at least one."""
        ready, replies = self._together(written, calls, budget)
        return replies if isinstance(ready, Loaded) else [ready]

    def _called(self, replies: Sequence[Reply | Lost]) -> list[Answer | Failed | Lost]:
        """Replies to calls, up to one that is no answer."""
        found: list[Answer | Failed | Lost] = []
        for reply in replies:
            if not isinstance(reply, Answer | Failed | Lost):
                reply = self._lost_to_junk("an answer that is no answer")
            found.append(reply)
            if isinstance(found[-1], Lost):
                break
        return found

    def forget(self, written: Written) -> None:
        """Makes the next load of this answer a new one: its source is another."""
        self._loaded.pop(answer_key(written.exercise, written.name), None)

    def _ask_all(self, questions: Sequence[Part], budget: Budget) -> list[Reply | Lost]:
        """One reply to each question, in order; after one that is lost nothing comes any more."""
        replies: list[Reply | Lost] = []
        while len(replies) < len(questions) and not (replies and isinstance(replies[-1], Lost)):
            replies += self._ask(frames.first_of(questions[len(replies) :]), budget)
        return replies

    def _ask(self, questions: Sequence[Part], budget: Budget) -> Sequence[Reply | Lost]:
        """The replies to the first of these, at least one: as many as come in one frame."""
        if budget.overrun:
            return [self._over(budget, budget.overrun)]
        line = self._living()
        if not line.is_quiet:
            return [self._lost_between(line)]
        self._asked += 1
        line.put(frames.join(questions, self._asked))
        try:
            frame = self._answered(line, budget)
            if frames.number_of(frame) != self._asked:
                return [self._lost_to_junk("more than one answer to one question", is_stale=True)]
            replies = frames.read_replies(frame)
        except _Overrun as over:
            self._bury(0)
            return [self._over(budget, over.lost)]
        except frames.WireClosed:
            lost = self._autopsy()
            return [self._over(budget, lost) if lost.limit else lost]
        except WireError as error:
            return [self._lost_to_junk(str(error))]
        if not 0 < len(replies) <= len(questions):
            return [self._lost_to_junk(f"{len(replies)} answers to {len(questions)} questions")]
        return replies

    def _answered(self, line: Line, budget: Budget) -> bytearray:
        """The next frame, within every limit: that of a call, of a step, of the submission. Raises _Overrun."""
        process, limits = self._process, self._limits
        assert process is not None
        by_processor: dict[Limit, float] = {"call": budget.call_seconds, "step": budget.left, "submission": self._left}
        ends = time.monotonic() + PATIENCE * budget.call_seconds
        by_clock: dict[Limit, float] = {"call": ends, "step": budget.ends, "submission": self._ends}
        meter = Meter(lambda: self._forker.processor_seconds(process), min(by_processor.values()))
        try:
            return line.get(min(by_clock.values()), meter.left)
        except frames.WireTimeout:
            by_wall_clock = not meter.is_over
            first = by_clock if by_wall_clock else by_processor
            limit = min(first, key=first.__getitem__)
            whole = {"call": budget.call_seconds, "step": budget.step_seconds, "submission": limits.submission_seconds}
            raise _Overrun(overrun(limit, whole[limit], by_wall_clock=by_wall_clock)) from None
        finally:
            meter.stop()
            budget.used += meter.used
            self._left -= meter.used

    def _over(self, budget: Budget, lost: Lost) -> Lost:
        budget.overrun = lost
        self._was_cut_short = self._was_cut_short or lost.by_wall_clock
        return lost

    def _living(self) -> Line:
        if self._process is None or self._line is None:
            seconds = self._limits.submission_seconds + self._limits.training_seconds + _SPARE_CPU_SECONDS
            arguments = {"memory_mib": self._limits.memory_mib, "cpu_seconds": seconds, "words": self._words}
            self._process = self._forker.fork("student", arguments)
            self._line = Line(self._process.channel)
            self._await_seal(self._line)
        return self._line

    def _await_seal(self, line: Line) -> None:
        """Returns when the process says that every layer is closed. Raises WorkerFault for anything else."""
        wanted = set(self._forker.isolation.layers) - {BUBBLEWRAP}  # that one is around the warm process
        try:
            greeting = frames.read_greeting(line.get(time.monotonic() + _SEALING))
        except WireError as error:
            self._bury(0)
            raise WorkerFault(f"a student process ended before it was sealed: {error}") from None
        why = greeting.why if isinstance(greeting, Unsealed) else ", ".join(sorted(wanted - set(greeting.layers)))
        if why:
            self._bury(0)
            raise WorkerFault(f"a student process could not be made ready, so nothing was run: {why}")
        self.mapped_mib = greeting.mapped_mib if isinstance(greeting, Sealed) else None

    def _bury(self, wait: float) -> object:
        process = self._forget_process()
        return self._forker.bury(process, wait) if process else None

    def _lost_to_junk(self, why: str, is_stale: bool = False) -> Lost:
        self._bury(0)
        return Lost("crashed", f"what came back was not one well-formed answer ({why})", is_stale)

    def _forget_process(self) -> Forked | None:
        process, self._process, self._line, self._loaded, self._ran = self._process, None, None, {}, {}
        self._ahead.clear()
        self._opened, self._planned = None, None
        self._replays.clear()
        return process

    def _lost_between(self, line: Line) -> Lost:
        """Something came before it was asked for: a second answer, or the end of the process."""
        if line.has_more:
            return self._lost_to_junk("more than one answer to one question", is_stale=True)
        return replace(self._autopsy(), is_stale=True)

    def _autopsy(self) -> Lost:
        process = self._forget_process()
        assert process is not None
        death = self._forker.bury(process, _LAST_BREATH)
        if death.signal == signal.SIGXCPU:
            return Lost("timeout", "it used up its processor time", limit="submission")
        if death.signal == signal.SIGKILL:
            return Lost("memory", "the system killed it, most likely for the memory it took")
        if death.signal is not None:
            return Lost("crashed", f"the process died of {signal.Signals(death.signal).name}")
        if death.status is not None:
            return Lost("crashed", f"the process ended itself with exit code {death.status}")
        return Lost("crashed", "it closed its pipe to the judge")
