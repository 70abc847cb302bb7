"""Who a submission is of, as the learning management system knows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Identity:
    """Plain data for gradebooks. An anonymous submission has no display name, and stays anonymous."""

    lms: str  # a key of the table in hosts.py, or `roster`
    user_id: str  # of the student; an anonymous id; gradescope: of the submission; '' where the host gives none
    display_name: str = ""
    late: bool = False
    anonymous: bool = False
    attachment_ids: tuple[str, ...] = ()  # canvas: of the files that were uploaded
    sis_ids: tuple[str, ...] = ()  # gradescope: the submitters' student ids
    members: tuple[str, ...] = ()  # the names of a group that handed in together
    emails: tuple[str, ...] = ()  # of the student, or of all members

    @property
    def key(self) -> tuple[str, str, str]:
        """The same for all uploads of one student."""
        return self.lms, self.user_id, self.display_name
