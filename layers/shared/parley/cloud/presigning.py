"""Signed URLs and forms for whoever has no AWS credential: a browser that reads a file, one that brings one. The one
rule: botocore is the oracle here too; a test compares both with what it makes.

Signature Version 4, as in signing.py, over a query string
(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html) and over a policy
(https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-post-example.html).
"""

from __future__ import annotations

import hmac
import json
import os
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final
from urllib.parse import quote, urlsplit

from .endpoint import ambient_region
from .ports import UploadForm
from .signing import Credentials, signing_key

_ALGORITHM: Final = "AWS4-HMAC-SHA256"


@dataclass(frozen=True, slots=True)
class BucketAddress:
    """Where a bucket answers: `base` is the URL its keys are appended to, with a slash at the end."""

    bucket: str
    base: str
    region: str

    @classmethod
    def of(cls, bucket: str) -> BucketAddress:
        """In this region, or at the endpoint the environment names (by path, as emulators want it)."""
        region = ambient_region()
        endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
        if endpoint:
            return cls(bucket, f"{endpoint.rstrip('/')}/{bucket}/", region)
        suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
        return cls(bucket, f"https://{bucket}.s3.{region}.{suffix}/", region)


def presigned_link(
    address: BucketAddress,
    credentials: Credentials,
    key: str,
    seconds: int,
    query: Mapping[str, str],
    now: datetime,
) -> str:
    """A URL that reads an object until `seconds` after `now`; `query` overrides headers of the answer."""
    url = urlsplit(address.base + quote(key, safe="/~"))
    stamp, scope = _stamp_and_scope(address, now)
    signed = {
        **query,
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
        **({"X-Amz-Security-Token": credentials.token} if credentials.token else {}),
    }
    pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in signed.items())
    written = "&".join(f"{name}={value}" for name, value in pairs)
    canonical = "\n".join(["GET", url.path, written, f"host:{url.netloc}", "", "host", "UNSIGNED-PAYLOAD"])
    to_sign = f"{_ALGORITHM}\n{stamp}\n{scope}\n{sha256(canonical.encode()).hexdigest()}"
    signature = _sign(address, credentials, stamp, to_sign)
    return f"{url.scheme}://{url.netloc}{url.path}?{written}&X-Amz-Signature={signature}"


def presigned_form(
    address: BucketAddress,
    credentials: Credentials,
    key: str,
    content_type: str,
    size: int,
    seconds: int,
    now: datetime,
) -> UploadForm:
    """A form that writes one object, of exactly this type and size, until `seconds` after `now`."""
    stamp, scope = _stamp_and_scope(address, now)
    fields = {
        "key": key,
        "Content-Type": content_type,
        "x-amz-algorithm": _ALGORITHM,
        "x-amz-credential": f"{credentials.access_key}/{scope}",
        "x-amz-date": stamp,
        **({"x-amz-security-token": credentials.token} if credentials.token else {}),
    }
    conditions: list[object] = [{"bucket": address.bucket}, ["content-length-range", size, size]]
    conditions += [{name: value} for name, value in fields.items()]
    expires = (now + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = b64encode(json.dumps({"expiration": expires, "conditions": conditions}).encode()).decode()
    signature = _sign(address, credentials, stamp, policy)
    return UploadForm(address.base, {**fields, "policy": policy, "x-amz-signature": signature})


def _stamp_and_scope(address: BucketAddress, now: datetime) -> tuple[str, str]:
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    return stamp, f"{stamp[:8]}/{address.region}/s3/aws4_request"


def _sign(address: BucketAddress, credentials: Credentials, stamp: str, text: str) -> str:
    key = signing_key(credentials, stamp[:8], address.region, "s3")
    return hmac.digest(key, text.encode(), sha256).hex()
