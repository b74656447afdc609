"""`onbeat config show` says what is in force, in forms for people and for programs."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from engine.cli.config import as_toml_lines, config_app
from engine.config import BatchProcessingConfig, known_settings
from engine.config_sources import load_config


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def show(*options: str, environ: dict[str, str] | None = None) -> str:
    """The output of `onbeat config show`."""
    result = CliRunner().invoke(config_app, ["show", *options], env=environ or {}, catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


def test_each_setting_is_a_line_of_toml() -> None:
    """Without options."""
    lines = show(environ={"ONBEAT_WORKERS": "3"}).splitlines()
    assert [line.partition(" = ")[0] for line in lines] == list(known_settings())
    assert "workers = 3" in lines
    assert 'channel = "auto"' in lines


def test_what_is_shown_reads_back_as_the_same_settings(tmp_path: Path) -> None:
    """So that it can become an onbeat.toml."""
    file = tmp_path / "shown.toml"
    file.write_text(show(environ={"ONBEAT_VOSK_MODEL": '/models/an "odd" näme', "ONBEAT_SEGMENTING": "off"}))
    config = load_config(environ={}, config_file=file).config
    assert config == BatchProcessingConfig(vosk_model=Path('/models/an "odd" näme'), segmenting="off")


@given(st.floats(min_value=0.02, max_value=60))
def test_a_number_is_shown_with_nothing_that_matters_lost(chunk_s: float) -> None:
    """To fifteen digits."""
    lines = as_toml_lines(load_config({"chunk_s": chunk_s}, environ={}))
    (shown,) = [float(line.removeprefix("chunk_s = ")) for line in lines if line.startswith("chunk_s")]
    assert shown == pytest.approx(chunk_s, rel=1e-14)


def test_explained_in_a_pipe_each_setting_is_four_fields_between_tabs() -> None:
    """The form does not depend on the width of anything."""
    rows = [line.split("\t") for line in show("--explain", environ={"AUDIO_BATCH_SIZE": "8"}).splitlines()]
    assert {len(row) for row in rows} == {4}
    assert ["max_batch", "8", "environment AUDIO_BATCH_SIZE"] in [row[:3] for row in rows]


def test_as_json_values_keep_their_types() -> None:
    """And auto is null."""
    values = json.loads(show("--json"))
    assert values["workers"] is None
    assert values["batching"] is True
    explained = json.loads(show("--json", "--explain"))
    assert explained["workers"]["origin"] == "default"
    assert set(explained["workers"]) == {"value", "origin", "meaning"}


def test_a_settings_file_can_be_named(tmp_path: Path) -> None:
    """With --config."""
    (tmp_path / "mine.toml").write_text("workers = 5")
    assert "workers = 5" in show("--config", "mine.toml")
