"""docs/reference/sandbox.md lists all that the sandbox can do, in the code's own words."""

import re

from aiohttp import web

from tests.command_tree import COMMANDS
from tests.tables_of import Page
from worker.sandbox import Sandbox
from worker.sandbox.http.admin import Admin
from worker.sandbox.misbehaviour.faults import ABOUT, Fault
from worker.sandbox.misbehaviour.quirks import ALL, KINDS, switch_of
from worker.sandbox.panel import cheats

PAGE = Page("docs/reference/sandbox.md")


def bare(text: str) -> str:
    return text.replace("`", "")


def shown(value: object) -> str:
    if value is None or value is False or value in {(), ""}:
        return ""
    return f"{value:g}" if isinstance(value, float) else bare(str(value))


def test_every_option():
    command = COMMANDS["sandbox"]
    defaults = command.make_context("sandbox", []).params
    named = {row[0]: (row[1], row[2]) for row in PAGE.table("option")}
    assert named == {
        option.opts[0]: (shown(defaults.get(option.name)), bare(getattr(option, "help", "") or ""))
        for option in command.params
    }


def test_every_quirk():
    for kind, names in KINDS.items():
        switches = {name: switch_of(ALL[name]) for name in names}
        assert PAGE.table("quirk", below=kind) == [
            [
                name,
                switch.value.shown if switch.value else "",
                switch.value.default if switch.value else "",
                bare(switch.about),
            ]
            for name, switch in switches.items()
        ]


def test_every_fault():
    assert PAGE.table("fault") == [[kind.value, bare(about)] for kind, about in ABOUT.items()]


def test_every_field_of_a_fault():
    told = {row[0]: row[1] for row in PAGE.table("field of a fault")}
    defaults = {name: field.default for name, field in Fault.model_fields.items()}
    unset = {"kind", "fields"}
    assert told == {name: "" if name in unset else shown(default) for name, default in defaults.items()}


def test_every_cheat():
    assert PAGE.table("cheat") == [[name, bare(about)] for name, about in cheats.ALL.items()]


def test_every_request_of_the_admin_interface():
    app = web.Application()
    Admin(Sandbox()).add_routes(app.router)
    routes = [f"{route.method} {re.sub('^/admin/', '', route.resource.canonical)}" for route in app.router.routes()]
    assert sorted(PAGE.column("request")) == sorted(routes)
