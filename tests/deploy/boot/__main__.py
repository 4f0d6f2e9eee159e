"""docs/operating/systemd.md followed word by word under a real systemd, and what the units promise tried out there.

    sudo .venv/bin/python -m tests.deploy.boot [--suite bookworm]

By hand, since it needs root, Debian's packages debootstrap and systemd-container, Debian's archive and a package index.
What it has fetched is kept in .cache/boot; the machine itself has no network, and is gone at the end. It takes some
minutes, a watchdog's minute among them.
"""

import argparse
import os
import signal
import sys
import time

from tests.deploy.boot.machine import debian, machine, wheels
from tests.deploy.boot.steps import STEPS, code
from tests.guides import ROOT

KEPT = ROOT / ".cache" / "boot"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.deploy.boot")
    parser.add_argument("--suite", default="bookworm", help="Debian's release (bookworm)")
    suite = parser.parse_args().suite
    if os.geteuid() != 0:
        sys.exit("it has to be root: it makes a machine")
    # As Ctrl-C: the machine goes down with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    root = debian(suite, KEPT, code("1. What it needs"))
    wheel_house = wheels(root, ROOT / "requirements.txt", KEPT)
    with machine(root, ROOT, wheel_house, KEPT) as it:
        print(it.shell("systemctl --version | head -n 1; python3 --version"), flush=True)  # noqa: T201 - a program's words
        for step in STEPS:
            began = time.monotonic()
            told = step(it)
            print(f"{time.monotonic() - began:6.1f} s  {step.__doc__} {told}".rstrip(), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
