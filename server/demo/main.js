// Two people side by side, and the frames between them.
import { el, say } from './dom.js';
import { Person } from './person.js';
import { Phone } from './phone.js';

const stage = document.getElementById('stage');
const panes = document.getElementById('panes');
const narrow = matchMedia('(max-width: 720px)');
const phones = [];

/** At the width of a phone one pane is shown at a time; only the person in that pane is looking. */
function show(pane) {
  for (const p of stage.children) p.classList.toggle('shown', p.dataset.pane === pane);
  for (const b of panes.children) b.setAttribute('aria-pressed', String(b.dataset.show === pane));
  look();
}

function look() {
  for (const { root, person } of phones) person.setOnScreen(!document.hidden && (!narrow.matches || root.classList.contains('shown')));
}

function pane(name, text) {
  const b = el('button', { type: 'button', onclick: () => show(name) }, el('span', { textContent: text }), el('i', { className: 'dot', hidden: true }));
  b.dataset.show = name;
  panes.append(b);
  return b;
}

try {
  const people = await (await fetch('people.json', { cache: 'no-store' })).json();
  for (const [i, who] of people.slice(0, 2).entries()) {
    const person = new Person(who);
    const phone = new Phone(person, i === 0);
    const button = pane(person.id, person.name);
    stage.insertBefore(phone.root, document.getElementById('log'));
    phones.push(phone);
    person.addEventListener('change', () => {
      const n = person.unread + person.unreadNotifications;
      button.lastElementChild.hidden = n === 0;
      const label = n ? `${person.name}, ${n} unread` : person.name;
      if (button.ariaLabel !== label) button.ariaLabel = label;
    });
  }
  pane('wire', 'Wire');
  narrow.addEventListener('change', look);
  document.addEventListener('visibilitychange', look);
  setInterval(() => phones.forEach((p) => p.draw()), 30000); // "5 min ago"
  show(phones[0].person.id);
} catch (e) {
  const box = document.getElementById('broken');
  box.hidden = false;
  say(box, `The demo's people could not be read (${e.message}). Start the demo with make run, then load this page again.`);
}
