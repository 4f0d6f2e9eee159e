"""Portuguese words of panels."""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:incorret|incorrect|inválid|errad|não (?:é |são )?válid)\w*"
_MONEY = r"(?:saldo|fundos?|dinheiro|créditos?)"
_KEY = r"(?:chave|token|key)(?: de| da| do)?(?: api)?"
_GONE = r"(?:não (?:foi )?encontrad\w*|não existe\w*|inexistente)"
_INACTIVE = r"(?:inativ|não está ativ|suspens|bloquead|desativad|desabilitad|banid)\w*"
_LINK = r"(?:link|url)"
_SUPPLIER = r"fornecedor\w*"

KNOWN: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        rf"\b{_SUPPLIER}\b.*\b{_MONEY}\b",
        rf"\b{_MONEY}\b.*\b{_SUPPLIER}\b",
        r"\bserviço (?:\w+ ){0,3}manutenção\b",
        r"\bprocessando outra (?:transação|solicitação)",
    ),
    Reason.LINK_BUSY: (
        rf"\bpedido (?:\w+ ){{0,2}}(?:ativo|pendente|em andamento|em aberto|em processamento) (?:\w+ ){{0,4}}{_LINK}\b",
        rf"\bjá (?:\w+ ){{0,5}}pedido (?:\w+ ){{0,6}}{_LINK}\b",
        rf"\b(?:{_LINK}|pedido) duplicado",
        r"\baguarde (?:\w+ ){0,4}(?:pedido|conclusão|término)\b",
        rf"\b{_LINK} (?:\w+ ){{0,3}}(?:em uso|em andamento)\b",
    ),
    Reason.RATE_LIMITED: (
        r"\b(?:muitas|excesso de) (?:solicitações|requisições|tentativas|chamadas)",
        r"\blimite de (?:solicitações|requisições|chamadas|taxa)",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        rf"\bnão (?:tem|têm|possui|há|dispõe de) (?:\w+ ){{0,2}}{_MONEY}\b",
        rf"\b{_MONEY} (?:\w+ ){{0,3}}(?:insuficiente|esgotad|baixo|não é suficiente)",
        rf"\b(?:insuficientes?|sem|falta de|baixo) (?:\w+ )?{_MONEY}\b",
        rf"\b(?:recarregue|adicione|deposite) (?:\w+ )?(?:{_MONEY}|conta)\b",
    ),
    Reason.BAD_KEY: (
        rf"\b{_KEY} (?:\w+ ){{0,2}}(?:{_WRONG}|{_GONE}|{_INACTIVE}|obrigatóri|expirad)",
        rf"(?:^|\bsua )conta (?:está |foi )?{_INACTIVE}",
        r"^(?:seu )?usuário (?:\w+ )?(?:bloquead|suspens|banid|desativad)",
        rf"\bapi (?:\w+ )?{_INACTIVE}",
        r"\bnão (?:está )?(?:autorizad|autenticad)",
    ),
    Reason.REFUSING: (
        r"\b(?:em|sob|para) manutenção\b",
        r"\bmanutenção (?:programada|do)\b",
        r"\bacesso (?:\w+ )?(?:negado|proibido|restrito)",
        rf"\bip (?:\w+ ){{0,2}}(?:{_INACTIVE}|não (?:está )?(?:permitid|autorizad))",
    ),
    Reason.SERVICE_NOT_FOUND: (rf"\bserviço (?:\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|removido)",),
    Reason.QUANTITY_REFUSED: (
        rf"\bquantidade (?:\w+ ){{0,2}}(?:{_WRONG}|mínim|máxim|menor|maior|deve|abaixo|acima)",
        r"\b(?:mínim|máxim)[oa] (?:é|de|permitid)",
    ),
    Reason.NOT_FOUND: (rf"\bpedido {_GONE}", rf"\bid do pedido (?:\w+ )?{_WRONG}"),
    Reason.LINK_REFUSED: (rf"\b{_LINK} (?:\w+ )?{_WRONG}",),
    Reason.BAD_REQUEST: (rf"\b(?:solicitação|requisição|ação|parâmetros?) (?:\w+ )?{_WRONG}",),
}

VAGUE: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        r"\btente (?:\w+ ){0,3}(?:novamente|mais tarde|de novo)",
        r"\bmais tarde\b",
        r"\btemporariamente\b",
        r"\baguarde\b",
    ),
    Reason.SERVICE_NOT_FOUND: (r"\bserviço (?:não (?:está )?disponível|indisponível)",),
    Reason.QUANTITY_REFUSED: (r"\bquantidade\b",),
}

TAKEN = (
    r"\bsucesso\b",
    r"\b(?:solicitad|aceit|enviad|recebid|criad|processad)[oa]\b",
    r"\bserá (?:cancelad|reabastecid|processad|repost)",
)
NOT = (r"\b(?:não|já|nunca|impossível|erro|falhou)\b",)
