"""One proof after the other. Each begins where the one before has left the machine, and raises where it fails."""

import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from tests.deploy.boot.machine import Machine, until
from tests.guides import below

#: The code that the guide has below a heading.
code = partial(below, "docs/operating/systemd.md")

HERE = Path(__file__).parent

PANEL = "http://127.0.0.1:8080"
SETTINGS = "/etc/order-sync/order-sync.env"

#: What a person's editor would do to the settings: name the panel.
EDITOR = f"""#!/bin/sh
sed -i 's#^ORDER_SYNC_PANELS__DEFAULT__URL=.*#ORDER_SYNC_PANELS__DEFAULT__URL={PANEL}/api/v2#' "$1" """

#: Asks an address of the machine's own, from inside.
ASK = """
import sys, urllib.request
given = sys.argv[2].encode() if len(sys.argv) > 2 else None
request = urllib.request.Request(sys.argv[1], given, {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, timeout=30).read().decode())
"""


def ask(it: Machine, url: str, *body: str) -> Any:
    return json.loads(it.run("python3", "-c", ASK, url, *body).stdout)


def start_panel(it: Machine) -> None:
    it.run("systemd-run", "--quiet", "--unit=panel", "/opt/order-sync/bin/order-sync", "sandbox", "--speed=600")
    until(lambda: it.run("python3", "-c", ASK, f"{PANEL}/admin/ledger", check=False).returncode == 0)


def active(it: Machine, unit: str = "order-sync") -> bool:
    return it.unit(unit, "ActiveState") == ["active"]


def status(it: Machine) -> str:
    return it.unit("order-sync", "StatusText")[0]


def insert(it: Machine, reference: str, **more: str) -> None:
    """An order, by a shop."""
    columns = {"service": "1", "link": "'https://example.com/me'", "quantity": "100", "reference": f"'{reference}'"}
    row = columns | more
    text = f"INSERT INTO orders ({', '.join(row)}) VALUES ({', '.join(row.values())})"  # noqa: S608 - all of it ours
    it.shell(f'psql "$(cat /etc/order-sync/credentials/producer_database_url)" --quiet --command "{text}"')


def list_files(it: Machine, name: str) -> None:
    """But for those of Postgres and systemd."""
    theirs = " -o ".join(f"-path {path}" for path in ("/var/lib/postgresql", "/var/log", "/var/tmp", "/var/backups"))  # noqa: S108
    it.shell(f"find / -xdev \\( {theirs} \\) -prune -o -print | sort > /root/{name}")


def state_of(it: Machine, reference: str) -> str:
    return it.sql(f"SELECT state FROM orders WHERE reference = '{reference}'")  # noqa: S608 - all of it ours


def installs(it: Machine) -> str:
    """The guide's steps 2 to 4: the program, the database, the panel."""
    list_files(it, "before")
    it.shell(code("2. The program"))
    start_panel(it)
    it.shell(code("3. The database"))
    it.write("/usr/local/bin/editor", EDITOR, 0o755)
    told = it.shell(code("4. The panel").replace("your-api-key", "sandbox-key"))
    assert "schema         at head" in told, told
    assert "takes the key" in told, told
    return ""


def starts(it: Machine) -> str:
    """Step 5: it is active once it works, after the migration; the first order goes to the panel, once."""
    it.shell(code("5. Start it"))
    assert active(it)
    assert it.unit("order-sync", "Type", "SubState", "UnitFileState") == ["notify", "running", "enabled"]
    migrated, began = (
        int(it.unit(unit, one)[0])
        for unit, one in (
            ("order-sync-migrate", "ExecMainExitTimestampMonotonic"),
            ("order-sync", "ExecMainStartTimestampMonotonic"),
        )
    )
    assert 0 < migrated <= began
    assert it.unit("order-sync-migrate", "Result", "ExecMainStatus") == ["success", "0"]
    until(lambda: state_of(it, "first") == "completed")
    assert len(ask(it, f"{PANEL}/admin/ledger")) == 1
    return (
        f"{int(it.shell('cat /proc/$(systemctl show --value -p MainPID order-sync)/statm').split()[1]) / 256:.0f} MiB."
    )


