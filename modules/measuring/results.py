"""`Report`: what was measured, scenario by scenario, with sides, figures and pictures, and whether to trust it."""

from dataclasses import dataclass, field

from modules.measuring.figures import Figure
from modules.measuring.plots import Plot
from modules.monitoring.histogram import HistogramSnapshot

SCHEMA = 1
"""Of the JSON form; a report of another one is refused."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A setting of a scenario, in words: streams, seconds, model, chunk length."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Side:
    """One way of doing the work: Onbeat, or what it is compared with. `skipped` says why it was not measured.

    `latency` counts the chunks by latency from the schedule.
    """

    name: str
    figures: tuple[Figure, ...] = ()
    latency: HistogramSnapshot | None = None
    skipped: str = ""

    def figure(self, name: str) -> Figure | None:
        """The figure of that name; `None` where there is none."""
        return next((figure for figure in self.figures if figure.name == name), None)


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What a scenario found. Only a result without `invalid` reasons and not `skipped` says anything.

    - `question`: in one sentence, what the scenario asks.
    - `sides`: the first is Onbeat's where there are several; `reference` names the one that comparisons divide by.
    - `figures`: of the whole: ratios between sides and what is promised of them.
    - `invalid`: why the numbers are not to be trusted: the generator was late, the machine disturbed, ...
    - `skipped`: why it was not run; what it needs is not here.
    """

    name: str
    question: str = ""
    parameters: tuple[Parameter, ...] = ()
    seeds: tuple[int, ...] = ()
    seconds: float = 0.0
    sides: tuple[Side, ...] = ()
    figures: tuple[Figure, ...] = ()
    plots: tuple[Plot, ...] = ()
    reference: str = ""
    invalid: tuple[str, ...] = ()
    skipped: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("name must not be empty")
        names = [side.name for side in self.sides]
        if len(set(names)) != len(names):
            raise ValueError(f"sides of {self.name} must have names of their own, got {names}")

    @property
    def is_valid(self) -> bool:
        """Whether it was run and its numbers are to be trusted."""
        return not self.invalid and not self.skipped

    @property
    def is_good(self) -> bool:
        """Whether every figure, its own and its sides', is within its bound."""
        return all(figure.is_good for figure in self.all_figures)

    @property
    def all_figures(self) -> tuple[Figure, ...]:
        """Its own and its sides'."""
        return (*self.figures, *(figure for side in self.sides for figure in side.figures))

    def side(self, name: str) -> Side | None:
        """The side of that name; `None` where there is none."""
        return next((side for side in self.sides if side.name == name), None)


@dataclass(frozen=True, slots=True)
class Machine:
    """What the benchmarks ran on: `cpus` that the process may use, and `effective_cpus`, what quotas leave of them."""

    processor: str
    platform: str
    cpus: int
    effective_cpus: float
    memory_mb: float
    key: str = ""
    load_before: float | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A package and the version that is installed."""

    name: str
    version: str


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the benchmarks. `mode` is quick, default or record; `started` an instant in ISO 8601, UTC.

    `revision` is what of the source was measured, as far as is known; `command` how to do it again.
    """

    machine: Machine
    started: str
    mode: str = "default"
    seconds: float = 0.0
    onbeat: str = ""
    revision: str = ""
    command: str = ""
    versions: tuple[Version, ...] = ()
    scenarios: tuple[ScenarioResult, ...] = ()
    schema: int = field(default=SCHEMA)

    def __post_init__(self) -> None:
        if self.schema != SCHEMA:
            raise ValueError(f"schema must be {SCHEMA}, got {self.schema}: this report was made by another version")

    @property
    def is_good(self) -> bool:
        """Whether all that was run is within its bounds."""
        return all(scenario.is_good for scenario in self.scenarios)

    def scenario(self, name: str) -> ScenarioResult | None:
        """The scenario of that name; `None` where there is none."""
        return next((scenario for scenario in self.scenarios if scenario.name == name), None)
