"""The pages: nothing a student wrote does harm in them, and everything a reader needs is there."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from grader.lesson import Lesson, load_lesson
from grader.report.class_page import class_page as page_of
from grader.report.looks import LOOKS, clean
from grader.report.pages import feedback_page
from grader.report.render import part
from grader.results.model import (
    VERDICTS,
    ExerciseResult,
    Float32Row,
    Instructor,
    Mistake,
    StepResult,
    SubmissionResult,
)
from grader.results.names import MAX_LENGTH, safe_name
from grader.results.summary import summary_of

LESSON = load_lesson(Path(__file__).parents[1] / "solutions" / "mlp")
VOID = {"meta", "br", "wbr", "input"}
HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    '" onmouseover="alert(1)" x=\'',
    "' autofocus onfocus='alert(1)",
    "</code></pre></bdi></title></style><h1>",
    "{{ 7 * 7 }}{% endblock %}",
    "&lt;script&gt;&#60;b&#62;",
    "javascript:alert(1)//",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07\x9b2J",
    "\x00\x07\x08\x0c\x7f\x85",
    "\u202egnp.exe\u202c\u2066\u200f\ufeff\u2028\u2029",
    "\ud800\udfff\ufffe",
    "<!-- --><![CDATA[ ]]>",
)


def class_page(
    results: Sequence[SubmissionResult],
    lesson: Lesson,
    not_taken: Sequence[tuple[str, str]],
    faults: Sequence[tuple[str, str]],
) -> str:
    """The page of a class, from what a run keeps of each result."""
    return page_of([summary_of(result) for result in results], lesson, not_taken, faults)


class Page(HTMLParser):
    """A page as a browser's parser sees it: elements, attributes, text; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["script"]:
            self.scripts.append(data)
        elif self._open[-1:] != ["style"]:
            self.text += data

    def attributes(self, name: str) -> list[str]:
        """Its values, in order."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def structure(self) -> list[tuple[str, tuple[str, ...]]]:
        """Elements and the names of their attributes: all that markup in a text could add to."""
        return [(tag, tuple(attributes)) for tag, attributes in self.elements]


def submission(name: str = "s01", lesson: Lesson = LESSON, **changes: object) -> SubmissionResult:
    """Every step wrong, each in its own line, with the fields of its results changed as given."""
    exercises = []
    for exercise in lesson.exercises:
        steps = [
            StepResult(
                step.name,
                "wrong",
                0.0,
                step.points,
                "27 of 27 elements differ",
                line=place,
                float32=Float32Row(False, True, 3e-4),
                mistake=Mistake("sign", "look for a lost minus"),
            )
            for place, step in enumerate(exercise.steps, start=2)
        ]
        exercises.append(ExerciseResult(exercise.name, tuple(replace(step, **changes) for step in steps)))  # type: ignore[arg-type]
    return SubmissionResult("0.1.0", lesson.name, name, 7, ("process", "seccomp"), tuple(exercises), "probs", ())


def with_verdicts(name: str, verdicts: Sequence[str]) -> SubmissionResult:
    """The given verdicts, over and over."""
    result = submission(name)
    exercises = []
    for exercise in result.exercises:
        steps = [
            replace(step, verdict=verdicts[place % len(verdicts)], credit=float(verdicts[0] == "right"))
            for place, step in enumerate(exercise.steps)
        ]
        exercises.append(ExerciseResult(exercise.exercise, tuple(steps)))
    return replace(result, exercises=tuple(exercises))


def pages_with(text: str) -> tuple[str, str]:
    """Both pages, with `text` in every place that a student or the student's files can fill."""
    result = submission(
        text, message=text, output=f"+{text}", note=text, mistake=Mistake(text, text), instructor=Instructor(text, text)
    )
    result = replace(result, notes=(text,), chain_reaches=text)
    sources = {"ex1_chain.py": f"# {text}\n" * 40, f"{text}.py": text}
    return feedback_page(result, LESSON, sources), class_page([result], LESSON, [(text, text)], [(text, text)])


