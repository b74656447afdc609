"""Whether the engine's text is that of one recogniser fed in the same grain, recording by recording."""

import time

import anyio
import vosk

from benchmarks.accuracy import onbeat, vosk_in_grains
from benchmarks.material import digit_strings, model
from benchmarks.scale import Scale
from modules.measuring.figures import Figure
from modules.measuring.results import Parameter, ScenarioResult


def equal_results(scale: Scale) -> ScenarioResult:
    """All recordings differ from the sequential reference in nothing."""
    begun_s = time.perf_counter()
    paths = digit_strings()[: max(2, scale.files // 5)]
    vosk.SetLogLevel(-1)
    loaded = vosk.Model(str(model("digits-en")))
    said = anyio.run(onbeat, "digits-en", "off", paths)
    different = [path.name for path in paths if said[path] != vosk_in_grains(loaded, path)]
    return ScenarioResult(
        "equal_results",
        "Is the text that of a sequential reference?",
        (Parameter("recordings", str(len(paths))), Parameter("model", "digits-en")),
        seconds=time.perf_counter() - begun_s,
        figures=(Figure("recordings whose text differs", float(len(different)), most=0.0, note=", ".join(different)),),
    )
