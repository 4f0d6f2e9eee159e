"""The code in README.md and docs/ does what the text around it says."""

import asyncio
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from tests import guides
from tests.acceptance.conftest import Tables
from tests.tables_of import Page
from worker.events import Bookmark
from worker.sandbox import Sandbox

SANDBOX = "http://127.0.0.1:8080"

#: Where npm puts what the example for Node needs.
NODE = guides.ROOT / ".cache" / "node"


ORDERING = Page("docs/ordering.md")
EVENTS = Page("docs/events.md")

#: What SQL begins with that another test runs: it needs a role, or creates a database.
APART = ("CREATE ROLE", "CREATE TABLE")


def test_sql_runs_and_may_run_again(tables: Tables) -> None:
    """Runs all of it twice, as one script: the references make the second time harmless."""
    with psycopg.connect(tables.url, autocommit=True) as connection:
        Bookmark(connection, "bookkeeping")
    blocks = [block for guide in guides.GUIDES for block in guides.code(guide, "sql") if not block.startswith(APART)]
    for block in blocks * 2:
        tables.rows(block)
    references = [row["reference"] for row in tables.rows("SELECT reference FROM orders ORDER BY id")]
    assert references == [f"shop-100{n}" for n in (1, 2, 3, 4)]
    assert tables.rows("SELECT o.reference FROM refills r JOIN orders o ON o.id = r.order_id") == [
        {"reference": "shop-1001"}
    ]
    assert tables.rows("SELECT o.reference FROM cancels c JOIN orders o ON o.id = c.order_id") == [
        {"reference": "shop-1002"}
    ]


def test_a_database_of_your_own_is_created_as_the_quickstart_says(tables: Tables) -> None:
    name = f"quickstart_{uuid4().hex}"
    block = Page("docs/quickstart.md").block("sql", "CREATE ROLE")
    block = re.sub(r"\border_sync\b", f"{name}_role", re.sub(r"\bshop\b", name, block))
    statements = [statement for statement in block.split(";") if statement.strip()]
    try:
        for statement in statements:
            tables.rows(statement)
        found = tables.rows(
            "SELECT pg_encoding_to_char(encoding) AS encoding, pg_get_userbyid(datdba) AS owner "
            "FROM pg_database WHERE datname = %s",
            name,
        )
        assert found == [{"encoding": "UTF8", "owner": f"{name}_role"}]
    finally:
        tables.rows(f"DROP DATABASE IF EXISTS {name}")
        tables.rows(f"DROP ROLE IF EXISTS {name}_role")


def test_a_shop_needs_no_more_rights_than_it_is_said_to_need(tables: Tables) -> None:
    may_be_set = [column for cell in ORDERING.column("column") for column in cell.split(", ")]
    with psycopg.connect(tables.url, row_factory=dict_row) as connection:  # rolled back, with the role
        connection.execute("CREATE ROLE guides_shop")
        connection.execute(f"GRANT INSERT ({', '.join(may_be_set)}), SELECT ON orders TO guides_shop")
        connection.execute("SET ROLE guides_shop")
        connection.execute(ORDERING.block("sql", "shop-1004"))
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == {"count": 4}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO orders (service, state) VALUES ('1', 'completed')")
        connection.rollback()


async def test_python_orders_once(tables: Tables, tmp_path: Path) -> None:
    example = _script(tmp_path, ORDERING, "INSERT INTO orders")
    said = [await _ended(example, ORDER_SYNC_DATABASE_URL=tables.url) for _ in range(2)]
    order = tables.rows("SELECT id, params, reference FROM orders")
    assert [row["params"] for row in order] == [{"comments": ["Lovely!", "Where is this?"]}]
    assert said == [f"ordered as {order[0]['id']}\n", "was ordered before\n"]


async def test_python_follows_the_events(tables: Tables, tmp_path: Path) -> None:
    event = "INSERT INTO order_events (order_id, kind, state_after, charge) VALUES (%s, 'status', 'completed', 0.27)"
    tables.rows(event, 1)
    process = await _started(_script(tmp_path, EVENTS, "LISTEN"), ORDER_SYNC_DATABASE_URL=tables.url)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):  # less than the 30 s after which it would look without having been told
            assert await process.stdout.readline() == b"1 completed 0.27000000\n"
            tables.rows(event, 2)
            assert await process.stdout.readline() == b"2 completed 0.27000000\n"
    finally:
        process.kill()
        await process.communicate()


async def test_python_buys_with_the_client_alone(tmp_path: Path) -> None:
    async with Sandbox() as sandbox:
        example = _script(tmp_path, Page("docs/client.md"))
        said = await _ended(example, PANEL_URL=sandbox.url, PANEL_KEY=sandbox.options.key)
        assert said == "balance: 1000.00000 USD\nbought: 23501\n"
        refused = await _ended(example, PANEL_URL=sandbox.url, PANEL_KEY="wrong")
        assert refused.splitlines()[1] == "not bought: bad_key Invalid API key"
    nobody = await _ended(example, PANEL_URL=sandbox.url, PANEL_KEY="any")
    assert nobody.splitlines()[1].startswith("not sent, so it may be tried again:")


