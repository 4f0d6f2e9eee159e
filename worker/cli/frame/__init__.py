"""The frame that all commands share: parameters, errors, interrupts, the database."""
