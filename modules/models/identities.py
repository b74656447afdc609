"""Which models gave an answer, when one that was asked is itself made of several."""

from modules.models.composite import Composite
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
