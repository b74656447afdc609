"""A report made up: every kind of picture, a bound that is kept, one that is broken, sides and scenarios left out."""

from modules.measuring.figures import Better, Figure
from modules.measuring.plots import Line, Mark, Plot, PlotKind
from modules.measuring.results import Machine, Parameter, Report, ScenarioResult, Side, Version
from tests.measured import times

MACHINE = Machine("Some CPU", "Linux", cpus=4, effective_cpus=1.5, memory_mb=8000.0, load_before=0.25)

CDF = Plot(
    "latency_cdf",
    "Chunk latency",
    "chunk latency, ms",
    "share of chunks",
    (
        Line("onbeat", ((5.0, 0.1), (20.0, 0.5), (80.0, 0.95), (150.0, 0.995), (200.0, 1.0))),
        Line("thread pool", ((9.0, 0.1), (90.0, 0.5), (400.0, 0.99), (700.0, 1.0))),
    ),
    limit=0.99,
    limit_x=300.0,
    is_log_x=True,
)
STREAMS = Plot(
    "p99_over_streams",
    "p99 by streams",
    "streams",
    "p99, ms",
    (Line("onbeat", ((10.0, 20.0), (20.0, 60.0), (30.0, 900.0))),),
    limit=300.0,
    is_log_y=True,
)
BATCHES = Plot(
    "throughput_over_batch",
    "Throughput by batch",
    "chunks in a call",
    "chunks/s",
    (Line("encoder", ((1.0, 500.0), (2.0, 700.0), (4.0, 800.0), (8.0, 790.0))),),
    marks=(Mark(4.0, "knee"),),
    is_log_x=True,
)
DECISIONS = Plot(
    "decisions_over_load",
    "Decisions over load",
    "s",
    "streams",
    (
        Line("sent", ((0.0, 10.0), (5.0, 15.0), (9.0, 15.0))),
        Line("late", ((0.0, 0.0), (5.0, 3.0), (9.0, 0.0)), is_right=True),
    ),
    marks=(Mark(5.5, "suspends <4> streams"), Mark(5.55, "stops partial results"), Mark(7.0, "chunks 200 -> 320 ms")),
    kind=PlotKind.STEP,
    right_label="late, %",
)
MEMORY = Plot("memory_over_time", "Memory", "s", "MB", (Line("unique set", ((0.0, 60.0), (9.0, 81.0))),), limit=512.0)
PEERS = Plot(
    "peers",
    "Streams carried",
    "",
    "streams",
    (Line("streams", ((0.0, 30.0), (1.0, 12.0))),),
    kind=PlotKind.BARS,
    bar_names=("onbeat", "one call at a time"),
)
PLOTS = (CDF, STREAMS, BATCHES, DECISIONS, MEMORY, PEERS)

CARRIED = ScenarioResult(
    "multi_stream",
    "How many streams are carried & held?",
    (Parameter("model", "digits"), Parameter("chunk", "200 ms")),
    (0, 1),
    92.5,
    (
        Side(
            "onbeat",
            (
                Figure("streams", 312.0, "streams", low=300.0, high=324.0, better=Better.HIGHER),
                Figure("p99", 221.3, "ms", most=300.0, better=Better.LOWER),
            ),
            times(0.01, 0.02, 0.2),
        ),
        Side("thread pool", (Figure("streams", 240.0, "streams"), Figure("p99", 295.0, "ms"))),
        Side("LitServe", skipped="litserve is not installed"),
        Side("bare kernels", (Figure("streams", 1350.0, "streams"),)),
    ),
    (
        Figure("efficiency", 0.231, "x", low=0.21, high=0.25, least=0.85, better=Better.HIGHER),
        Figure("onbeat / thread pool", 1.3, "x", least=1.15, better=Better.HIGHER, note="the median of 3 rounds"),
    ),
    (CDF, STREAMS, PEERS),
    reference="bare kernels",
    notes=("LitServe needs an environment of its own.",),
)
DOUBTED = ScenarioResult(
    "overload",
    "What is served at 1.5 times the capacity?",
    sides=(Side("onbeat", (Figure("goodput", 0.93, least=0.9),)),),
    plots=(DECISIONS, MEMORY),
    invalid=("the generator was late: p99 7.2 ms, at most 5 ms",),
)
KEPT = ScenarioResult("module", "What does each stage cost?", figures=(Figure("p99", 1.3, "ms", most=300.0),))
FREE = ScenarioResult("decode", figures=(Figure("first audio", 0.4, "ms"),), plots=(BATCHES,))
LEFT_OUT = ScenarioResult("quota", "Does sizing follow a quota?", skipped="no control group can be made here")

REPORT = Report(
    MACHINE,
    "2026-11-21T13:30:00+00:00",
    mode="quick",
    seconds=100.0,
    onbeat="0.1.0",
    revision="167603e",
    command="python run_benchmarks.py --quick",
    versions=(Version("numpy", "2.0"), Version("onnxruntime", "1.31")),
    scenarios=(CARRIED, DOUBTED, KEPT, FREE, LEFT_OUT),
)
