"""The kinds of message Meta sends for a company, each with its own check; a check answers what a phone can show."""

import re
from collections.abc import Callable, Mapping

from local.simulator.meta.errors import MetaError

Fields = Mapping[str, object]

# Every test account of Meta's starts with the first; the second stands for one with variables. Parameters by language.
TEMPLATES: dict[str, dict[str, int]] = {"hello_world": {"en_US": 0}, "order_update": {"en_US": 2, "pt_BR": 2}}


def checked_kind(body: Fields) -> tuple[str, str]:
    """The kind of a send and what a phone can show of it; raises MetaError as Meta would."""
    kind = body.get("type", "text")
    check = _CHECKS.get(kind) if isinstance(kind, str) else None
    if check is None or not isinstance(kind, str):
        raise MetaError(131051, f'Message type "{kind}" is not one a company can send.')
    fields = body.get(kind)
    if fields is None:
        raise MetaError(131008, f"Parameter '{kind}' is mandatory for type '{kind}'.")
    if kind == "contacts":
        return kind, _contacts(fields)
    if not isinstance(fields, Mapping):
        raise MetaError(100, f"Param {kind} must be a JSON object.")
    return kind, check(fields)


def choices_of(content: Fields) -> list[dict[str, object]]:
    """What a customer can pick of a company's buttons or list, as the phone shows it."""
    action = content.get("action")
    given = action if isinstance(action, Mapping) else {}
    replies = [button.get("reply") for button in given.get("buttons") or [] if isinstance(button, Mapping)]
    buttons = [{"kind": "button", **reply} for reply in replies if isinstance(reply, Mapping)]
    sections = [section for section in given.get("sections") or [] if isinstance(section, Mapping)]
    return buttons + [{"kind": "list", **row} for section in sections for row in section.get("rows") or []]


def _required_text(fields: Fields, owner: str, name: str, limit: int) -> str:
    value = fields.get(name)
    if value is None or value == "":
        raise MetaError(131008, f"The parameter {owner}['{name}'] is required.")
    if not isinstance(value, str):
        raise MetaError(100, f"Param {owner}['{name}'] must be a string.")
    if len(value) > limit:
        raise MetaError(100, f"Param {owner}['{name}'] must be at most {limit} characters long.")
    return value


def _nothing_but(fields: Fields, owner: str, *names: str) -> None:
    for name in fields:
        if name not in names:
            raise MetaError(100, f'Unexpected key "{name}" on param "{owner}".')


def _text(fields: Fields) -> str:
    _nothing_but(fields, "text", "body", "preview_url")
    if not isinstance(fields.get("preview_url", False), bool):
        raise MetaError(100, "Param text['preview_url'] must be a boolean.")
    return _required_text(fields, "text", "body", 4096)


def _media(kind: str, *also: str) -> Callable[[Fields], str]:
    def check(fields: Fields) -> str:
        _nothing_but(fields, kind, "id", "link", *also)
        if ("id" in fields) == ("link" in fields):
            raise MetaError(131008, f"Exactly one of {kind}['id'] and {kind}['link'] is required.")
        if "link" in fields and not re.match(r"https?://\S+$", _required_text(fields, kind, "link", 2048)):
            raise MetaError(131009, f"{kind}['link'] is not a valid URL.")
        caption = fields.get("caption", "")
        if not isinstance(caption, str) or len(caption) > 1024:
            raise MetaError(100, f"Param {kind}['caption'] must be at most 1024 characters long.")
        return caption

    return check


def _location(fields: Fields) -> str:
    _nothing_but(fields, "location", "latitude", "longitude", "name", "address")
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            degrees = float(str(fields[name]))
        except KeyError as exc:
            raise MetaError(131008, f"The parameter location['{name}'] is required.") from exc
        except ValueError as exc:
            raise MetaError(131009, f"location['{name}'] is not a number.") from exc
        if not -limit <= degrees <= limit:
            raise MetaError(131009, f"location['{name}'] is out of range.")
    return str(fields.get("name", ""))


def _contacts(cards: object) -> str:
    if not isinstance(cards, list) or not cards:
        raise MetaError(100, "Param contacts must be a non-empty array.")
    shown = []
    for card in cards:
        name = card.get("name") if isinstance(card, Mapping) else None
        if not isinstance(name, Mapping):
            raise MetaError(131008, "The parameter contacts['name'] is required.")
        shown.append(_required_text(name, "contacts['name']", "formatted_name", 1024))
    return ", ".join(shown)


def _reaction(fields: Fields) -> str:
    _nothing_but(fields, "reaction", "message_id", "emoji")
    _required_text(fields, "reaction", "message_id", 512)
    emoji = fields.get("emoji")
    if not isinstance(emoji, str):
        raise MetaError(131008, "The parameter reaction['emoji'] is required.")
    return emoji


def _template(fields: Fields) -> str:
    name = _required_text(fields, "template", "name", 512)
    language = fields.get("language")
    if not isinstance(language, Mapping):
        raise MetaError(131008, "The parameter template['language'] is required.")
    code = _required_text(language, "template['language']", "code", 20)
    expected = TEMPLATES.get(name, {}).get(code)
    if expected is None:
        raise MetaError(132001, f"template name ({name}) does not exist in {code}")
    components = fields.get("components", [])
    if not isinstance(components, list):
        raise MetaError(100, "Param template['components'] must be an array.")
    given = 0
    for component in components:
        if isinstance(component, Mapping) and component.get("type") == "body":
            parameters = component.get("parameters", [])
            given += len(parameters) if isinstance(parameters, list) else 0
    if given != expected:
        details = f"body: number of localizable_params ({given}) does not match the expected number of params"
        raise MetaError(132000, f"{details} ({expected})")
    return name


def _interactive(fields: Fields) -> str:
    kind = _required_text(fields, "interactive", "type", 50)
    action = fields.get("action")
    if not isinstance(action, Mapping):
        raise MetaError(131008, "The parameter interactive['action'] is required.")
    if kind == "button":
        _count(action.get("buttons"), "buttons", 3)
    elif kind == "list":
        _required_text(action, "interactive['action']", "button", 20)
        sections = action.get("sections")
        _count(sections, "sections", 10)
        rows = [row for each in sections if isinstance(each, Mapping) for row in each.get("rows") or []]  # type: ignore[union-attr]
        _count(rows, "rows", 10)
    words = fields.get("body")
    return _required_text(words, "interactive['body']", "text", 4096) if isinstance(words, Mapping) else ""


def _count(items: object, name: str, limit: int) -> None:
    if not isinstance(items, list) or not 1 <= len(items) <= limit:
        raise MetaError(131009, f"interactive['action']['{name}'] must hold 1 to {limit} items.")


_CHECKS: dict[str, Callable[[Fields], str]] = {
    "text": _text,
    "image": _media("image", "caption"),
    "video": _media("video", "caption"),
    "audio": _media("audio", "voice"),
    "document": _media("document", "caption", "filename"),
    "sticker": _media("sticker"),
    "location": _location,
    "contacts": lambda _: "",
    "reaction": _reaction,
    "template": _template,
    "interactive": _interactive,
}
