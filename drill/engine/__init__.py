"""Makes a plan happen, exactly once, through crashes."""
