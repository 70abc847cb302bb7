"""How an installed kit gets its lessons: setuptools runs this when it builds one (pyproject.toml names it)."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parents[2]
FOLDER = "backprop_kit"  # beside the package; grader/lesson/load.py looks there


class BuildWithLessons(build_py):
    """Adds lessons and data, as they are handed out. An editable install has them where they are."""

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        target = Path(self.build_lib)
        for left_over in (FOLDER, "exercises"):  # of an earlier build, perhaps with somebody's answers
            shutil.rmtree(target / left_over, ignore_errors=True)
        for name, data in self._lessons().items():
            file = target / FOLDER / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        packed = [] if self.editable_mode else [str(Path(self.build_lib, FOLDER, name)) for name in self._lessons()]
        return [*super().get_outputs(include_bytecode), *packed]

    def get_source_files(self) -> list[str]:
        """What a source archive needs besides, to build the same from it."""
        sources = [*ROOT.glob("solutions/*/*"), *ROOT.glob("stubs/*/*"), ROOT / "data" / "names.txt"]
        sources += [
            path for name in ("lesson.toml", "forward.py", "train.py") for path in ROOT.glob(f"exercises/*/{name}")
        ]
        found = [path.relative_to(ROOT).as_posix() for path in sources if path.is_file()]
        return [*super().get_source_files(), *found]

    def _lessons(self) -> dict[str, bytes]:
        sys.path.insert(0, str(ROOT))  # the kit that is built, whichever is installed
        from grader.lesson.packing import every_lesson

        return every_lesson(ROOT)
