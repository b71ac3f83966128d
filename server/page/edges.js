// All edges: the sums, and a row for each.
import { brief, el, keyed, millis, say, since } from './dom.js';
import { spark } from './chart.js';

const tiles = document.getElementById('tiles');
const table = document.querySelector('#edges tbody');

const sum = (all, key) => all.reduce((n, a) => n + (a.body?.[key] ?? 0), 0);

export function drawTiles(answers) {
  const there = answers.filter((a) => a.answered);
  const lag = Math.max(0, ...there.map((a) => a.body.lag_ms));
  const items = [['Edges', there.length === answers.length ? String(there.length) : `${there.length} of ${answers.length}`], ['Users', brief(sum(there, 'users'))],
    ['Sockets', brief(sum(there, 'sockets'))], ['Events in', `${brief(sum(there, 'events_in_per_s'))}/s`],
    ['Packets out', `${brief(sum(there, 'packets_out_per_s'))}/s`], ['Longest lag', millis(lag)]];
  keyed(tiles, items, ([name]) => name, ([name]) => {
    const value = el('dd');
    const tile = el('div', {}, el('dt', { textContent: name }), value);
    tile.update = ([, text]) => say(value, text);
    return tile;
  });
}

function row() {
  const cells = {};
  const cell = (name, className = '') => { cells[name] = el('td', { className }); return cells[name]; };
  const number = (name, line) => { const text = el('span'); const td = el('td', { className: 'n' }, ...(line ? [line] : []), text); cells[name] = text; return td; };
  const name = el('b');
  const about = el('span', { className: 'small' });
  const pump = el('span', { className: 'chip' });
  const lines = { sockets: spark(), events_in: spark(), packets_out: spark() };
  const tr = el('tr', {}, el('th', { scope: 'row' }, name, about), cell('pump'), number('lag'), number('users'), number('sockets', lines.sockets),
    number('events_in', lines.events_in), number('packets_out', lines.packets_out));
  cells.pump.append(pump);
  tr.update = ({ answer: a, history, own }) => {
    const b = a.body ?? {};
    say(name, a.name ?? 'nameless');
    say(about, a.answered ? `${b.version}, up ${since(b.started_at)}${own ? ', this page' : ''}` : a.problem);
    tr.classList.toggle('silent', !a.answered);
    say(pump, a.answered ? b.pump : 'silent');
    pump.dataset.pump = a.answered ? b.pump : 'silent';
    say(cells.lag, a.answered ? millis(b.lag_ms) : '\u2013');
    for (const [cell, key] of [['users', 'users'], ['sockets', 'sockets'], ['events_in', 'events_in_per_s'], ['packets_out', 'packets_out_per_s']]) say(cells[cell], a.answered ? brief(b[key]) : '\u2013');
    for (const [key, line] of Object.entries(lines)) line.draw(history?.[key]);
  };
  return tr;
}

/** histories: by edge id, what each has answered to `history`. */
export function drawEdges(answers, histories, own) {
  keyed(table, answers.map((answer) => ({ answer, history: histories.get(answer.edge_id), own: answer.edge_id === own })), (x) => x.answer.edge_id, row);
}
