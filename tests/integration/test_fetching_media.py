"""Files of received messages on the real database (P16): the message never waits, every file ends stored or failed with
a sentence, whatever the gateway, the network or the death of the fetcher does.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from parley.cloud.ports import PartedUpload
from parley.cloud.sealing import Sealer
from parley.domain.errors import MediaGone, NotFound, Unavailable
from parley.domain.identity import Address, Person
from parley.domain.incoming import Fact, Media, MessageReceived
from parley.domain.webhook import Webhook
from parley.providers.base import Account, Capabilities, Download
from parley.services.fetch_media import MOST_TRIES, MediaFetcher, PendingFile, hint_all
from parley.services.process import Processor
from parley.services.store_file import PART
from parley.store import attachments
from parley.store.database import Database
from parley.store.views import load_messages

ACCOUNT = "123456789"
LEASE = timedelta(seconds=60)
PAUSES = (timedelta(seconds=30), timedelta(seconds=300))
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40
PDF = b"%PDF-1.7\n" + b"page" * 40
HTML = b"<!doctype html><html><body>Not found</body></html>"
MEGABYTE = 1024 * 1024


class Crash(BaseException):
    """The fetcher is killed."""


class FileGateway:
    """A gateway of files: webhooks are names of facts, downloads do what the test says."""

    name, channel = "meta", "whatsapp"
    capabilities = Capabilities(kinds=frozenset({"text"}))

    def __init__(self) -> None:
        self.facts: dict[str, Sequence[Fact]] = {}
        self.opened = 0
        self.file: Callable[[], Iterator[bytes]] = lambda: iter([PNG])
        self.said: tuple[str | None, int | None] = (None, None)

    def verify(self, body: bytes, headers: Mapping[str, str], account: Account, received_at: datetime) -> None:
        """Everything is believed."""

    def redact(self, body: bytes, headers: Mapping[str, str]) -> bytes:
        return body

    def normalise(self, body: bytes, headers: Mapping[str, str]) -> Sequence[Fact]:
        return self.facts[body.decode()]

    @contextmanager
    def fetch_media(self, source: Mapping[str, Any], account: Account) -> Iterator[Download]:
        assert source == {"id": "file-1"}
        assert account.credentials["access_token"] == "access-token"
        self.opened += 1
        yield Download(*self.said, self.file())


class Shelf:
    """A bucket in memory that counts what it is asked to hold; `fault(step)` runs before and after each side effect."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.types: dict[str, str] = {}
        self.written: list[str] = []
        self.largest = 0
        self.abandoned = 0
        self.fault: Callable[[str], None] = lambda step: None

    def put(self, key: str, data: bytes | bytearray, content_type: str = "application/octet-stream") -> None:
        self.fault("before putting")
        self.largest = max(self.largest, len(data))
        self.objects[key], self.types[key] = bytes(data), content_type
        self.written.append(key)
        self.fault("after putting")

    def get(self, key: str, limit: int) -> bytes:
        return self.objects[key][:limit]

    def list_prefix(self, prefix: str, limit: int = 1000) -> list[str]:
        return sorted(key for key in self.objects if key.startswith(prefix))[:limit]

    def delete(self, key: str) -> None:
        self.fault("before deleting")
        self.objects.pop(key, None)

    def has(self, key: str) -> bool:
        self.fault("before looking")
        return key in self.objects

    def copy(self, source: str, target: str, content_type: str) -> None:
        self.fault("before copying")
        if source not in self.objects:
            raise NotFound
        self.objects[target], self.types[target] = self.objects[source], content_type
        self.written.append(target)
        self.fault("after copying")

    def start_upload(self, key: str, content_type: str) -> PartedUpload:
        return Parts(self, key)

    def open(self, key: str) -> Any:
        raise AssertionError("nobody should read here")

    def link(self, key: str, **_: Any) -> str:
        raise AssertionError("nobody should link here")

    def upload_form(self, key: str, **_: Any) -> Any:
        raise AssertionError("nobody should upload here")