HARMLESS = [Page(page).structure() for page in pages_with("harmless")]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_student_wrote_adds_no_element_and_no_attribute_to_a_page(text: str) -> None:
    assert [Page(page).structure() for page in pages_with(text)] == HARMLESS


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=())))
def test_no_name_at_all_adds_an_element_to_the_page_of_the_class(name: str) -> None:
    assert Page(class_page([submission(name)], LESSON, [], [])).structure() == CLASS_OF_ONE


CLASS_OF_ONE = Page(class_page([submission()], LESSON, [], [])).structure()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_sign_that_steers_or_deceives_reaches_a_page(text: str) -> None:
    for page in pages_with(text):
        assert {sign for sign in page if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")} <= {"\n"}
        page.encode()


def test_markup_is_shown_as_it_was_written() -> None:
    for page in pages_with("<script>alert(1)</script>"):
        assert "<script>alert(1)</script>" in Page(page).text


def test_escape_sequences_go_as_a_whole_and_bidi_overrides_become_visible() -> None:
    assert clean("a\x1b[1;31mred\x1b[0m\x1b]8;;http://x\x1b\\link\r\nb\tc\x07") == "aredlink\nb\tc"
    assert clean("\u202egnp.exe") == "⟨U+202E⟩gnp.exe"
    assert clean("z" + "\u0301" * 50) == "z\u0301\u0301\u0301"
    assert clean("Zoë, 李, שרה, 👩\u200d💻") == "Zoë, 李, שרה, 👩\u200d💻"


def test_only_the_class_page_has_a_script_and_its_policy_lets_no_other_run() -> None:
    feedback, whole_class = (Page(page) for page in pages_with("<script>alert(1)</script>"))
    assert feedback.scripts == []
    assert "script-src" not in next(value for value in feedback.attributes("content") if "default-src" in value)
    (script,) = whole_class.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = next(value for value in whole_class.attributes("content") if "default-src" in value)
    assert policy == (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{digest}'"
    )


def test_the_pages_fetch_nothing() -> None:
    for text in pages_with("harmless"):
        page = Page(text)
        assert not page.attributes("src")
        assert not re.search(r"url\(|@import", text)
        for href in page.attributes("href"):
            assert href.startswith(("#", "submissions/", f"{LESSON.video}&t="))


def test_every_student_is_linked_from_the_class_page_with_scores_by_exercise() -> None:
    names = ["s01", "Zoë 李", "a/b", "..", "<b>", "100% sure?#x", ""]
    page = Page(class_page([submission(name) for name in names], LESSON, [], []))
    links = Counter(unquote(href) for href in page.attributes("href") if href.startswith("submissions/"))
    assert links == {f"submissions/{safe_name(name)}/feedback.html": 2 for name in names}  # heat map and table
    for exercise in LESSON.exercises:
        assert exercise.name in page.text


def test_every_verdict_has_a_word_and_a_sign_of_its_own_on_both_pages() -> None:
    assert set(LOOKS) == set(VERDICTS)
    assert len({look.sign for look in LOOKS.values()}) == len(VERDICTS)
    result = with_verdicts("s01", VERDICTS)
    for page in (feedback_page(result, LESSON, {}), class_page([result], LESSON, [], [])):
        text = Page(page).text
        for verdict in VERDICTS:
            assert verdict in text
            assert LOOKS[verdict].sign in text


def test_what_is_for_the_instructor_is_on_the_class_page_alone() -> None:
    result = submission(instructor=Instructor(mend="MEND", suspected="SUSPECTED"))
    feedback = feedback_page(result, LESSON, {"ex1_chain.py": "x = 1\n" * 40})
    assert "MEND" not in feedback
    assert "SUSPECTED" not in feedback
    text = Page(class_page([result], LESSON, [], [])).text
    assert "MEND" in text
    assert "SUSPECTED" in text


def test_the_student_does_not_learn_the_seed_and_the_instructor_does() -> None:
    result = replace(submission(), seed=987654321)
    assert "987654321" not in feedback_page(result, LESSON, {})
    text = Page(class_page([result], LESSON, [], [])).text
    for what in ("seed 987654321", "kit 0.1.0", "isolation: process, seccomp"):
        assert what in text


def test_a_class_without_results_has_a_page_that_says_so() -> None:
    text = Page(class_page([], LESSON, [("notes.txt", "neither .py nor .ipynb")], [("s09", "the judge died")])).text
    for what in ("No submission was graded", "notes.txt", "neither .py nor .ipynb", "s09", "the judge died"):
        assert what in text


def test_absent_numbers_are_no_obstacle() -> None:
    for row in (None, Float32Row(False, False, None)):
        result = replace(submission(float32=row, mistake=None, line=None), chain_reaches=None)
        text = Page(feedback_page(result, LESSON, {})).text
        assert "None" not in text
        assert "does not get past its first step" in text
        Page(class_page([result], LESSON, [], []))


def test_a_result_of_a_few_steps_only_is_shown_as_such() -> None:
    result = submission()
    few = replace(result, exercises=(ExerciseResult("ex2_cross_entropy", result.exercises[1].steps),))
    page = Page(feedback_page(few, LESSON, {}))
    assert page.attributes("id") == ["results", "ex2_cross_entropy.dlogits"]
    Page(class_page([few, replace(result, exercises=())], LESSON, [], []))


def test_each_step_is_found_once_by_its_id_and_leads_to_its_minute_of_the_lecture() -> None:
    page = Page(feedback_page(submission(), LESSON, {"ex1_chain.py": "x = 1\n" * 10}))
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    hrefs = set(page.attributes("href"))
    for step in LESSON.steps:
        assert step.path in ids
        assert f"#{step.path}" in hrefs
        assert LESSON.watch_url(step) in hrefs


def test_words_about_a_step_stand_at_its_line_and_before_the_code_where_it_has_none() -> None:
    result = submission(message="")
    chain = result.exercises[0].steps
    chain = (replace(chain[0], line=2, message="PLACED"), replace(chain[1], line=None, message="LOOSE"), *chain[2:])
    result = replace(result, exercises=(ExerciseResult("ex1_chain", chain), *result.exercises[1:]))
    text = feedback_page(result, LESSON, {"EX1_chain.py": "FIRST\nSECOND\nTHIRD\nFOURTH\n"})
    text = text[text.index('id="results"') :]
    # a remark stands beside the lines from its own to the next remark's, here from the second to the third
    order = [text.index(word) for word in ("LOOSE", "FIRST", "SECOND", "THIRD", "PLACED", "FOURTH")]
    assert order == sorted(order)
    assert _lines_shown(text) == ["1 FIRST", "2 SECOND", "3 THIRD", "4 FOURTH"]


def test_one_file_that_answers_all_exercises_is_shown_once() -> None:
    text = feedback_page(submission(), LESSON, {"all.py": "ONLY_ONCE = 1\n"})
    assert text.count("ONLY_ONCE") == 1
    assert all(exercise.title in text for exercise in LESSON.exercises)


def test_lines_are_counted_as_python_counts_them() -> None:
    text = feedback_page(submission(), LESSON, {"ex1_chain.py": "A = 1\x0c\r\nB = 2\u2028\rC = 3"})
    assert _lines_shown(text) == ["1 A = 1", "2 B = 2⟨U+2028⟩", "3 C = 3"]


def _lines_shown(text: str) -> list[str]:
    return [f"{place} {line}" for place, line in re.findall(r"<span>(\d+)</span><code dir=\"ltr\">(.*)</code>", text)]


def test_the_next_step_is_the_first_that_does_not_pass() -> None:
    result = with_verdicts("s01", ["right"])
    assert "Every step passes" in feedback_page(result, LESSON, {})
    chain = result.exercises[0].steps
    chain = (*chain[:3], replace(chain[3], verdict="shape"), replace(chain[4], verdict="wrong"), *chain[5:])
    result = replace(result, exercises=(ExerciseResult("ex1_chain", chain), *result.exercises[1:]))
    text = Page(feedback_page(result, LESSON, {})).text
    assert f"Next: {LESSON.steps[3].path}" in text
    assert f"make hint STEP={LESSON.steps[3].name}" in text


def test_long_files_and_floods_of_output_are_cut_and_say_so() -> None:
    result = submission(output="flood " * 10_000)
    sources = {"ex1_chain.py": "x = 1\n" * 9_000 + "y" * 9_000, "ex3_batchnorm.py": "z" * 9_000}
    text = feedback_page(result, LESSON, sources)
    assert len(text) < 2_000_000
    for what in ("52000 more characters", "5001 more lines are not shown", "8000 more characters"):
        assert what in Page(text).text


def test_mistakes_are_counted_by_tag_and_the_hardest_steps_come_first() -> None:
    first, second = submission("a"), with_verdicts("b", ["right"])
    second = replace(
        second,
        exercises=tuple(
            ExerciseResult(e.exercise, tuple(replace(step, mistake=None) for step in e.steps)) for e in second.exercises
        ),
    )
    chain = second.exercises[0].steps
    chain = (*chain[:5], replace(chain[5], verdict="wrong", mistake=Mistake("zeros", "")), *chain[6:])
    second = replace(second, exercises=(ExerciseResult("ex1_chain", chain), *second.exercises[1:]))
    text = " ".join(Page(class_page([first, second], LESSON, [], [])).text.split())
    assert f"sign {len(LESSON.steps)} 1" in text or f"sign{len(LESSON.steps)}1" in text
    hardest = text[text.index("Hardest steps") :]
    assert hardest.index(LESSON.steps[5].name) < hardest.index(LESSON.steps[0].name)


@pytest.mark.parametrize("students", [1, 100])
def test_the_distribution_counts_every_student_once(students: int) -> None:
    results = [with_verdicts(f"s{i}", [("right", "wrong", "missing")[i % 3]]) for i in range(students)]
    text = class_page(results, LESSON, [], [])
    chart = text[text.index('<ol class="chart"') : text.index("</ol>")]
    assert sum(int(count) for count in re.findall(r"<li><span>(\d+)</span>", chart)) == students


def test_a_harmless_name_stays_as_it_is() -> None:
    for name in ("s01", "Zoë Müller-Lüdenscheidt", "李 雷", "O'Brien (late)", "jane_123.v2", "x" * MAX_LENGTH):
        assert safe_name(name) == name


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../etc/passwd",
        "a/b",
        "a\\b",
        ".hidden",
        "-rf",
        " x",
        "x ",
        "x.",
        "a\nb",
        "a\0b",
        "\x1b[31m",
        "\u202egnp",
        "\ud800",
        "x" * 101,
        "李" * 100,
        "a:b",
        "con*?",
        "e\u0301",
        "👩",
        "a~0123456789ab",
    ],
)
def test_any_other_name_becomes_harmless_and_its_own(name: str) -> None:
    safe = safe_name(name)
    assert safe != name
    assert re.fullmatch(r"[^./\\\x00-\x1f\x7f~-][^/\\\x00-\x1f\x7f]*~[0-9a-f]{12}", safe)
    assert len(safe) <= MAX_LENGTH
    assert len(safe.encode()) < 255
    assert safe_name(safe) != safe  # nobody can take it by handing it in as a name


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=()), max_size=120), unique=True))
def test_different_names_never_share_a_folder(names: list[str]) -> None:
    every = {*names, *(safe_name(name) for name in names), *(safe_name(name)[:-1] for name in names)}
    assert len({safe_name(name) for name in every}) == len(every)


def test_a_part_that_was_made_of_markup_is_not_shown_for_the_same_text() -> None:
    assert "<i>dprobs</i>" in part("tick", "ex1_chain.dprobs", Markup("<i>dprobs</i>"), "right")
    assert "<i>" not in part("tick", "ex1_chain.dprobs", "<i>dprobs</i>", "right")
