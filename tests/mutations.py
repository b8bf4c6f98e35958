"""Webhooks that went wrong on their way, made of recorded ones: hostile ones, and legal ones that only look different.
The one rule: a case is its seed, so that whoever reads a failure can have it again.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

SAMPLES: Final = Path(__file__).with_name("samples")
JSON: Final = {"content-type": "application/json"}
FORM: Final = {"content-type": "application/x-www-form-urlencoded"}


def _is_utf8(value: object) -> bool:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53 + 1, 2**63, 2**70, 10**4000, 1.5, -0.0, 1e300, 5e-324),
    *("", " ", "x", "\x00", "a\x00b", "\ud800", "x\udfff", "9" * 5000, "é" * 3, "😀" * 300, "a" * 2000, "\u202e", "\n"),
    *("0", "-1", "1e9", "NaN", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "253402300800", "true", "null"),
    *("@", "@s.whatsapp.net", "1@lid", "12345:99@s.whatsapp.net", "1-1@g.us", "status@broadcast", "javascript:1"),
    *([], {}, [[]], [None], [{}], [1, "x", {}], {"low": 1, "high": 0, "unsigned": True}, {"low": -1, "high": 2**40}),
    *({"0": 1}, {"0": 300}, {"": ""}, {"\x00": "\ud800"}, {"message": {"message": {}}}),
)
WHOLE: Final = tuple(odd for odd in ODD if _is_utf8(odd))
"""Without half of a surrogate pair, which UTF-8 cannot hold."""
UNKNOWN: Final = ("xUnknown", "newIn2027", "vendor_extra")

Case = tuple[bytes, Mapping[str, str]]
"""A body and its headers."""


def recorded(gateway: str) -> list[bytes]:
    """What a gateway was recorded or documented to send."""
    return [path.read_bytes() for path in sorted((SAMPLES / gateway).glob("*.json"))]


def hostile(bodies: list[bytes], chance: Random) -> Case:
    """A body as nobody meant it: its content, its text, its bytes or its headers."""
    body = chance.choice(bodies)
    make = chance.choice((_content, _content, _content, _content, _text, _text, _bytes, _carried))
    return make(body, bodies, chance)


def legal(bodies: list[bytes], gateway: str, chance: Random) -> Case:
    """A body that says the same in other bytes, with members that nobody knows yet."""
    value = json.loads(chance.choice(bodies))
    for _ in range(chance.randint(0, 3)):
        _add_unknown(value, chance)
    if chance.random() < 0.3:
        value = _reordered(value, chance)
    text = json.dumps(
        value,
        ensure_ascii=chance.random() < 0.5,
        indent=chance.choice((None, None, 1, 4)),
        separators=chance.choice(((",", ":"), (" , ", " : "))),
    )
    body = (chance.choice(("", " ", "\n")) + text + chance.choice(("", "\n", "\r\n"))).encode("utf-8", "surrogatepass")
    return _wrapped(body, gateway, chance)


def _wrapped(body: bytes, gateway: str, chance: Random) -> Case:
    if gateway != "wuzapi" or chance.random() < 0.5:
        return body, chance.choice((JSON, {"content-type": "application/json; charset=utf-8"}))
    fields = {"jsonData": body.decode("utf-8", "replace"), "userID": "u-1", "instanceName": "line"}
    if chance.random() < 0.5:
        return urlencode(fields).encode(), FORM
    edge = f"b{chance.randrange(10**9)}"
    parts = [f'--{edge}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()]
    file = b'Content-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n' + chance.randbytes(200)
    whole = "".join(parts).encode() + f"--{edge}\r\n".encode() + file + f"\r\n--{edge}--\r\n".encode()
    return whole, {"content-type": f"multipart/form-data; boundary={edge}"}


def _add_unknown(value: Any, chance: Random) -> None:
    holders = [place[key] for place, key in _places([value]) if isinstance(place[key], dict)]
    chance.choice(holders)[chance.choice(UNKNOWN)] = copy.deepcopy(chance.choice(WHOLE))


def _reordered(value: Any, chance: Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names)
        return {name: _reordered(value[name], chance) for name in names}
    return [_reordered(item, chance) for item in value] if isinstance(value, list) else value


def _content(body: bytes, bodies: list[bytes], chance: Random) -> Case:
    """A few of its parts are gone, of another type, nested, odd, or another body's."""
    value = json.loads(body)
    other = _places([json.loads(chance.choice(bodies))])
    for _ in range(chance.randint(1, 4)):
        places = _places(value)
        if not places:
            break
        (place, key), (from_place, from_key) = chance.choice(places), chance.choice(other)
        if chance.random() < 0.15:
            place[key] = copy.deepcopy(from_place[from_key])
        else:
            chance.choice(_CHANGES)(place, key, chance)
    return json.dumps(value).encode(), JSON


def _drop(place: Any, key: Any, _: Random) -> None:
    del place[key]


def _wrap(place: Any, key: Any, chance: Random) -> None:
    for _ in range(chance.choice((1, 1, 2, 120))):
        place[key] = {"x": place[key]} if chance.random() < 0.5 else [place[key]]


def _repeat(place: Any, key: Any, chance: Random) -> None:
    place[key] = [copy.deepcopy(place[key]) for _ in range(chance.randint(1, 3))]


