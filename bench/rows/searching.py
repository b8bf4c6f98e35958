"""Search at size: every kind of question, each time with other words, beside a primary-key read in the same run, and
one beside the same question asked of every row. `--messages` says how many there are; without it few enough for the
benchmark to end soon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from bench.bed import Bed
from bench.company import Company
from bench.measure import Row, interleave, median, ms, percentile, timed
from bench.vocabulary import FIRST_NAMES, LAST_NAMES, SAID_OFTEN, vocabulary
from bench.volume import WORDS, Volume
from parley.domain.principal import Principal
from parley.services.search import Search, Searching

TITLE = "search beside a primary-key read, and beside a scan"
PLURALS: Final = ("reclamacoes", "informacoes", "INSTALACOES", "promocoes", "devolucoes", "cartoes", "orientacoes")
AT_MOST: Final = 10_000_000
PRIMARY_KEY = "select * from messages where tenant_id = %(tenant_id)s and id = %(id)s"
SCAN = """
select id from messages where tenant_id = %(tenant_id)s and body ilike %(pattern)s
order by occurred_at desc limit 20
"""
ANY = "select id from messages where tenant_id = %(tenant_id)s order by id desc limit 1"
LONGEST = """
select id from conversations where tenant_id = %(tenant_id)s order by last_number desc limit 1
"""
Ask = Callable[[int], Search]


def rows(bed: Bed) -> Iterator[Row]:
    """Measure."""
    volume = bed.volume
    searching = Searching(bed.database)
    rounds = bed.size(24, 6)
    spent: list[float] = []
    key = _primary_key(bed, volume.big)
    for company, name, ask in _questions(bed, volume):
        agent = company.agent()
        asked = iter(range(10 * rounds))

        def look(agent: Principal = agent, ask: Ask = ask, asked: Iterator[int] = asked) -> object:
            return searching.search(agent, ask(next(asked)), None, 20, messages=True, contacts=True)

        found = interleave({"ours": timed(look), "key": timed(key)}, rounds)
        spent += found["ours"]
        ours, read = median(found["ours"]), median(found["key"])
        high = percentile(found["ours"], 0.95)
        note = f"{volume.many} messages, other words each time; a page of 20 with its excerpts"
        shown = f"p50 {ms(ours)}, p95 {ms(high)}"
        yield Row(f"search: {name}", shown, f"primary-key read {ms(read)}", ours / read, note=note)
    yield _beside_a_scan(bed, volume, searching)
    high = percentile(spent, 0.95)
    must, aim = (300, 100) if volume.many >= AT_MOST else (None, None)
    note = f"{volume.many} messages, all questions, {len(spent)} searches; the slowest took {ms(max(spent))}"
    shown = f"p50 {ms(median(spent))}, p95 {ms(high)}"
    yield Row("search, p95", shown, "", high * 1000, "ms", must, aim, note=note)


def _questions(bed: Bed, volume: Volume) -> Iterator[tuple[Company, str, Ask]]:
    """Whom is asked what, and the question of each round."""
    words = vocabulary(WORDS)
    business = SAID_OFTEN[33:130]
    now = datetime.now(UTC)
    year_ago = {"since": now - timedelta(days=735), "before": now - timedelta(days=728)}
    with bed.database.transaction(volume.big.id) as tx:
        longest: UUID = tx.value(LONGEST)

    def often(turn: int) -> str:
        return business[turn * 7 % len(business)]

    def seldom(turn: int) -> str:
        return words[4_000 + 97 * turn]

    texts: dict[str, Callable[[int], str]] = {
        "a word of very few messages": lambda turn: words[-1 - 101 * turn],
        "a seldom word": seldom,
        "a word of one message in a thousand": lambda turn: words[500 + 13 * turn],
        "a common word": often,
        "a word of every tenth message": lambda turn: SAID_OFTEN[2 + turn % 30],
        "two common words": lambda turn: f"{often(turn)} {often(turn + 3)}",
        "a common word and a seldom one": lambda turn: f"{often(turn)} {seldom(turn)}",
        "two words that never meet": lambda turn: f"{words[-2 - 31 * turn]} {seldom(turn)}",
        "neighbours in quotes": lambda turn: f'"{often(turn)} {often(turn + 1)}"',
        "a plural without its accent": lambda turn: PLURALS[turn % len(PLURALS)],
        "the beginning of seldom words": lambda turn: words[700 + 89 * turn][:5],
        "the first three letters of many": lambda turn: words[700 + 89 * turn][:3],
        "a whole number": lambda turn: str(1_000_000 + (volume.many // 100 * turn) // 4 * 4),
        "four digits of numbers": lambda turn: str(1_234 + 331 * turn),
        "a contact's name": lambda turn: f"{FIRST_NAMES[turn % len(FIRST_NAMES)]} {LAST_NAMES[turn % len(LAST_NAMES)]}",
        "nothing that was ever said": lambda turn: f"nirgendwo{turn}",
    }

    def plain(text: Callable[[int], str], **filters: Any) -> Ask:
        return lambda turn: replace(Search(text(turn)), **filters)

    for name, text in texts.items():
        yield volume.big, name, plain(text)
    yield volume.big, "a common word, one week two years ago", plain(often, **year_ago)
    yield volume.big, "a seldom word, one week two years ago", plain(seldom, **year_ago)
    yield volume.big, "a seldom word, one number of two", plain(seldom, integration_id=volume.big.integration_id)
    yield volume.big, "a common word, in the longest conversation", plain(often, conversation_id=longest)
    for name in ("a common word", "a seldom word", "the first three letters of many"):
        yield volume.small, f"{name}, in the small company beside it", plain(texts[name])


def _primary_key(bed: Bed, company: Company) -> Callable[[], object]:
    with bed.database.transaction(company.id) as tx:
        message = tx.value(ANY)

    def read() -> object:
        with bed.database.transaction(company.id) as tx:
            return tx.row(PRIMARY_KEY, id=message)

    return read


def _beside_a_scan(bed: Bed, volume: Volume, searching: Searching) -> Row:
    agent = volume.big.agent()
    word = vocabulary(WORDS)[20_000]

    def scan() -> object:
        with bed.database.transaction(volume.big.id) as tx:
            tx.execute("set local statement_timeout = '10min'")
            return tx.rows(SCAN, pattern=f"%{word}%")

    def look() -> object:
        return searching.search(agent, Search(word), None, 20, messages=True, contacts=True)

    found = interleave({"ours": timed(look), "scan": timed(scan)}, 3)
    ours, scanned = median(found["ours"]), median(found["scan"])
    note = f"{volume.many} messages; the scan finds neither stems nor accents"
    return Row("search: a rare word", ms(ours), f"scan {ms(scanned)}", ours / scanned, note=note)
