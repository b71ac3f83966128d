// What this edge tells of itself and of the others, as it comes: /page/live.
import { count, micros, say, since } from './dom.js';
import { Chart } from './chart.js';
import { drawEdges, drawTiles } from './edges.js';
import { drawBars, sorted } from './bars.js';
import { lookAtHash } from './user.js';

const SECONDS = 600;
const $ = (id) => document.getElementById(id);

const state = { own: null, column: new Map(), samples: [], now: 0, edges: [], histories: new Map() };
let charts = [];

const percent = (n) => `${+(n / 10).toFixed(1)} %`;
const perSecond = (n) => `${count(n)}/s`;

const CHARTS = [
  { title: 'Connections', series: { connections: 'connections', sockets: 'sockets' }, format: count },
  { title: 'Events', series: { events_in: 'from clients', packets_out: 'packets to clients' }, format: perSecond },
  { title: 'Latency from a row, median', series: { written_p50: 'written', confirmed_p50: 'confirmed' }, format: micros, gaps: true },
  { title: 'Latency from a row, 99 of 100', series: { written_p99: 'written', confirmed_p99: 'confirmed' }, format: micros, gaps: true },
  { title: 'Pump', series: { rows: 'rows', fetches: 'reads', bells: 'bells' }, format: perSecond },
  { title: 'Errors and ends', series: { errors: 'errors told', ended: 'sockets ended' }, format: perSecond },
  { title: 'Waiting', series: { waiting: 'events for the database', queued_kb: 'KiB for clients' }, format: count },
  { title: 'Processor', series: { cpu: 'of one core' }, format: percent },
];

function draw() {
  if (document.hidden) return;
  for (const c of charts) c.draw(state.samples, state.now);
}

function live(word, text) { $('live').dataset.state = word; say($('live'), text); }

function problem(text) { $('problem').hidden = !text; say($('problem'), text); }

function about() { say($('edge-about'), `${state.own.version}, up ${since(state.own.started_at)}`); }

/** What this edge would answer, from its last sample: the others cannot be asked while the database is away. */
function alone() {
  const row = state.samples.at(-1);
  const value = (name) => row?.[state.column.get(name)] ?? 0;
  const body = { ...state.own, pump: ['away', 'busy', 'drain', 'asleep'][value('pump')], events_in_per_s: value('events_in'), packets_out_per_s: value('packets_out') };
  for (const name of ['lag_ms', 'users', 'sockets']) body[name] = value(name);
  const others = state.edges.filter((a) => a.edge_id !== state.own.edge_id).map((a) => ({ ...a, answered: false, body: null, problem: 'could not be asked' }));
  return [{ ...state.own, answered: true, body }, ...others];
}

function drawAll(answers) {
  state.edges = answers;
  drawTiles(answers);
  drawEdges(answers, state.histories, state.own.edge_id);
}

const heard = {
  hello(edge) {
    state.own = edge;
    document.title = `${edge.name} - bellwire`;
    say($('edge-name'), edge.name);
    about();
    state.column = new Map(edge.columns.map((name, i) => [name, i]));
    charts = CHARTS.map((c) => new Chart({ ...c, series: Object.entries(c.series).map(([name, text]) => ({ name: text, column: state.column.get(name), gaps: c.gaps })) }));
    $('charts').replaceChildren(...charts.map((c) => c.root));
  },
  samples({ at, rows }) {
    state.samples = rows;
    state.now = Date.parse(at);
    draw();
  },
  sample({ at, row }) {
    state.samples.push(row);
    if (state.samples.length > SECONDS) state.samples.shift();
    state.now = Date.parse(at);
    live('live', 'Live');
    about();
    draw();
  },
  reasons({ errors, ended }) {
    drawBars('errors', sorted(errors));
    drawBars('ended', sorted(ended));
  },
  edges(answers) {
    problem('');
    drawAll(answers);
  },
  history(answers) {
    state.histories = new Map(answers.filter((a) => a.answered).map((a) => [a.edge_id, a.body]));
    drawEdges(state.edges, state.histories, state.own.edge_id);
  },
  busy(rooms) { drawBars('rooms', rooms.map((r) => ({ name: r.room, n: r.events, note: `${count(r.sockets)} socket${r.sockets === 1 ? '' : 's'}` }))); },
  problem(p) {
    problem(p.problem);
    drawAll(alone());
  },
};

const stream = new EventSource('live');
for (const [event, hear] of Object.entries(heard)) stream.addEventListener(event, (e) => hear(JSON.parse(e.data)));
stream.addEventListener('open', () => live('live', 'Live'));
stream.addEventListener('error', () => {
  live('lost', stream.readyState === EventSource.CLOSED ? 'The edge refused: load the page again' : 'Connection lost, trying again');
});
document.addEventListener('visibilitychange', draw);
addEventListener('hashchange', lookAtHash);
lookAtHash();