def tells_how_much_is_open(it: Machine) -> str:
    """`systemctl status` tells how many orders are open."""
    insert(it, "later", not_before="now() + interval '1 hour'")
    until(lambda: status(it) == "1 pending, 0 submitting, 0 unconfirmed, 0 submitted")
    it.sql("INSERT INTO cancels (order_id) SELECT id FROM orders WHERE reference = 'later'")
    until(lambda: status(it).startswith("0 pending"))
    return ""


def is_shut_in(it: Machine) -> str:
    """Who gets into it gets no further: what root can do, it can't."""
    it.run("systemd-analyze", "security", "--threshold=15", "order-sync")
    program = "/usr/local/lib/intruder.py"
    it.write(program, (HERE / "intruder.py").read_text())
    python = "/opt/order-sync/bin/python"
    as_root = json.loads(it.run(python, program).stdout)
    assert all(as_root.values()), as_root
    unit = it.run("systemctl", "cat", "order-sync").stdout
    for line, instead in {
        "ExecStart=/opt/order-sync/bin/order-sync run": f"ExecStart={python} {program}",
        "Type=notify": "Type=oneshot",
        "Restart=always": "Restart=no",
    }.items():
        assert line in unit
        unit = unit.replace(line, instead)
    it.write("/run/systemd/system/intruder.service", unit)
    it.shell("systemctl daemon-reload; systemctl start intruder")
    works = json.loads(next(line for line in it.log_of("intruder").splitlines() if line.startswith("{")))
    assert works.keys() == as_root.keys()
    assert not any(works.values()), [attempt for attempt, worked in works.items() if worked]
    return f"{len(works)} attempts."


def drains(it: Machine) -> str:
    """`systemctl stop` waits for what is in flight, and all of it is written."""
    ask(it, f"{PANEL}/admin/faults", json.dumps({"kind": "slow", "action": "add", "where": "after", "seconds": 8}))
    for number in range(3):
        insert(it, f"in flight {number}")
    sending = "SELECT count(*) FROM orders WHERE state = 'submitting'"
    until(lambda: it.sql(sending) == "3")
    began = time.monotonic()
    it.run("systemctl", "stop", "order-sync")
    took = time.monotonic() - began
    assert it.sql("SELECT DISTINCT state FROM orders WHERE reference LIKE 'in flight %'") == "submitted"
    assert it.unit("order-sync", "ActiveState", "Result", "ExecMainStatus") == ["inactive", "success", "0"]
    assert '"worker_stopped"' in it.log_of("order-sync")
    it.run("python3", "-c", ASK.replace("})", "}, method='DELETE')"), f"{PANEL}/admin/faults")
    it.run("systemctl", "start", "order-sync")
    return f"It took {took:.0f} s."


def is_started_again(it: Machine, signal: str) -> str:
    began = it.unit("order-sync", "NRestarts")[0]
    it.run("systemctl", "kill", f"--signal={signal}", "order-sync")
    took = until(lambda: it.unit("order-sync", "NRestarts")[0] == str(int(began) + 1) and active(it))
    insert(it, f"after {signal}")
    until(lambda: state_of(it, f"after {signal}") == "submitted")
    return f"It took {took:.0f} s."


def is_watched(it: Machine) -> str:
    """One that stands still (SIGSTOP) is started again by the watchdog, and works."""
    told = is_started_again(it, "STOP")
    assert "Watchdog timeout" in it.log_of("order-sync")
    return told


def comes_back(it: Machine) -> str:
    """One that is killed is started again, and works."""
    return is_started_again(it, "KILL")


def waits_for_its_database(it: Machine) -> str:
    """Without its database it is tried again and again, until that is back."""
    it.shell("systemctl stop postgresql; systemctl restart order-sync --no-block")
    until(lambda: it.unit("order-sync", "NRestarts") != ["0"] and not active(it))
    it.run("systemctl", "start", "postgresql")
    took = until(lambda: active(it))
    return f"It was back after {took:.0f} s."


def stays_down_with_wrong_settings(it: Machine) -> str:
    """With wrong settings it isn't started again, and the journal says which."""
    it.shell(f"echo ORDER_SYNC_DRAIN=soon >> {SETTINGS}")
    assert it.run("systemctl", "restart", "order-sync", check=False).returncode == 1
    assert it.unit("order-sync", "ActiveState", "Result", "ExecMainStatus") == ["failed", "exit-code", "2"]
    it.shell("sleep 6")  # longer than RestartSec
    assert it.unit("order-sync", "ActiveState", "NRestarts") == ["failed", "0"]
    assert "ORDER_SYNC_DRAIN" in it.log_of("order-sync")
    it.shell(f"sed -i /soon/d {SETTINGS}; systemctl start order-sync")
    return ""


