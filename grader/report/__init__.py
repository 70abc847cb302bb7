"""Results for people: in the terminal, and as pages."""
