"""A class, submission by submission: what is unchanged is taken over, the rest is judged, all of it is written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grader import __version__
from grader.errors import KitError
from grader.judge.job import Request
from grader.lesson import Lesson
from grader.report.pages import feedback_page
from grader.results.archive import Published
from grader.results.basis import NOTHING, Basis
from grader.results.model import SubmissionResult
from grader.results.store import RunFolder, as_text, write_atomically
from grader.results.summary import Summary, summary_of
from grader.run.judges import Judges
from grader.run.standing import Fault
from grader.run.stopping import Stopping
from grader.submission.content import shown_text
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
    again: bool = False  # take nothing over
    stopping: Stopping = field(default_factory=Stopping)

    def plan(self) -> Plan:
        """Looks at every submission: its outcome where that is settled, else what is still to be judged."""
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
            found = None if self.again else self._taken_over(submission, basis, published)
            if found:
                settled[place] = found
            else:
                todo[place] = basis
        return Plan(settled, todo)

    def judge(self, plan: Plan) -> Iterator[tuple[int, Outcome]]:
        """Judges what is to be judged and writes each as it is done, noted in the plan; by place, as they come."""
        places = list(plan.todo)
        requests = [Request(self.submissions[place], mends=self.mends) for place in places]
        for index, result in self.pool.judge(requests):
            place = places[index]
            with self.stopping.held():
                outcome = plan.settled[place] = self._settled(self.submissions[place], result, plan.todo[place])
            yield place, outcome

    def _taken_over(self, submission: Submission, basis: Basis, published: Mapping[str, Published]) -> Outcome | None:
        """What an earlier run found, its files as they should be; None where there is nothing."""
        entry = published.get(submission.name)
        if entry and entry.basis == basis and self.folder.is_whole(submission.name, entry):
            return entry.summary
        result = self.folder.archive.result(basis.key)
        if result is None:
            return None
        return self._written(submission, replace(result, submission=submission.name), basis)

    def _settled(self, submission: Submission, result: SubmissionResult | Fault, basis: Basis | None) -> Outcome:
        if isinstance(result, Fault):
            return self._fault(submission, result.reason)
        try:
            now: Basis | None = self.folder.basis(submission, self.seed, result.isolation)
        except FileNotFoundError as error:
            return self._fault(submission, f"{_name_of(error)} went away while it was graded")
        except OSError:
            now = None
        if now is None or now != basis:  # not to be taken over: nobody knows what was read
            now = NOTHING
        return self._written(submission, result, now)

    def _written(self, submission: Submission, result: SubmissionResult, basis: Basis) -> Outcome:
        """Stores and publishes a result. A disk that is full is no fault of the submission, and no end of the run."""
        result = replace(result, identity=submission.identity)
        summary, text = summary_of(result), as_text(result.as_json())
        try:
            if basis != NOTHING:
                self.folder.archive.keep(basis.key, text)
            self.folder.publish(summary, basis, text, feedback_page(result, self.lesson, _sources(submission)))
        except (KitError, OSError) as error:
            return Fault(f"its result could not be kept: {error}")
        return summary

    def _fault(self, submission: Submission, reason: str) -> Fault:
        """Says in the submission's own folder that there is no verdict, and takes away what an earlier run said."""
        folder = self.folder.folder_of(submission.name)
        layers = self.pool.isolation.layers
        notes = (*submission.notes, _UNGRADED)
        result = SubmissionResult(
            __version__,
            self.lesson.name,
            submission.name,
            self.seed,
            layers,
            (),
            None,
            notes,
            identity=submission.identity,
        )
        try:
            write_atomically(folder / "results.json", as_text(result.as_json()), is_lasting=False)
            (folder / "feedback.html").unlink(missing_ok=True)
        except (KitError, OSError) as error:
            return Fault(f"{reason}; and {error}")
        return Fault(reason)


@dataclass(frozen=True)
class Plan:
    """What is settled, and what was to be judged, by place; the latter with what its result depends on."""

    settled: dict[int, Outcome]
    todo: dict[int, Basis | None]


def _name_of(error: OSError) -> str:
    return str(error.filename).rpartition("/")[2]


def _sources(submission: Submission) -> dict[str, str]:
    """The student's texts, for the feedback page."""
    texts: dict[str, str] = {}
    for path in submission.all_files():
        try:
            texts[path.name] = shown_text(path)
        except OSError:
            continue
    return texts
