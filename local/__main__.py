"""`python -m local`: run the stack in the foreground; its one rule: whatever goes wrong is one clear line."""

import asyncio
import errno
import sys
from collections.abc import Callable

from local.options import StackError, read_options


def main() -> int:
    """Run until Ctrl-C; answer the process's exit code."""
    options = read_options()
    try:
        from local.stack import run

        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(run(options))
    except KeyboardInterrupt:
        return 0
    except StackError as error:
        print(f"parley: {error}", file=sys.stderr)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        print(f"parley: the disk that holds {options.directory} is full", file=sys.stderr)
    return 1


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop
    return uvloop.new_event_loop


if __name__ == "__main__":
    sys.exit(main())
