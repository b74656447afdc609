"""What stands behind a model or a stage: which models give its answers, and which roles may fall back."""

from typing import Any

from modules.models.composite import Composite
from modules.models.fallback import Fallback
from modules.models.fallback_model import FallbackModel
from modules.models.run_records import ModelIdentity


def identities(model: object) -> tuple[ModelIdentity, ...]:
    """The model's own, those of a composite's steps, or of the one that answers in a role; none where it has none."""
    if isinstance(model, FallbackModel):
        return identities(model.fallback.answering)
    if isinstance(model, Composite):
        return tuple(known for step in model.steps for known in identities(step.model))
    known = getattr(model, "identity", None)
    return (known,) if isinstance(known, ModelIdentity) else ()


def identities_of(*stages: object) -> tuple[ModelIdentity, ...]:
    """The models of these stages, as far as they say in `models` which they have."""
    return tuple(known for stage in stages for model in getattr(stage, "models", ()) for known in identities(model))


def fallbacks(model: object) -> list[Fallback[Any]]:
    """The roles in a model: its own, and those of what is loaded in it and of a composite's steps."""
    if isinstance(model, FallbackModel):
        return [model.fallback, *(inner for backend in model.fallback.loaded() for inner in fallbacks(backend))]
    if isinstance(model, Composite):
        return [inner for step in model.steps for inner in fallbacks(step.model)]
    return []


def fallbacks_of(*stages: object) -> list[Fallback[Any]]:
    """The roles in the models of these stages, as far as they say in `models` which they have."""
    return [role for stage in stages for model in getattr(stage, "models", ()) for role in fallbacks(model)]