async def test_python_writes_down_each_event_once(tables: Tables, tmp_path: Path) -> None:
    event = (
        "INSERT INTO order_events (order_id, kind, state_before, state_after, charge) "
        "VALUES (7, 'status', 'submitted', 'completed', 0.27)"
    )
    tables.rows(event)
    for _ in range(2):
        process = await _started(_script(tmp_path, EVENTS, "Bookmark"), ORDER_SYNC_DATABASE_URL=tables.url)
        assert process.stdout is not None
        try:
            async with asyncio.timeout(20):
                assert await process.stdout.readline() == b"None completed\n"
        finally:
            process.kill()
            await process.communicate()
        tables.rows(event)
    assert tables.rows("SELECT order_id, charge::text FROM sales") == [{"order_id": 7, "charge": "0.27000000"}] * 2


@pytest.mark.parametrize(("command", "language"), [("php -l", "php"), ("node --check", "js")])
def test_other_languages_can_be_read(command: str, language: str, tmp_path: Path) -> None:
    _need(command.split(maxsplit=1)[0])
    block = ORDERING.block(language)
    (script := tmp_path / f"example.{language}").write_text(block)
    subprocess.run([*command.split(), script], check=True, capture_output=True)


def test_php_orders_once(tables: Tables, tmp_path: Path) -> None:
    _need("php", "-r", "new PDO('pgsql:') || 0;", unless="could not find driver")
    block = ORDERING.block("php")
    at = conninfo_to_dict(tables.url)
    for theirs, ours in (
        (
            "host=localhost;port=5432;dbname=shop",
            f"host={at['host']};port={at.get('port', 5432)};dbname={at['dbname']}",
        ),
        ("'shop', getenv", f"'{at['user']}', getenv"),
    ):
        assert block.count(theirs) == 1
        block = block.replace(theirs, ours)
    (script := tmp_path / "example.php").write_text(block)
    _orders_once(tables, ["php", str(script)], reference="shop-3001")


def test_node_orders_once(tables: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _need("node")
    monkeypatch.setenv("NODE_PATH", str(NODE / "node_modules"))
    _need_pg()
    block = ORDERING.block("js")
    (script := tmp_path / "example.js").write_text(block)
    monkeypatch.setenv("ORDER_SYNC_DATABASE_URL", tables.url)
    _orders_once(tables, ["node", str(script)], reference="shop-4001")


def _need_pg() -> None:
    """Where the distribution doesn't have the package `pg`, npm brings it, once."""
    at_hand = ["node", "-e", "require('pg')"]
    if subprocess.run(at_hand, check=False, capture_output=True).returncode == 0:
        return
    if shutil.which("npm") is None:
        pytest.skip("node has no package pg, and npm isn't installed")
    NODE.mkdir(parents=True, exist_ok=True)
    quiet = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
    install = [
        "npm",
        "install",
        "--prefix",
        str(NODE),
        "--ignore-scripts",
        "--fetch-timeout=20000",
        "--fetch-retries=0",
        *quiet,
        "pg@8",
    ]
    done = subprocess.run(install, check=False, capture_output=True, timeout=120)
    if done.returncode != 0:
        pytest.skip("node has no package pg, and npm could not bring it")
    subprocess.run(at_hand, check=True)


def _need(program: str, *arguments: str, unless: str = "") -> None:
    """Skip where a program isn't installed, or says with these arguments that something of it isn't."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} isn't installed")
    if (
        unless
        and unless
        in subprocess.run(
            [program, *arguments], check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ).stdout
    ):
        pytest.skip(f"{program} says: {unless}")


def _orders_once(tables: Tables, command: list[str], *, reference: str) -> None:
    said = [subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout for _ in range(2)]
    (order,) = tables.rows("SELECT id, service, quantity, params, reference FROM orders")
    assert (order["service"], order["quantity"], order["params"], order["reference"]) == ("1", 1000, {}, reference)
    assert said == [f"ordered as {order['id']}\n", "was ordered before\n"]


def curls(guide: str) -> list[str]:
    """Returns the guide's calls to the sandbox."""
    lines = [line for block in guides.shell(guide) for line in block.splitlines()]
    return [line for line in lines if line.startswith("curl ") and SANDBOX in line]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl isn't installed")
@pytest.mark.parametrize("guide", [guide for guide in guides.GUIDES if curls(guide)])
async def test_curl_gets_answers_from_the_sandbox(guide: str) -> None:
    async with Sandbox() as sandbox:
        here = sandbox.url.removesuffix("/api/v2")
        for call in curls(guide):
            answer = await _output("bash", "-c", call.replace(SANDBOX, here).replace("curl -s", "curl -sS --fail"))
            assert re.match(r"[\[{]", answer), call
            assert '{"error"' not in answer, call
        assert sandbox.journal.violation_counts == {}


def _script(directory: Path, page: Page, holding: str = "") -> Path:
    script = directory / "example.py"
    script.write_text(page.block("python", holding))
    return script


async def _started(script: Path, **environment: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        script,
        env=os.environ | {"PYTHONPATH": str(guides.ROOT)} | environment,
        stdout=asyncio.subprocess.PIPE,
    )


async def _ended(script: Path, **environment: str) -> str:
    process = await _started(script, **environment)
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


async def _output(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(30):
        out, _ = await process.communicate()
    assert process.returncode == 0, command
    return out.decode()
