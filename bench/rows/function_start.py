"""Every other function's start-up, importing all that its first call needs, beside importing the third-party modules
among that alone, in the same order; both above a bare interpreter, in processor time.
"""

from __future__ import annotations

import json
import os
import site
from collections.abc import Iterator, Mapping

from bench.bed import Bed
from bench.functions import environment, present, ready_code, run
from bench.measure import Row, interleave, median, ms

TITLE = "start-up of the other functions"
# What third-party modules bring along of the standard library is theirs.
LIST = """
import json, sys
print(json.dumps([
    name for name, module in list(sys.modules.items())
    if (getattr(module, "__file__", None) or "").startswith(tuple(PLACES))
    and getattr(getattr(module, "__spec__", None), "name", None) == name
    and not name.startswith("__editable__") and name not in BARE
]))
"""
_KNOWN = {"aws_lambda_powertools", "boto3", "botocore", "cryptography", "httpx", "jwt", "psycopg", "pydantic", "yoyo"}


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    before: list[str] = []
    for name in present():
        if name == "webhook_receiver":
            continue
        bed.say(name)
        given = environment(bed, name)
        before = before or _loaded("", given, [])
        yield _row(bed, name, given, _loaded(ready_code(name), given, before))


def _row(bed: Bed, name: str, given: Mapping[str, str], modules: list[str]) -> Row:
    theirs = [module for module in modules if module.partition(".")[0] not in {"app", "parley"}]
    pieces = {
        "bare": lambda: run("pass", given).seconds,
        "ours": lambda: run(_imports(["app", *modules]), given).seconds,
        "theirs": lambda: run(_imports(theirs), given).seconds,
    }
    found = interleave(pieces, bed.size(7, 2))
    bare = median(found["bare"])
    ours, alone = median(found["ours"]) - bare, median(found["theirs"]) - bare
    roots = sorted({module.partition(".")[0] for module in theirs} & _KNOWN)
    return Row(
        f"{name} start-up", ms(ours), f"its imports {ms(alone)}", ours / alone, "×", 1.3, 1.1, note=", ".join(roots)
    )


def _imports(modules: list[str]) -> str:
    return "".join(f"import {module}\n" for module in modules) or "pass"


def _loaded(code: str, given: Mapping[str, str], but: list[str]) -> list[str]:
    """The modules of ours and of third parties that this code loads, in its order."""
    places = [*site.getsitepackages(), site.getusersitepackages(), *given["PYTHONPATH"].split(os.pathsep)]
    said = run(f"{code}\nPLACES, BARE = {places!r}, {but!r}\n{LIST}", given).output
    modules: list[str] = json.loads(said.splitlines()[-1])
    return modules
