"""A class, submission by submission: what is unchanged is taken over, the rest is judged, all of it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader.errors import KitError
from grader.judge.job import Request
from grader.judge.stages import empty_result
from grader.lesson import Lesson
from grader.report.pages import plain_page
from grader.results.archive import Published
from grader.results.basis import NOTHING, Basis
from grader.results.model import SubmissionResult
from grader.results.store import RunFolder, as_text
from grader.results.summary import Summary, summary_of
from grader.run.judges import Judges
from grader.run.standing import Fault, Graded
from grader.run.stopping import Stopping
from grader.submission.find import Submission

_UNGRADED = "could not be graded, through a fault of the kit and none of this submission; the same command tries again"

Outcome = Summary | Fault


@dataclass(frozen=True)
class ClassRun:
    """One class, and where its results go."""

    lesson: Lesson
    submissions: Sequence[Submission]
    folder: RunFolder
    pool: Judges
    seed: int
    mends: bool = True
    again: bool = False  # take nothing over that an earlier run has written
    goes_on: bool = False  # this run was stopped before: what it has written is taken over all the same
    stopping: Stopping = field(default_factory=Stopping)

    def plan(self) -> Plan:
        """Looks at every submission: its outcome where that is settled, else what is still to be judged."""
        if self.again and not self.goes_on:
            self.folder.archive.begin_anew()
        published = self.folder.archive.published()
        settled: dict[int, Outcome] = {}
        todo: dict[int, Basis | None] = {}
        for place, submission in enumerate(self.submissions):
            try:
                basis = self.folder.basis(submission, self.seed, self.pool.isolation.layers)
            except FileNotFoundError as error:
                settled[place] = self._fault(submission, f"{_name_of(error)} was there and is gone")
                continue
            except OSError:
                todo[place] = None  # the judge says what cannot be read
                continue
            entry = published.get(submission.name)
            if entry and self._is_taken_over(submission, basis, entry):
                settled[place] = entry.summary
            else:
                todo[place] = basis
        return Plan(settled, todo, published)

    def judge(self, plan: Plan) -> Iterator[tuple[int, Outcome]]:
        """Judges what is to be judged and writes each as it is done, noted in the plan; by place, as they come."""
        places = list(plan.todo)
        requests = [Request(self.submissions[place], mends=self.mends, page=True) for place in places]
        for index, graded in self.pool.grade(requests):
            place = places[index]
            with self.stopping.held():
                outcome = plan.settled[place] = self._settled(self.submissions[place], graded, plan.todo[place])
            yield place, outcome

    def _is_taken_over(self, submission: Submission, basis: Basis, entry: Published) -> bool:
        """Whether an earlier run judged the same, and its files are as they were written."""
        counts = not self.again or not entry.is_settled
        is_same = entry.basis == basis and entry.summary.identity == submission.identity
        return counts and is_same and self.folder.is_whole(submission.name, entry)

    def _settled(self, submission: Submission, graded: Graded | Fault, basis: Basis | None) -> Outcome:
        if isinstance(graded, Fault):
            return self._fault(submission, graded.reason, graded.detail)
        try:
            now: Basis | None = self.folder.basis(submission, self.seed, graded.result.isolation)
        except FileNotFoundError as error:
            return self._fault(submission, f"{_name_of(error)} went away while it was graded")
        except OSError:
            now = None
        if now is None or now != basis or not graded.is_final:  # not to be taken over: it may be another next time
            now = NOTHING
        return self._written(submission, graded, now)

    def _written(self, submission: Submission, graded: Graded, basis: Basis) -> Outcome:
        """Publishes a result. A disk that is full is no fault of the submission, and no end of the run."""
        result = replace(graded.result, identity=submission.identity)
        summary = summary_of(result)
        try:
            page = graded.page or plain_page(result, self.lesson)
            self.folder.publish(summary, basis, as_text(result.as_json()), page)
        except (KitError, OSError) as error:
            return Fault(f"its result could not be kept: {error}")
        return summary

    def _fault(self, submission: Submission, reason: str, detail: str = "") -> Fault:
        """Says in the submission's own folder that there is no verdict, and takes away what an earlier run said."""
        try:
            self.folder.publish_fault(submission.name, as_text(self.ungraded(submission).as_json()))
        except (KitError, OSError) as error:
            return Fault(f"{reason}; and {error}", detail=detail)
        return Fault(reason, detail=detail)

    def ungraded(self, submission: Submission) -> SubmissionResult:
        """The result of a submission that has none."""
        empty = empty_result(self.lesson, submission.name, self.seed, self.pool.isolation.layers)
        return replace(empty, notes=(*submission.notes, _UNGRADED), identity=submission.identity)


@dataclass(frozen=True)
class Plan:
    """What is settled, and what was to be judged, by place; the latter with what its result depends on."""

    settled: dict[int, Outcome]
    todo: dict[int, Basis | None]
    before: Mapping[str, Published] = field(default_factory=dict)  # by name, what the folder held before this run


def _name_of(error: OSError) -> str:
    return str(error.filename).rpartition("/")[2]
