"""Settings come from where they should, and what is wrong with them is said in one line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import BatchProcessingConfig, allowed, known_settings, meaning
from engine.config_sources import load_config
from modules.errors import ConfigError

Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def toml(tmp_path: Path) -> Write:
    """Write `onbeat.toml` in the current directory."""

    def write(text: str) -> Path:
        path = tmp_path / "onbeat.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def refusal(**sources: object) -> str:
    """What `load_config` says when it refuses; it always says it in one line."""
    with pytest.raises(ConfigError) as caught:
        load_config(**{"environ": {}, **sources})  # type: ignore[arg-type] # a test may give anything
    assert "\n" not in str(caught.value)
    return str(caught.value)


class TestPrecedence:
    def test_without_any_source_every_setting_is_its_default(self) -> None:
        """Nothing set, no file: the defaults, and they say so."""
        loaded = load_config(environ={})
        assert loaded.config == BatchProcessingConfig()
        assert {str(origin) for origin in loaded.origins.values()} == {"default"}
        assert loaded.file is None

    def test_arguments_beat_environment_beats_file_beats_default(self, toml: Write) -> None:
        """Each source wins over those below it, setting by setting."""
        file = toml("workers = 1\nmax_batch = 1\nlanguage = 'de'\n")
        loaded = load_config({"workers": 3}, environ={"ONBEAT_WORKERS": "2", "ONBEAT_MAX_BATCH": "2"})
        assert (loaded.config.workers, loaded.config.max_batch, loaded.config.language) == (3, 2, "de")
        assert str(loaded.origins["workers"]) == "argument --workers"
        assert str(loaded.origins["max_batch"]) == "environment ONBEAT_MAX_BATCH"
        assert str(loaded.origins["language"]) == f"onbeat.toml ({file})"
        assert str(loaded.origins["asr"]) == "default"
        assert loaded.file == file

    def test_an_argument_that_is_none_was_not_given(self) -> None:
        """A command passes what its user left out as None."""
        assert load_config({"workers": None}, environ={"ONBEAT_WORKERS": "2"}).config.workers == 2

    def test_auto_takes_a_setting_back(self, toml: Write) -> None:
        """The word auto in a higher source restores Onbeat's own choice."""
        toml("workers = 1\nchannel = 1\nchunk_s = 1\nvosk_model = 'm'\n")
        auto = {f"ONBEAT_{name}": "auto" for name in ("WORKERS", "CHANNEL", "CHUNK_S", "VOSK_MODEL")}
        config = load_config(environ=auto).config
        assert (config.workers, config.channel, config.chunk_s, config.vosk_model) == (None, None, None, None)

    def test_a_value_that_is_overridden_is_not_looked_at(self) -> None:
        """An argument helps against a variable one cannot change."""
        assert load_config({"workers": 2}, environ={"ONBEAT_WORKERS": "many"}).config.workers == 2

    def test_a_config_made_directly_reads_no_environment(self, monkeypatch: pytest.MonkeyPatch, toml: Write) -> None:
        """The same line of Python means the same everywhere."""
        toml("workers = 1\n")
        monkeypatch.setenv("ONBEAT_WORKERS", "3")
        assert BatchProcessingConfig().workers is None
        assert load_config().config.workers == 3


