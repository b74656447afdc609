"""Settings of a session: valid on birth, a closed list, and refused where they would do nothing."""

from pathlib import Path
from typing import Any

import pytest

from modules.errors import ConfigError
from modules.models.onnx_options import (
    REFUSED,
    ArenaGrowth,
    Execution,
    GraphLevel,
    OnnxOptions,
    Provider,
    options_of,
    options_of_text,
)


def test_one_thread_in_sequence_without_spinning_is_the_default() -> None:
    """The workers are the parallelism."""
    options = OnnxOptions()
    assert (options.intra_op_threads, options.spinning, options.execution) == (1, False, Execution.SEQUENTIAL)
    assert options.graph_level is GraphLevel.ALL


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"inter_op_threads": 2}, "inter_op_threads above 1 does nothing in sequential"),
        ({"execution": Execution.PARALLEL}, "memory_pattern does nothing in parallel"),
        ({"arena": False}, "memory_pattern has shown no effect without an arena"),
        ({"arena": False, "memory_pattern": False, "arena_shrink": True}, "do nothing without an arena"),
        ({"arena": False, "memory_pattern": False, "max_arena_bytes": 1}, "do nothing without an arena"),
        ({"spinning": True}, "spinning does nothing with one thread"),
        ({"intra_op_threads": 0}, "intra_op_threads must be at least 1"),
        ({"warm_up_passes": 1_000}, "warm_up_passes must be at least 1 and at most 256"),
        ({"max_arena_bytes": 0}, "max_arena_bytes must be at least 1"),
        ({"prepacking": "no"}, "prepacking must be true or false"),
    ],
)
def test_what_would_do_nothing_is_refused(settings: dict[str, Any], said: str) -> None:
    """With what to set instead."""
    with pytest.raises(ValueError, match=said):
        OnnxOptions(**settings)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_settings_that_others_take_in_silence_are_refused_with_the_reason(name: str) -> None:
    """Also under their long names."""
    with pytest.raises(ConfigError, match="is refused: "):
        options_of({f"session.{name}": 1})


def test_an_unknown_setting_names_the_nearest_known_one() -> None:
    """ONNX Runtime would take it in silence."""
    with pytest.raises(ConfigError, match=r"unknown setting 'spining', .*did you mean 'spinning'\?"):
        options_of({"spining": True})
    with pytest.raises(ConfigError, match="known are arena, "):
        options_of({"xyzzy": True})


def test_values_of_a_settings_file_become_options() -> None:
    """Texts for choices and paths."""
    choices = {"graph_level": "basic", "arena_growth": "as_requested", "provider": "CPUExecutionProvider"}
    options = options_of({**choices, "graph_cache": "g"})
    assert options.graph_level is GraphLevel.BASIC
    assert options.arena_growth is ArenaGrowth.AS_REQUESTED
    assert options.graph_cache == Path("g")
    assert options.provider is Provider.CPU


def test_a_wrong_choice_is_named_with_the_right_ones() -> None:
    """As an error of settings."""
    with pytest.raises(ConfigError, match="graph_level must be one of off, basic, extended, all, got 'most'"):
        options_of({"graph_level": "most"})
    with pytest.raises(ConfigError, match="intra_op_threads"):
        options_of({"intra_op_threads": 0})
    with pytest.raises(ConfigError, match="ONNX session"):
        options_of({"intra_op_threads": "two"})


def test_settings_are_read_from_texts() -> None:
    """As the command line has them."""
    options = options_of_text(["intra_op_threads=2", "spinning=true", "graph_level=off"])
    assert (options.intra_op_threads, options.spinning, options.graph_level) == (2, True, GraphLevel.OFF)
    with pytest.raises(ConfigError, match="write NAME=VALUE"):
        options_of_text(["spinning"])
