"""The picture of the network: every line, every tensor, every verdict, for any lesson, without torch."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader.judge.draw import draw_inputs
from grader.lesson import Lesson, load_lesson
from grader.lesson.expression import whole
from grader.lesson.network import Network
from grader.lesson.shapes import as_text, shown_shapes
from grader.report.graph import graph_file, graph_page, graph_svg
from grader.report.layout import BOX, CHIP, Place, layout
from grader.report.looks import LOOKS
from tests.support import ROOT, run_grader

MLP = load_lesson(ROOT / "exercises" / "mlp")
TINY = load_lesson(ROOT / "tests" / "lessons" / "exercises" / "tiny")
LESSONS = pytest.mark.parametrize("own", [MLP, TINY], ids=lambda lesson: lesson.name)
SVG = "{http://www.w3.org/2000/svg}"


def _texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def _titles(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}title")]


def _signs(svg: str) -> list[str]:
    found = ElementTree.fromstring(svg).iter(f"{SVG}text")
    return [element.text or "" for element in found if element.get("font-weight") == "bold"]


def _all(lesson: Lesson, verdict: str) -> dict[str, str]:
    return {step.path: verdict for step in lesson.steps}


# --- shapes -----------------------------------------------------------------------------------------------


@LESSONS
def test_the_shapes_that_are_shown_are_those_of_the_forward_pass(own: Lesson) -> None:
    values = Network(own.graph).forward(draw_inputs(own.public_case, "shapes"), own.sizes)
    shown = shown_shapes(own)
    assert {name: tuple(whole(part, own.sizes) for part in shape) for name, shape in shown.items()} == {
        name: tuple(values[name].shape) for name in shown
    }
    assert own.graph.tensors - set(shown) <= {own.graph.loss}


def test_a_lesson_whose_docstrings_are_gone_is_drawn_without_their_shapes(tmp_path: Path) -> None:
    for name in ("forward.py", "lesson.toml"):
        (tmp_path / name).write_bytes((TINY.folder / name).read_bytes())
    bare = load_lesson(tmp_path)
    assert set(shown_shapes(bare)) == set(bare.inputs)
    assert "(rows, units)" not in _texts(graph_svg(bare, {}))


# --- what is drawn ----------------------------------------------------------------------------------------


@LESSONS
def test_every_line_tensor_and_shape_is_there(own: Lesson) -> None:
    texts = _texts(graph_svg(own, {}))
    for statement in own.graph.statements:
        assert statement.source in texts
        assert statement.tensor in texts
    assert set(own.graph.inputs) <= set(texts)
    used = {read for statement in own.graph.statements for read in statement.reads}
    shapes = {as_text(shape) for tensor, shape in shown_shapes(own).items() if tensor in used}
    assert shapes <= set(texts)


@LESSONS
def test_every_use_of_a_tensor_is_an_edge_and_every_edge_on_the_way_to_the_loss_leads_back(own: Lesson) -> None:
    uses = sum(len(statement.reads) for statement in own.graph.statements)
    whole_numbers = {name for name, entry in own.inputs.items() if entry.is_integer}
    back = sum(read not in whole_numbers for statement in own.graph.statements for read in statement.reads)
    lines = [
        path for path in ElementTree.fromstring(graph_svg(own, {})).iter(f"{SVG}path") if path.get("fill") == "none"
    ]
    assert len([line for line in lines if not line.get("stroke-dasharray")]) == uses
    assert len([line for line in lines if line.get("stroke-dasharray")]) == back


@LESSONS
def test_several_paths_into_one_tensor_are_said_to_add_up(own: Lesson) -> None:
    texts = _texts(graph_svg(own, {}))
    for tensor in own.graph.tensors:
        users = own.graph.users[tensor]
        integer = tensor in own.inputs and own.inputs[tensor].is_integer
        said = f"⊕ d{tensor} adds up {len(users)} paths: " + ", ".join(user.tensor for user in users)
        assert (said in texts) == (len(users) > 1 and not integer), tensor


@LESSONS
@pytest.mark.parametrize("verdict", LOOKS)
def test_a_verdict_shows_as_a_sign_and_in_words_and_not_by_colour_alone(verdict: str, own: Lesson) -> None:
    svg = graph_svg(own, _all(own, verdict))
    asked = [step for step in own.steps if not step.is_training]
    in_legend, boxes = 1, _boxes(own)
    drawn = sum(len([step for step in asked if step.tensor == place.tensor]) for place in boxes)
    assert _signs(svg).count(LOOKS[verdict].sign) == drawn + in_legend
    titles = "; ".join(_titles(svg))
    for step in asked:
        assert f"{step.path}: {verdict} ({LOOKS[verdict].meaning})" in titles


def test_what_was_not_judged_has_no_sign_and_says_so() -> None:
    svg = graph_svg(MLP, {"ex1_chain.dprobs": "right"})
    assert "ex1_chain.dprobs: right (right, up to rounding)" in _titles(svg)
    assert "ex1_chain.dcounts: not checked" in _titles(svg)
    assert _signs(svg).count("✓") == 2  # at probs, and in the legend


def test_a_tensor_of_two_exercises_has_a_verdict_of_each() -> None:
    svg = graph_svg(MLP, {"ex1_chain.dlogits": "right", "ex2_cross_entropy.dlogits": "wrong"})
    title = next(title for title in _titles(svg) if "dlogits" in title)
    assert title == "ex1_chain.dlogits: right (right, up to rounding); ex2_cross_entropy.dlogits: wrong (other values)"
    assert {"ex1", "ex2"} <= set(_texts(svg))


def test_exercises_whose_names_begin_alike_are_told_apart_by_their_number() -> None:
    assert {"1", "2"} <= set(_texts(graph_svg(TINY, {})))


# --- layout -----------------------------------------------------------------------------------------------


def _boxes(own: Lesson) -> list[Place]:
    drawn = layout(own, {})
    return [place for row in drawn.rows for place in (*row.inputs, row.place)]


def _pairs(own: Lesson) -> Iterator[tuple[Place, Place]]:
    boxes = _boxes(own)
    return ((one, other) for number, one in enumerate(boxes) for other in boxes[number + 1 :])


@LESSONS
def test_no_two_boxes_overlap(own: Lesson) -> None:
    for one, other in _pairs(own):
        apart = one.right < other.left or other.right < one.left
        heights = [CHIP if place.is_input else BOX for place in (one, other)]
        assert apart or abs(one.middle - other.middle) > sum(heights) / 2, (one.tensor, other.tensor)


@LESSONS
def test_arcs_in_one_lane_do_not_run_beside_each_other(own: Lesson) -> None:
    arcs = layout(own, {}).arcs
    for number, one in enumerate(arcs):
        for other in arcs[number + 1 :]:
            together = one.source.middle < other.target.middle and other.source.middle < one.target.middle
            assert one.lane != other.lane or not together


@LESSONS
def test_everything_lies_within_the_picture(own: Lesson) -> None:
    drawn = layout(own, {})
    assert all(place.left > 0 and place.right < drawn.width for place in _boxes(own))
    assert all(0 < place.middle < drawn.height for place in _boxes(own))


# --- where it is put --------------------------------------------------------------------------------------


def test_a_picture_fetches_nothing_and_runs_nothing() -> None:
    for text in (graph_svg(MLP, {}), graph_page(MLP, {}, "a line")):
        assert not re.search(r"<script|href=|src=|url\(|@import|\son\w+=", text)


def test_the_picture_takes_the_colour_of_the_text_around_it_and_the_file_brings_its_own() -> None:
    assert 'fill="currentColor"' in graph_svg(MLP, {})
    assert "prefers-color-scheme: dark" in graph_file(MLP, {})
    ElementTree.fromstring(graph_file(MLP, {}).encode())


def test_names_and_lines_are_escaped(tmp_path: Path) -> None:
    for file in TINY.folder.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_bytes(file.read_bytes())
    toml = (
        (tmp_path / "lesson.toml").read_text(encoding="utf-8").replace("A gated unit, by hand", "A <b>gated</b> unit")
    )
    (tmp_path / "lesson.toml").write_text(toml, encoding="utf-8")
    forward = (
        (tmp_path / "forward.py").read_text(encoding="utf-8").replace("delta * delta", "delta * (delta + 0 * (1 < 2))")
    )
    (tmp_path / "forward.py").write_text(forward, encoding="utf-8")
    page = graph_page(load_lesson(tmp_path), {}, "<script>")
    assert "<b>" not in page
    assert "<script>" not in page
    assert html.escape("square = delta * (delta + 0 * (1 < 2))") in page


# --- the command ------------------------------------------------------------------------------------------


def test_map_writes_a_page_of_the_bare_network(tmp_path: Path) -> None:
    ran = run_grader("map", "--out", tmp_path / "map.html")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"wrote {tmp_path / 'map.html'}\n", "")
    assert graph_svg(MLP, {}) in (tmp_path / "map.html").read_text(encoding="utf-8")


def test_map_shows_the_verdicts_of_a_submission(tmp_path: Path) -> None:
    ran = run_grader("map", ROOT / "tests" / "lessons" / "solutions" / "tiny", "--lesson", TINY.folder,
                     "--out", tmp_path / "map.svg")  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    titles = _titles((tmp_path / "map.svg").read_text(encoding="utf-8"))
    for step in (step for step in TINY.steps if not step.is_training):
        assert any(re.search(rf"{step.path}: (right|exact) ", title) for title in titles), step.path


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--out", "map.pdf"], "map.pdf is neither a page nor a picture"),
        (["nowhere", "--out", "map.svg"], "there is no nowhere"),
        (["--lesson", "none"], "there is no lesson none"),
    ],
)
def test_map_says_what_it_cannot_do(arguments: list[str], says: str, tmp_path: Path) -> None:
    ran = run_grader("map", *arguments, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert says in ran.stderr
    assert list(tmp_path.iterdir()) == []
