"""Spanish words of panels."""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:incorrect|inválid|no (?:es |son |está )?válid|erróne|equivocad)\w*"
_MONEY = r"(?:fondos?|saldo|dinero|créditos?)"
_KEY = r"(?:clave|llave|token|key)(?: de| del)?(?: la)?(?: api)?"
_GONE = r"(?:no (?:fue |ha sido )?encontrad\w*|no existe\w*|inexistente)"
_INACTIVE = r"(?:inactiv|no está activ|suspendid|bloquead|desactivad|deshabilitad|inhabilitad|banead)\w*"
_LINK = r"(?:enlace|link|url)"
_ORDER = r"(?:pedido|orden)"
_SUPPLIER = r"proveedor\w*"

KNOWN: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        rf"\b{_SUPPLIER}\b.*\b{_MONEY}\b",
        rf"\b{_MONEY}\b.*\b{_SUPPLIER}\b",
        r"\bservicio (?:\w+ ){0,3}mantenimiento\b",
        r"\bprocesando otra (?:transacción|solicitud|orden)",
    ),
    Reason.LINK_BUSY: (
        rf"\b{_ORDER} (?:\w+ ){{0,2}}(?:activ[oa]|pendiente|en curso|en proceso|en progreso) (?:\w+ ){{0,4}}{_LINK}\b",
        rf"\bya (?:\w+ ){{0,5}}{_ORDER} (?:\w+ ){{0,6}}{_LINK}\b",
        rf"\b(?:{_LINK}|{_ORDER}) duplicad",
        rf"\besper[ae] (?:\w+ ){{0,4}}{_ORDER}\b",
        rf"\b{_LINK} (?:\w+ ){{0,3}}(?:en uso|en proceso|en curso)\b",
        rf"\bdemasiad[ao]s (?:solicitudes|pedidos) (?:para|en|con) (?:este|el|ese) (?:\w+ )?(?:{_LINK}|perfil|usuario)",
    ),
    Reason.RATE_LIMITED: (
        r"\b(?:demasiad|much)[ao]s (?:solicitudes|peticiones|intentos|llamadas|consultas)",
        r"\blímite de (?:solicitudes|peticiones|llamadas|consultas|tasa|velocidad)",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        rf"\bno (?:tiene[sn]?|hay|cuenta con|cuentas con|posee|dispone de) (?:\w+ ){{0,2}}{_MONEY}\b",
        rf"\b{_MONEY} (?:\w+ ){{0,3}}(?:insuficiente|agotad|bajo|no es suficiente|no alcanza)",
        rf"\b(?:insuficientes?|sin|falta de|faltan|bajo) (?:\w+ )?{_MONEY}\b",
        rf"\b(?:recarg|añad|agreg|deposit)\w+ (?:\w+ )?(?:{_MONEY}|cuenta)\b",
    ),
    Reason.BAD_KEY: (
        rf"\b{_KEY} (?:\w+ ){{0,2}}(?:{_WRONG}|{_GONE}|{_INACTIVE}|requerid|obligatori|vencid|expirad|caducad)",
        r"\b(?:incorrect|inválid)[ao] (?:clave|llave|token|api key|key)\b",
        rf"(?:^|\b(?:tu|su) )cuenta (?:está |fue |ha sido )?{_INACTIVE}",
        rf"\bapi (?:\w+ )?{_INACTIVE}",
        r"\bno (?:está )?(?:autorizad|autenticad)",
    ),
    Reason.REFUSING: (
        r"\b(?:en|por|bajo) mantenimiento\b",
        r"\bmantenimiento (?:programado|del)\b",
        r"\bacceso (?:\w+ )?(?:denegado|prohibido|restringido)",
        rf"\bip (?:\w+ ){{0,2}}(?:{_INACTIVE}|no (?:está )?(?:permitid|autorizad))",
    ),
    Reason.SERVICE_NOT_FOUND: (
        rf"\bservicio (?:\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|eliminado)",
        rf"\b{_GONE} el servicio",
    ),
    Reason.QUANTITY_REFUSED: (
        rf"\bcantidad (?:\w+ ){{0,2}}(?:{_WRONG}|mínim|máxim|menor|mayor|debe|inferior|superior)",
        r"\bcantidad (?:mínim|máxim|debe)",
        r"\b(?:mínim|máxim)[oa] (?:es|de|permitid)",
    ),
    Reason.NOT_FOUND: (
        rf"\b{_ORDER} {_GONE}",
        rf"\bid de(?:l)? {_ORDER} (?:\w+ )?{_WRONG}",
        r"\breposición no encontrada",
    ),
    Reason.LINK_REFUSED: (
        rf"\b{_LINK} (?:\w+ )?(?:{_WRONG}|roto|requerid)",
        rf"\b(?:incorrect|inválid)o {_LINK}\b",
    ),
    Reason.BAD_REQUEST: (rf"\b(?:solicitud|petición|acción|parámetros?) (?:\w+ )?{_WRONG}",),
}

VAGUE: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        r"\b(?:inténte|intente|intenta|inténta|pruebe|vuelva)\w* (?:\w+ ){0,4}(?:más tarde|luego|después|en unos)",
        r"\bmás tarde\b",
        r"\btemporalmente\b",
        r"\b(?:por favor|favor de) esper",
    ),
    Reason.SERVICE_NOT_FOUND: (r"\bservicio no (?:está )?disponible",),
    Reason.QUANTITY_REFUSED: (r"\bcantidad\b",),
}

TAKEN = (
    r"\b(?:éxito|exitosamente|correctamente)\b",
    r"\b(?:solicitad|aceptad|enviad|recibid|cread|procesad)[oa]\b",
    r"\bserá (?:cancelad|rellenad|procesad|repuest)",
)
NOT = (r"\b(?:no|ya|nunca|imposible|error|fallid[oa]|falló)\b",)