class Parts:
    """A multipart upload in memory."""

    def __init__(self, shelf: Shelf, key: str) -> None:
        self._shelf, self._key, self._parts = shelf, key, list[bytes]()

    def add(self, part: bytes | bytearray) -> None:
        self._shelf.fault("before a part")
        self._shelf.largest = max(self._shelf.largest, len(part))
        self._parts.append(bytes(part))

    def finish(self) -> None:
        assert all(len(part) >= 5 * MEGABYTE for part in self._parts[:-1]), "S3 would refuse this"
        self._shelf.objects[self._key] = b"".join(self._parts)
        self._shelf.fault("after finishing")

    def abandon(self) -> None:
        self._shelf.abandoned += 1


class Room:
    """A company, its gateway, its bucket, and a fetcher."""

    def __init__(self, database: Database, sealer: Sealer, tenant: UUID, integration: UUID, queue: Any) -> None:
        self.database, self.tenant, self.integration, self.queue = database, tenant, integration, queue
        self.gateway, self.shelf = FileGateway(), Shelf()
        self.woken: list[UUID] = []
        self.shown: Callable[[bytes | bytearray], bytes | None] = lambda image: None
        providers: Any = {"meta": self.gateway}
        self.processor = Processor(database, self.shelf, providers, lambda: sealer)
        self.fetcher = MediaFetcher(
            database,
            providers,
            lambda: sealer,
            self.shelf,
            queue,
            self.woken.append,
            lambda image: self.shown(image),  # noqa: PLW0108 - tests replace it
            lease=LEASE,
            pauses=PAUSES,
        )
        self._names = itertools.count(1)

    def receive(self, media: Media) -> UUID:
        """A customer sends a file; its id."""
        name = f"wamid.{next(self._names)}"
        person = Person((Address("phone", "5511987654321"),), "Marta")
        self.gateway.facts[name] = [MessageReceived(ACCOUNT, name, person, media.kind, None, media=(media,))]
        webhook = Webhook(
            provider="meta",
            integration_id=self.integration,
            generation=1,
            received_at=_now(),
            correlation_id=UUID(int=next(self._names)),
            headers={},
            body=name.encode(),
        )
        done = self.processor.process([webhook])
        assert not done.failed
        hint_all(self.queue, done.files)
        return done.files[0].attachment_id

    def fetch(self, media_id: UUID) -> str:
        """One hint."""
        return self.fetcher.fetch(self.tenant, media_id)

    def wait(self) -> None:
        """Until whatever waits is due."""
        with self.database.transaction(self.tenant) as tx:
            tx.execute("update attachments set due_at = now() - interval '1 hour' where state = 'pending'")

    def row(self, media_id: UUID) -> dict[str, Any]:
        with self.database.transaction(self.tenant) as tx:
            (row,) = tx.rows("select * from attachments where id = %(id)s", id=media_id)
        return row

    def attachment(self, media_id: UUID) -> dict[str, Any]:
        """The file as its message shows it."""
        message_id = self.row(media_id)["message_id"]
        with self.database.transaction(self.tenant) as tx:
            (shown,) = load_messages(tx, [message_id])[message_id]["attachments"]
        return dict(shown)

    def updates(self) -> int:
        """How often listeners were told that a message changed."""
        with self.database.transaction(self.tenant) as tx:
            return int(tx.value("select count(*) from events where type = 'message.updated'"))


def _now() -> Any:
    from datetime import datetime

    return datetime.now(UTC)


def picture(**claims: Any) -> Media:
    return Media("image", "image/png", None, source={"id": "file-1"}, **claims)


@pytest.fixture
def integration(make_integration: Callable[..., UUID], tenant: UUID) -> UUID:
    return make_integration(tenant, account_id=ACCOUNT)


@pytest.fixture
def room(database: Database, sealer: Sealer, tenant: UUID, integration: UUID, queue: Any) -> Room:
    return Room(database, sealer, tenant, integration, queue)


