import re
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from modules.errors import ConfigError
from modules.measuring.html_report import report_html
from modules.measuring.results import Report
from tests.made_report import FREE, KEPT, MACHINE, PLOTS, REPORT

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """What a reader of the page's tags sees; a tag closed out of turn is an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.links += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture(scope="module")
def page() -> Page:
    """The page of a report with everything in it."""
    return Page(report_html(REPORT))


def said(page: Page) -> str:
    """Its text in one line."""
    return re.sub(r"\s+", " ", " ".join(page.words))


def test_the_page_needs_nothing_else(page: Page) -> None:
    """No script, no picture, font or style sheet from elsewhere; every link leads to a place in it."""
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.links
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


def test_ids_are_the_only_ones(page: Page) -> None:
    """However many pictures there are."""
    assert len(set(page.ids)) == len(page.ids)


def test_every_picture_is_there_with_words_and_numbers(page: Page) -> None:
    """A drawing, a title and a description each."""
    drawn = sum(len(scenario.plots) for scenario in REPORT.scenarios)
    assert page.tags.count("figure") == page.tags.count("svg") == drawn == len(PLOTS)
    assert page.tags.count("desc") == drawn
    assert said(page).count("The numbers") == drawn


def test_it_says_what_came_of_it_and_on_what(page: Page) -> None:
    """In words, so that colour is not needed."""
    text = said(page)
    for words in (
        "1 broke a bound, 1 not to be trusted",
        "2026-11-21 13:30 UTC, 1 min 40 s long, mode quick",
        "These numbers are not to be trusted: the generator was late: p99 7.2 ms, at most 5 ms",
        "not run no control group can be made here",
        "not measured: litserve is not installed",
        "what the others are divided by",
        "at least 0.85 BROKEN",
        "at least 0.9 cannot be told",
        "python run_benchmarks.py --scenario multi_stream",
        "model digits; chunk 200 ms; seeds 0, 1; took 1 min 32 s",
        "How many streams are carried & held?",
        "5.5 s: suspends <4> streams",
        "Some CPU",
        "2.0",
    ):
        assert words in text


def test_a_report_that_can_be_trusted_says_so() -> None:
    """And an empty one says that there is nothing."""
    assert "every scenario that was run passed" in report_html(replace(REPORT, scenarios=(KEPT,)))
    assert "Nothing was run" in report_html(Report(MACHINE, "2026-11-21T13:30:00+00:00"))


def test_without_matplotlib_a_page_with_pictures_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without any is made."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert report_html(replace(REPORT, scenarios=(KEPT,)))
    with pytest.raises(ConfigError, match="matplotlib"):
        report_html(replace(REPORT, scenarios=(FREE,)))
