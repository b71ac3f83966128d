// A chart of the last ten minutes, and the small line in a row of the table of edges.
import { el, say, svg, time } from './dom.js';

const WIDTH = 600;
const HEIGHT = 120;
const LEAST = 5; // the top of a chart where next to nothing happens

/** The next round number above: the scale of a chart. */
export function ceiling(n) {
  if (n <= 1) return 1;
  const power = 10 ** Math.floor(Math.log10(n));
  return power * [1, 2, 3, 5, 10].find((f) => f * power >= n);
}

/** The path through values, from the right edge back; null leaves a gap. One alone is a dot, by its round ends. */
function path(values, most, width, height) {
  let d = '';
  let open = false;
  const left = width - values.length + 1;
  values.forEach((v, i) => {
    if (v === null) { open = false; return; }
    const y = (height - (Math.min(v, most) / most) * (height - 2) - 1).toFixed(1);
    d += open ? `L${left + i} ${y}` : `M${left + i} ${y}h.01`;
    open = true;
  });
  return d;
}

/**
 * title; series: [{name, column, gaps}] (gaps: 0 is no value); format: of a value. Moved within by the pointer and by
 * arrow keys, as a slider over seconds is, which is how screen readers read single values.
 */
export class Chart {
  constructor({ title, series, format }) {
    Object.assign(this, { title, series, format, at: null });
    this.lines = series.map((s, i) => svg('path', { class: `line line-${i}`, 'vector-effect': 'non-scaling-stroke' }));
    this.cursor = svg('line', { class: 'cursor', y1: 0, y2: HEIGHT, 'vector-effect': 'non-scaling-stroke', visibility: 'hidden' });
    this.most = el('span', { className: 'most' });
    this.when = el('span', { className: 'when', textContent: 'now' });
    this.values = series.map((s, i) => el('b', { className: `value value-${i}` }));
    this.plot = el('div', { className: 'plot', tabIndex: 0 },
      svg('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' }, ...this.lines, this.cursor), this.most);
    const range = { 'aria-valuemin': -WIDTH + 1, 'aria-valuemax': 0, 'aria-valuenow': 0, 'aria-valuetext': 'no value yet' };
    for (const [name, value] of Object.entries({ role: 'slider', 'aria-label': title, ...range })) this.plot.setAttribute(name, value);
    this.root = el('figure', { className: 'card chart' }, el('figcaption', {}, el('h3', { textContent: title }),
      el('p', {}, ...series.map((s, i) => el('span', { className: 'now' }, el('span', { className: `name name-${i}`, textContent: s.name }), ' ', this.values[i])))),
    this.plot, el('p', { className: 'axis' }, el('span', { textContent: '10 min ago' }), this.when));
    this.plot.addEventListener('pointermove', (e) => {
      const box = this.plot.getBoundingClientRect();
      this.look(Math.round(((e.clientX - box.left) / box.width) * (WIDTH - 1)) - WIDTH + 1);
    });
    this.plot.addEventListener('pointerleave', () => this.look(null));
    this.plot.addEventListener('blur', () => this.look(null));
    this.plot.addEventListener('keydown', (e) => this.key(e));
  }

  key(e) {
    const far = e.shiftKey ? 60 : 5;
    const to = { ArrowLeft: (this.at ?? 0) - far, ArrowRight: (this.at ?? 0) + far, PageUp: (this.at ?? 0) + 60, PageDown: (this.at ?? 0) - 60, Home: -WIDTH, End: 0, Escape: null }[e.key];
    if (to === undefined) return;
    e.preventDefault();
    this.look(to);
  }

  /** at: seconds before the last sample, 0 or less; null: the last one, and it goes on. */
  look(at) {
    this.at = at === null ? null : Math.max(1 - Math.max(1, this.samples?.length ?? 1), Math.min(0, at));
    this.tell();
  }

  draw(samples, now) {
    this.samples = samples;
    this.now = now;
    const columns = this.series.map((s) => samples.map((row) => (s.gaps && row[s.column] === 0 ? null : row[s.column])));
    const most = ceiling(Math.max(LEAST, ...columns.flat().filter((v) => v !== null)));
    columns.forEach((values, i) => this.lines[i].setAttribute('d', path(values, most, WIDTH - 1, HEIGHT)));
    say(this.most, this.format(most));
    this.tell();
  }

  tell() {
    const back = this.at ?? 0;
    const row = this.samples?.at(back - 1);
    if (!row) return;
    const values = this.series.map((s) => (s.gaps && row[s.column] === 0 ? '\u2013' : this.format(row[s.column])));
    values.forEach((v, i) => say(this.values[i], v));
    const when = back ? time(this.now + back * 1000) : 'now';
    say(this.when, when);
    this.cursor.setAttribute('visibility', this.at === null ? 'hidden' : 'visible');
    for (const end of ['x1', 'x2']) this.cursor.setAttribute(end, WIDTH - 1 + back);
    this.plot.setAttribute('aria-valuenow', back);
    this.plot.setAttribute('aria-valuetext', `${when}: ${this.series.map((s, i) => `${s.name} ${values[i]}`).join(', ')}`);
  }
}

/** A line of some values without a scale, beside the number that it ends with. */
export function spark() {
  const line = svg('path', { class: 'line line-0', 'vector-effect': 'non-scaling-stroke' });
  const root = svg('svg', { class: 'spark', viewBox: '0 0 120 24', preserveAspectRatio: 'none', 'aria-hidden': 'true' }, line);
  root.draw = (values) => line.setAttribute('d', values?.length ? path(values, ceiling(Math.max(...values)), 119, 24) : '');
  return root;
}
