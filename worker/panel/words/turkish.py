"""Turkish words of panels."""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:geçersiz|hatalı|yanlış|eksik|bozuk)"
_MONEY = r"(?:bakiye|kredi|para)"
_GONE = r"(?:bulunamadı|mevcut değil|bulunmuyor)"
_INACTIVE = r"(?:aktif değil|askıya|pasif|devre dışı|engellen|engelli|banlan|yasaklan|donduruldu|kapatıl|kapalı)"
_LINK = r"(?:link|bağlantı|url)"
_SUPPLIER = r"(?:sağlayıcı|tedarikçi)"

KNOWN: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        rf"\b{_SUPPLIER}\w*.*\b{_MONEY}",
        rf"\b{_MONEY}\w*.*\b{_SUPPLIER}",
        r"\b(?:servis|hizmet)\w* (?:\w+ ){0,2}bakım",
        r"\bbaşka bir (?:işlem|istek|sipariş)\w* (?:\w+ ){0,2}(?:devam|işlen|yürüt)",
    ),
    Reason.LINK_BUSY: (
        rf"\b(?:bu|aynı) {_LINK}\w* (?:\w+ ){{0,5}}(?:aktif|devam|bekleyen|sipariş|zaten)",
        r"\b(?:aktif|devam eden|bekleyen) (?:\w+ ){0,3}sipariş",
        r"\bsipariş\w* (?:\w+ ){0,3}(?:bekleyin|tamamlanmasını)",
        rf"\bmükerrer (?:sipariş|{_LINK})",
        r"\bzaten (?:\w+ ){0,3}sipariş",
    ),
    Reason.RATE_LIMITED: (
        r"\bçok fazla (?:\w+ )?(?:istek|deneme|talep|sorgu)",
        r"\b(?:istek|hız) (?:limit|sınır)",
        r"\bçok sık\b",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        rf"\b(?:yetersiz|yeterli) (?:\w+ )?{_MONEY}",
        rf"\b{_MONEY}\w* (?:\w+ )?(?:yetersiz|yeterli değil|yok|düşük|yetmiyor|bitti)",
        r"\bbakiye yükle",
    ),
    Reason.BAD_KEY: (
        rf"\b{_WRONG} (?:api )?(?:anahtar|key|token)",
        rf"\b(?:anahtar|key|token)\w* (?:\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|gerekli)",
        rf"(?:^hesap|\bhesabınız|\bapi hesab\w*) (?:\w+ )?{_INACTIVE}",
        rf"\bapi (?:\w+ )?{_INACTIVE}",
        r"\byetkisiz\b",
        r"\byetkiniz (?:yok|bulunm)",
        r"\bkimlik doğrulama",
    ),
    Reason.REFUSING: (
        r"\bbakım(?:da|dayız| çalışma| modu|a alın)",
        r"\berişim (?:\w+ )?(?:engellendi|reddedildi|yasak)",
        rf"\bip (?:adres\w* )?(?:\w+ )?(?:{_INACTIVE}|izin)",
    ),
    Reason.SERVICE_NOT_FOUND: (
        rf"\b(?:servis|hizmet)\w* (?:id |\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|kaldırıldı)",
        rf"\b{_WRONG} (?:servis|hizmet)",
    ),
    Reason.QUANTITY_REFUSED: (
        rf"\b{_WRONG} (?:miktar|adet)",
        rf"\b(?:miktar|adet)\w* (?:\w+ ){{0,3}}(?:{_WRONG}|az|fazla|düşük|yüksek|olmalı|küçük|büyük)",
        r"\b(?:minimum|maksimum) (?:miktar|sipariş|adet)",
    ),
    Reason.NOT_FOUND: (r"\bsipariş (?:id )?bulunamadı", rf"\b{_WRONG} sipariş (?:id|no|numara)"),
    Reason.LINK_REFUSED: (rf"\b{_WRONG} {_LINK}", rf"\b{_LINK}\w* (?:\w+ )?(?:{_WRONG}|{_GONE})"),
    Reason.BAD_REQUEST: (rf"\b{_WRONG} (?:istek|işlem|parametre)",),
}

VAGUE: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        r"\bsonra (?:\w+ )?(?:tekrar|yeniden)",
        r"\btekrar deneyin",
        r"\bbekleyin",
        r"\bgeçici olarak",
    ),
    Reason.QUANTITY_REFUSED: (r"\bmiktar",),
}

TAKEN = (r"\bbaşarı(?:lı|yla)\b", r"\b(?:alındı|gönderildi|oluşturuldu|iletildi|talep edildi)\b", r"\biptal edilecek")
NOT = (r"\b(?:değil|yok|zaten|hata|başarısız|edilemez|edilemedi|yapılamaz|yapılamadı)\b",)
