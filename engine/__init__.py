"""Onbeat: an asyncio engine that runs audio through models and keeps every chunk on time."""

__version__ = "0.1.0"