def has_company(it: Machine) -> str:
    """Two more work beside it, each with an address of its own; any may go."""
    it.shell("systemctl enable --now order-sync@1 order-sync@2")
    for port in (9464, 9471, 9472):
        until(lambda port=port: ask(it, f"http://127.0.0.1:{port}/readyz") is not None)
    # Until its lease ends, the one that was killed before seems to be there too.
    until(lambda: it.sql("SELECT count(*) FROM workers WHERE ended_at IS NULL AND lease_until > now()") == "3")
    it.run("systemctl", "stop", "order-sync", "order-sync@1")
    insert(it, "by the last")
    until(lambda: state_of(it, "by the last") == "submitted")
    it.run("systemctl", "start", "order-sync", "order-sync@1")
    return ""


def has_a_second_panel(it: Machine) -> str:
    """A second panel, as the guide has it."""
    for unit in ("order-sync", "order-sync@"):
        it.write(f"/etc/systemd/system/{unit}.service.d/override.conf", code("Day by day", "ini"))
    it.write("/etc/order-sync/credentials/worker/panel_other_key", "sandbox-key", 0o600)
    other = PANEL.replace("127.0.0.1", "localhost")  # two panels at one address would need two keys
    it.shell(f"echo ORDER_SYNC_PANELS__OTHER__URL={other}/api/v2 >> {SETTINGS}; systemctl daemon-reload")
    it.run("systemctl", "restart", "order-sync", "order-sync@1", "order-sync@2")
    started = [line for line in it.log_of("order-sync").splitlines() if '"worker_started"' in line]
    assert json.loads(started[-1])["panels"] == ["default", "other"]
    assert "panel other    takes the key" in it.run("order-sync", "check").stdout
    return ""


def release_of(it: Machine) -> str:
    """Where the program of the running worker is."""
    return it.shell("tr '\\0' ' ' < /proc/$(systemctl show --value -p MainPID order-sync)/cmdline")


def is_brought_up_to_date(it: Machine) -> str:
    """The guide's new version, and its way back."""
    before = it.shell("readlink /opt/order-sync")
    it.shell(code("A new version"))
    after = it.shell("readlink /opt/order-sync")
    assert before != after
    assert active(it)
    assert release_of(it).startswith(after)
    it.shell(f"ln -sfn {before} /opt/order-sync; systemctl restart order-sync")
    assert release_of(it).startswith(before)
    return ""


def comes_up_with_the_machine(it: Machine) -> str:
    """After a new start of the machine all are there again."""
    it.off()
    it.boot()
    for unit in ("order-sync", "order-sync@1", "order-sync@2"):
        assert active(it, unit)
    start_panel(it)
    return ""


def is_removed(it: Machine) -> str:
    """`install.sh remove` leaves settings and credentials, `purge` nothing; each again does no harm."""
    settings = it.shell("find /etc/order-sync | sort")
    it.shell("for _ in 1 2; do deploy/systemd/install.sh remove; done")
    assert it.shell("cat /proc/[0-9]*/cgroup | grep order-sync || true") == ""
    assert it.shell("find /etc/order-sync | sort") == settings
    assert it.run("systemctl", "list-units", "--all", "--plain", "--no-legend", "order-sync*").stdout == ""
    assert it.run("systemctl", "list-unit-files", "--no-legend", "order-sync*", check=False).stdout == ""
    it.shell("systemctl stop panel; for _ in 1 2; do deploy/systemd/install.sh purge; done")
    list_files(it, "after")
    ours = {
        "/usr/local/bin/editor",
        "/usr/local/lib/intruder.py",
        "/root/after",
        "/root/before",
        "/root/order-sync.env",
    }
    left = set(it.shell("comm -13 /root/before /root/after").splitlines()) - ours
    assert not left, left
    return ""


STEPS: tuple[Callable[[Machine], str], ...] = (
    installs,
    starts,
    tells_how_much_is_open,
    is_shut_in,
    drains,
    is_watched,
    comes_back,
    waits_for_its_database,
    stays_down_with_wrong_settings,
    has_company,
    has_a_second_panel,
    is_brought_up_to_date,
    comes_up_with_the_machine,
    is_removed,
)
