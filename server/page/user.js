// One user: sockets on all edges, and the last events with what became of each. And why.
import { brief, el, millis, moment, say, since } from './dom.js';

const $ = (id) => document.getElementById(id);
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The JSON of an answer; throws what the edge said when it refused. */
async function read(path, query) {
  const response = await fetch(`${path}?${new URLSearchParams(query)}`, { cache: 'no-store' }).catch(() => { throw new Error('the edge cannot be reached'); });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.problem ?? `the edge answered ${response.status}`);
  return body;
}

function table(caption, heads, rows) {
  return el('div', { className: 'scroll tall', tabIndex: 0, role: 'region', ariaLabel: caption }, el('table', {}, el('caption', { textContent: caption }),
    el('thead', {}, el('tr', {}, ...heads.map((h) => el('th', { scope: 'col', textContent: h })))), el('tbody', {}, ...rows)));
}

/** The last step, as a sentence: that of bellwire why. */
function verdict({ step, verdict: v, evidence }) {
  if (v === 'yes') return 'Everything has happened.';
  if (v === 'unasked') return `It was written to the client: ${evidence}`;
  return `${v === 'no' ? 'It ended' : 'It is not known'} at the step "${step}": ${evidence}`;
}

const td = (...children) => el('td', {}, ...children.map((c) => c ?? '\u2013'));

function rooms(s) {
  const all = s.rooms.join(' ');
  return el('span', { className: 'rooms', title: all, textContent: s.nrooms === 0 ? 'none but its own' : all + (s.nrooms > s.rooms.length ? ` and ${s.nrooms - s.rooms.length} more` : '') });
}

function sockets(answers) {
  const rows = [];
  for (const a of answers) {
    for (const s of a.body?.sockets ?? []) {
      rows.push(el('tr', {}, el('th', { scope: 'row', className: 'code', textContent: s.socket_id }), td(a.name), td(el('span', { className: 'chip', textContent: s.state })), td(s.transport), td(since(s.since)),
        td(s.confirmed_at ? `${since(s.confirmed_at)} ago` : 'never'), td(String(s.unconfirmed)), td(`${brief(s.queued_bytes)} B`), td(rooms(s))));
    }
  }
  for (const a of answers) {
    for (const s of a.body?.ended ?? []) {
      rows.push(el('tr', { className: 'past' }, el('th', { scope: 'row', className: 'code', textContent: s.socket_id }), td(a.name), td(el('span', { className: 'chip', textContent: `ended: ${s.reason}` })), td(null),
        td(`ended ${since(s.ended_at)} ago`), td(null), td(null), td(null), td(null)));
    }
  }
  return rows.length === 0 ? null : table('Sockets', ['Socket', 'Edge', 'State', 'Transport', 'Since', 'Confirmed', 'Waiting', 'Queued', 'Rooms'], rows);
}

const OUTCOMES = { queued: 'sent', dropped: 'dropped: its connection took nothing', held: 'held until it has recovered', sync_instead: 'told to synchronise instead' };

function outcome(d) {
  const took = d.confirmed_at ? new Date(d.confirmed_at) - new Date(d.at) : null;
  return el('span', { className: 'outcome' }, el('span', { className: 'chip', textContent: took === null ? OUTCOMES[d.outcome] ?? d.outcome : `confirmed in ${millis(Math.max(0, took))}` }), ` ${d.edge} `, el('span', { className: 'code small', textContent: d.socket_id }));
}

// Of presence the edges send the last state of a user, and remember no row of it.
const nobody = (event) => (event === 'user:online' || event === 'user:offline' ? 'the last state alone is sent' : 'no edge remembers sending it');

function events(found, user) {
  const by = new Map();
  for (const a of found.answers) for (const d of a.body?.deliveries ?? []) by.set(d.id, [...(by.get(d.id) ?? []), { ...d, edge: a.name }]);
  const known = new Set(found.events.map((e) => e.id));
  const older = [...by].filter(([id]) => !known.has(id)).map(([id, all]) => ({ id, at: all[0].at, event: 'no longer in the outbox', rooms: [] }));
  const all = [...found.events, ...older].sort((a, b) => b.id - a.id).slice(0, 100);
  if (all.length === 0) return null;
  return table('Last events', ['When', 'Row', 'Event', 'Rooms', 'What became of it', 'Why'], all.map((e) => {
    const why = el('button', { type: 'button', className: 'quiet', textContent: 'Why', ariaLabel: `Why row ${e.id}`, onclick: () => explain(String(e.id), user, true) });
    return el('tr', {}, td(moment(e.at)), td(String(e.id)), el('th', { scope: 'row', textContent: e.event }), td(el('span', { className: 'rooms', title: (e.rooms ?? []).join(' '), textContent: (e.rooms ?? ['everyone']).join(' ') })),
      td(...(by.get(e.id)?.map(outcome) ?? [el('span', { className: 'small', textContent: nobody(e.event) })])), td(why));
  }));
}

const remember = (values) => history.replaceState(null, '', `#${new URLSearchParams(values)}`);

export async function look(user) {
  $('user-id').value = user;
  $('user-found').replaceChildren();
  if (!UUID.test(user)) { say($('user-said'), 'That is no id of a user: it is a uuid.'); return; }
  remember({ user });
  say($('user-said'), 'Asking all edges');
  try {
    const found = await read('user', { id: user });
    const silent = found.answers.filter((a) => !a.answered).map((a) => `${a.name ?? 'an edge'} ${a.problem}`);
    const here = found.answers.reduce((n, a) => n + (a.body?.sockets.length ?? 0), 0);
    $('user-found').replaceChildren(...[sockets(found.answers), events(found, user)].filter((e) => e !== null));
    say($('user-said'), [here === 1 ? 'One socket.' : `${here === 0 ? 'No' : here} sockets.`, found.problem ?? '', ...silent].filter(Boolean).join(' '));
  } catch (e) {
    say($('user-said'), `Not found out: ${e.message}.`);
  }
}

function step(s) {
  const li = el('li', { className: `verdict-${['yes', 'no', 'unknown', 'unasked'].includes(s.verdict) ? s.verdict : 'unknown'}` }, el('b', { textContent: s.step }), el('span', { className: 'chip', textContent: s.verdict }), s.at ? moment(s.at) : null,
    el('p', { textContent: s.evidence }));
  return li;
}

export async function explain(event, user, go = false) {
  Object.assign($('why-event'), { value: event });
  Object.assign($('why-user'), { value: user });
  $('why-steps').replaceChildren();
  if (go) $('why-title').focus();
  if (!UUID.test(user)) { say($('why-said'), 'That is no id of a user: it is a uuid.'); return; }
  remember({ event, user });
  say($('why-said'), 'Asking all edges');
  try {
    const steps = await read('why', { event, user });
    $('why-steps').replaceChildren(...steps.map(step));
    const last = steps.at(-1);
    say($('why-said'), verdict(last));
  } catch (e) {
    say($('why-said'), `Not found out: ${e.message}.`);
  }
}

$('user-form').addEventListener('submit', (e) => { e.preventDefault(); look($('user-id').value.trim()); });
$('why-form').addEventListener('submit', (e) => { e.preventDefault(); explain($('why-event').value.trim(), $('why-user').value.trim()); });

/** A link may name what to look at: #user=... or #event=...&user=... */
export function lookAtHash() {
  const at = new URLSearchParams(location.hash.slice(1));
  if (at.has('event')) explain(at.get('event'), at.get('user') ?? '');
  else if (at.has('user')) look(at.get('user'));
}
