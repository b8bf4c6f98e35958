"""Files in S3 as Parley keeps them, against moto; signed links and forms against botocore's own signers."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import botocore.auth
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from parley.cloud.ports import MediaBucket
from parley.cloud.presigning import BucketAddress, presigned_form, presigned_link
from parley.cloud.s3 import SMALLEST_PART, Bucket
from parley.cloud.signing import Credentials
from parley.domain.errors import NotFound, Unavailable

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ADDRESS = BucketAddress("parley", "https://parley.s3.sa-east-1.amazonaws.com/", "sa-east-1")


@pytest.fixture
def bucket(aws: Any) -> MediaBucket:
    aws.s3.create_bucket(Bucket="parley-test", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return Bucket("parley-test")


class At:
    """Botocore's clock, stopped."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: NOW.replace(tzinfo=None))


@given(
    key=st.lists(st.text("abcXYZ019-_.~ +%é", min_size=1, max_size=12), min_size=1, max_size=3).map("/".join),
    token=st.none() | st.just("a/session+token=="),
    name=st.text("ab é;/+&=\"'", max_size=12),
)
def test_a_link_is_signed_as_botocore_signs_it(key: str, token: str | None, name: str) -> None:
    query = {"response-content-type": "image/png", "response-content-disposition": f"inline; filename={name}"}
    ours = presigned_link(ADDRESS, Credentials("AKID", "sEcReT", token), key, 300, query, NOW)
    with pytest.MonkeyPatch.context() as patch:
        At(patch)
        oracle = botocore.auth.S3SigV4QueryAuth(BotocoreCredentials("AKID", "sEcReT", token), "s3", "sa-east-1", 300)
        request = AWSRequest("GET", ours.partition("?")[0], params=query)
        oracle.add_auth(request)
    theirs = urlsplit(str(request.url))
    assert parse_qs(urlsplit(ours).query) == parse_qs(theirs.query)
    assert urlsplit(ours).path == theirs.path


@pytest.mark.parametrize("token", [None, "a/session+token=="])
def test_a_form_is_signed_as_botocore_signs_it_and_names_type_and_size(token: str | None) -> None:
    form = presigned_form(ADDRESS, Credentials("AKID", "sEcReT", token), "uploads/a", "image/png", 17, 60, NOW)
    policy = json.loads(base64.b64decode(form.fields["policy"]))
    assert policy["expiration"] == "2026-03-01T12:01:00Z"
    conditions = policy["conditions"]
    assert ["content-length-range", 17, 17] in conditions
    assert {"bucket": "parley"} in conditions
    named = {name: value for one in conditions if isinstance(one, dict) for name, value in one.items()}
    sent = {name: value for name, value in form.fields.items() if name not in {"policy", "x-amz-signature"}}
    assert named == {**sent, "bucket": "parley"}, "S3 refuses a field that no condition names"
    oracle = botocore.auth.S3SigV4PostAuth(BotocoreCredentials("AKID", "sEcReT", token), "s3", "sa-east-1")
    request = AWSRequest("POST", form.url)
    request.context["timestamp"] = "20260301T120000Z"
    assert form.fields["x-amz-signature"] == oracle.signature(form.fields["policy"], request)
    assert form.fields["x-amz-credential"] == f"AKID/{oracle.credential_scope(request)}"
    assert form.fields.get("x-amz-security-token") == token


def test_a_bucket_is_in_its_region_or_where_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    assert BucketAddress.of("parley") == ADDRESS
    monkeypatch.setenv("AWS_REGION", "cn-north-1")
    assert BucketAddress.of("parley").base == "https://parley.s3.cn-north-1.amazonaws.com.cn/"
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566/")
    assert BucketAddress.of("parley").base == "http://127.0.0.1:4566/parley/"


def test_a_file_is_written_in_pieces_copied_and_read_in_pieces(bucket: MediaBucket) -> None:
    upload = bucket.start_upload("arriving/a", "application/octet-stream")
    upload.add(bytearray(b"a" * SMALLEST_PART))
    upload.add(bytearray(b"end"))
    assert not bucket.has("arriving/a")
    upload.finish()
    assert bucket.has("arriving/a")
    bucket.copy("arriving/a", "t/media/h", "application/pdf")
    bucket.delete("arriving/a")
    with bucket.open("t/media/h") as stored:
        chunks = list(stored.chunks)
    assert b"".join(chunks) == b"a" * SMALLEST_PART + b"end"
    assert stored.size == SMALLEST_PART + 3
    assert max(map(len, chunks)) <= 1024 * 1024


def test_an_abandoned_file_leaves_nothing(bucket: MediaBucket, aws: Any) -> None:
    upload = bucket.start_upload("arriving/a", "application/octet-stream")
    upload.add(b"a" * SMALLEST_PART)
    upload.abandon()
    upload.abandon()
    assert aws.s3.list_multipart_uploads(Bucket="parley-test").get("Uploads", []) == []
    assert not bucket.has("arriving/a")


def test_what_is_not_there_is_not_found(bucket: MediaBucket) -> None:
    with pytest.raises(NotFound):
        bucket.copy("none", "b", "text/plain")
    with pytest.raises(NotFound), bucket.open("none"):
        pass
    with pytest.raises(Unavailable):
        Bucket("another").has("a")


def test_a_link_reads_the_file_with_the_headers_it_names(bucket: MediaBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.put("t/media/h", b"<svg/>", "image/svg+xml")
    link = bucket.link("t/media/h", seconds=300, content_type="application/octet-stream", disposition="attachment")
    answer = requests.get(link, timeout=10)
    assert answer.content == b"<svg/>"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == "attachment"
    assert timedelta(seconds=int(parse_qs(urlsplit(link).query)["X-Amz-Expires"][0])) == timedelta(minutes=5)


def test_a_form_brings_a_file(bucket: MediaBucket) -> None:
    form = bucket.upload_form("uploads/a", content_type="image/png", size=4, seconds=60)
    answer = requests.post(form.url, data=form.fields, files={"file": ("a.png", b"file")}, timeout=10)
    assert answer.status_code in {200, 201, 204}
    with bucket.open("uploads/a") as stored:
        assert b"".join(stored.chunks) == b"file"
