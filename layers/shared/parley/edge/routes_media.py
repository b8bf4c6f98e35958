"""Files, to bring and to read. The one rule: bytes pass between a browser and the bucket, never through here."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any, Final
from uuid import UUID

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from parley.domain.timestamps import rfc3339
from parley.services.upload_media import Link, NewUpload, Uploads

from .api import Api, answer
from .shapes import Link as ShownLink
from .shapes import One, Upload

LONGEST_NAME: Final = 200
LONGEST_URL: Final = 2048
_NEW_FILE: Final = {"fileName": "note.txt", "mimeType": "text/plain", "size": 5}
_TYPE = re.compile(
    r"[a-z0-9][a-z0-9!#$&^_.+-]{0,60}/[a-z0-9][a-z0-9!#$&^_.+-]{0,90}(; ?[a-z0-9-]{1,40}=[\w.+-]{1,60})?"
)


def _mime_type(value: str) -> str:
    if not _TYPE.fullmatch(value.lower()):
        raise ValueError("should be a MIME type like image/jpeg")
    return value.lower()


def _file_name(value: str) -> str:
    if not value.isprintable() or "/" in value or "\\" in value:
        raise ValueError("should be a file's name without a path")
    return value


class MediaBody(BaseModel):
    """A file to come (`fileName`, `mimeType`, `size` and perhaps `sha256`), or the `url` of one to fetch."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, validate_by_alias=True)

    file_name: Annotated[str, AfterValidator(_file_name)] | None = Field(
        None, alias="fileName", min_length=1, max_length=LONGEST_NAME
    )
    mime_type: Annotated[str, AfterValidator(_mime_type)] | None = Field(None, alias="mimeType", max_length=200)
    size: int | None = Field(None, gt=0, lt=2**40)
    sha256: str | None = Field(None, pattern=r"^[0-9a-fA-F]{64}$")
    url: str | None = Field(None, min_length=1, max_length=LONGEST_URL)

    @model_validator(mode="after")
    def _is_one_of_both(self) -> MediaBody:
        described = (self.file_name, self.mime_type, self.size)
        if self.url is not None:
            if any(value is not None for value in (*described, self.sha256)):
                raise ValueError("should have either a url or a file's description")
        elif any(value is None for value in described):
            raise ValueError("should have fileName, mimeType and size, or a url")
        return self


Id = Annotated[UUID, Path(alias="id")]
OfThumbnail = Annotated[bool, Query(description="the thumbnail of a picture instead")]


def add_media_routes(api: Api, uploads: Callable[[], Uploads]) -> None:
    """Answer the routes of files."""

    @api.route("POST", "/v1/media", scope="media", gives={201: One[Upload]}, example=_NEW_FILE)
    def create_media(body: Annotated[MediaBody, Body()]) -> Response[Any]:
        if body.url is not None:
            media_id = uploads().fetch_url(api.caller, body.url)
            api.call.facts["media_id"] = str(media_id)
            return answer({"data": {"id": str(media_id), "upload": None}}, 201)
        new = NewUpload(str(body.file_name), str(body.mime_type), body.size or 0, body.sha256)
        media_id, form = uploads().announce(api.caller, new)
        api.call.facts["media_id"] = str(media_id)
        upload = {"url": form.url, "fields": dict(form.fields)}
        return answer({"data": {"id": str(media_id), "upload": upload}}, 201)

    @api.route("GET", "/v1/media/{id}", scope="media", gives={302: One[ShownLink]})
    def read_media(media_id: Id, thumbnail: OfThumbnail = False) -> Response[Any]:
        link = uploads().link(api.caller, media_id, thumbnail=thumbnail)
        return answer({"data": _shown(link)}, 302, {"location": link.url})

    @api.route("GET", "/v1/media/{id}/url", scope="media", gives=One[ShownLink])
    def read_media_url(media_id: Id, thumbnail: OfThumbnail = False) -> Response[Any]:
        return answer({"data": _shown(uploads().link(api.caller, media_id, thumbnail=thumbnail))})


def _shown(link: Link) -> dict[str, str]:
    return {"url": link.url, "expiresAt": rfc3339(link.expires_at)}
