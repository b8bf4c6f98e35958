"""Run what has to be looked at every minute. The one rule: no step keeps another from its turn: one that fails is noted
and the next one runs, and a run that was cut short is gone on with where it was cut.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from parley.domain.errors import ParleyError
from parley.domain.metrics import Meter
from parley.store import housekeeping as store
from parley.store.database import Database

LOG = logging.getLogger("parley.housekeep")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to look at. `run` does a bounded part of it, whatever was done before and whoever does it as well, and
    answers how much it found; it raises ParleyError where something is in its way.
    """

    name: str
    run: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step."""

    found: int
    ms: int
    error: ParleyError | None = None


class Swept(Mapping[str, int]):
    """How much each step found that ran, by its name. `left`: those there was no time for."""

    def __init__(self, outcomes: Mapping[str, Outcome], left: Sequence[str]) -> None:
        self.outcomes = outcomes
        self.left = left

    def __getitem__(self, name: str) -> int:
        return self.outcomes[name].found

    def __iter__(self) -> Iterator[str]:
        return iter(self.outcomes)

    def __len__(self) -> int:
        return len(self.outcomes)

    @property
    def failed(self) -> dict[str, ParleyError]:
        """What kept which step from running through."""
        return {name: outcome.error for name, outcome in self.outcomes.items() if outcome.error is not None}


def always() -> bool:
    """There is time for every step."""
    return True


class Housekeeper:
    """Runs steps and keeps how each ended. `clock` counts seconds."""

    def __init__(
        self, database: Database, meter: Meter, steps: Sequence[Step], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._meter = meter
        self._steps = steps
        self._clock = clock

    def sweep(self, may_go_on: Callable[[], bool] = always) -> Swept:
        """Run every step once, as long as `may_go_on`; the one that was begun the longest ago first."""
        outcomes: dict[str, Outcome] = {}
        last: Step | None = None
        steps = self._in_turn()
        for step in steps:
            if last and not may_go_on():
                break
            self._note(last, outcomes, step)
            outcomes[step.name] = self._run(step)
            last = step
        self._note(last, outcomes, None)
        self._meter("housekeeper.run", 1)
        return Swept(outcomes, [step.name for step in steps if step.name not in outcomes])

    def _in_turn(self) -> list[Step]:
        """The steps, first those that a run which was cut short did not come to."""
        try:
            with self._database.unscoped() as tx:
                turns = {row["step"]: turn for turn, row in enumerate(store.read(tx))}
        except ParleyError:
            turns = {}
        return sorted(self._steps, key=lambda step: turns.get(step.name, -1))

    def _run(self, step: Step) -> Outcome:
        started = self._clock()
        found, failed = 0, None
        try:
            found = step.run()
        except ParleyError as error:
            # A bucket that is away must not keep listeners and senders waiting.
            failed = error
        return Outcome(found, round((self._clock() - started) * 1000), failed)

    def _note(self, ended: Step | None, outcomes: Mapping[str, Outcome], begun: Step | None) -> None:
        """Write down how a step ended, and that another one begins."""
        try:
            with self._database.unscoped() as tx:
                if ended is not None:
                    done = outcomes[ended.name]
                    error = f"{done.error.code}: {done.error.detail}" if done.error else None
                    store.end(tx, ended.name, done.found, done.ms, error)
                if begun is not None:
                    store.begin(tx, begun.name)
        except ParleyError as error:
            # The spool is emptied without the database, too.
            LOG.warning("a step was not noted: %s", error.code)
