"""`python -m worker`, and the console script: from the first import on, an interrupt ends it without a word."""

import sys


def main() -> None:
    try:
        from worker.cli import main as command  # noqa: PLC0415 - an interrupt may come while it is imported
    except KeyboardInterrupt:
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
