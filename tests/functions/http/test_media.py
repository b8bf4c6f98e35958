"""The routes of files: announced and brought by a browser, fetched from an address, read by short-lived links."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from parley.cloud.ports import StoredObject, UploadForm
from parley.domain.errors import Conflict, MediaGone, NotFound, Unavailable, UnsupportedMedia
from parley.domain.principal import Principal
from parley.edge.api import Api
from parley.edge.authentication import Authenticator
from parley.edge.routes_media import add_media_routes
from parley.providers.base import Download
from parley.services.upload_media import Uploads, open_upload
from parley.store import attachments
from parley.store.database import Database

from .conftest import Reply, ask, event

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PNG = b"\x89PNG\r\n\x1a\n" + b"picture" * 40
HTML = b"<!doctype html><script>alert(1)</script>"


class Shelf:
    """A bucket in memory; links and forms say what they were asked for."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def put(self, key: str, data: bytes | bytearray, content_type: str = "application/octet-stream") -> None:
        self.objects[key] = bytes(data)

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def has(self, key: str) -> bool:
        return key in self.objects

    def copy(self, source: str, target: str, content_type: str) -> None:
        self.objects[target] = self.objects[source]

    def start_upload(self, key: str, content_type: str) -> Any:
        raise AssertionError("no file here is that large")

    @contextmanager
    def open(self, key: str) -> Iterator[StoredObject]:
        if key not in self.objects:
            raise NotFound
        data = self.objects[key]
        yield StoredObject(len(data), iter([data[:5], data[5:]]))

    def link(self, key: str, *, seconds: int, content_type: str, disposition: str) -> str:
        return f"https://bucket.test/{key}?for={seconds}&as={content_type}&{disposition}"

    def upload_form(self, key: str, *, content_type: str, size: int, seconds: int) -> UploadForm:
        return UploadForm("https://bucket.test/", {"key": key, "Content-Type": content_type, "size": str(size)})


class Web:
    """A web of files by address."""

    def __init__(self) -> None:
        self.files: dict[str, Download | Exception] = {}

    @contextmanager
    def open(self, url: str) -> Iterator[Download]:
        found = self.files.get(url, MediaGone("There is no file at this address: HTTP 404."))
        if isinstance(found, Exception):
            raise found
        yield found


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def web() -> Web:
    return Web()


@pytest.fixture
def uploads(database: Database, shelf: Shelf, web: Web) -> Uploads:
    return Uploads(database, shelf, lambda: web, lambda image: b"small", lambda: NOW)


@pytest.fixture
def api(authenticator: Authenticator, uploads: Uploads) -> Api:
    api = Api("inbox_api", authenticator)
    add_media_routes(api, lambda: uploads)
    return api


@pytest.fixture
def call(api: Api, agent: Principal, token_of: Callable[..., str]) -> Callable[..., Reply]:
    """Ask as the agent, or as whoever `token` or `key` names."""

    def call(
        route: str, media_id: object = None, *, token: str | None = None, key: str | None = None, **given: Any
    ) -> Reply:
        headers = {"x-api-key": key} if key else {"authorization": f"Bearer {token or token_of(agent)}"}
        path = {"id": str(media_id)} if media_id else None
        return ask(api, event(route, path=path, headers=headers, **given))

    return call


def described(content: bytes = PNG, **more: Any) -> dict[str, Any]:
    return {"fileName": "beach.png", "mimeType": "image/png", "size": len(content), **more}


def announce(call: Callable[..., Reply], **more: Any) -> tuple[uuid.UUID, Mapping[str, str]]:
    reply = call("POST /v1/media", body=described(**more))
    assert reply.status == 201, reply.text
    data = reply.body["data"]
    return uuid.UUID(data["id"]), data["upload"]["fields"]


def test_a_file_is_announced_brought_settled_and_read(
    call: Callable[..., Reply], uploads: Uploads, shelf: Shelf, agent: Principal
) -> None:
    media_id, fields = announce(call, sha256=hashlib.sha256(PNG).hexdigest().upper())
    assert fields == {
        "key": f"uploads/{agent.tenant_id}/{media_id}",
        "Content-Type": "image/png",
        "size": str(len(PNG)),
    }
    assert call("GET /v1/media/{id}", media_id).status == 409
    with pytest.raises(Conflict, match="not been uploaded yet"):
        uploads.settle(agent, media_id)
    shelf.objects[fields["key"]] = PNG
    uploads.settle(agent, media_id)
    uploads.settle(agent, media_id)
    key = f"{agent.tenant_id}/media/{hashlib.sha256(PNG).hexdigest()}"
    assert shelf.objects == {key: PNG, f"{key}-thumbnail": b"small"}
    reply = call("GET /v1/media/{id}", media_id)
    url = f"https://bucket.test/{key}?for=300&as=image/png&inline; filename*=UTF-8''beach.png"
    assert (reply.status, reply.headers["location"]) == (302, url)
    assert reply.headers["cache-control"] == "no-store"
    reply = call("GET /v1/media/{id}/url", media_id)
    assert reply.body == {"data": {"url": url, "expiresAt": "2026-03-01T12:05:00.000Z"}}
    reply = call("GET /v1/media/{id}/url", media_id, query={"thumbnail": "true"})
    assert reply.body["data"]["url"].startswith(f"https://bucket.test/{key}-thumbnail?for=300&as=image/webp&inline")


