"""The texts of a submission, as its page shows them."""

from __future__ import annotations

from grader.submission.content import shown_text
from grader.submission.model import Submission


def sources_of(submission: Submission) -> dict[str, str]:
    """File name -> text, of what can be read; as much of a file as is judged."""
    texts: dict[str, str] = {}
    for path, name in submission.names().items():
        try:
            texts[name] = shown_text(path)
        except OSError:
            continue
    return texts
