"""What the worker can say, read from its syntax: events of its log, what events of orders tell, error codes.

What can't be read fails, so that nothing goes unseen: write it more plainly there, or teach it here.
"""

import ast
import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from worker.domain.orders.changes import EventKind
from worker.domain.orders.outcomes import Reason

ROOT = Path(__file__).parents[1]

_TREES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
    for path in (ROOT / "worker").rglob("*.py")
}

#: A level, by the method that logs at it.
_LEVELS = {name: name for name in ("debug", "info", "warning", "error", "critical")} | {"exception": "error"}

#: Where a code stands among the arguments of what takes one.
_TAKES_A_CODE = {"_RefusedError": 0, "_requeued": 2, "unconfirmed": 2}

#: Of each statement that branches, the branch in which something stands.
_Branches = Mapping[ast.stmt, int]


@dataclass(frozen=True)
class _Function:
    module: str
    node: ast.FunctionDef | ast.AsyncFunctionDef

    def calls(self) -> Iterator[tuple[ast.Call, _Branches]]:
        for node, branches in _nodes(self.node, {}):
            if isinstance(node, ast.Call):
                yield node, branches

    def given(self, name: str, reaching: _Branches) -> list[ast.expr]:
        """What a local variable may be by then: whatever it is given, save in another branch."""
        found = []
        for node, branches in _nodes(self.node, {}):
            match node:
                case (
                    ast.Assign(targets=[ast.Name(id=target)], value=value)
                    | ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value)
                ) if target == name and not _exclude(branches, reaching):
                    found.append(value)
        return found

    def set_later(self, name: str) -> Iterator[str]:
        """The keys of `name["key"] = ...`."""
        for node in ast.walk(self.node):
            match node:
                case ast.Assign(targets=[ast.Subscript(value=ast.Name(id=found), slice=ast.Constant(value=str(key)))]):
                    if found == name:
                        yield key


def _nodes(node: ast.AST, branches: _Branches) -> Iterator[tuple[ast.AST, _Branches]]:
    yield node, branches
    for child in ast.iter_child_nodes(node):
        match node:
            case ast.If(body=body, orelse=orelse) if child in body or child in orelse:
                yield from _nodes(child, {**branches, node: int(child in orelse)})
            case ast.Match(cases=cases) if child in cases:
                yield from _nodes(child, {**branches, node: cases.index(child)})
            case _:
                yield from _nodes(child, branches)


def _exclude(one: _Branches, other: _Branches) -> bool:
    return any(other.get(statement, branch) != branch for statement, branch in one.items())


_FUNCTIONS = [
    _Function(module, node)
    for module, tree in _TREES.items()
    for node in ast.walk(tree)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]


@dataclass(frozen=True)
class _Reader:
    """Reads the keys of dictionaries. `known`: the keys of expressions that can't be read."""

    known: Mapping[str, set[str]]

    def keywords(self, call: ast.Call, where: _Function, branches: _Branches) -> set[str]:
        """The names under which a call is given something."""
        found = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
        for keyword in call.keywords:
            if keyword.arg is None:
                found |= self.keys(keyword.value, where, branches)
        return found

    def keys(self, read: ast.expr, where: _Function, branches: _Branches) -> set[str]:
        match read:
            case ast.Dict(keys=names, values=values):
                found = set[str]()
                for name, value in zip(names, values, strict=True):
                    found |= {_text(name, where)} if name else self.keys(value, where, branches)
                return found
            case ast.IfExp(body=one, orelse=other) | ast.BinOp(left=one, op=ast.BitOr(), right=other):
                return self.keys(one, where, branches) | self.keys(other, where, branches)
            case ast.Name(id=name) if name not in self.known and (given := where.given(name, branches)):
                return set(where.set_later(name)).union(*(self.keys(value, where, branches) for value in given))
            case ast.Call(func=ast.Name(id=name)) if called := [one for one in _FUNCTIONS if one.node.name == name]:
                return self._returned(called, self.keywords(read, where, branches))
            case _ if ast.unparse(read) in self.known:
                return self.known[ast.unparse(read)]
            case _:
                pytest.fail(f"{where.module}: keys that can't be read: {ast.unparse(read)}")

    def _returned(self, functions: list[_Function], given: set[str]) -> set[str]:
        (function,) = functions
        arguments = function.node.args
        named = {argument.arg for argument in [*arguments.args, *arguments.kwonlyargs]}
        more = {arguments.kwarg.arg: given - named} if arguments.kwarg else {}
        return set[str]().union(
            *(
                _Reader({**self.known, **more}).keys(node.value, function, branches)
                for node, branches in _nodes(function.node, {})
                if isinstance(node, ast.Return) and node.value is not None
            )
        )


