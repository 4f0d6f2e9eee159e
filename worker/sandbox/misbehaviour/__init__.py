"""How the panel misbehaves on request: faults, quirks and cheats."""
