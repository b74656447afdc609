"""Memory: blocks on loan under one limit, and how much memory streams and recordings may take."""
