"""Which submissions look alike: planted copies stand on top, and what honest work has in common does not count."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.cli import main
from grader.copies.compare import Source, most_alike
from grader.copies.page import copies_page
from grader.copies.read import given_hashes, read_source, sources_of
from grader.copies.shape import Passage, Token, given_names, passages_of
from grader.copies.winnow import WINDOW, K, fingerprints
from grader.lesson import Lesson, load_lesson
from grader.submission.find import Submission, find_submissions
from grader.submission.program import parse_program
from tests.copied_class import is_disguised, make_class
from tests.support import ROOT
from tests.test_pages import HOSTILE, Page

LESSON = load_lesson(ROOT / "exercises" / "mlp")
RARE = (
    "def dprobs(dlogprobs, probs):\n    kept = [row * 3.25 for row in dlogprobs.unbind()]\n    return kept[7] / probs\n"
)


def signs(code: str) -> list[list[str]]:
    program = parse_program("a.py", code)
    return [[token.sign for token in passage.tokens] for passage in passages_of(program, given_names(LESSON))]


def read_submission(lesson: Lesson, submission: Submission) -> Source:
    """Here, where the command reads it in a bounded process."""
    return read_source(submission.name, submission.all_files(), given_names(lesson))


def scores(folder: Path, lesson: Lesson = LESSON, most: int = 10_000) -> dict[frozenset[str], float]:
    """By pair of names, the most alike first."""
    sources, _ = sources_of(find_submissions([folder], lesson).submissions, partial(read_submission, lesson))
    pairs = most_alike(sources, given_hashes(lesson), most)
    return {frozenset((pair.left.name, pair.right.name)): pair.score for pair in pairs}


def write(folder: Path, **texts: str) -> Path:
    """A class of lone files."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return folder


# ---- a class


@pytest.mark.parametrize("seed", range(3))
def test_five_disguised_copies_in_a_class_of_sixty_stand_on_top_and_no_honest_pair_above_them(
    seed: int, tmp_path: Path
) -> None:
    planted = make_class(tmp_path / "class", LESSON, seed)
    found = scores(tmp_path / "class")
    assert set(list(found)[:5]) == planted
    honest = [score for pair, score in found.items() if pair not in planted]
    assert min(found[pair] for pair in planted) > 1.5 * max(honest)


def test_the_planted_copies_are_disguised(tmp_path: Path) -> None:
    for pair in make_class(tmp_path / "class", LESSON, 0):
        texts = [(tmp_path / "class" / name / "ex1_chain.py").read_text(encoding="utf-8") for name in sorted(pair)]
        assert sum(is_disguised(text) for text in texts) == 1
        bodies = [[line for line in text.splitlines() if line.startswith("    ") and "_" in line] for text in texts]
        assert len(set(bodies[0]) & set(bodies[1])) <= 0.5 * min(len(body) for body in bodies)
        orders = [[line.split("(")[0] for line in text.splitlines() if line.startswith("def d")] for text in texts]
        assert orders[0] != orders[1]


def test_the_template_the_solutions_and_what_most_wrote_weigh_nothing(tmp_path: Path) -> None:
    solution = (ROOT / "solutions" / "mlp" / "ex1_chain.py").read_text(encoding="utf-8")
    stub = (ROOT / "exercises" / "mlp" / "ex1_chain.py").read_text(encoding="utf-8")
    assert scores(write(tmp_path / "given", a=solution, b=solution, c=stub, d=stub)) == {}
    common = {f"s{number}": RARE for number in range(6)}
    assert scores(write(tmp_path / "common", **common, other="x = 1\n")) == {}
    assert scores(write(tmp_path / "two", a=RARE, b=RARE, c=stub, d=stub)) == {frozenset("ab"): pytest.approx(1.0)}


def test_the_rarer_of_two_things_in_common_counts_more(tmp_path: Path) -> None:
    usual = "def dh(dhpreact, h):\n    taken = h * h\n    return dhpreact.sub(taken, alpha=4.5).add(taken).tanh()\n"
    texts = {"a": RARE, "b": RARE, "c": usual, "d": usual, "e": usual, "f": "x = 1\n", "g": "y = 2\n"}
    operations = ("exp", "log", "abs", "neg", "sqrt", "sign", "floor")  # every student has one of their own
    alone = {
        name: f"{text}\n\ndef dW1(embcat):\n    return embcat{f'.{operation}()' * 8}\n"
        for operation, (name, text) in zip(operations, texts.items(), strict=True)
    }
    found = scores(write(tmp_path / "class", **alone))
    assert found[frozenset("ab")] > found[frozenset("cd")] == pytest.approx(found[frozenset("de")])


# ---- shapes


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def dh(h):\n    a = h + 1\n    return a\n", "def dh(h):\n    # mine\n    zz = 1 + h\n    return zz\n"),
        ("def dh(h, n):\n    return h * n * 2\n", "def dh(n, h):\n    'why'\n    return 2 * (n * h)\n"),
        ("a: int = h.sum(0)\n", "b = h.sum(0)\n"),
        ("def f(x):\n    return x.exp()\n", "def g(y) -> object:\n    return y.exp()\n"),
    ],
)
def test_names_comments_and_the_order_of_operands_leave_the_shape_alone(one: str, other: str) -> None:
    assert signs(one) == signs(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x = h - n\n", "x = n - h\n"),
        ("x = h.sum(0)\n", "x = h.sum(1)\n"),
        ("x = h.sum(0)\n", "x = h.mean(0)\n"),
        ("x = dh * h\n", "x = dW2 * h\n"),
        ("x = h.sum(0, keepdim=True)\n", "x = h.sum(0, True)\n"),
    ],
)
def test_other_operations_tensors_and_numbers_are_another_shape(one: str, other: str) -> None:
    assert signs(one) != signs(other)


