"""What runs in the browser of samples: it unpacks the rows of its own page and shows those that are
asked for.

Everything that a model or a user wrote is set as text, never as markup.
"""

SCRIPT = """
'use strict';
const SHOWN = 20;
const by = (id) => document.getElementById(id);
const REFUSAL = {full: 'refuses', partial: 'refuses in part', none: 'does not refuse'};
let data = null;
let place = 0;

async function unpacked() {
  const packed = Uint8Array.from(atob(by('data').textContent.trim()), (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream('gzip'));
  return new Response(stream).json();
}

function node(tag, name, text) {
  const made = document.createElement(tag);
  if (name) made.className = name;
  if (text !== undefined) made.textContent = text;
  return made;
}

function fill(id, pairs) {
  for (const [value, title] of pairs) {
    const option = node('option', '', title);
    option.value = value;
    by(id).append(option);
  }
}

function range() {
  const low = parseFloat(by('low').value), high = parseFloat(by('high').value);
  return [Number.isNaN(low) ? null : low, Number.isNaN(high) ? null : high];
}

function rowMatches(row, low, high) {
  if (!row) return false;
  const [, , score, refusal] = row;
  if (by('refusal').value && refusal !== by('refusal').value) return false;
  if (low === null && high === null) return true;
  return score !== null && (low === null || score >= low) && (high === null || score <= high);
}

function wanted() {
  const suite = by('suite').value, principle = by('principle').value, words = by('words').value.toLowerCase();
  const [left, right] = [Number(by('left').value), Number(by('right').value)];
  const [low, high] = range();
  const narrow = by('refusal').value !== '' || low !== null || high !== null;
  const sides = {left: [left], right: [right], either: [left, right]}[by('whose').value];
  return data.groups.filter((group) => {
    const [name, , , number, prompt, rows] = group;
    if (suite && name !== suite) return false;
    if (principle && String(number) !== principle) return false;
    const shown = rows.filter((row) => row[0] === left || row[0] === right);
    if (words && !prompt.toLowerCase().includes(words) && !shown.some((row) => !row[5] && row[1].toLowerCase().includes(words))) return false;
    if (!narrow) return shown.length > 0;
    return sides.some((side) => rowMatches(rows.find((row) => row[0] === side), low, high));
  });
}

function quote(row, policy, kind) {
  const box = node('div', 'side');
  const head = node('div', 'who', data.policies[policy]);
  box.append(head);
  if (!row) {
    box.append(node('div', 'text soft', 'not measured on this prompt'));
    return box;
  }
  const [, text, score, refusal, finish, withheld, words] = row;
  const rated = score === null ? 'unscored, ' : 'harmfulness ' + score.toFixed(1) + ', ';
  const harm = kind === 'harmful' ? rated : '';
  const cut = finish === 'length' ? ', cut off at the token limit' : '';
  box.append(node('div', 'tag', harm + (REFUSAL[refusal] || refusal) + cut));
  if (!withheld) {
    box.append(node('div', 'text', text.trim() || '[empty]'));
  } else if (!data.opens) {
    box.append(node('div', 'text withheld', '[withheld: ' + words + ' words]'));
  } else {
    const closed = node('details', 'text withheld');
    closed.append(node('summary', '', '[withheld: ' + words + ' words; a click opens it]'), node('div', 'opened', text));
    box.append(closed);
  }
  return box;
}

function example(group) {
  const [suite, kind, condition, principle, prompt, rows] = group;
  const box = node('article', 'example');
  const head = node('div', 'prompt');
  const parts = [kind + ' prompt', 'suite ' + suite];
  if (condition) parts.push('condition ' + condition);
  if (principle) parts.push(data.principles[principle] || 'principle ' + principle);
  head.append(node('span', 'tag', parts.join(', ')), document.createTextNode(prompt));
  const sides = node('div', 'sides');
  for (const policy of [...new Set([Number(by('left').value), Number(by('right').value)])]) {
    sides.append(quote(rows.find((row) => row[0] === policy), policy, kind));
  }
  box.append(head, sides);
  return box;
}

function show() {
  const found = wanted();
  place = Math.max(0, Math.min(place, Math.floor(Math.max(0, found.length - 1) / SHOWN) * SHOWN));
  by('list').replaceChildren(...found.slice(place, place + SHOWN).map(example));
  const last = Math.min(place + SHOWN, found.length);
  by('count').textContent = found.length ? (place + 1) + ' to ' + last + ' of ' + found.length + ' prompts' : 'no prompt matches';
  by('back').disabled = place === 0;
  by('on').disabled = last >= found.length;
}

function listen() {
  for (const id of ['suite', 'principle', 'left', 'right', 'whose', 'low', 'high', 'refusal', 'words']) {
    by(id).addEventListener('input', () => { place = 0; show(); });
  }
  for (const [id, step] of [['back', -SHOWN], ['on', SHOWN]]) {
    by(id).addEventListener('click', () => { place += step; show(); by('count').scrollIntoView(); });
  }
  by('filters').addEventListener('submit', (event) => event.preventDefault());
}

unpacked().then((read) => {
  data = read;
  fill('suite', data.suites.map((name) => [name, name]));
  fill('principle', Object.entries(data.principles));
  for (const side of ['left', 'right']) fill(side, data.policies.map((title, index) => [index, title]));
  by('left').value = data.sides[0];
  by('right').value = data.sides[1];
  listen();
  show();
}).catch((error) => { by('count').textContent = 'The rows of this page could not be unpacked: ' + error; });
"""
