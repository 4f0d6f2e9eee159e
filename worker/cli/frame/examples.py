"""Shows examples at the end of a command's help."""


def examples(*lines: str) -> str:
    """Returns an epilog that click doesn't wrap. Each line can be typed as it is."""
    title = "Example" if len(lines) == 1 else "Examples"
    return "\n".join(["\b", f"{title}:", *(f"  {line}" for line in lines)])
