"""What a customer can do, typed, whichever gateway it goes through; done on the company's phone it is `device`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from local.simulator.media import File

MEDIA_KINDS = frozenset({"image", "audio", "video", "document", "sticker"})
WRITTEN_KINDS = MEDIA_KINDS | {"text", "location", "contacts", "interactive"}
DEED_KINDS = frozenset({"reaction", "edit", "delete", "typing"})
EVERY_KIND = WRITTEN_KINDS | DEED_KINDS | {"group", "device"}


@dataclass(frozen=True)
class Group:
    """A group chat by its bare id; each gateway writes the id in its own way."""

    id: str
    name: str | None = None


@dataclass(frozen=True)
class Who:
    """Who does it, when and where. `device`: somebody at the company's own phone, towards `customer` or in `group`."""

    customer: str
    at: datetime
    name: str | None = None
    device: bool = False
    group: Group | None = None


@dataclass(frozen=True)
class Location:
    """A place on the map."""

    latitude: float
    longitude: float
    name: str | None = None
    address: str | None = None


@dataclass(frozen=True)
class ContactCard:
    """Somebody's name and number, passed on."""

    name: str
    phone: str

    @property
    def vcard(self) -> str:
        """The card as phones exchange it."""
        number = f"TEL;type=CELL;waid={self.phone}:+{self.phone}"
        return f"BEGIN:VCARD\nVERSION:3.0\nN:;{self.name};;;\nFN:{self.name}\n{number}\nEND:VCARD"


@dataclass(frozen=True)
class Choice:
    """What a customer picked of the buttons or rows the company sent."""

    kind: Literal["button", "list"]
    id: str
    title: str
    description: str | None = None


@dataclass(frozen=True)
class Writes:
    """A message; `text` is the caption where there is `media`."""

    who: Who
    kind: str
    text: str | None = None
    reply_to: str | None = None
    media: File | None = None
    voice: bool = False
    location: Location | None = None
    contacts: tuple[ContactCard, ...] = ()
    choice: Choice | None = None
    forwarded: bool = False


@dataclass(frozen=True)
class Reacts:
    """A reaction to a message; no emoji takes it back."""

    who: Who
    target: str
    emoji: str | None


@dataclass(frozen=True)
class Edits:
    """New words for a message of one's own."""

    who: Who
    target: str
    text: str


@dataclass(frozen=True)
class Deletes:
    """A message of one's own taken back for everyone."""

    who: Who
    target: str


@dataclass(frozen=True)
class Types:
    """Begins or stops typing, or recording a voice note."""

    who: Who
    on: bool
    recording: bool = False


Action: TypeAlias = Writes | Reacts | Edits | Deletes | Types
