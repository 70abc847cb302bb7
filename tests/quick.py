"""`make test-quick`: of each test its first and its last case, without what starts commands, kernels, browsers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

# Modules that take long whatever is left out of them, by what takes the time.
_LONG = frozenset({
    *("test_cli", "test_cut", "test_explain", "test_export_hosts", "test_hint", "test_kit", "test_release"),  # commands
    *("test_train", "test_watching", "test_resume", "test_class", "test_pool", "test_cluster"),  # classes, and watching
    *("test_browser", "test_jupyter", "test_kit_notebook"),  # browsers and kernels
    *("test_copies", "test_diagnosis", "test_hostile", "test_mutation", "test_properties"),  # much to judge
})  # fmt: skip
_SMOKE = frozenset({
    "test_check_of_the_solution_passes_with_full_marks",
    "test_grade_writes_a_class_once_and_again_the_same",
})  # fmt: skip


def chosen(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests that are run, in their order."""
    cases: dict[str, list[pytest.Item]] = {}
    for item in items:
        name = item.nodeid.partition("[")[0]
        if item.path.stem not in _LONG or name.rpartition("::")[2] in _SMOKE:
            cases.setdefault(name, []).append(item)
    kept = {id(case) for some in cases.values() for case in (some[0], some[-1])}
    return [item for item in items if id(item) in kept]
