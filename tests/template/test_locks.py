"""What is installed is locked: by hash, from no named registry, and tests run on the very pins that are deployed."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = ["layers/shared/requirements.txt", "requirements/dev.txt", "requirements/sam.txt"]
PIN = re.compile(r"^(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;\\]+)(?: ; (?P<marker>[^\\]+?))? *\\$")


def entries(lock: str) -> list[str]:
    """The requirements of a lock file, each with the lines that belong to it."""
    text = "\n".join(line for line in (ROOT / lock).read_text().splitlines() if not line.lstrip().startswith("#"))
    return re.split(r"\n(?=\S)", text.strip())


def pins(lock: str) -> set[tuple[str, str]]:
    """Names and versions."""
    found = set()
    for entry in entries(lock):
        match = PIN.match(entry.splitlines()[0])
        assert match, entry
        found.add((match["name"], match["version"]))
    return found


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    assert len(pins(lock)) > 10
    assert [entry for entry in entries(lock) if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", LOCKS)
def test_no_lock_names_a_registry(lock: str) -> None:
    text = (ROOT / lock).read_text()
    assert re.findall(r"https?://|--(?:extra-)?index-url|--find-links|file:", text) == []


def test_what_is_deployed_is_what_is_tested() -> None:
    assert pins("layers/shared/requirements.txt") <= pins("requirements/dev.txt")