def _odd(place: Any, key: Any, chance: Random) -> None:
    place[key] = copy.deepcopy(chance.choice(ODD))


def _retype(place: Any, key: Any, _: Random) -> None:
    value = place[key]
    if isinstance(value, bool) or value is None or isinstance(value, int | float):
        place[key] = str(value)
    elif isinstance(value, str):
        place[key] = int(value) if value.isascii() and value.isdigit() and len(value) < 4000 else [value]
    else:
        place[key] = json.dumps(value)


def _stretch(place: Any, key: Any, chance: Random) -> None:
    value = place[key]
    if isinstance(value, str):
        place[key] = value[: len(value) // 2] + chance.choice(("\x00", "\ud800", "é", "9" * 600, "😀" * 200, "@", ":1"))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        place[key] = value * chance.choice((-1, 0, 1000, 10**6, 10**18, 1.5))


def _rename(place: Any, key: Any, chance: Random) -> None:
    if isinstance(place, dict):
        name = chance.choice((key.upper(), key.lower(), f"{key}\x00", chance.choice(list(place))))
        place[name] = place.pop(key)


def _swap(place: Any, key: Any, chance: Random) -> None:
    other = chance.choice(list(place) if isinstance(place, dict) else range(len(place)))
    place[key], place[other] = place[other], place[key]


_CHANGES: Final[tuple[Callable[[Any, Any, Random], None], ...]] = (
    *(_drop, _drop, _wrap, _repeat, _odd, _odd, _odd, _retype, _stretch, _stretch, _rename, _swap),
)


def _text(body: bytes, _bodies: list[bytes], chance: Random) -> Case:
    """JSON that is written as none would write it: names twice, constants that are none, depth without end."""
    text = json.dumps(json.loads(body))
    at = [place for place, sign in enumerate(text) if sign in "{,"] or [0]
    place = chance.choice(at) + 1
    name = chance.choice([part for part in text.split('"')[1::2] if part.isidentifier()] or ["x"])
    odd = json.dumps(chance.choice(ODD))
    inserted = chance.choice(
        (
            f' "{name}": {odd},',
            f' "{name}": NaN,',
            f' "{name}": -Infinity,',
            f' "{name}": ' + "[" * 3000 + "]" * 3000 + ",",
            f' "{name}": ' + '{"a":' * 3000 + "1" + "}" * 3000 + ",",
            f' "{name}": ' + "9" * 6000 + ",",
            f' "{name}": "\\u0000\\ud83d",',
            "//",
            "\ufeff",
        )
    )
    return (text[:place] + inserted + text[place:]).encode("utf-8", "surrogatepass"), JSON


def _bytes(body: bytes, _bodies: list[bytes], chance: Random) -> Case:
    """Bytes that broke: cut off, flipped, thrown in, or in another encoding."""
    match chance.randrange(6):
        case 0:
            return body[: chance.randrange(len(body))], JSON
        case 1:
            flipped = bytearray(body)
            for _ in range(chance.randint(1, 20)):
                flipped[chance.randrange(len(flipped))] ^= 1 << chance.randrange(8)
            return bytes(flipped), JSON
        case 2:
            place = chance.randrange(len(body))
            return body[:place] + chance.randbytes(chance.randint(1, 40)) + body[place:], JSON
        case 3:
            return body.decode().encode(chance.choice(("utf-16", "utf-32", "utf-8-sig", "utf-7")), "replace"), JSON
        case 4:
            return body + body, JSON
        case _:
            return chance.choice((b"", b"null", b"[]", b"0", b'""', b"{}", chance.randbytes(200))), JSON


def _carried(body: bytes, _bodies: list[bytes], chance: Random) -> Case:
    """The right bytes under a wrong name, and forms and multipart bodies that are none."""
    edge = b"--b0und\r\n"
    part = edge + b'Content-Disposition: form-data; name="jsonData"\r\n\r\n'
    multipart = {"content-type": "multipart/form-data; boundary=b0und"}
    return chance.choice(
        (
            (body, {}),
            (body, FORM),
            (body, multipart),
            (body, {"content-type": "multipart/form-data"}),
            (body, {"content-type": "text/xml"}),
            (body, {"content-type": "\x7fé;boundary="}),
            (urlencode({"jsonData": body}).encode(), JSON),
            (urlencode({"jsonData": body, "userID": "\x00"}).encode()[: chance.randint(1, 4000)], FORM),
            (b"jsonData=" + body, FORM),
            (b"&".join([b"a=b"] * 300), FORM),
            (part + body, multipart),
            (part + body + b"\r\n--b0und--\r\n", multipart),
            (part + body + b"\r\n" + part + body + b"\r\n--b0und--", multipart),
            (edge * 200, multipart),
            (edge + chance.randbytes(300) + b"\r\n--b0und--\r\n", multipart),
            (
                part + body + b"\r\n--b0und--\r\n",
                {"content-type": 'multipart/form-data; boundary="b0und"; x=' + "y" * 500},
            ),
        )
    )


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Every place in a value that can be changed: what holds it, and under which key."""
    return list(_walk(value))


def _walk(value: Any) -> Iterator[tuple[Any, Any]]:
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        for key in list(holder) if isinstance(holder, dict) else range(len(holder)):
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])