@given(st.lists(st.sampled_from("abcdef"), min_size=K + WINDOW - 1, max_size=40), st.data())
def test_a_shared_run_of_the_guaranteed_length_is_always_found(run: list[str], data: st.DataObject) -> None:
    noise = st.lists(st.sampled_from("uvwxyz"), max_size=20)
    sides = [[*data.draw(noise), *run, *data.draw(noise)] for _ in range(2)]
    prints = [
        {one.hash for one in fingerprints(Passage("a.py", 1, 1, tuple(Token(sign, 1) for sign in side)))}
        for side in sides
    ]
    assert prints[0] & prints[1]


@given(st.lists(st.sampled_from("abc"), max_size=K - 1))
def test_what_is_shorter_than_a_gram_has_no_fingerprint(run: list[str]) -> None:
    assert fingerprints(Passage("a.py", 1, 1, tuple(Token(sign, 1) for sign in run))) == ()


# ---- the command and its page


def test_nothing_a_student_wrote_is_markup_in_the_page(tmp_path: Path) -> None:
    shared = "\n".join(f"    # {text!r}" for text in HOSTILE if text.isprintable())
    text = f"def dprobs(dlogprobs, probs):\n{shared}\n    x = probs.exp().log().exp() * 3.5\n    return x - dlogprobs\n"
    folder = write(tmp_path / "class", **{"<script>alert(1)<": text}, b=text, c="x = 1\n", d="y = 1\n")
    sources, _ = sources_of(find_submissions([folder], LESSON).submissions, partial(read_submission, LESSON))
    pairs = most_alike(sources, frozenset(), 5)
    page = Page(copies_page(pairs, len(sources), LESSON))
    assert len(pairs) == 1
    assert page.scripts == []
    assert {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "link", "form"} == set()
    assert not page.attributes("onerror") + page.attributes("onfocus") + page.attributes("src")
    assert "<script>alert(1)<" in page.text
    assert any("default-src 'none'" in value for value in page.attributes("content"))


class Shades(HTMLParser):
    """The lines of a page by their shade."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.shaded: dict[str, list[str]] = {}
        self._at = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kinds = (dict(attrs).get("class") or "").split()
        if tag == "span" and kinds[:1] == ["line"]:
            self._at = kinds[1]

    def handle_data(self, data: str) -> None:
        if self._at and not data.strip().isdigit():
            self.shaded.setdefault(self._at, []).append(data.strip())


def test_the_lines_that_two_share_are_shaded_on_both_sides(tmp_path: Path) -> None:
    other = RARE.replace("kept", "mine").replace("row", "r")
    write(tmp_path / "class", a=RARE, b=other, c="x = 1\n", d="y = 2\n", e="z = 3\n")
    out = tmp_path / "copies.html"
    assert main(["copies", str(tmp_path / "class"), "--out", str(out)]) == 0
    shaded = Shades(out.read_text(encoding="utf-8")).shaded
    assert {"return kept[7] / probs", "return mine[7] / probs"} <= set(shaded["s3"])
    assert "x = 1" not in {line for kind in ("s1", "s2", "s3") for line in shaded.get(kind, [])}


def test_unreadable_files_cost_nobody_the_comparison(tmp_path: Path) -> None:
    folder = write(tmp_path / "class", a=RARE, b=RARE + "\ndef broken(:\n", c="x = 1\n", d="(" * 5000)
    (folder / "e.py").write_bytes(b"\xff\x00")
    assert frozenset("ab") in scores(folder)


def test_a_class_is_compared_in_its_archive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write(tmp_path / "class", a=RARE, b=RARE, c="x = 1\n", d="y = 2\n", e="z = 3\n")
    archive = shutil.make_archive(str(tmp_path / "class"), "zip", folder)
    assert main(["copies", archive, "--out", str(tmp_path / "copies.html")]) == 0
    assert "100 %  a  b" in capsys.readouterr().out


def test_one_submission_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["copies", str(write(tmp_path / "class", a=RARE)), "--out", str(tmp_path / "x.html")]) == 2
    assert "it takes two to be alike" in capsys.readouterr().err


def test_the_comparison_runs_no_student_code_and_imports_no_torch(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    evil = f"open({str(marker)!r}, 'w')\n{RARE}"
    write(tmp_path / "class", a=evil, b=evil, c="x = 1\n", d="y = 2\n")
    script = (
        "import sys\nfrom grader.cli import main\ncode = main(sys.argv[1:])\nsys.exit(code or 'torch' in sys.modules)"
    )
    command = [sys.executable, "-c", script, "copies", str(tmp_path / "class"), "--out", str(tmp_path / "copies.html")]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, timeout=60, check=False).returncode == 0
    assert not marker.exists()
