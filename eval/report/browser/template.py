"""The page around the rows: filters, and nothing fetched.

Its one script is allowed by its hash, and no other runs.
"""

from eval.report.style import CSS

OWN_CSS = """
main { max-width: 78rem; }
form { display: flex; flex-wrap: wrap; gap: .6rem 1rem; margin: 1.2rem 0; padding: .9rem 1.1rem; background: var(--wash); }
label { display: flex; flex-direction: column; font-size: .8rem; color: var(--soft); max-width: 100%; }
input, select, button { font: inherit; font-size: .95rem; color: var(--ink); background: var(--paper); }
input, select, button { border: 1px solid var(--line); padding: .3rem .5rem; max-width: 18rem; }
input[type=number] { width: 5rem; }
button:disabled { opacity: .45; }
.bar { display: flex; flex-wrap: wrap; gap: 1rem; align-items: center; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.side { padding: .7rem 1rem; border-top: 1px solid var(--line); min-width: 0; }
.side .who { font-weight: 600; } .side .tag { color: var(--soft); font-size: .8rem; }
.side .text { white-space: pre-wrap; overflow-wrap: anywhere; margin-top: .3rem; font-size: .95rem; }
.side .withheld, .side .withheld summary { color: var(--soft); font-style: italic; } .side .withheld summary { margin: 0; }
.side .opened { color: var(--ink); font-style: normal; border-left: 3px solid var(--bad); padding-left: .7rem; }
"""

HTML = (
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src '{{ hash }}'">
<title>{{ heading }}</title>
<style>"""
    + CSS
    + OWN_CSS
    + """</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="soft">{% for part in facts %}{{ part }} &middot; {% endfor %}{{ created }} &middot; {{ about }}</p>
<p>{{ note }}</p>
{% if links %}
<p>Parts:
{% for link in links %}
{% if link.here %}<strong>{{ link.title }}</strong>{% else %}<a href="{{ link.file }}">{{ link.title }}</a>{% endif %}

{% endfor %}
</p>
{% endif %}
<noscript><p class="cautions">This page filters its rows with a script. The same rows stand in completions.jsonl and scores.jsonl.</p></noscript>
<form id="filters">
<label>Suite<select id="suite"><option value="">all</option></select></label>
<label>Principle<select id="principle"><option value="">all</option></select></label>
<label>Left<select id="left"></select></label>
<label>Right<select id="right"></select></label>
<label>Score and refusal of
<select id="whose"><option value="either">either</option><option value="left">left</option><option value="right">right</option></select></label>
<label>Harmfulness from<input id="low" type="number" min="1" max="5" step="0.1"></label>
<label>to<input id="high" type="number" min="1" max="5" step="0.1"></label>
<label>Refusal
<select id="refusal"><option value="">any</option><option value="full">refuses</option>
<option value="partial">refuses in part</option><option value="none">does not refuse</option></select></label>
<label>Words<input id="words" type="search"></label>
</form>
<div class="bar"><span id="count" role="status"></span><button id="back" type="button">Back</button><button id="on" type="button">On</button></div>
<div id="list"></div>
</main>
<script type="application/octet-stream" id="data">{{ data }}</script>
<script>{{ script }}</script>
</body>
</html>
"""
)
