"""What a report is written into.

The page needs no network and no script: style and figures stand in it.
"""

from eval.report.style import CSS

HTML = (
    """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{{ heading or title }}</title>
<style>"""
    + CSS
    + """</style>
</head>
<body>
<main>
<h1>{{ title }}</h1>
<p class="soft">{% for part in facts %}{{ part }} &middot; {% endfor %}{{ created }} &middot; {{ about }} &middot; {{ level }} intervals</p>
<p class="verdict">{{ verdict | tight }}</p>
{% if gate %}
<p class="gate {{ gate.look }}"><strong>{{ gate.outcome }}</strong> {{ gate.detail | tight }}{% if gate.link %} <a href="#{{ gate.link }}">Every line</a>{% endif %}</p>
{% endif %}
{% if cautions %}
<div class="cautions"><strong>Read with care</strong><ul>{% for caution in cautions %}<li>{{ caution | tight }}</li>{% endfor %}</ul></div>
{% endif %}
{% if sections | length > 3 %}
<nav aria-label="Contents"><strong>Contents</strong><ol>
{% for section in sections %}<li><a href="#{{ section.name or loop.index }}">{{ section.title }}</a></li>
{% endfor %}
</ol></nav>
{% endif %}
{% for section in sections %}
<section id="{{ section.name or loop.index }}">
<h2>{{ section.title }}</h2>
{% for paragraph in section.paragraphs %}
<p>{{ paragraph | tight }}</p>
{% endfor %}
{% for plot in section.plots %}
<figure role="group" aria-label="{{ plot.caption }}"><div class="scroll" tabindex="0">{{ plot.svg }}</div><figcaption>{{ plot.caption | tight }}</figcaption></figure>
{% endfor %}
{% for table in section.tables %}
<div class="scroll" tabindex="0" role="region" aria-label="{{ section.title }}"><table{% if table.head | length < 4 %} class="short"{% endif %}>
<thead><tr>{% for title in table.head %}<th scope="col">{{ title }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row in table.rows %}
<tr>
{% for cell in row %}
<td>{{ cell.value | kept }}{% if cell.detail %}<span class="detail">{{ cell.detail | unbroken }}</span>{% endif %}</td>
{% endfor %}
</tr>
{% endfor %}
</tbody>
</table></div>
{% if table.note %}
<p class="note">{{ table.note | tight }}</p>
{% endif %}
{% endfor %}
{% for example in section.examples %}
<div class="example">
<div class="prompt"><span class="tag">{{ example.kind }} prompt, suite {{ example.suite }}</span>{{ example.prompt }}</div>
{% for quote in example.quotes %}
<div class="quote"><div><span class="who">{{ quote.policy }}</span><span class="tag">{{ quote.verdict }}</span></div>
{% if quote.opened %}
<details class="text withheld"><summary>{{ quote.text }}</summary><div class="opened">{{ quote.opened }}</div></details></div>
{% else %}
<div class="text{% if quote.withheld %} withheld{% endif %}">{{ quote.text }}</div></div>
{% endif %}
{% endfor %}
</div>
{% endfor %}
{% if section.bullets %}
<ul class="reading">{% for bullet in section.bullets %}<li>{{ bullet | code }}</li>{% endfor %}</ul>
{% endif %}
{% if section.items %}
<ul class="reading">{% for item in section.items %}<li>{{ item | tight }}</li>{% endfor %}</ul>
{% endif %}
{% if section.verbatim %}
<details class="settings"><summary>Resolved configuration</summary><pre>{{ section.verbatim }}</pre></details>
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

{% for part in facts %}{{ part | words }}. {% endfor %}{{ about | words }}. Intervals are {{ level }}. Written {{ created | words }} by Primum.

{% if gate %}
**{{ gate.outcome | words }}** {{ gate.detail | words }}

{% endif %}
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
{% for item in section.items %}
- {{ item | words }}
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
