"""`python -m orchestrator`, and where the installed command begins."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command. Ctrl-C while its modules are imported is no error either: exit code 130, no traceback."""
    try:
        from orchestrator.cli import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()


if __name__ == "__main__":
    main()
