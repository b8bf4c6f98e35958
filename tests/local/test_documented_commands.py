"""Every command that the documentation shows works on the running stack, in the order in which it is shown."""

import os
import re
import subprocess

import pytest

from tests.local.conftest import ROOT, RunningStack

pytestmark = pytest.mark.stack

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What a reader would see as a failure is one: an HTTP error, a pipe that broke, a variable nobody set.
STRICT = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'


def run(stack: RunningStack, script: str) -> str:
    """Run a page's blocks as one script in a checkout's root; answer what it printed."""
    environment = {**os.environ, "PARLEY_LOCAL_DIR": str(stack.directory)}
    done = subprocess.run(
        ["bash", "-c", STRICT + script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def blocks(page: str) -> str:
    return "\n".join(block for block in BLOCK.findall((ROOT / page).read_text()) if not block.startswith("make "))


SHOWN = {
    "README.md": ["providerMessageId", '"status":"sent"'],
    "docs/http-api.md": ['"received":true', "12345", '"status":"sent"', '"success":true', '"online":', '"kind":"user"'],
    "docs/local-stack.md": ["providerMessageId", "accept-then-timeout"],
}


@pytest.mark.skipif(not (ROOT / ".venv/bin/parley").exists(), reason="the pages name the commands of .venv")
@pytest.mark.parametrize("page", SHOWN)
def test_the_commands_of_a_page_work(stack: RunningStack, page: str) -> None:
    printed = run(stack, blocks(page)).replace('": ', '":')
    assert [words for words in SHOWN[page] if words not in printed] == []
