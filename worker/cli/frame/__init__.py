"""What all commands share: parameters, errors, interrupts, the database."""
