// Two people side by side, and what crosses the wire between them.
import { Person } from './model.js';
import { Phone } from './view.js';

const stage = document.getElementById('stage');
const log = document.getElementById('log');
const switcher = document.getElementById('people-switch');

/** On a phone's width one pane is shown at a time. */
function show(pane) {
  for (const p of stage.children) p.classList.toggle('shown', p.dataset.pane === pane);
  for (const b of switcher.children) b.setAttribute('aria-pressed', String(b.dataset.show === pane));
}

function button(pane, text) {
  const b = Object.assign(document.createElement('button'), { type: 'button', textContent: text, onclick: () => show(pane) });
  b.dataset.show = pane;
  switcher.append(b);
}

try {
  const people = await (await fetch('people.json', { cache: 'no-store' })).json();
  for (const who of people.slice(0, 2)) {
    stage.insertBefore(new Phone(new Person(who)).root, log);
    button(who.name, who.name);
  }
  button('log', 'Wire');
  show(people[0].name);
} catch (e) {
  const box = document.getElementById('broken');
  box.hidden = false;
  box.textContent = `The demo's people could not be loaded (${e.message}). Start it with make run.`;
}
