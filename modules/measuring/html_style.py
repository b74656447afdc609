"""How the page looks: one column that a phone can show, tables that scroll by themselves, light and dark."""

from modules.measuring.picture_style import PAGE, PICTURE


def style() -> str:
    """The whole style sheet; nothing is fetched."""
    light = " ".join(f"--{colour.name}: {colour.light};" for colour in (*PICTURE, *PAGE))
    dark = " ".join(f"--{colour.name}: {colour.dark};" for colour in (*PICTURE, *PAGE))
    return (
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{_RULES}"
    )


_RULES = """\
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem 1.2rem 4rem; background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", Verdana, sans-serif; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .3rem; }
h2 { font-size: 1.25rem; margin: 2.6rem 0 .4rem; padding-top: .8rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
p { margin: .4rem 0; max-width: 46rem; }
a { color: var(--series-1); }
code { font: .9em ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; background: var(--panel);
  padding: .1em .35em; border-radius: .25em; overflow-wrap: anywhere; }
.lead { font-size: 1.1rem; }
.muted, small { color: var(--muted); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; margin: .5rem 0; font-size: .94rem; }
caption { text-align: left; color: var(--muted); padding: .2rem 0; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.1rem .3rem 0; border-bottom: 1px solid var(--grid); }
thead th { color: var(--muted); font-weight: 600; border-bottom: 2px solid var(--grid); }
tbody th { font-weight: 600; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td small, th small { display: block; white-space: nowrap; font-weight: 400; }
.verdict { white-space: nowrap; font-weight: 600; }
.good { color: var(--good); } .bad { color: var(--bad); } .doubt { color: var(--doubt); }
.notice { border-left: .3rem solid var(--doubt); background: var(--panel); padding: .5rem .9rem; margin: .7rem 0; }
.notice.bad { border-color: var(--bad); color: inherit; }
.notice ul { margin: .2rem 0; padding-left: 1.2rem; }
figure { margin: 1.2rem 0 1.6rem; max-width: 48rem; }
figcaption { font-weight: 600; margin-bottom: .3rem; }
figure svg { width: 100%; height: auto; display: block; }
figure svg * { stroke-linejoin: round; stroke-linecap: butt; }
figure ol { margin: .2rem 0 .4rem; padding-left: 2rem; font-size: .9rem; columns: 2 18rem; }
details { margin: .3rem 0; }
summary { cursor: pointer; color: var(--muted); font-size: .9rem; }
@media print { details { display: none; } h2 { break-after: avoid; } figure, table { break-inside: avoid; } }
"""
