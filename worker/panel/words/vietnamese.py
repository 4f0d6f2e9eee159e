"""Vietnamese words of panels."""

from collections.abc import Mapping

from worker.domain.orders.outcomes import Reason

_WRONG = r"(?:không hợp lệ|không đúng|không chính xác|sai|bị lỗi)"
_GONE = r"(?:không tồn tại|không tìm thấy|không được tìm thấy)"
_INACTIVE = r"(?:bị khóa|bị khoá|bị cấm|bị đình chỉ|không hoạt động|chưa kích hoạt|bị vô hiệu|bị tắt|đã tắt|bị chặn)"
_LINK = r"(?:link|liên kết|đường dẫn|url)"
_SUPPLIER = r"nhà cung cấp"

KNOWN: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (
        rf"\b{_SUPPLIER}\b.*\b(?:số dư|tiền|không đủ)\b",
        rf"\b(?:số dư|tiền|không đủ)\b.*\b{_SUPPLIER}\b",
        r"\bdịch vụ (?:\w+ ){0,3}bảo trì\b",
        r"\bđang xử lý (?:một )?(?:giao dịch|yêu cầu|đơn hàng|đơn) khác",
    ),
    Reason.LINK_BUSY: (
        rf"\b(?:đã|đang) (?:\w+ ){{0,2}}đơn (?:\w+ ){{0,7}}{_LINK}\b",
        rf"\b{_LINK} (?:\w+ ){{0,4}}(?:đang chạy|đang xử lý|đã tồn tại|đang có đơn|bị trùng)",
        rf"\btrùng (?:{_LINK}|đơn)",
        r"\b(?:chờ|đợi) (?:\w+ ){0,3}đơn\b",
    ),
    Reason.RATE_LIMITED: (
        r"\bquá nhiều (?:\w+ )?(?:yêu cầu|request|lần)",
        r"\bgiới hạn (?:số )?(?:\w+ )?(?:yêu cầu|request|truy cập|tần suất)",
        r"\bthao tác quá nhanh",
    ),
    Reason.NOT_ENOUGH_FUNDS: (
        r"\bkhông (?:có |còn )?đủ (?:\w+ )?(?:số dư|tiền|kinh phí|số tiền)",
        r"\b(?:số dư|tiền|tài khoản) (?:\w+ ){0,4}không (?:còn )?đủ\b",
        r"\bsố dư (?:\w+ )?thấp",
        r"\b(?:hết|thiếu) tiền\b",
        r"\bnạp (?:thêm )?tiền\b",
    ),
    Reason.BAD_KEY: (
        rf"\b(?:key|khóa|khoá|token|mã)(?: api)? (?:\w+ )?(?:{_WRONG}|{_GONE}|{_INACTIVE}|hết hạn)",
        r"\bsai (?:api )?(?:key|khóa|khoá|token)\b",
        rf"(?:^tài khoản|\btài khoản (?:api )?của bạn) (?:đã |đang |hiện )?{_INACTIVE}",
        rf"\bapi (?:\w+ )?{_INACTIVE}",
        r"\bchưa (?:được )?(?:đăng nhập|xác thực)",
        r"\bxác thực (?:thất bại|không thành công)",
    ),
    Reason.REFUSING: (
        r"\bbảo trì\b",
        r"\btừ chối truy cập",
        r"\btruy cập (?:\w+ )?bị từ chối",
        r"\bkhông có quyền truy cập",
        r"\bip (?:\w+ ){0,3}(?:bị chặn|bị khóa|bị khoá|không được phép)",
    ),
    Reason.SERVICE_NOT_FOUND: (
        rf"\bdịch vụ (?:\w+ ){{0,2}}(?:{_WRONG}|{_GONE}|{_INACTIVE}|ngừng hoạt động|đã bị xóa)",
        r"\bkhông tìm thấy dịch vụ",
    ),
    Reason.QUANTITY_REFUSED: (
        rf"\bsố lượng (?:\w+ ){{0,2}}(?:{_WRONG}|tối thiểu|tối đa|phải|nhỏ hơn|lớn hơn|ít hơn|vượt)",
        r"\b(?:tối thiểu|tối đa) là\b",
    ),
    Reason.NOT_FOUND: (rf"\bđơn(?: hàng)? (?:này )?{_GONE}", r"\bkhông tìm thấy đơn", rf"\bmã đơn(?: hàng)? {_WRONG}"),
    Reason.LINK_REFUSED: (rf"\b{_LINK} (?:\w+ )?(?:{_WRONG}|{_GONE})",),
    Reason.BAD_REQUEST: (rf"\b(?:yêu cầu|tham số) {_WRONG}",),
}

VAGUE: Mapping[Reason, tuple[str, ...]] = {
    Reason.BUSY: (r"\bthử lại\b", r"\bvui lòng (?:chờ|đợi)\b", r"\btạm (?:thời|ngừng|ngưng)\b"),
    Reason.QUANTITY_REFUSED: (r"\bsố lượng\b",),
}

TAKEN = (
    r"\bthành công\b",
    r"\bđã (?:\w+ )?(?:gửi|nhận|tạo|yêu cầu|tiếp nhận)\b",
    r"\bsẽ (?:được|bị) (?:hủy|huỷ|bảo hành)",
)
NOT = (r"\b(?:không|chưa|lỗi|thất bại)\b",)
