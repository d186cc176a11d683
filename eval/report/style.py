"""The look of every page: by day, by night, on a phone and in print, with the fonts that a machine
has.
"""

CSS = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1d1f21; --soft: #565b61; --line: #d9dcdf; --grid: #e4e4e4; --wash: #f5f6f7; }
:root { --accent: #0b5c8f; --warn: #7a4a00; --warn-wash: #fdf5e6; --good: #17663d; --good-wash: #eaf6ef; --bad: #9b1c1c; --bad-wash: #fdeeee; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15181b; --ink: #e4e6e8; --soft: #a4abb2; --line: #363c42; --grid: #30363c; --wash: #1e2327; }
  :root { --accent: #6db7e8; --warn: #e0a958; --warn-wash: #2a2319; --good: #6fcf97; --good-wash: #17271e; --bad: #f19090; --bad-wash: #2d1b1c; }
}
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--paper); color: var(--ink); overflow-wrap: break-word; }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; text-wrap: balance; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .7rem; padding-top: .9rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 56rem; }
p.soft { max-width: none; }
a { color: var(--accent); }
.soft, .note, figcaption { color: var(--soft); font-size: .875rem; }
.verdict, .cautions, .gate { max-width: 60rem; margin: 1.1rem 0; padding: .9rem 1.1rem; border-left: 4px solid var(--accent); background: var(--wash); }
.verdict { font-size: 1.12rem; line-height: 1.5; }
.cautions { font-size: .93rem; border-color: var(--warn); background: var(--warn-wash); }
.cautions ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.gate { padding: .6rem 1.1rem; }
.gate.met { border-color: var(--good); background: var(--good-wash); }
.gate.unmet { border-color: var(--bad); background: var(--bad-wash); }
nav { margin: 1.4rem 0 0; font-size: .9rem; }
nav ol { columns: 17rem; column-gap: 2rem; margin: .3rem 0 0; padding-left: 1.6rem; }
nav li { break-inside: avoid; padding: .1rem 0; }
.scroll { overflow-x: auto; margin: .6rem 0; }
.scroll + .scroll, .note + .scroll { margin-top: 1.8rem; }
.scroll:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); min-width: 3.2rem; }
th { font-weight: 600; line-height: 1.3; vertical-align: bottom; border-bottom: 2px solid var(--ink); }
td:first-child { font-weight: 600; min-width: 6.5rem; }
td .detail { display: block; color: var(--soft); font-size: .8rem; line-height: 1.35; font-weight: 400; }
td .whole, td .detail .whole { white-space: nowrap; }
table.short { width: auto; min-width: 60%; }
.short td { overflow-wrap: anywhere; }
ul.reading { max-width: 56rem; padding-left: 1.2rem; }
ul.reading li { margin: .35rem 0; }
figure { margin: 1.4rem 0 2rem; break-inside: avoid; }
figure svg { display: block; width: 100%; max-width: 40rem; height: auto; }
.example { margin: 1.2rem 0; border: 1px solid var(--line); border-radius: 6px; break-inside: avoid; }
.example .prompt { background: var(--wash); padding: .7rem 1rem; font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; }
.example .tag { font-weight: 400; color: var(--soft); font-size: .8rem; display: block; }
.quote { display: grid; grid-template-columns: 13rem minmax(0, 1fr); gap: 1rem; padding: .6rem 1rem; border-top: 1px solid var(--line); font-size: .92rem; }
.quote .who { font-weight: 600; }
.quote .text { white-space: pre-wrap; overflow-wrap: anywhere; }
.quote .withheld, .quote .withheld summary { color: var(--soft); font-style: italic; }
.quote .withheld summary { margin: 0; }
.quote .withheld[open] .opened { color: var(--ink); font-style: normal; border-left: 3px solid var(--bad); padding-left: .7rem; }
pre { background: var(--wash); padding: 1rem; overflow-x: auto; font-size: .8rem; line-height: 1.4; }
code { background: var(--wash); padding: 0 .25em; }
details summary { cursor: pointer; color: var(--accent); margin: .8rem 0; }
@media (max-width: 40rem) {
  main { padding: 1.2rem .9rem; } h1 { font-size: 1.5rem; } .quote { grid-template-columns: minmax(0, 1fr); gap: .2rem; }
  .scroll { margin-right: -.9rem; padding-right: .9rem; }
  td:first-child, th:first-child { position: sticky; left: 0; background: var(--paper); min-width: 5.5rem; max-width: 8.5rem; }
  table.short td:first-child { max-width: none; }
}
@media print {
  @page { size: A4; margin: 14mm; }
  :root { color-scheme: light; --paper: #fff; --ink: #1d1f21; --soft: #565b61; --line: #d9dcdf; --grid: #e4e4e4; --wash: #f5f6f7; }
  html, body { font-size: 11px; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; }
  .scroll { overflow: visible; } th, td { padding-right: .4rem; font-size: 7.6pt; min-width: 0; } td .detail { font-size: 6.8pt; }
  td:first-child { min-width: 4rem; } td .whole { white-space: normal; } figure svg { max-width: 38rem; }
  details.settings { display: none; } a { color: inherit; text-decoration: none; }
}
"""
