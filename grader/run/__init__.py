"""Many submissions: judges as processes, results kept as they come."""