class TestEnvironment:
    @pytest.mark.parametrize("text", ["1", "true", "YES", "On"])
    def test_batching_is_switched_on_by_four_words(self, text: str) -> None:
        """In any case of letters."""
        assert load_config(environ={"ENABLE_BATCH_PROCESSING": text}).config.batching is True

    @pytest.mark.parametrize("text", ["0", "false", "No", "OFF"])
    def test_batching_is_switched_off_by_four_words(self, text: str) -> None:
        """In any case of letters."""
        assert load_config(environ={"ENABLE_BATCH_PROCESSING": text}).config.batching is False

    @pytest.mark.parametrize("text", ["", " ", "2", "y", "enabled", "nope", "tru"])
    def test_any_other_word_for_batching_is_an_error(self, text: str) -> None:
        """Nothing is guessed."""
        message = refusal(environ={"ENABLE_BATCH_PROCESSING": text})
        assert message.startswith(f"environment ENABLE_BATCH_PROCESSING: batching = {text!r} is not allowed")
        assert "yes or no" in message

    @pytest.mark.parametrize(
        ("variable", "text", "setting", "value"),
        [
            ("AUDIO_BATCH_SIZE", "16", "max_batch", 16),
            ("PARALLEL_MAX_WORKERS", "3", "workers", 3),
            ("CHUNK_SIZE_SECONDS", "0.32", "chunk_s", 0.32),
            ("VOSK_LOG_LEVEL", "0", "vosk_log_level", 0),
        ],
    )
    def test_the_inherited_variables_are_read(self, variable: str, text: str, setting: str, value: float) -> None:
        """Each gives its setting, is named as its origin, and gives way to Onbeat's own name."""
        loaded = load_config(environ={variable: text})
        assert getattr(loaded.config, setting) == value
        assert str(loaded.origins[setting]) == f"environment {variable}"
        both = load_config(environ={variable: "nonsense", f"ONBEAT_{setting.upper()}": "1"})
        assert getattr(both.config, setting) == 1

    @pytest.mark.parametrize(("text", "value"), [("on", "on"), ("false", "off"), ("1", "on")])
    def test_segmenting_is_a_switch(self, text: str, value: str) -> None:
        """It takes the words every switch takes."""
        assert load_config(environ={"ONBEAT_SEGMENTING": text}).config.segmenting == value

    @pytest.mark.parametrize("text", ["", "nan", "inf", "1e400", "0", "61", "true", "0,5"])
    def test_a_text_that_is_no_length_is_refused(self, text: str) -> None:
        """Including those that Python takes for a float."""
        assert "it takes a number from 0.02 to 60, or auto" in refusal(environ={"CHUNK_SIZE_SECONDS": text})

    def test_an_unknown_variable_names_the_nearest_known_one(self) -> None:
        """Only variables that begin with ONBEAT_ are ours to judge."""
        assert "ONBEAT_WORKER; the nearest known one is 'ONBEAT_WORKERS'" in refusal(environ={"ONBEAT_WORKER": "2"})
        assert "'ONBEAT_WORKERS'" in refusal(environ={"ONBEAT_workers": "2"})
        load_config(environ={"WORKER": "2", "AUDIO_BATCH": "x"})


class TestFile:
    def test_the_file_can_be_named_by_variable_and_by_argument(self, tmp_path: Path, toml: Write) -> None:
        """The argument wins, then the variable, then the current directory."""
        toml("workers = 1")
        for number in (2, 3):
            (tmp_path / f"{number}.toml").write_text(f"workers = {number}")
        environ = {"ONBEAT_CONFIG": "2.toml"}
        assert load_config(environ=environ).config.workers == 2
        loaded = load_config(environ=environ, config_file=Path("3.toml"))
        assert loaded.config.workers == 3
        assert str(loaded.origins["workers"]) == f"3.toml ({tmp_path / '3.toml'})"

    def test_a_named_file_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        """Only the file nobody named may be missing."""
        assert "No such file" in refusal(environ={"ONBEAT_CONFIG": "none.toml"})
        assert "directory" in refusal(config_file=tmp_path)
        assert "ONBEAT_CONFIG is empty" in refusal(environ={"ONBEAT_CONFIG": ""})

    def test_a_path_is_relative_to_its_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """An absolute one stays, and ~ is the home."""
        (tmp_path / "sub").mkdir()
        file = tmp_path / "sub" / "own.toml"
        monkeypatch.setenv("HOME", "/home/someone")
        for text, path in {"m/x": tmp_path / "sub/m/x", "/m": Path("/m"), "~/m": Path("/home/someone/m")}.items():
            file.write_text(f"vosk_model = '{text}'")
            assert load_config(environ={}, config_file=Path("sub/own.toml")).config.vosk_model == path
        assert load_config(environ={"ONBEAT_VOSK_MODEL": "m"}).config.vosk_model == Path("m")

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("worker = 2", "unknown key 'worker'; the nearest known one is 'workers'"),
            ("max-batch = 2", "unknown key 'max-batch'; the nearest known one is 'max_batch'"),
            ("[audio.deep]\nworker = 2", "unknown key 'audio.deep.worker'; the nearest known one is 'workers'"),
            ("[workers]\nx = 2", "unknown key 'workers.x'"),
            ("[audio]", "unknown key 'audio'"),
            ("[[audio]]\nworkers = 2", "unknown key 'audio'"),
            ("[workers]", "workers = {} is not allowed"),
            ("workers = '2'", "workers = '2' is not allowed; it takes a whole number from 1 to 1024, or auto"),
            ("workers = 2.0", "workers = 2.0 is not allowed"),
            ("workers = true", "workers = True is not allowed"),
            ("workers = [2]", "workers = [2] is not allowed"),
            ("workers = 2026-01-01", "workers = datetime.date(2026, 1, 1) is not allowed"),
            ("chunk_s = false", "chunk_s = False is not allowed"),
            ("batching = 'yes'", "batching = 'yes' is not allowed; it takes true or false"),
            ("batching = 1", "batching = 1 is not allowed"),
            ("segmenting = 'no'", "segmenting = 'no' is not allowed; it takes on or off"),
            ("asr = 'Vosk'", "asr = 'Vosk' is not allowed; it takes auto, vosk, sphinx or none"),
            ("asr = false", "asr = False is not allowed"),
            ("vosk_model = ''", "vosk_model = '' is not allowed; it takes the path of a folder, or auto"),
            ("language = 'English'", "it takes a language code such as en-us"),
            ("segmenting = on", "is not valid TOML: Invalid value (at line 1, column 14)"),
            ("workers = 1\nworkers = 2", "is not valid TOML"),
        ],
    )
    def test_what_is_wrong_in_the_file_is_said_in_one_line(self, toml: Write, text: str, words: str) -> None:
        """Which file, which key, which value, what is allowed."""
        file = toml(text)
        message = refusal()
        assert message.startswith(f"onbeat.toml ({file})")
        assert words in message

    def test_a_file_that_is_not_utf8_is_an_error(self, tmp_path: Path) -> None:
        """As TOML says."""
        (tmp_path / "onbeat.toml").write_bytes(b"language = '\xff'")
        assert "is not valid TOML" in refusal()

    def test_segmenting_may_be_a_boolean(self, toml: Write) -> None:
        """TOML has booleans, so they mean what they say."""
        toml("segmenting = false")
        assert load_config(environ={}).config.segmenting == "off"


