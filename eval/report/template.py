"""What the report looks like. The page needs no network: system fonts, style and figures inline, no script."""

CSS = """
:root { --ink: #1d1f21; --soft: #565b61; --line: #d9dcdf; --wash: #f5f6f7; --accent: #0b5c8f; --warn: #7a4a00; --warn-wash: #fdf5e6; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); }
body { font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main { max-width: 66rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.01em; }
h2 { font-size: 1.25rem; margin: 2.8rem 0 .7rem; padding-top: .9rem; border-top: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 56rem; }
p.soft { max-width: none; }
.soft, .note, figcaption { color: var(--soft); font-size: .875rem; }
.verdict, .cautions { max-width: 60rem; margin: 1.1rem 0; padding: .9rem 1.1rem; }
.verdict, .cautions { border-left: 4px solid var(--accent); background: var(--wash); }
.verdict { font-size: 1.12rem; line-height: 1.5; }
.cautions { font-size: .93rem; border-color: var(--warn); background: var(--warn-wash); }
.cautions ul { margin: .3rem 0 0; padding-left: 1.2rem; }
.scroll { overflow-x: auto; margin: .6rem 0; }
.scroll + .scroll { margin-top: 1.8rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .45rem .8rem .45rem 0; border-bottom: 1px solid var(--line); }
th { font-weight: 600; line-height: 1.3; vertical-align: bottom; border-bottom: 2px solid var(--ink); }
td:first-child { font-weight: 600; }
td .detail { display: block; color: var(--soft); font-size: .8rem; line-height: 1.35; font-weight: 400; }
.short td { overflow-wrap: anywhere; }
td { min-width: 3.2rem; }
td:first-child { min-width: 6.5rem; }
th { min-width: 3.2rem; }
table.short { width: auto; min-width: 60%; }
ul.reading { max-width: 56rem; padding-left: 1.2rem; }
ul.reading li { margin: .35rem 0; }
figure { margin: 1.4rem 0 2rem; break-inside: avoid; }
figure svg { display: block; width: 100%; max-width: 54rem; height: auto; }
.example { margin: 1.2rem 0; border: 1px solid var(--line); border-radius: 6px; break-inside: avoid; }
.example .prompt { background: var(--wash); padding: .7rem 1rem; font-weight: 600; white-space: pre-wrap; overflow-wrap: anywhere; }
.example .tag { font-weight: 400; color: var(--soft); font-size: .8rem; display: block; }
.quote { display: grid; grid-template-columns: 13rem 1fr; gap: 1rem; padding: .6rem 1rem; }
.quote { border-top: 1px solid var(--line); font-size: .92rem; }
.quote .who { font-weight: 600; }
.quote .text { white-space: pre-wrap; overflow-wrap: anywhere; }
.quote .withheld { color: var(--soft); font-style: italic; }
pre { background: var(--wash); padding: 1rem; overflow-x: auto; font-size: .8rem; line-height: 1.4; }
code { background: var(--wash); padding: 0 .25em; }
details summary { cursor: pointer; color: var(--accent); margin: .8rem 0; }
@media (max-width: 40rem) { main { padding: 1.2rem .9rem; } .quote { grid-template-columns: 1fr; gap: .2rem; } h1 { font-size: 1.5rem; } }
@media print {
  @page { size: A4; margin: 14mm; }
  html, body { font-size: 11px; } main { max-width: none; padding: 0; } h2 { break-after: avoid; } tr { break-inside: avoid; }
  .scroll { overflow: visible; } th, td { padding-right: .4rem; font-size: 7.6pt; } td .detail { font-size: 6.8pt; }
  details { display: none; }
}
"""

HTML = (
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ title }}</title>
<style>"""
    + CSS
    + """</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="soft">Primum &middot; {{ created }} &middot; {{ about }} &middot; {{ level }} intervals</p>
<p class="verdict">{{ verdict }}</p>
{% if cautions %}
<div class="cautions"><strong>Read with care</strong><ul>{% for caution in cautions %}<li>{{ caution }}</li>{% endfor %}</ul></div>
{% endif %}
{% for section in sections %}
<section>
<h2>{{ section.title }}</h2>
{% for paragraph in section.paragraphs %}
<p>{{ paragraph }}</p>
{% endfor %}
{% for table in section.tables %}
<div class="scroll"><table{% if table.head | length < 4 %} class="short"{% endif %}>
<thead><tr>{% for title in table.head %}<th scope="col">{{ title }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>
{% for cell in row %}
<td>{{ cell.value }}{% if cell.detail %}<span class="detail">{{ cell.detail | unbroken }}</span>{% endif %}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table></div>
{% if table.note %}
<p class="note">{{ table.note }}</p>
{% endif %}
{% endfor %}
{% for plot in section.plots %}
<figure role="group" aria-label="{{ plot.caption }}">{{ plot.svg }}<figcaption>{{ plot.caption }}</figcaption></figure>
{% endfor %}
{% for example in section.examples %}
<div class="example">
<div class="prompt"><span class="tag">{{ example.kind }} prompt, suite {{ example.suite }}</span>{{ example.prompt }}</div>
{% for quote in example.quotes %}
<div class="quote"><div><span class="who">{{ quote.policy }}</span><span class="tag">{{ quote.verdict }}</span></div>
<div class="text{% if quote.withheld %} withheld{% endif %}">{{ quote.text }}</div></div>
{% endfor %}
</div>
{% endfor %}
{% if section.bullets %}
<ul class="reading">{% for bullet in section.bullets %}<li>{{ bullet | code }}</li>{% endfor %}</ul>
{% endif %}
{% if section.verbatim %}
<details><summary>Resolved configuration</summary><pre>{{ section.verbatim }}</pre></details>
{% endif %}
</section>
{% endfor %}
</main>
</body>
</html>
"""
)

MARKDOWN = """# {{ title }}

**{{ verdict | words }}**

{{ about | words }}. Intervals are {{ level }}. Written {{ created | words }} by Primum.

{% for caution in cautions %}
{% if loop.first %}
Read with care:

{% endif %}
- {{ caution | words }}
{% if loop.last %}

{% endif %}
{% endfor %}
{% for section in sections %}
## {{ section.title | words }}

{% for paragraph in section.paragraphs %}
{{ paragraph | words }}

{% endfor %}
{% for table in section.tables %}
|{% for title in table.head %} {{ title | words }} |{% endfor %}

|{% for title in table.head %} --- |{% endfor %}

{% for row in table.rows %}
|{% for cell in row %} {{ cell | cell }} |{% endfor %}

{% endfor %}

{% if table.note %}
{{ table.note | words }}

{% endif %}
{% endfor %}
{% for bullet in section.bullets %}
- {{ bullet }}
{% if loop.last %}

{% endif %}
{% endfor %}
{% if section.verbatim %}
<details><summary>Resolved configuration</summary>

```json
{{ section.verbatim }}
```

</details>

{% endif %}
{% endfor %}
"""
