"""A send always ends within its function's time: what the sender keeps spare fits in, with time left to work."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

APP = Path(__file__).parents[2] / "functions" / "message_sender" / "app.py"


def test_the_sender_has_time_beyond_its_slowest_send(of_type: Callable[[str], dict[str, Any]]) -> None:
    timeout = of_type("AWS::Lambda::Function")["MessageSender"]["Timeout"]
    (spare,) = [
        ast.literal_eval(node.value)
        for node in ast.parse(APP.read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        if node.targets[0].id == "SPARE_MILLISECONDS"
    ]
    assert timeout * 1000 - spare >= 60_000
