"""WhatsApp's addresses as WuzAPI writes and parses them; a customer's LID is made of their number, so that it can be
followed back.
"""

from local.simulator.wuzapi.errors import WuzError, sending_failed

_LID_PREFIX = "9"
PHONES = "s.whatsapp.net"
GROUPS = "g.us"
LIDS = "lid"


def phone_jid(digits: str) -> str:
    """A person by number."""
    return f"{digits}@{PHONES}"


def lid(digits: str) -> str:
    """The same person by LID."""
    return f"{_LID_PREFIX}{digits}@{LIDS}"


def group_jid(bare: str) -> str:
    """A group by its bare id."""
    return f"{bare}@{GROUPS}"


def parsed(written: str) -> tuple[str, str]:
    """What WuzAPI's parseJID makes of a `Phone`: user and server. Raises WuzError."""
    user, at, server = written.removeprefix("+").partition("@")
    if not user or (at and not server):
        raise WuzError(400, "could not parse Phone")
    return user.partition(":")[0].partition(".")[0], server or PHONES


def recipient(written: str) -> tuple[str, bool]:
    """Whose thread a message goes to, by number or bare group id, and whether it is a group's. Raises WuzError as
    whatsmeow fails.
    """
    user, server = parsed(written)
    if server == GROUPS:
        return user, True
    if server == LIDS:
        user = user.removeprefix(_LID_PREFIX)
    elif server != PHONES:
        raise sending_failed(f"can't send message to unknown server {server}")
    if not (user.isascii() and user.isdigit() and 7 <= len(user) <= 15):
        raise sending_failed(f"no LID found for {user}@{server} from server")
    return user, False
