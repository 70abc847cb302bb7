"""The texts of a submission, as its page shows them."""

from __future__ import annotations

from grader.submission.model import Submission
from grader.submission.notebook import MAX_NOTEBOOK_BYTES
from grader.submission.program import MAX_BYTES


def sources_of(submission: Submission) -> dict[str, str]:
    """File name -> text, of what can be read; as much of a file as is judged."""
    texts: dict[str, str] = {}
    for path in submission.all_files():
        try:
            with path.open(encoding="utf-8-sig", errors="replace") as file:
                most = MAX_NOTEBOOK_BYTES if path.suffix.lower() == ".ipynb" else MAX_BYTES
                texts[path.name] = file.read(most)
        except OSError:
            continue
    return texts
