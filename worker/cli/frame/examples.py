"""Examples at the end of a command's help."""


def examples(*lines: str) -> str:
    """An epilog that click leaves as it is; each line is typed as it stands."""
    title = "Example" if len(lines) == 1 else "Examples"
    return "\n".join(["\b", f"{title}:", *(f"  {line}" for line in lines)])
