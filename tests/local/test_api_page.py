"""The page of the API: served by the stack, whole, from this machine alone."""

import re
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.stack


def test_the_page_of_the_api_needs_nothing_from_elsewhere(demo: dict[str, Any]) -> None:
    with httpx.Client(base_url=demo["baseUrl"], timeout=60) as http:
        page = http.get("/docs")
        assert (page.status_code, page.headers["content-type"].split(";")[0]) == (200, "text/html")
        parts = {path: http.get(path) for path in re.findall(r'(?:src|href)="([^"]+)"', page.text)}
        assert {"/docs/page.js", "/docs/page.css", "/v1/openapi.json"} <= parts.keys()
        assert {path: part.status_code for path, part in parts.items()} == dict.fromkeys(parts, 200)
        script = parts["/docs/page.js"].text
        assert [
            text for text in (page.text, script, parts["/docs/page.css"].text) if "//" in text.replace("// ", "")
        ] == []
        assert "innerHTML" not in script
        assert parts["/v1/openapi.json"].json()["openapi"] == "3.1.0"