def raising(error: Exception, after: bytes = b"") -> Callable[[], Iterator[bytes]]:
    """A download that breaks off."""

    def chunks() -> Iterator[bytes]:
        if after:
            yield after
        raise error

    return chunks


# ── it goes well ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_message_shows_at_once_and_its_file_when_it_is_there(room: Room) -> None:
    media_id = room.receive(picture(sha256=hashlib.sha256(PNG).hexdigest(), size=len(PNG)))
    assert room.attachment(media_id)["state"] == "pending"
    (sent,) = room.queue.sent
    hint = {"v": 1, "tenantId": str(room.tenant), "attachmentId": str(media_id)}
    assert (json.loads(sent[0]), sent[1:]) == (hint, (str(room.integration), 0))
    assert room.fetch(media_id) == "stored"
    shown = room.attachment(media_id)
    assert shown == {
        "id": str(media_id),
        "kind": "image",
        "mimeType": "image/png",
        "fileName": None,
        "size": len(PNG),
        "sha256": hashlib.sha256(PNG).hexdigest(),
        "voice": False,
        "state": "stored",
        "reason": None,
        "url": f"/v1/media/{media_id}",
        "thumbnailUrl": None,
    }
    assert room.shelf.objects == {f"{room.tenant}/media/{shown['sha256']}": PNG}
    assert (room.updates(), room.woken) == (1, [room.tenant])


def test_a_hint_that_comes_again_finds_nothing_to_do(room: Room) -> None:
    media_id = room.receive(picture())
    assert [room.fetch(media_id) for _ in range(3)] == ["stored", "nothing", "nothing"]
    assert (room.gateway.opened, room.updates()) == (1, 1)


def test_a_file_whose_message_was_erased_while_it_came_leaves_nothing_behind(room: Room) -> None:
    media_id = room.receive(picture())

    def erased_meanwhile() -> Iterator[bytes]:
        yield PNG
        with room.database.transaction(room.tenant) as tx:
            tx.execute("delete from attachments where id = %(id)s", id=media_id)

    room.gateway.file = erased_meanwhile
    assert room.fetch(media_id) == "nothing"
    assert room.shelf.objects == {}


def test_the_same_file_twice_is_stored_once(room: Room) -> None:
    first, second = room.receive(picture()), room.receive(picture())
    assert [room.fetch(first), room.fetch(second)] == ["stored", "stored"]
    assert room.row(first)["object_key"] == room.row(second)["object_key"]
    assert len(room.shelf.written) == 1


def test_two_companies_with_the_same_file_share_nothing(
    room: Room,
    database: Database,
    sealer: Sealer,
    make_tenant: Callable[..., UUID],
    make_integration: Callable[..., UUID],
    queue: Any,
) -> None:
    other_tenant = make_tenant("Other")
    other = Room(database, sealer, other_tenant, make_integration(other_tenant, account_id=ACCOUNT), queue)
    other.shelf = room.shelf
    mine, theirs = room.receive(picture()), other.receive(picture())
    assert room.fetch(mine) == "stored"
    # A hint that names another's file under one's own tenant finds nothing.
    assert room.fetch(theirs) == "nothing"
    assert other.fetch(theirs) == "stored"
    assert other.row(theirs)["object_key"].startswith(f"{other_tenant}/media/")
    assert room.row(mine)["object_key"].startswith(f"{room.tenant}/media/")


@pytest.mark.parametrize("size", [PART - 1, PART, PART + 1, 3 * PART + 12_345])
def test_a_large_file_is_streamed_through_less_than_8_mb(room: Room, size: int) -> None:
    content = (PDF + b"\0" * size)[:size]
    room.gateway.file = lambda: (content[at : at + MEGABYTE] for at in range(0, size, MEGABYTE))
    media_id = room.receive(Media("document", "application/pdf", "a.pdf", source={"id": "file-1"}))
    assert room.fetch(media_id) == "stored"
    assert room.shelf.largest <= 7 * MEGABYTE
    assert list(room.shelf.objects) == [f"{room.tenant}/media/{hashlib.sha256(content).hexdigest()}"]
    assert room.shelf.objects[room.row(media_id)["object_key"]] == content
    again = room.receive(Media("document", "application/pdf", "b.pdf", source={"id": "file-1"}))
    assert room.fetch(again) == "stored"
    assert len(room.shelf.objects) == 1


