"""`webhook_receiver` start-up above a bare interpreter, beside importing boto3 and making its first client: processor
time of fresh interpreters, bytecode compiled.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.bed import Bed
from bench.functions import environment, ready_code, run
from bench.measure import Row, interleave, median, ms

TITLE = "webhook_receiver start-up"
BOTO3 = "import boto3\nboto3.client('sqs', region_name='us-east-1')\n"


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    given = environment(bed, "webhook_receiver", with_database=False)
    pieces = {
        "bare": lambda: run("pass", given).seconds,
        "ours": lambda: run(ready_code("webhook_receiver"), given).seconds,
        "boto3": lambda: run(BOTO3, given).seconds,
    }
    interleave(pieces, 1)  # writes the bytecode
    found = interleave(pieces, bed.size(21, 7))
    bare = median(found["bare"])
    ours, theirs = median(found["ours"]) - bare, median(found["boto3"]) - bare
    yield Row(
        TITLE,
        ms(ours),
        f"boto3 + first client {ms(theirs)}",
        ours / theirs,
        "×",
        1.0,
        0.5,
        note=f"above a bare interpreter ({ms(bare)})",
    )
