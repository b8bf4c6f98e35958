"""The documentation keeps up with the code: what exists is named where a reader looks for it."""

import re
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from cli.main import main

Template: TypeAlias = dict[str, dict[str, dict[str, Any]]]

ROOT = Path(__file__).resolve().parents[2]
DECISIONS = sorted((ROOT / "docs/decisions").glob("*.md"))
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
FUNCTIONS = sorted(path.parent.name for path in (ROOT / "functions").glob("*/app.py"))
MIGRATIONS = sorted((ROOT / "layers/shared/parley/store/migrations").glob("*.sql"))
ROOMS = sorted(path.parent.name for path in (ROOT / "layers/shared/parley").glob("*/__init__.py"))

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")
_FOLDERS = "bench|cli|cloud|docs|domain|edge|functions|layers|local|providers|services|store|tests"
_FILE = re.compile(rf"`((?:{_FOLDERS})/[\w/.-]+\.\w+)`")
_TABLE = re.compile(r"^create (?:unlogged )?table (\w+) \($", re.MULTILINE)


class _Template(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, whose arguments do not matter here."""


_Template.add_multi_constructor("!", lambda loader, suffix, node: None)


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def template() -> Template:
    loaded: Template = yaml.load(page("template.yaml"), _Template)  # noqa: S506 - a SafeLoader
    return loaded


def routes(template: Template) -> list[tuple[str, str]]:
    functions = (resource.get("Properties") or {} for resource in template["Resources"].values())
    events = (event for properties in functions for event in properties.get("Events", {}).values())
    http = (event["Properties"] for event in events if event["Type"] == "HttpApi")
    return [(properties["Method"].upper(), properties["Path"]) for properties in http]


def test_every_function_is_described_in_the_architecture() -> None:
    assert FUNCTIONS
    text = page("docs/architecture.md")
    assert [name for name in FUNCTIONS if f"| `{name}` |" not in text] == []


def test_every_room_is_described_in_the_architecture() -> None:
    text = page("docs/architecture.md")
    assert [name for name in ROOMS if f"| `{name}/` |" not in text] == []


def test_every_table_is_described_in_the_architecture() -> None:
    tables = [name for file in MIGRATIONS for name in _TABLE.findall(file.read_text(encoding="utf-8"))]
    assert {"messages", "ledger", "connections"} <= set(tables)
    text = page("docs/architecture.md").partition("## Tables")[2]
    assert [name for name in tables if f"`{name}`" not in text] == []


def test_every_route_is_documented_and_shown_with_curl(template: Template) -> None:
    text = page("docs/http-api.md")
    shown = {line_route(command) for command in commands(text)}
    found = routes(template)
    assert ("POST", "/send-message") in found
    assert [route for route in found if "`{} {}`".format(*route) not in text] == []
    assert [route for route in found if not any(matches(route, one) for one in shown)] == []


def test_no_route_is_documented_that_does_not_exist(template: Template) -> None:
    documented = re.findall(r"`(GET|POST|PUT|PATCH|DELETE) (/[^\s`?]*)", page("docs/http-api.md"))
    assert sorted(set(documented) - set(routes(template))) == []


def commands(text: str) -> list[str]:
    """The curl commands of a page, each on one line."""
    joined = text.replace("\\\n", " ")
    return re.findall(r"curl -s [^\n]*", joined)


def line_route(command: str) -> tuple[str, str]:
    """What a curl command asks for; `$WEBHOOK` is a webhook's URL, other variables are one segment."""
    method = re.search(r"-X (\w+)", command)
    address = re.search(r'"(\$(?:API|WEBHOOK)[^"?]*)', command)
    assert address is not None, command
    path = address[1].replace("$API", "").replace("$WEBHOOK", "/webhooks/meta/integration/token")
    return (method[1] if method else "GET"), path


def matches(route: tuple[str, str], shown: tuple[str, str]) -> bool:
    pattern = re.sub(r"\\\{\w+\\\+\\\}", ".+", re.escape(route[1]))
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)
    return route[0] == shown[0] and re.fullmatch(pattern, shown[1]) is not None


def test_every_parameter_is_explained_with_its_default(template: Template) -> None:
    text = page("docs/deploy.md")
    lines = dict(re.findall(r"^\| `([A-Z]\w+)` \|([^|]*)\|", text, re.MULTILINE))
    defaults = {name: str(item.get("Default", "")) for name, item in template["Parameters"].items()}
    assert {name: given.strip().strip("`") for name, given in lines.items()} == defaults


def test_parameters_without_a_default_are_named_in_the_readme(
    template: Template,
) -> None:
    needed = [name for name, item in template["Parameters"].items() if "Default" not in item]
    text = page("README.md")
    assert [name for name in needed if f"`{name}`" not in text] == []


def test_every_command_is_named_in_the_changelog(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    names = re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)
    assert {"tail", "migrate"} <= set(names)
    text = page("CHANGELOG.md")
    assert [name for name in names if f"`{name}" not in text] == []


@pytest.mark.parametrize("path", DECISIONS, ids=lambda path: path.stem[:4])
def test_every_decision_says_what_and_why(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# {int(path.stem[:4])}. ")
    assert 0 < text.find("\n**Decision.**") < text.find("\n**Why.**")
    assert len(text.split()) <= 450


def test_decisions_are_numbered_without_a_gap() -> None:
    assert [int(path.stem[:4]) for path in DECISIONS] == list(range(1, len(DECISIONS) + 1))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path) -> None:
    targets = [target for target in _LINK.findall(path.read_text(encoding="utf-8")) if "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(path: Path) -> None:
    named = _FILE.findall(path.read_text(encoding="utf-8"))
    places = (ROOT, ROOT / "layers/shared/parley")
    assert [name for name in named if not any((place / name).exists() for place in places)] == []


def test_every_dependency_is_named_with_why() -> None:
    given = {"aws-lambda-powertools", "boto3", "pydantic", "httpx", "psycopg", "pyjwt", "moto", "pytest"}
    wanted = set()
    for file in ["layers/shared/requirements.in", "requirements/dev.in", "requirements/sam.in"]:
        for line in page(file).splitlines():
            if line and line[0] not in "#-":
                wanted.add(re.split(r"[\[<>=; ]", line)[0].lower())
    text = page("docs/decisions/0019-dependencies.md")
    assert sorted(name for name in wanted - given if name not in text) == []