def test_a_thumbnail_lies_beside_its_picture(room: Room) -> None:
    room.shown = lambda image: b"small " + bytes(image[:8])
    media_id = room.receive(picture())
    assert room.fetch(media_id) == "stored"
    row = room.row(media_id)
    assert room.shelf.objects[row["thumbnail_key"]] == b"small \x89PNG\r\n\x1a\n"
    assert room.shelf.types[row["thumbnail_key"]] == "image/webp"
    assert room.attachment(media_id)["thumbnailUrl"] == f"/v1/media/{media_id}?thumbnail=true"


def test_a_voice_note_keeps_its_codec_and_a_document_what_its_bytes_do_not_contradict(room: Room) -> None:
    room.gateway.file = lambda: iter([b"OggS" + b"\0" * 60])
    voice = room.receive(Media("audio", "audio/ogg; codecs=opus", voice=True, source={"id": "file-1"}))
    room.gateway.file, hidden = (lambda: iter([b"OggS" + b"\0" * 60])), HTML
    assert room.fetch(voice) == "stored"
    assert room.row(voice)["mime_type"] == "audio/ogg; codecs=opus"
    room.gateway.file = lambda: iter([hidden])
    page = room.receive(Media("document", "application/pdf", "bill.pdf", source={"id": "file-1"}))
    assert room.fetch(page) == "stored"
    assert room.row(page)["mime_type"] == "text/html"


# ── it does not ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_the_gateway_no_longer_has_fails_at_once_and_says_so(room: Room) -> None:
    room.gateway.file = raising(MediaGone("WhatsApp no longer has the file."))
    media_id = room.receive(picture())
    assert room.fetch(media_id) == "failed"
    shown = room.attachment(media_id)
    assert (shown["state"], shown["reason"], shown["url"]) == ("failed", "WhatsApp no longer has the file.", None)
    assert (room.gateway.opened, room.updates(), room.woken) == (1, 1, [room.tenant])
    assert [delay for _, _, delay in room.queue.sent] == [0]


@pytest.mark.parametrize(
    ("file", "claims", "why"),
    [
        (raising(Unavailable("The file was not given: HTTP 500.")), {}, "The file was not given: HTTP 500."),
        (raising(Unavailable("The file took too long."), PNG[:20]), {}, "The file took too long."),
        (lambda: iter([PNG]), {"size": len(PNG) + 1}, "The file that came is not the one that was announced."),
        (lambda: iter([PNG]), {"size": len(PNG) - 1}, "The file that came is not the one that was announced."),
        (lambda: iter([PNG]), {"sha256": "0" * 64}, "The file that came is not the one that was announced."),
        (lambda: iter([HTML]), {}, "The file is not a picture, though it was said to be one."),
        (lambda: iter([]), {}, "The file is empty."),
    ],
    ids=["error", "hang", "longer claim", "shorter claim", "another hash", "a page instead", "nothing"],
)
def test_what_may_pass_is_tried_three_times_with_pauses_and_then_says_why(
    room: Room, file: Callable[[], Iterator[bytes]], claims: dict[str, Any], why: str
) -> None:
    room.gateway.file = file
    media_id = room.receive(picture(**claims))
    assert room.fetch(media_id) == "again"
    assert room.attachment(media_id)["state"] == "pending"
    room.wait()
    assert room.fetch(media_id) == "again"
    room.wait()
    assert room.fetch(media_id) == "failed"
    assert [delay for _, _, delay in room.queue.sent] == [0, 30, 300]
    assert room.attachment(media_id)["reason"] == f"It could not be fetched in 3 tries: {why}"
    assert (room.gateway.opened, room.updates()) == (MOST_TRIES, 1)
    assert room.shelf.objects == {}


