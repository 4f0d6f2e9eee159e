"""Indonesian words of panels."""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:salah|tidak valid|tidak sah|tidak sesuai|tidak benar|invalid)"
_GONE = r"(?:tidak ditemukan|tidak ada|tidak terdaftar)"
_INACTIVE = r"(?:tidak aktif|belum aktif|nonaktif|dinonaktifkan|ditangguhkan|diblokir|dibekukan|dibanned|di ?banned)"
_MONEY = r"(?:saldo|dana|kredit|deposit)"
_LINK = r"(?:link|tautan|url|target)"
_ORDER = r"(?:pesanan|orderan|order)"
_SUPPLIER = r"(?:penyedia|provider|supplier|pusat)"

KNOWN: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        rf"\b{_SUPPLIER}\b.*\b{_MONEY}\b.*\b(?:tidak|kurang|habis)\b",
        rf"\b{_MONEY} (?:\w+ )?{_SUPPLIER}\b.*\b(?:tidak|kurang|habis)\b",
        r"\blayanan (?:\w+ ){0,3}(?:pemeliharaan|maintenance|perbaikan)\b",
        r"\bmemproses (?:transaksi|permintaan|pesanan) lain",
    ),
    Reason.LINK_BUSY: (
        rf"\b(?:masih|sudah) (?:\w+ ){{0,2}}{_ORDER} (?:\w+ ){{0,6}}{_LINK}\b",
        rf"\b{_ORDER} (?:\w+ ){{0,4}}{_LINK} (?:\w+ )?sama\b",
        rf"\btunggu (?:\w+ ){{0,4}}{_ORDER}\b",
        rf"\b{_LINK} (?:\w+ ){{0,3}}(?:sedang diproses|sedang berjalan|sudah ada|duplikat)\b",
    ),
    Reason.RATE_LIMITED: (
        r"\bterlalu banyak (?:\w+ )?(?:permintaan|request|percobaan)",
        r"\bbatas (?:\w+ )?(?:permintaan|request)\b",
        r"\bterlalu (?:sering|cepat)\b",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        rf"\b{_MONEY} (?:\w+ ){{0,2}}(?:tidak (?:cukup|mencukupi)|kurang|habis|kosong)\b",
        rf"\b(?:tidak cukup|kurang|kekurangan) {_MONEY}\b",
        rf"\bisi (?:ulang )?{_MONEY}\b",
    ),
    Reason.BAD_KEY: (
        rf"\b(?:key|kunci api|kunci|token|apikey) (?:\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|kadaluarsa|kedaluwarsa)",
        rf"(?:^akun|\bakun anda|\bakun kamu) (?:telah |sudah |sedang )?{_INACTIVE}",
        rf"\bapi (?:\w+ )?{_INACTIVE}",
        r"\btidak (?:ter)?(?:otorisasi|autentikasi)",
        r"\b(?:otorisasi|autentikasi) gagal",
    ),
    Reason.REFUSING: (
        r"\b(?:sedang|dalam|masa) (?:\w+ )?(?:pemeliharaan|maintenance|perbaikan)\b",
        r"\bakses (?:\w+ )?(?:ditolak|dilarang)",
        r"\bip (?:\w+ ){0,3}(?:diblokir|tidak diizinkan|tidak terdaftar)",
    ),
    Reason.SERVICE_NOT_FOUND: (rf"\blayanan (?:\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|dihapus)",),
    Reason.QUANTITY_REFUSED: (
        rf"\bjumlah (?:\w+ ){{0,2}}(?:{_WRONG}|minimal|maksimal|minimum|maksimum|kurang|melebihi|harus|terlalu)",
        r"\b(?:minimal|maksimal|minimum|maksimum) (?:pemesanan|pesanan|order|pembelian|jumlah)",
    ),
    Reason.NOT_FOUND: (rf"\b{_ORDER} {_GONE}", rf"\bid {_ORDER} (?:\w+ )?(?:{_WRONG}|{_GONE})"),
    Reason.LINK_REFUSED: (rf"\b{_LINK} (?:\w+ )?(?:{_WRONG}|{_GONE})",),
    Reason.BAD_REQUEST: (rf"\b(?:permintaan|parameter) (?:\w+ )?{_WRONG}",),
}

VAGUE: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        r"\bcoba (?:\w+ )?(?:lagi|kembali|beberapa)",
        r"\b(?:silakan|silahkan|mohon|harap) (?:\w+ )?tunggu",
        r"\b(?:untuk )?sementara\b",
        r"\bgangguan\b",
    ),
    Reason.SERVICE_NOT_FOUND: (r"\blayanan tidak tersedia",),
    Reason.QUANTITY_REFUSED: (r"\bjumlah\b",),
}

TAKEN = (
    r"\b(?:berhasil|sukses)\b",
    r"\b(?:diterima|dikirim|dibuat|diajukan)\b",
    r"\bakan (?:dibatalkan|diproses|direfill)",
)
NOT = (r"\b(?:tidak|belum|sudah|gagal|bukan)\b",)
