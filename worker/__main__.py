"""Runs the command, for `python -m worker` and the console script. An interrupt ends it silently."""

import sys


def main() -> None:
    try:
        from worker.cli import main as command  # noqa: PLC0415 - an interrupt may come while it is imported
    except KeyboardInterrupt:
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
