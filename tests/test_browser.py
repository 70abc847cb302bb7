"""The page of the class in a browser: it opens from disk, asks nobody for anything, sorts, searches, leads on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from grader.lesson import Lesson, load_lesson
from grader.report.class_page import class_page
from grader.report.pages import feedback_page
from grader.results.model import ExerciseResult, StepResult, SubmissionResult
from grader.results.names import safe_name
from grader.results.summary import StepSummary, Summary
from tests.notebooks.parts import markdown, notebook
from tests.support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LESSON = load_lesson(ROOT / "solutions" / "mlp")
_TAGS = ("keepdim", "sign", "missing-path")


def _or_skip(why: str) -> None:
    (pytest.fail if os.environ.get("REQUIRE_ALL") else pytest.skip)(why)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _or_skip("playwright is missing: make setup")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not chromium:
        _or_skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


def student(number: int, lesson: Lesson = LESSON) -> Summary:
    """The student fails the first `number` % 7 steps, each with a mistake."""
    steps = []
    for place, step in enumerate(lesson.steps):
        is_wrong = place < number % 7
        tag = _TAGS[(number + place) % 3] if is_wrong else None
        steps.append(StepSummary(step.exercise, step.name, "wrong" if is_wrong else "right", tag))
    scores = {
        exercise.name: float(sum(s.verdict == "right" for s in steps if s.exercise == exercise.name))
        for exercise in lesson.exercises
    }
    total = sum(scores.values())
    return Summary(
        "0.1.0", f"student {number:04}", 7, ("process",), total, lesson.max_score, scores, None, (), tuple(steps)
    )


@dataclass
class Opened:
    """A page that is open, and what it complained of or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    asked_for: list[str] = field(default_factory=list)

    def column(self, table: str, place: int) -> list[str]:
        """The texts of a column, hidden rows left out."""
        found: list[str] = self.page.eval_on_selector_all(
            f"#{table} tbody tr:not([hidden])", f"rows => rows.map(row => row.cells[{place}].textContent.trim())"
        )
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A class of 20 with a page for each, and one of 1000."""
    root = tmp_path_factory.mktemp("pages")
    for students in (20, 1000):
        rows = [student(number) for number in range(students)]
        (root / str(students)).mkdir()
        page = class_page(rows, LESSON, [("notes.txt", "neither .py nor .ipynb")], [("zoe", "its judge died")])
        (root / str(students) / "index.html").write_text(page, encoding="utf-8")
    for number in range(20):
        own = root / "20" / "submissions" / safe_name(f"student {number:04}") / "feedback.html"
        own.parent.mkdir(parents=True)
        own.write_text(f"<!DOCTYPE html><title>{number}</title><h1>page of {number}</h1>", encoding="utf-8")
    return root


def opened(browser: Browser, file: Path, **options: object) -> Opened:
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(60_000)
    seen = Opened(page)
    page.on("console", lambda message: seen.complaints.append(message.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.asked_for.append(request.url))
    page.goto(file.as_uri(), timeout=120_000)
    return seen


@pytest.fixture
def small(browser: Browser, folder: Path) -> Iterator[Opened]:
    seen = opened(browser, folder / "20" / "index.html")
    yield seen
    assert seen.complaints == []
    assert [url for url in seen.asked_for if not url.startswith("file:")] == []
    seen.page.context.close()


def test_the_page_opens_from_disk_without_a_complaint_and_asks_for_nothing_else(small: Opened) -> None:
    assert len(small.asked_for) == 1
    assert len(small.column("students", 0)) == len(small.column("heat", 0)) == 20


def test_a_header_sorts_and_sorts_back(small: Opened) -> None:
    small.page.click("#students th:nth-child(2) button")
    scores = [float(score) for score in small.column("students", 1)]
    assert scores == sorted(scores)
    small.page.click("#students th:nth-child(2) button")
    assert [float(score) for score in small.column("students", 1)] == sorted(scores, reverse=True)
    assert small.page.get_attribute("#students th:nth-child(2)", "aria-sort") == "descending"


def test_headers_are_reached_and_used_by_keyboard_alone(small: Opened) -> None:
    small.page.focus("#students th:nth-child(1) button")
    small.page.keyboard.press("Tab")
    small.page.keyboard.press("Enter")
    scores = [float(score) for score in small.column("students", 1)]
    assert scores == sorted(scores)


def test_the_search_leaves_those_who_are_meant_in_both_tables(small: Opened) -> None:
    small.page.fill("#filter", "student 0003")
    assert small.column("students", 0) == small.column("heat", 0) == ["student 0003"]
    small.page.fill("#filter", "")
    assert len(small.column("students", 0)) == 20


def test_a_common_mistake_leads_to_the_students_who_made_it(small: Opened) -> None:
    small.page.click('[data-find="keepdim"]')
    made_it = {f"student {n:04}" for n in range(20) if any(step.tag == "keepdim" for step in student(n).steps)}
    assert set(small.column("students", 0)) == made_it
    assert 0 < len(made_it) < 20


def test_a_hard_step_leads_to_those_who_failed_it(small: Opened) -> None:
    step = LESSON.steps[2]
    small.page.click(f'[data-sort="{step.path}"]')
    verdicts = small.column("heat", 4)
    assert verdicts[0] == "✗"
    assert verdicts == sorted(verdicts, key=lambda sign: sign != "✗")


def test_a_student_is_one_click_away_from_both_tables_and_a_cell_leads_to_its_step(small: Opened) -> None:
    small.page.click("#students tbody a >> nth=0")
    assert small.page.inner_text("h1") == "page of 0"
    small.page.go_back()
    small.page.click("#heat tbody tr >> nth=0 >> td >> nth=3")
    assert small.page.url.endswith(f"#{LESSON.steps[2].path}")


def test_dark_mode_print_and_a_narrow_screen_show_everything(browser: Browser, folder: Path) -> None:
    file = folder / "20" / "index.html"
    light, dark = opened(browser, file), opened(browser, file, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert light.page.evaluate(paper) != dark.page.evaluate(paper)
    narrow = opened(browser, file, viewport={"width": 360, "height": 700})
    assert narrow.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    light.page.emulate_media(media="print")
    heat = "document.querySelector('#heat')"
    shown = f"[{heat}.scrollHeight, {heat}.parentElement.clientHeight]"
    whole, visible = light.page.evaluate(shown)
    assert visible >= whole  # nothing scrolls on paper
    assert light.page.pdf().startswith(b"%PDF")
    for seen in (light, dark, narrow):
        assert seen.complaints == []
        seen.page.context.close()


def test_a_thousand_students_are_searched_and_sorted_like_twenty(browser: Browser, folder: Path) -> None:
    seen = opened(browser, folder / "1000" / "index.html")
    assert len(seen.column("heat", 0)) == 1000
    seen.page.fill("#filter", "student 0777")
    assert seen.column("heat", 0) == ["student 0777"]
    seen.page.fill("#filter", "")
    seen.page.click("#heat thead tr:last-child th:nth-child(2) button")
    scores = [float(score) for score in seen.column("heat", 1)]
    assert scores == sorted(scores)
    assert seen.complaints == []
    seen.page.context.close()


# The page of one student, whose notebook is not the student's friend


def hostile_notebook() -> str:
    """Prose and code that would run in a browser, change the page, or ask somebody for something."""
    prose = [
        "# mine <script>document.title = 'taken'</script>",
        "<img src=x onerror=\"document.title='taken'\"> <svg onload=\"document.title='taken'\"></svg>",
        "[here](javascript:document.title='taken') ![far](http://127.0.0.1:9/seen.png)",
        "<iframe srcdoc='<script>parent.document.title=1</script>'></iframe><style>main { display: none }</style>",
        "<form action='http://127.0.0.1:9'><input autofocus onfocus=\"document.title='taken'\"></form>",
        "</div></main><meta http-equiv='refresh' content='0; url=http://127.0.0.1:9'>",
    ]
    code = [
        "# </code></div><script>document.title = 'taken'</script>",
        "dprobs = dlogprobs / probs  # <img src=x onerror=\"document.title='taken'\">",
    ]
    return notebook([*(markdown(text) for text in prose), *code])


def test_a_hostile_notebook_does_nothing_in_the_readers_browser(browser: Browser, tmp_path: Path) -> None:
    step = LESSON.exercises[0].steps[1]
    result = StepResult(step.name, "wrong", 0.0, 1.0, message="<b>no</b>", file="evil.ipynb", line=1, cell=8)
    found = SubmissionResult(
        "0.1.0", "mlp", "evil", 7, ("process",), (ExerciseResult(step.exercise, (result,)),), None, ()
    )
    path = tmp_path / "feedback.html"
    path.write_text(feedback_page(found, LESSON, {"evil.ipynb": hostile_notebook()}), encoding="utf-8")
    page = browser.new_page()
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    assert page.title() == f"evil · {LESSON.title}"
    assert asked == [path.as_uri()]
    assert complaints == []
    assert page.locator("main").is_visible()
    assert page.locator(".prose h1").inner_text().startswith("mine")
    assert page.locator("script, iframe, img, form, meta[http-equiv=refresh], .prose a").count() == 0
    assert "img src=x" in page.locator(".code").last.inner_text()
    page.close()
