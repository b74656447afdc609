"""What a benchmark knows: its records, its schedules, its statistics. Nothing here runs the engine or waits."""