class TestArguments:
    def test_an_unknown_argument_names_the_nearest_known_one(self) -> None:
        """Whether it goes to the loader or to the record."""
        assert refusal(arguments={"worker": 2}) == "unknown argument 'worker'; the nearest known one is 'workers'"
        with pytest.raises(ConfigError, match="unknown setting 'worker'; the nearest known one is 'workers'"):
            BatchProcessingConfig(worker=2)  # type: ignore[call-arg] # the mistake under test

    def test_a_refused_argument_is_named_as_the_option(self) -> None:
        """As its user typed it."""
        assert refusal(arguments={"max_batch": 0}) == (
            "argument --max-batch: max_batch = 0 is not allowed; it takes a whole number from 1 to 4096"
        )

    def test_a_long_value_is_shortened(self) -> None:
        """The line stays a line."""
        assert len(refusal(arguments={"language": "x" * 10_000})) < 250

    def test_settings_that_contradict_each_other_name_both_sources(self) -> None:
        """The default is a source like any other."""
        assert refusal(environ={"ONBEAT_MIN_SEGMENT_S": "40"}) == (
            "environment ONBEAT_MIN_SEGMENT_S, default: min_segment_s = 40 must be at most max_segment_s = 30"
        )
        with pytest.raises(ConfigError, match="min_segment_s = 40 must be at most max_segment_s = 30"):
            BatchProcessingConfig(min_segment_s=40)


class TestRecord:
    def test_the_record_cannot_be_changed(self) -> None:
        """Settings in force do not move under the engine."""
        with pytest.raises(ValueError, match="frozen"):
            BatchProcessingConfig().workers = 2

    def test_every_setting_has_a_meaning_and_says_what_it_takes(self) -> None:
        """One sentence each."""
        for name in known_settings():
            assert re.fullmatch(r"[A-Z].*\.", meaning(name))
            assert allowed(name)

    @given(st.integers())
    def test_exactly_the_whole_numbers_within_bounds_are_workers(self, number: int) -> None:
        """The bounds in the message are the bounds in force."""
        environ = {"ONBEAT_WORKERS": str(number)}
        if 1 <= number <= 1024:
            assert load_config(environ=environ).config.workers == number
        else:
            assert "from 1 to 1024" in refusal(environ=environ)

    @given(st.sampled_from(known_settings()), st.text())
    def test_any_text_in_the_environment_is_a_value_or_a_config_error(self, name: str, text: str) -> None:
        """Nothing else ever comes out."""
        variable = f"ONBEAT_{name.upper()}"
        try:
            said = str(load_config(environ={variable: text}).origins[name])
        except ConfigError as error:
            said = str(error)
        assert said.startswith(f"environment {variable}")
