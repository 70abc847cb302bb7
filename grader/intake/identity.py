"""Who a submission is of, as the learning management system knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Plain data for gradebooks. An anonymous submission has no display name, and stays anonymous."""

    lms: str  # canvas, moodle, gradescope, nbgrader
    user_id: str  # canvas: user (or anonymous) id; moodle: participant; gradescope: submission; nbgrader: student
    display_name: str = ""
    late: bool = False
    anonymous: bool = False
    attachment_ids: tuple[str, ...] = ()  # canvas: of the files that were uploaded
    sis_ids: tuple[str, ...] = ()  # gradescope: the submitters' student ids

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for all uploads of one student."""
        return self.lms, self.user_id, self.display_name
