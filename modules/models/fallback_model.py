"""`FallbackModel`: a role's models as one model, so that a stage need not know how many there are."""

from collections.abc import Mapping, Sequence

from modules.errors import ModelError
from modules.models.array_model import ArrayModel
from modules.models.fallback import Fallback
from modules.models.tensors import Array, TensorSpec


class FallbackModel:
    """A `Fallback` over models as one `ArrayModel`.

    The models of a role take and give the same arrays in the same order; their names for them may differ.
    """

    def __init__(self, fallback: Fallback[ArrayModel]) -> None:
        """Use `fallback`, whose first backend that can be loaded is loaded now. Raises `ModelError` when none can."""
        self.fallback = fallback
        model = fallback.load()
        self.inputs = tuple(model.inputs)
        self.outputs = tuple(model.outputs)

    def __repr__(self) -> str:
        return f"<FallbackModel {self.fallback!r}>"

    def run(self, feeds: Mapping[str, Array], /) -> list[Array]:
        """The outputs of the best model that works."""
        return self.fallback.call(lambda model: model.run(_renamed(feeds, model, self.inputs)))

    def stop(self) -> None:
        """Break off the calls that run."""
        self.fallback.stop()


def _renamed(feeds: Mapping[str, Array], model: ArrayModel, names: Sequence[TensorSpec]) -> Mapping[str, Array]:
    wanted = [tensor.name for tensor in model.inputs]
    if not wanted or set(wanted) == set(feeds):
        return feeds
    ordered = [feeds[tensor.name] for tensor in names] if names else list(feeds.values())
    if len(wanted) != len(ordered):
        raise ModelError(f"{model!r} takes {len(wanted)} inputs, {', '.join(wanted)}; {len(ordered)} are given")
    return dict(zip(wanted, ordered, strict=True))