@pytest.mark.parametrize(
    ("content", "declared", "why"),
    [
        (HTML, {}, "The file is not image/png"),
        (PNG + b"!", {"size": len(PNG)}, "bytes, not"),
        (PNG, {"sha256": "0" * 64}, "SHA-256"),
        (PNG, {"mimeType": "image/jpeg"}, "not image/jpeg"),
        (PNG, {"mimeType": "application/pdf"}, "not application/pdf"),
        (HTML, {"mimeType": "text/plain"}, "not text/plain"),
    ],
)
def test_what_is_not_as_it_was_said_is_refused_for_good(
    call: Callable[..., Reply], uploads: Uploads, shelf: Shelf, agent: Principal,
    content: bytes, declared: dict[str, Any], why: str,
) -> None:  # fmt: skip
    media_id, fields = announce(call, **{"size": len(content), **declared})
    shelf.objects[fields["key"]] = content
    for _ in range(2):
        with pytest.raises(UnsupportedMedia, match=why):
            uploads.settle(agent, media_id)
    reply = call("GET /v1/media/{id}", media_id)
    assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert why.partition(",")[0] in reply.body["detail"]
    with uploads._database.transaction(agent.tenant_id) as tx:
        assert attachments.claim_upload(tx, media_id, uuid.uuid4()) is None


def test_what_is_written_into_the_form_again_later_is_not_what_is_sent(
    call: Callable[..., Reply], uploads: Uploads, shelf: Shelf, agent: Principal, database: Database
) -> None:
    media_id, fields = announce(call)
    shelf.objects[fields["key"]] = PNG
    uploads.settle(agent, media_id)
    shelf.objects[fields["key"]] = HTML
    uploads.settle(agent, media_id)
    with database.transaction(agent.tenant_id) as tx:
        row = attachments.find(tx, media_id)
    assert row is not None
    upload = open_upload(shelf, row)
    with upload.read() as chunks:
        assert b"".join(chunks) == PNG
    assert (upload.mime_type, upload.size, upload.file_name, upload.voice) == (
        "image/png",
        len(PNG),
        "beach.png",
        False,
    )
    assert "for=1800" in upload.url


def test_one_file_goes_with_one_message(
    call: Callable[..., Reply], uploads: Uploads, shelf: Shelf, agent: Principal, database: Database,
    thread: Any, make_message: Callable[..., uuid.UUID],
) -> None:  # fmt: skip
    first, second = (make_message(agent.tenant_id, thread) for _ in range(2))
    media_id, fields = announce(call)
    with database.transaction(agent.tenant_id) as tx:
        assert attachments.claim_upload(tx, media_id, first) is None, "it is not there yet"
    shelf.objects[fields["key"]] = PNG
    uploads.settle(agent, media_id)
    with database.transaction(agent.tenant_id) as tx:
        claimed = attachments.claim_upload(tx, media_id, first, kind="sticker")
        assert attachments.claim_upload(tx, media_id, second) is None
        assert attachments.of_message(tx, first) == [claimed]
    assert claimed is not None
    assert (claimed["kind"], claimed["message_id"]) == ("sticker", first)


def test_a_file_is_fetched_from_an_address(
    call: Callable[..., Reply], web: Web, shelf: Shelf, agent: Principal
) -> None:
    web.files["https://files.example/a/order.png?x=1"] = Download("text/html", len(PNG), iter([PNG]))
    reply = call("POST /v1/media", body={"url": "https://files.example/a/order.png?x=1"})
    assert (reply.status, reply.body["data"]["upload"]) == (201, None)
    link = call("GET /v1/media/{id}", reply.body["data"]["id"]).headers["location"]
    assert link.endswith("&as=image/png&inline; filename*=UTF-8''order.png")
    assert f"{agent.tenant_id}/media/{hashlib.sha256(PNG).hexdigest()}" in shelf.objects