def _text(read: ast.expr, where: _Function) -> str:
    match read:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name):
            return str(vars(importlib.import_module(where.module))[name])
        case _:
            pytest.fail(f"{where.module}: a text that can't be read: {ast.unparse(read)}")


def logged() -> dict[str, tuple[set[str], set[str]]]:
    """Each event that a logger is told of, with its levels and its fields."""
    reader = _Reader({"change.detail": details()[EventKind.LATE_RESULT]})
    found: dict[str, tuple[set[str], set[str]]] = {}
    for where in _FUNCTIONS:
        for call, branches in where.calls():
            match call:
                case ast.Call(func=ast.Attribute(value=logger, attr=method), args=[said, *_]) if (
                    method in _LEVELS and ast.unparse(logger) in {"_log", "logging.getLogger(_OURS)"}
                ):
                    fields = reader.keywords(call, where, branches)
                    if method == "exception" or "exc_info" in fields:
                        fields = fields - {"exc_info"} | {"exception"}
                    for name in _names(said, where, branches):
                        levels, known = found.setdefault(name, (set(), set()))
                        levels.add(_LEVELS[method])
                        known |= fields
    return found


def _names(said: ast.expr, where: _Function, branches: _Branches) -> Iterator[str]:
    """The texts that an expression may be: its own, or those of the variable that it names."""
    match said:
        case ast.IfExp(body=one, orelse=other):
            yield from _names(one, where, branches)
            yield from _names(other, where, branches)
        case ast.Name(id=name) if given := where.given(name, branches):
            for value in given:
                yield from _names(value, where, branches)
        case _:
            yield _text(said, where)


def details() -> dict[EventKind, set[str]]:
    """What `order_events.detail` may hold, by kind."""
    reader = _Reader({"news.change.detail": set()})  # what is added to that, when a look is dated
    found: dict[EventKind, set[str]] = {}
    for where in _FUNCTIONS:
        for call, branches in where.calls():
            detail = next((keyword.value for keyword in call.keywords if keyword.arg == "detail"), None)
            keys = set[str]() if detail is None else reader.keys(detail, where, branches)
            match call:
                case ast.Call(
                    func=ast.Name(id="Change"),
                    args=[_, ast.Attribute(value=ast.Name(id="EventKind"), attr=kind), before, after],
                ):
                    if ast.unparse(before) != ast.unparse(after) and _holds_a_code(after, where, branches):
                        keys |= {"error_code", "error"}  # written with every change that comes to one
                    found.setdefault(EventKind[kind], set()).update(keys)
                case ast.Call(func=ast.Name(id="Change")):
                    pytest.fail(f"{where.module}: a change that can't be read: {ast.unparse(call)}")
                case ast.Call(func=ast.Name(id="replace")) if detail is not None:
                    found.setdefault(EventKind.STATUS, set()).update(keys)
    return found


def _holds_a_code(record: ast.expr, where: _Function, branches: _Branches) -> bool:
    match record:
        case ast.Name(id=name):
            return any(_holds_a_code(given, where, branches) for given in where.given(name, branches))
        case ast.Call(keywords=keywords):
            given = [keyword.value for keyword in keywords if keyword.arg == "error_code"]
            return any(not isinstance(value, ast.Constant) or value.value is not None for value in given)
        case _:
            pytest.fail(f"{where.module}: a record that can't be read: {ast.unparse(record)}")


def codes() -> Iterator[str]:
    """Every error code that is given by name."""
    yield from Reason
    for where in _FUNCTIONS:
        for call, _ in where.calls():
            match call:
                case ast.Call(func=ast.Name(id=name), args=args) if name in _TAKES_A_CODE:
                    match args[_TAKES_A_CODE[name]]:
                        case ast.Constant(value=str(code)):
                            yield code
                        case ast.Name(id="reason"):
                            pass  # one of Reason
                        case other:
                            pytest.fail(f"a code that can't be read: {ast.unparse(other)}")
                case ast.Call(keywords=keywords):
                    given = [keyword.value for keyword in keywords if keyword.arg == "error_code"]
                    yield from (
                        node.value
                        for value in given
                        for node in ast.walk(value)
                        if isinstance(node, ast.Constant) and isinstance(node.value, str)
                    )
