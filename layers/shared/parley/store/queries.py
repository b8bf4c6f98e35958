"""Reads `sql/*.sql`: each query has a line `-- name: …`, a sentence, and named parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@lru_cache
def queries(name: str) -> Mapping[str, str]:
    """The queries of `sql/<name>.sql` by their names."""
    text = (files(__package__) / "sql" / f"{name}.sql").read_text(encoding="utf-8")
    parts = _NAME.split(text)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))
