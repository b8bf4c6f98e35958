"""What goes wrong, and where. The one rule: a place is a number, given in the order in which places are reached; so a
run without faults lists them all, and a later run of the same scenario goes wrong at exactly the chosen ones.
"""

from __future__ import annotations

from collections.abc import Iterable


class Crash(BaseException):
    """The process was killed here. Not an Exception: no `except Exception` of the product may survive it."""


class Points:
    """Every place reached so far, by name; `chosen`: the numbers of those at which something goes wrong. `asleep`: what
    happens now is not part of the story.
    """

    def __init__(self, chosen: Iterable[int] = ()) -> None:
        self._chosen = set(chosen)
        self.asleep = False
        self.names: list[str] = []
        self.fired: list[str] = []

    def hit(self, where: str) -> bool:
        """Reach a place; whether it is one of those chosen."""
        if self.asleep:
            return False
        number = len(self.names)
        self.names.append(where)
        if number not in self._chosen:
            return False
        self.fired.append(f"#{number} {where}")
        return True

    def choose_ahead(self, places: int) -> None:
        """Let something go wrong `places` places from here."""
        self._chosen.add(len(self.names) + places)

    def choose_nothing(self) -> None:
        """No more faults."""
        self._chosen.clear()


class Life:
    """One process: what it is doing, and whether it still lives. A dead one has no effect on anything any more,
    whatever its clean-up tries.
    """

    def __init__(self, points: Points) -> None:
        self._points = points
        self.doing = "starting"
        self.dead = False

    def may_crash(self, where: str) -> None:
        """The process may be killed here."""
        self._breathe()
        if self._points.hit(f"{self.doing}: killed {where}"):
            self.dead = True
            raise Crash(where)

    def fails(self, where: str) -> bool:
        """Whether what the process asks for fails here, and the process lives on."""
        self._breathe()
        return self._points.hit(f"{self.doing}: {where}")

    def _breathe(self) -> None:
        if self.dead:
            raise Crash("dead already")