def test_an_early_hint_waits_and_asks_nobody(room: Room) -> None:
    room.gateway.file = raising(Unavailable("HTTP 500"))
    media_id = room.receive(picture())
    assert [room.fetch(media_id), room.fetch(media_id)] == ["again", "waiting"]
    assert room.gateway.opened == 1
    assert 0 < room.queue.sent[-1][2] <= 30


def test_a_page_of_the_right_size_in_a_pictures_place_fails_at_once(room: Room) -> None:
    room.gateway.file = lambda: iter([HTML])
    media_id = room.receive(picture(size=len(HTML), sha256=hashlib.sha256(HTML).hexdigest()))
    assert room.fetch(media_id) == "failed"
    assert room.attachment(media_id)["reason"] == "The file is not a picture, though it was said to be one."


@pytest.mark.parametrize("claimed", [None, 3 * MEGABYTE])
def test_a_file_that_is_too_large_fails_at_once_however_long_it_is(room: Room, claimed: int | None) -> None:
    read = itertools.count()

    def endless() -> Iterator[bytes]:
        while True:
            next(read)
            yield b"RIFF\0\0\0\0WEBP" + b"\0" * MEGABYTE

    room.gateway.file = endless
    media_id = room.receive(Media("sticker", "image/webp", size=claimed, source={"id": "file-1"}))
    assert room.fetch(media_id) == "failed"
    assert room.attachment(media_id)["reason"] == "The file is larger than 2 MB."
    assert next(read) <= 3


