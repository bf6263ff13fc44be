"""What a store must do, in words and types; no store lives here."""
