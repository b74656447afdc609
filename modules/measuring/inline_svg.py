"""A drawn SVG made fit to stand inside a page: no document around it, the page's own colours, said in words."""

import html
import re

from modules.measuring.picture_style import PICTURE

_PROLOG = re.compile(r"^.*?(?=<svg)", re.DOTALL)
_METADATA = re.compile(r"\s*<metadata>.*?</metadata>", re.DOTALL)
_STYLE = re.compile(r"\s*<defs>\s*<style[^>]*>.*?</style>\s*</defs>", re.DOTALL)
_SVG_TAG = re.compile(r"<svg\b[^>]*>")
_VIEW_BOX = re.compile(r'viewBox="([^"]*)"')
_ID = re.compile(r'\bid="([^"]+)"')
_REFERENCE = re.compile(r'(url\(#|href="#)([^)"]+)')
_COLOURS = re.compile("|".join(colour.light for colour in PICTURE), re.IGNORECASE)
_VARIABLES = {colour.light: f"var(--{colour.name})" for colour in PICTURE}


def inlined(svg: str, *, name: str, title: str, description: str) -> str:
    """The picture as an `<svg>` element that a page may hold beside others.

    Its ids begin with `name`, which no other picture of the page may have; its colours are the page's variables;
    `title` and `description` are what a screen reader says.
    """
    text = _STYLE.sub("", _METADATA.sub("", _PROLOG.sub("", svg, count=1)))
    box = _VIEW_BOX.search(text)
    assert box is not None, "matplotlib gives every SVG a view box"
    text = _ID.sub(rf'id="{name}-\1"', text)
    text = _REFERENCE.sub(rf"\g<1>{name}-\g<2>", text)
    text = text.replace("xlink:href=", "href=")  # as SVG 2 has it, without a name space of its own
    text = _COLOURS.sub(lambda found: _VARIABLES[found.group().lower()], text)
    words = (
        f'<title id="{name}-title">{html.escape(title)}</title>'
        f'<desc id="{name}-description">{html.escape(description)}</desc>'
    )
    tag = f'<svg viewBox="{box.group(1)}" role="img" aria-labelledby="{name}-title {name}-description">'
    return _SVG_TAG.sub(lambda _: tag + words, text, count=1).strip()
