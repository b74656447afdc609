"""Which recogniser a run uses, and the sentence that says why."""

from pathlib import Path
from typing import Literal

import pytest

from modules.errors import ModelError
from modules.stages import asr_vosk
from modules.stages.recognisers import RecogniserChoice, RecogniserWish, choose, load, vosk_folders

ABSENT = Path("/no/such/model")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, so that what this machine has does not count."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: folder)
    return folder


def model(folder: Path, name: str) -> Path:
    """A folder that looks like a Vosk model."""
    (folder / name / "am").mkdir(parents=True)
    (folder / name / "am" / "final.mdl").touch()
    return folder / name


def test_what_was_asked_for_is_used_before_anything_else(tmp_path: Path) -> None:
    """No recogniser, or PocketSphinx, whatever models there are."""
    model(tmp_path, "vosk-model-en-us-0.22")
    environ = {"VOSK_MODEL_PATH": str(tmp_path)}
    none = choose(RecogniserWish(asr="none", vosk_model=ABSENT), environ)
    assert none == RecogniserChoice("none", "asked for: speech is found, not recognised")
    assert choose(RecogniserWish(asr="sphinx", vosk_model=ABSENT), environ) == RecogniserChoice("sphinx", "asked for")


@pytest.mark.parametrize("asr", ["auto", "vosk"])
def test_a_named_model_comes_before_one_that_was_found(tmp_path: Path, asr: Literal["auto", "vosk"]) -> None:
    """Nothing is loaded, so that it is there is not looked at."""
    model(tmp_path, "vosk-model-en-us-0.22")
    choice = choose(RecogniserWish(asr=asr, vosk_model=ABSENT), {"VOSK_MODEL_PATH": str(tmp_path)})
    assert choice == RecogniserChoice("vosk", f"a model was named: {ABSENT}", ABSENT)


@pytest.mark.parametrize("asr", ["auto", "vosk"])
def test_a_model_that_was_found_comes_before_a_download(tmp_path: Path, asr: Literal["auto", "vosk"]) -> None:
    """The folder the environment names comes before the cache at home."""
    named = model(tmp_path / "named", "vosk-model-en-us-0.22")
    wish = RecogniserWish(asr=asr, vosk_download=True)
    choice = choose(wish, {"VOSK_MODEL_PATH": str(tmp_path / "named")})
    assert choice == RecogniserChoice("vosk", f"a model was found: {named}", named)


def test_the_cache_at_home_is_looked_at_too(tmp_path: Path, home: Path) -> None:
    """After the folder that the environment names, where it names one."""
    cached = model(home / ".cache" / "vosk", "vosk-model-small-en-us-0.15")
    assert choose(RecogniserWish(), {}).model == cached
    named = model(tmp_path / "named", "vosk-model-en-us-0.22")
    assert choose(RecogniserWish(), {"VOSK_MODEL_PATH": str(tmp_path / "named")}).model == named
    assert choose(RecogniserWish(), {"VOSK_MODEL_PATH": str(tmp_path / "empty")}).model == cached


def test_a_model_of_another_language_does_not_count(tmp_path: Path) -> None:
    """The language is part of its name."""
    german = model(tmp_path, "vosk-model-small-de-0.15")
    environ = {"VOSK_MODEL_PATH": str(tmp_path)}
    assert choose(RecogniserWish(), environ).backend == "sphinx"
    assert choose(RecogniserWish(language="de"), environ).model == german


def test_a_model_is_downloaded_when_that_was_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the language asked for; the sentence says where it is now."""
    monkeypatch.setattr(asr_vosk, "download_model", lambda language: tmp_path / language)
    choice = choose(RecogniserWish(vosk_download=True, language="fr"), {})
    assert choice == RecogniserChoice("vosk", f"a model was downloaded: {tmp_path / 'fr'}", tmp_path / "fr")


def test_without_any_model_pocketsphinx_is_used_and_the_reason_says_where_was_looked(tmp_path: Path) -> None:
    """Every folder is in the sentence."""
    environ = {"VOSK_MODEL_PATH": str(tmp_path)}
    choice = choose(RecogniserWish(), environ)
    assert (choice.backend, choice.model) == ("sphinx", None)
    assert choice.why.startswith("no Vosk model for en-us in ")
    assert choice.why.endswith("; PocketSphinx comes with its own English model")
    assert all(str(folder) in choice.why for folder in vosk_folders(environ))


def test_vosk_without_a_model_is_an_error_that_says_what_to_do() -> None:
    """It was asked for, so nothing takes its place."""
    with pytest.raises(ModelError, match=r"no Vosk model for en-us in .*--vosk-model DIR or allow --vosk-download"):
        choose(RecogniserWish(asr="vosk"), {})


def test_the_folders_are_those_of_vosk_in_its_own_order(home: Path) -> None:
    """The environment's comes first, where it names one."""
    usual = (Path("/usr/share/vosk"), home / "AppData/Local/vosk", home / ".cache/vosk")
    assert vosk_folders({}) == vosk_folders({"VOSK_MODEL_PATH": ""}) == usual
    assert vosk_folders({"VOSK_MODEL_PATH": "/models"}) == (Path("/models"), *usual)


def test_no_recogniser_is_loaded_where_none_was_chosen() -> None:
    """There is nothing to load."""
    assert load(RecogniserChoice("none", "a test"), RecogniserWish()) is None


def test_a_model_that_was_named_and_is_not_there_fails_when_it_is_loaded() -> None:
    """The folder is in the text."""
    with pytest.raises(ModelError, match="/no/such/model"):
        load(RecogniserChoice("vosk", "a test", ABSENT), RecogniserWish())
