"""Every other function's start-up, until its first call finds everything made, beside importing the very third-party
modules it imported, alone and in the same order; both above a bare interpreter,
in processor time.
"""

from __future__ import annotations

import json
import site
from collections.abc import Iterator, Mapping

from bench.bed import Bed
from bench.functions import environment, present, ready_code, run
from bench.measure import Row, interleave, median, ms

TITLE = "start-up of the other functions"
# Modules of the standard library that psycopg, httpx and the rest bring along are theirs: they are loaded with them.
LIST = """
import json, sys
print(json.dumps([
    name for name, module in list(sys.modules.items())
    if (getattr(module, "__file__", None) or "").startswith(tuple(SITES))
    and getattr(getattr(module, "__spec__", None), "name", None) == name
    and not name.startswith("__editable__") and name not in BARE
]))
"""


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    for name in present():
        if name == "webhook_receiver":
            continue
        bed.say(name)
        given = environment(bed, name)
        ready = ready_code(name)
        bare_modules = _third_party("", given, [])
        modules = _third_party(ready, given, bare_modules)
        yield _row(bed, name, given, ready, modules)


def _row(bed: Bed, name: str, given: Mapping[str, str], ready: str, modules: list[str]) -> Row:
    imports = "".join(f"import {module}\n" for module in modules) or "pass"
    pieces = {
        "bare": lambda: run("pass", given).seconds,
        "ours": lambda: run(ready, given).seconds,
        "theirs": lambda: run(imports, given).seconds,
    }
    interleave(pieces, 1)
    found = interleave(pieces, bed.size(11, 3))
    bare = median(found["bare"])
    ours, theirs = median(found["ours"]) - bare, median(found["theirs"]) - bare
    roots = sorted({module.partition(".")[0] for module in modules} & _KNOWN)
    return Row(
        f"{name} start-up", ms(ours), f"its imports {ms(theirs)}", ours / theirs, "×", 1.3, 1.1, note=", ".join(roots)
    )


_KNOWN = {"aws_lambda_powertools", "boto3", "botocore", "cryptography", "httpx", "jwt", "psycopg", "pydantic", "yoyo"}


def _third_party(code: str, given: Mapping[str, str], but: list[str]) -> list[str]:
    sites = [*site.getsitepackages(), site.getusersitepackages()]
    said = run(f"{code}\nSITES, BARE = {sites!r}, {but!r}\n{LIST}", given).output
    modules: list[str] = json.loads(said.splitlines()[-1])
    return modules
