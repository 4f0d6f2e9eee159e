"""Lost answers: what the ids on a panel prove about them."""
