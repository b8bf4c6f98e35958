"""The inbox's first page, a thread's page and the events after a cursor, in a company of ten thousand messages and in a
big one in the same tables, beside a primary-key read through the same connection and the same tenant's transaction.
`--messages` says how big; 10 million is what is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.bed import Bed
from bench.company import Company
from bench.measure import Row, interleave, median, ms, timed
from bench.volume import SMALL
from parley.domain.principal import Principal
from parley.services import catch_up
from parley.services.read_inbox import ConversationFilter, Inbox

TITLE = "pages of a small company and of a big one, beside a primary-key read"
PAGE = 50
THREAD = 20
POLLED = 10
"""What a client that polls every three seconds finds in a busy company."""
PRIMARY_KEY = "select * from messages where tenant_id = %(tenant_id)s and id = %(id)s"
# The newest conversation of the inbox that has a whole page, and the longest there is.
THREADS = """
(select id from conversations where tenant_id = %(tenant_id)s and status <> 'resolved' and last_number >= %(page)s
  order by last_message_at desc limit 1)
union all
(select id from conversations where tenant_id = %(tenant_id)s order by last_number desc limit 1)
"""
Work = Callable[[], object]
Pieces = dict[str, tuple[int, Work]]


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    volume = bed.volume
    small, small_key = _pieces(bed, volume.small)
    big, big_key = _pieces(bed, volume.big)
    for name, (expected, work) in small.items():
        there = {f"small {name}": timed(work, 5), "small key": timed(small_key, 5)}
        there |= {f"big {name}": timed(big[name][1], 5), "big key": timed(big_key, 5)}
        found = {piece: median(spent) for piece, spent in interleave(there, bed.size(40, 12)).items()}
        for size, many in (("small", SMALL), ("big", volume.many)):
            ours, key = found[f"{size} {name}"], found[f"{size} key"]
            note = f"{expected} items, to the answer's JSON values"
            title = f"{name}, {_said(many)} messages"
            yield Row(title, ms(ours), f"primary-key read {ms(key)}", ours / key, "×", 5, 3, note=note)
        flat = found[f"big {name}"] / found[f"small {name}"]
        note = f"{_said(volume.many)} messages beside {_said(SMALL)}, in the same tables and minute"
        shown, beside = ms(found[f"big {name}"]), ms(found[f"small {name}"])
        yield Row(f"{name}, flat", shown, f"the small company's {beside}", flat, "×", 1.5, 1.1, note=note)


def _pieces(bed: Bed, company: Company) -> tuple[Pieces, Work]:
    """What is measured in a company, and its yardstick."""
    agent = company.agent()
    inbox = Inbox(bed.database)
    near, far = (_cursor(bed, agent, back) for back in (POLLED, PAGE))
    with bed.database.transaction(company.id) as tx:
        newest, longest = (row["id"] for row in tx.rows(THREADS, page=THREAD))
    message = inbox.thread(agent, newest, None, 1).items[0]["id"]

    def by_primary_key() -> None:
        with bed.database.transaction(company.id) as tx:
            assert tx.row(PRIMARY_KEY, id=message)

    wanted = ConversationFilter(status="open")
    pieces: Pieces = {
        "inbox page": (PAGE, lambda: inbox.conversations(agent, wanted, None, PAGE).items),
        "message page": (THREAD, lambda: inbox.thread(agent, newest, None, THREAD).items),
        "message page of the longest conversation": (THREAD, lambda: inbox.thread(agent, longest, None, THREAD).items),
        "events after a cursor": (POLLED, lambda: catch_up.events_after(bed.database, agent, near, 100)["data"]),
        "events after a far cursor": (PAGE, lambda: catch_up.events_after(bed.database, agent, far, 100)["data"]),
    }
    for name, (expected, work) in pieces.items():
        found = work()
        assert isinstance(found, list)
        assert len(found) == expected, f"{len(found)} items in {name}"
    return pieces, by_primary_key


def _cursor(bed: Bed, agent: Principal, back: int) -> str:
    """A cursor so many events behind the head."""
    head: str = catch_up.events_after(bed.database, agent, None)["cursor"]
    epoch, _, seq = head.rpartition(":")
    return f"{epoch}:{int(seq) - back}"


def _said(many: int) -> str:
    """A number as people say it."""
    return f"{many // 1_000_000} million" if many % 1_000_000 == 0 else f"{many // 1000} thousand"
