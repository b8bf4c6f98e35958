"""What pywa takes for the webhook on standard input, in seconds; run inside an environment that has pywa and nothing
of ours.
"""

import json
import sys
import time

from pywa import WhatsApp  # type: ignore[import-not-found]
from pywa.types import Message  # type: ignore[import-not-found]

TIMES = 2000


def main() -> None:
    """Measure."""
    body = sys.stdin.buffer.read()
    client = WhatsApp(phone_id="1122334455667", token="none")
    Message.from_update(client=client, update=json.loads(body))
    began = time.perf_counter()
    for _ in range(TIMES):
        Message.from_update(client=client, update=json.loads(body))
    print((time.perf_counter() - began) / TIMES)


main()
