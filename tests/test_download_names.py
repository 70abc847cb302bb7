"""Names in downloads, and names that were meant to be the lesson's: for any name, in any script."""

from __future__ import annotations

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from grader.downloads.names import AROUND, EXACT, Meant, meant, original_of
from grader.downloads.tree import ARCHIVES, is_junk, suffix_of
from grader.downloads.unpack import _parts
from grader.downloads.uploads import blackboard, brightspace, canvas, drive, moodle

WANTED = ("ex1_chain", "ex2_cross_entropy", "ex3_batchnorm", "ex4_training")
TEXT = st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=40)
SORTABLE = st.text("abcdefghijklmnopqrstuvwxyzéßłżщ王-", min_size=1, max_size=20)
DIGITS = st.text("0123456789", min_size=1, max_size=9)
CASES = st.sampled_from([str, str.upper, str.title])


@given(SORTABLE, DIGITS, DIGITS, TEXT, st.booleans())
def test_any_canvas_name_is_read_back(name: str, user: str, attachment: str, display: str, late: bool) -> None:
    assume(name != "anon")
    upload = canvas(f"{name}{'_LATE' * late}_{user}_{attachment}_{display}")
    assert upload is not None
    assert (upload.identity.lms, upload.identity.display_name, upload.identity.user_id) == ("canvas", name, user)
    assert (upload.identity.late, upload.display, upload.order) == (late, display, int(attachment))


@given(st.text("abcXYZ0123456789", min_size=1, max_size=8), DIGITS, TEXT, st.booleans())
def test_any_anonymous_canvas_name_stays_anonymous(user: str, attachment: str, display: str, late: bool) -> None:
    assume(not display[0].isdigit())
    upload = canvas(f"anon{'_LATE' * late}_{user}_{attachment}_{display}")
    assert upload is not None
    assert (upload.identity.display_name, upload.identity.anonymous, upload.identity.late) == ("", True, late)
    assert (upload.identity.user_id, upload.display) == (user, display)


@given(TEXT, DIGITS, TEXT, st.sampled_from(["file", "onlinetext"]))
def test_any_moodle_name_is_read_back(name: str, participant: str, display: str, kind: str) -> None:
    assume("assignsubmission" not in name and name != "Participant")
    owner = f"{name}_{participant}_assignsubmission_{kind}_"
    for full, shown in ((owner, ""), (owner + display, display)):
        upload = moodle(full)
        assert upload is not None
        assert (upload.owner, upload.display) == (owner, shown)
        assert (upload.identity.lms, upload.identity.display_name) == ("moodle", name)


@given(TEXT)
def test_any_name_is_read_without_a_crash(name: str) -> None:
    for read in (canvas, moodle, blackboard, brightspace, drive):
        upload = read(name)
        assert upload is None or upload.identity.display_name in name
    found = meant(name, WANTED)
    assert found is None or found.name in WANTED
    assert original_of(name).stem
    assert name.lower().endswith(suffix_of(name)) or not suffix_of(name)


@given(st.sampled_from(WANTED), CASES, st.integers(0, 999))
def test_a_lessons_name_is_known_in_any_case_and_number(name: str, case: type[str], number: int) -> None:
    for stem in (f"{name} ({number})", f"{name}-{number}", f"{name}({number})"):
        assert meant(case(stem), WANTED) == Meant(name, EXACT, number)
    assert meant(case(name), WANTED) == Meant(name, EXACT)


@given(st.sampled_from(WANTED), st.text("abcdefgh王é", min_size=1, max_size=12), st.sampled_from(" _-."))
def test_a_lessons_name_is_known_among_others_words(name: str, word: str, between: str) -> None:
    found = meant(f"{word}{between}{name}", WANTED)
    assert found is not None
    assert (found.name, found.distance) == (name, AROUND)
    assert found.before == word


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("ex1", "ex1_chain"),
        ("Ex3 final", "ex3_batchnorm"),
        ("kopie von ex2_cross_entropy", "ex2_cross_entropy"),
        ("Copy of Copy of ex1_chain (2)", "ex1_chain"),
        ("ex1_chain-checkpoint", "ex1_chain"),
        ("ex1_chain_ex2_cross_entropy", None),  # one or the other
        ("chain", None),
        ("ex11_chain", None),
        ("example1", None),
        ("", None),
        ("()", None),
    ],
)
def test_what_a_name_was_meant_to_be(stem: str, name: str | None) -> None:
    found = meant(stem, WANTED)
    assert (found and found.name) == name


def test_names_that_end_in_numbers_of_their_own_are_kept_apart() -> None:
    wanted = ("part_1", "part_2", "part_11")
    assert [meant(stem, wanted) for stem in ("part_1", "part_2-1", "part_11 (3)")] == [
        Meant("part_1", EXACT), Meant("part_2", EXACT, 1), Meant("part_11", EXACT, 3),
    ]  # fmt: skip


@given(st.text(max_size=60))
def test_no_entry_of_an_archive_leads_out_of_it(name: str) -> None:
    parts, why = _parts(name)
    assert why or (parts and not {"", ".", ".."} & set(parts))
    assert why or not any(sign in part for part in parts for sign in "/\\\0")


@pytest.mark.parametrize("name", [".hidden.py", ".git", "__MACOSX", "a.PYC", "Thumbs.db", "._ex1_chain.py"])
def test_what_tools_leave_behind_is_known(name: str) -> None:
    assert is_junk(name)


@pytest.mark.parametrize("suffix", [*ARCHIVES, ".py", ".py.txt", ".ipynb"])
def test_the_suffix_is_what_says_the_format(suffix: str) -> None:
    assert suffix_of(f"a.b{suffix.upper()}") == suffix


GROWING = (
    "-1",
    " ",
    "_1",
    "_",
    "_LATE_1",
    "(1)",
    " - copy",
    "_attempt_2026",
    "_1_assignsubmission_",
    " - ",
    "Copy of ",
)


@pytest.mark.parametrize("piece", GROWING)
def test_a_name_without_end_is_read_in_time_that_grows_with_its_length(piece: str) -> None:
    def seconds(size: int) -> float:
        name = piece * (size // len(piece))
        start = time.process_time()
        for _ in range(5):
            meant(name, WANTED)
            original_of(name)
            for read in (canvas, moodle, blackboard, brightspace, drive):
                read(name)
        return time.process_time() - start

    assert seconds(160_000) < 40 * max(seconds(20_000), 0.01)  # eight times as long; quadratic would be 64 times
