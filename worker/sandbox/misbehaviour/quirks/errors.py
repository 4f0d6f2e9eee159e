"""Quirks in errors, in charsets, and bytes before the JSON."""

from collections.abc import Mapping

from worker.sandbox.misbehaviour.quirks.reply import Call, Change, Quirk, Reply
from worker.sandbox.panel.validate import INVALID_KEY

_LOCALISED: Mapping[str, str] = {
    "Not enough funds on balance": "Fondos insuficientes en el saldo",
    "Invalid API key": "Clave API no válida",
    "Incorrect request": "Solicitud incorrecta",
    "Incorrect service ID": "ID de servicio incorrecto",
    "Incorrect order ID": "ID de pedido incorrecto",
    "Refill not found": "Reposición no encontrada",
}
_RUSSIAN: Mapping[str, str] = {
    "Not enough funds on balance": "Недостаточно средств на балансе",
    "Invalid API key": "Неверный API ключ",
    "Incorrect request": "Неверный запрос",
    "Incorrect service ID": "Неверный ID услуги",
    "Incorrect order ID": "Неверный ID заказа",
}
_NOTICE = b"<br />\n<b>Notice</b>:  Undefined index: HTTP_REFERER in <b>/www/api/v2.php</b> on line <b>42</b><br />\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def error_localised(reply: Reply, _call: Call) -> None:
    """Errors are in another language."""
    if reply.error is not None:
        reply.body = {"error": _LOCALISED.get(reply.error, f"Error: {reply.error}")}


def error_windows_1251(reply: Reply, _call: Call) -> None:
    """Errors are in Russian, in windows-1251."""
    if reply.error is not None:
        reply.body = {"error": _RUSSIAN.get(reply.error, f"Ошибка: {reply.error}")}
        reply.charset = "windows-1251"


def error_echoes_key(reply: Reply, call: Call) -> None:
    """Errors repeat the key of the request."""
    if reply.error is not None:
        reply.body = {"error": f"{reply.error} (key {call.key})"}


def error_status_msg(reply: Reply, _call: Call) -> None:
    """Errors are written {"status": "error", "msg": text}."""
    if reply.error is not None:
        reply.body = {"status": "error", "msg": reply.error}


def error_status_false(reply: Reply, _call: Call) -> None:
    """Errors are written {"status": false, "msg": text}."""
    if reply.error is not None:
        reply.body = {"status": False, "msg": reply.error}


def error_message(reply: Reply, _call: Call) -> None:
    """Errors are written {"message": text}, with HTTP status 401 for a bad key and 400 otherwise."""
    if reply.error is not None:
        reply.status = 401 if reply.error == INVALID_KEY else 400
        reply.body = {"message": reply.error}


def error_by_field(reply: Reply, _call: Call) -> None:
    """Errors are written {"message": "The given data was invalid.", "errors": {"order": [text]}}, HTTP status 422."""
    if reply.error is not None:
        reply.status = 422
        reply.body = {"message": "The given data was invalid.", "errors": {"order": [reply.error]}}


def error_plural(reply: Reply, _call: Call) -> None:
    """Errors are written {"errors": [text]}."""
    if reply.error is not None:
        reply.body = {"errors": [reply.error]}


def _with_status(status: int) -> Change:
    def with_status(reply: Reply, _call: Call) -> None:
        if reply.error is not None:
            reply.status = status

    with_status.__doc__ = f"Errors come with HTTP status {status}, and the same body."
    return with_status


def utf_16(reply: Reply, _call: Call) -> None:
    """The text is in UTF-16."""
    reply.charset = "utf-16"


def php_notice(reply: Reply, _call: Call) -> None:
    """A PHP notice precedes the JSON."""
    reply.prefix += _NOTICE


def byte_order_mark(reply: Reply, _call: Call) -> None:
    """A byte-order mark precedes the whole body."""
    reply.prefix = _BYTE_ORDER_MARK + reply.prefix


# Quirks that set the HTTP status read the documented shape, so they come before quirks that change the shape.
QUIRKS: Mapping[str, Quirk] = {
    "error_http_400": _with_status(400),
    "error_http_422": _with_status(422),
    "error_http_500": _with_status(500),
    "error_localised": error_localised,
    "error_windows_1251": error_windows_1251,
    "error_echoes_key": error_echoes_key,
    "error_plural": error_plural,
    "error_by_field": error_by_field,
    "error_message": error_message,
    "error_status_false": error_status_false,
    "error_status_msg": error_status_msg,
    "utf_16": utf_16,
    "php_notice": php_notice,
    "byte_order_mark": byte_order_mark,
}