def test_an_svg_or_a_page_within_a_webhook_is_no_picture(room: Room) -> None:
    person = Person((Address("phone", "5511987654321"),), "Marta")
    media = Media("image", "image/png", inline=b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>")
    room.gateway.facts["inline"] = [MessageReceived(ACCOUNT, "wamid.i", person, "image", None, media=(media,))]
    webhook = Webhook("meta", room.integration, 1, _now(), UUID(int=7), {}, b"inline")
    assert room.processor.process([webhook]).files == []
    with room.database.transaction(room.tenant) as tx:
        (row,) = tx.rows("select state, reason, object_key from attachments")
    assert (row["state"], row["object_key"]) == ("failed", None)
    assert "image" in row["reason"]


# ── somebody dies on the way ────────────────────────────────────────────────────────────────────────────────────────

STEPS = [
    "before opening",
    "while reading",
    "before looking",
    "before putting",
    "after putting",
    "before storing the row",
]


@pytest.mark.parametrize("step", STEPS)
def test_a_fetcher_that_is_killed_anywhere_has_used_up_a_try_and_the_next_one_goes_on(
    room: Room, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    media_id = room.receive(picture())

    def die(at: str) -> None:
        if at == step:
            raise Crash

    def chunks() -> Iterator[bytes]:
        die("before opening")
        yield PNG[:10]
        die("while reading")
        yield PNG[10:]

    room.shelf.fault, room.gateway.file = die, chunks
    if step == "before storing the row":
        monkeypatch.setattr(attachments, "store", lambda *_: die(step))
    with pytest.raises(Crash):
        room.fetch(media_id)
    monkeypatch.undo()
    room.shelf.fault, room.gateway.file = lambda at: None, lambda: iter([PNG])
    assert room.row(media_id)["tries"] == 1
    # The claim still stands: nobody fetches beside somebody who may be alive.
    assert room.fetch(media_id) == "waiting"
    room.wait()
    assert room.fetch(media_id) == "stored"
    assert room.gateway.opened == 2
    assert list(room.shelf.objects.values()) == [PNG]


def test_three_killed_fetchers_end_in_a_sentence_and_not_in_a_fourth(room: Room) -> None:
    def die() -> Iterator[bytes]:
        yield from ()
        raise Crash

    room.gateway.file = die
    media_id = room.receive(picture())
    for _ in range(MOST_TRIES):
        with pytest.raises(Crash):
            room.fetch(media_id)
        room.wait()
    assert room.fetch(media_id) == "failed"
    assert room.attachment(media_id)["reason"] == "It could not be fetched in 3 tries."
    assert room.gateway.opened == MOST_TRIES


def is_whole_after_a_death(room: Room) -> bool:
    """A fetcher dies half-way; then hints come as the housekeeper gives them. Whether the file is there in the end."""
    media_id = room.receive(picture())

    def die() -> Iterator[bytes]:
        yield PNG[:10]
        raise Crash

    room.gateway.file = die
    with pytest.raises(Crash):
        room.fetch(media_id)
    room.gateway.file = lambda: iter([PNG])
    for _ in range(MOST_TRIES):
        room.wait()
        room.fetch(media_id)
    return bool(room.attachment(media_id)["state"] == "stored" and list(room.shelf.objects.values()) == [PNG])


def test_a_file_is_whole_after_a_death(room: Room) -> None:
    assert is_whole_after_a_death(room)


def test_the_naive_fetcher_leaves_a_dead_ones_file_on_its_way_for_ever(room: Room) -> None:
    spec = spec_from_file_location("naive_fetching", Path(__file__).parent / "naive" / "fetching.py")
    assert spec is not None
    assert spec.loader is not None
    naive = module_from_spec(spec)
    spec.loader.exec_module(naive)
    fetcher = naive.NaiveFetcher.__new__(naive.NaiveFetcher)
    vars(fetcher).update(vars(room.fetcher))
    room.fetcher = fetcher
    assert room.fetch(room.receive(picture())) == "stored", "it works as long as nobody dies"
    room.shelf.objects.clear()
    assert not is_whole_after_a_death(room)


def test_a_bucket_that_is_away_uses_up_no_try(room: Room) -> None:
    def away(step: str) -> None:
        raise Unavailable("no answer")

    room.shelf.fault = away
    media_id = room.receive(picture())
    for _ in range(5):
        assert room.fetch(media_id) == "again"
        room.wait()
    room.shelf.fault = lambda step: None
    assert room.fetch(media_id) == "stored"


def test_a_large_file_that_breaks_off_leaves_no_pieces(room: Room) -> None:
    room.gateway.file = raising(Unavailable("The file broke off."), PDF + b"\0" * PART)
    media_id = room.receive(Media("document", "application/pdf", source={"id": "file-1"}))
    assert room.fetch(media_id) == "again"
    assert (room.shelf.abandoned, room.shelf.objects) == (1, {})


def test_a_slow_try_that_was_overtaken_changes_nothing(room: Room) -> None:
    media_id = room.receive(picture())

    def overtaken() -> Iterator[bytes]:
        room.wait()
        room.gateway.file = lambda: iter([PNG])
        assert room.fetch(media_id) == "stored"
        yield HTML

    room.gateway.file = overtaken
    assert room.fetch(media_id) == "nothing"
    assert room.attachment(media_id)["state"] == "stored"
    assert room.updates() == 1


def test_many_hints_at_once_ask_the_gateway_once(room: Room, in_threads: Any) -> None:
    media_id = room.receive(picture())
    outcomes = in_threads([lambda: room.fetch(media_id)] * 6)
    assert outcomes.count("stored") == 1
    assert room.gateway.opened == 1


# ── the net ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_lost_hint_is_found_once_the_file_is_long_due(room: Room) -> None:
    room.queue.away = True
    media_id = room.receive(picture())
    with room.database.unscoped() as tx:
        assert attachments.find_stuck(tx, timedelta(seconds=30), 10) == []
    room.wait()
    with room.database.unscoped() as tx:
        (stuck,) = attachments.find_stuck(tx, timedelta(seconds=30), 10)
    assert PendingFile(**stuck) == PendingFile(room.tenant, room.integration, media_id)
    assert room.fetch(media_id) == "stored"
    with room.database.unscoped() as tx:
        assert attachments.find_stuck(tx, timedelta(0), 10) == []
