"""What a benchmark knows: its records, its schedules, its statistics. Nothing here runs, waits or reads a clock."""