def test_a_page_fetched_from_an_address_is_a_download(call: Callable[..., Reply], web: Web) -> None:
    web.files["https://files.example/"] = Download("image/png", None, iter([HTML]))
    reply = call("POST /v1/media", body={"url": "https://files.example/"})
    assert (
        call("GET /v1/media/{id}", reply.body["data"]["id"])
        .headers["location"]
        .endswith("as=application/octet-stream&attachment")
    )


@pytest.mark.parametrize(
    ("found", "status", "code"),
    [
        (MediaGone("The address is not of the public internet."), 400, "invalid_request"),
        (Unavailable("The file's host did not answer."), 400, "invalid_request"),
        (Download(None, None, iter([b""])), 400, "invalid_request"),
        (Download("image/png", None, iter([PNG, b"x" * (17 << 20)])), 400, "invalid_request"),
    ],
)
def test_an_address_without_a_file_is_refused(
    call: Callable[..., Reply], web: Web, shelf: Shelf, found: Download | Exception, status: int, code: str
) -> None:
    web.files["https://files.example/a"] = found
    reply = call("POST /v1/media", body={"url": "https://files.example/a"})
    assert (reply.status, reply.body["code"]) == (status, code)
    assert shelf.objects == {}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"fileName": "a", "mimeType": "image/png"},
        {"url": "https://a.example/", "size": 3},
        {"url": ""},
        {"url": 7},
        described(size=0),
        described(size=-1),
        described(size="9"),
        described(size=True),
        described(mimeType="nonsense"),
        described(mimeType="image/png\r\nx: y"),
        described(fileName="../../etc/passwd"),
        described(fileName="a\r\nb"),
        described(fileName=""),
        described(fileName="a" * 201),
        described(sha256="xyz"),
        described(more=1),
    ],
)
def test_a_description_that_makes_no_sense_is_400(call: Callable[..., Reply], body: dict[str, Any]) -> None:
    reply = call("POST /v1/media", body=body)
    assert (reply.status, reply.body["code"]) == (400, "invalid_request")


def test_a_file_that_nobody_would_take_is_413(call: Callable[..., Reply]) -> None:
    reply = call("POST /v1/media", body=described(size=17 << 20))
    assert (reply.status, reply.body["code"]) == (413, "too_large")


def test_another_companys_file_is_not_there(
    call: Callable[..., Reply], uploads: Uploads, shelf: Shelf, agent: Principal, make_tenant: Callable[..., uuid.UUID],
    make_user: Callable[..., Principal], token_of: Callable[..., str], database: Database,
) -> None:  # fmt: skip
    media_id, fields = announce(call)
    shelf.objects[fields["key"]] = PNG
    uploads.settle(agent, media_id)
    stranger = make_user(make_tenant("Other"))
    for route in ("GET /v1/media/{id}", "GET /v1/media/{id}/url"):
        theirs, nobodys = (call(route, one, token=token_of(stranger)) for one in (media_id, uuid.uuid4()))
        assert theirs.status == 404
        assert {**theirs.body, "requestId": ""} == {**nobodys.body, "requestId": ""}
    with pytest.raises(NotFound):
        uploads.settle(stranger, media_id)
    with database.transaction(stranger.tenant_id) as tx:
        assert attachments.claim_upload(tx, media_id, uuid.uuid4()) is None
        assert attachments.find_waiting(tx, media_id) is None
    assert call("GET /v1/media/{id}", "nonsense").status == 404


def test_a_key_needs_the_scope(
    call: Callable[..., Reply], make_key: Callable[..., str], tenant: uuid.UUID, api: Api
) -> None:
    assert set(api.scopes.values()) == {"media"}
    without, having = make_key(tenant, "messages:read"), make_key(tenant, "media")
    assert call("POST /v1/media", body=described(), key=without).status == 403
    assert call("POST /v1/media", body=described(), key=having).status == 201
    assert ask(api, event("POST /v1/media", body=described())).status == 401


def test_uploads_that_nobody_sent_are_forgotten_after_a_day(
    call: Callable[..., Reply], database: Database, agent: Principal
) -> None:
    old, _ = announce(call)
    young, _ = announce(call)
    with database.transaction(agent.tenant_id) as tx:
        tx.execute("update attachments set created_at = now() - interval '2 days' where id = %(id)s", id=old)
    with database.unscoped() as tx:
        found = attachments.find_unused(tx, timedelta(days=1), 10)
    assert found == [{"tenant_id": agent.tenant_id, "attachment_id": old}]
    with database.transaction(agent.tenant_id) as tx:
        attachments.delete_unused(tx, [old, young])
        assert attachments.find(tx, old) is None
