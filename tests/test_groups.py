"""What is worked out for several tests is worked out once: they run in one process."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("a group")
def test_in_several_processes_the_tests_of_a_group_stay_together(request: pytest.FixtureRequest) -> None:
    """xdist tells them by the end of their names, which some releases of pytest do not let it write."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@a group")
