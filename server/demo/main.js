// Two people side by side, one of them perhaps on two devices, and the frames between them.
import { el, say } from './dom.js';
import { Person } from './person.js';
import { Phone } from './phone.js';
import { offerPsql } from './psql.js';

const stage = document.getElementById('stage');
const panes = document.getElementById('panes');
const narrow = matchMedia('(max-width: 720px), (max-height: 480px)');
const phones = [];
const SECOND = 'bellwire.second';

/** On a phone one pane is shown at a time; only the person in that pane is looking. */
function show(pane) {
  for (const p of stage.children) p.classList.toggle('shown', p.dataset.pane === pane);
  for (const b of panes.children) b.setAttribute('aria-pressed', String(b.dataset.show === pane));
  look();
}

function look() {
  for (const { root, person } of phones) person.setOnScreen(!document.hidden && (!narrow.matches || root.classList.contains('shown')));
}

function paneButton(name, text, before = null) {
  const b = el('button', { type: 'button', onclick: () => show(name) }, el('span', { textContent: text }),
    el('span', { className: 'unseen' }), el('i', { className: 'dot', hidden: true }));
  b.dataset.show = name;
  panes.insertBefore(b, before);
  return b;
}

function open(who, device, { after, opensChat = false } = {}) {
  const person = new Person(who, device);
  const phone = new Phone(person, { opensChat, twin: () => (device === 1 ? second(who) : endSecond()) });
  phone.button = paneButton(person.key, device === 1 ? person.name : `${person.name} ${device}`, after ? after.button.nextElementSibling : null);
  stage.insertBefore(phone.root, after ? after.root.nextElementSibling : document.getElementById('log'));
  phones.splice(after ? phones.indexOf(after) + 1 : phones.length, 0, phone);
  person.addEventListener('change', () => {
    const n = person.unread + person.unreadNotifications;
    phone.button.querySelector('.dot').hidden = n === 0;
    say(phone.button.querySelector('.unseen'), n ? `, ${n} unread` : '');
  });
  stage.dataset.phones = phones.length;
  return phone;
}

const find = (id, device) => phones.find((p) => p.person.id === id && p.person.device === device);
const keep = (id) => { try { if (id) sessionStorage.setItem(SECOND, id); else sessionStorage.removeItem(SECOND); } catch { /* the browser keeps nothing */ } };
const kept = () => { try { return sessionStorage.getItem(SECOND); } catch { return null; } };

// There is room for one second device.
function second(who) {
  const had = phones.find((p) => p.person.device === 2);
  if (had?.person.id === who.id) { show(had.person.key); had.root.querySelector('.twin').focus(); return; }
  if (had) endSecond();
  const phone = open(who, 2, { after: find(who.id, 1) });
  keep(who.id);
  show(phone.person.key);
  phone.root.querySelector('.twin').focus();
}

function endSecond() {
  const [phone] = phones.splice(phones.findIndex((p) => p.person.device === 2), 1);
  const first = find(phone.person.id, 1);
  keep(null);
  phone.person.leave();
  phone.root.remove();
  phone.button.remove();
  stage.dataset.phones = phones.length;
  show(first.person.key);
  first.root.querySelector('.twin').focus();
}

try {
  const people = await (await fetch('people.json', { cache: 'no-store' })).json();
  for (const [i, who] of people.slice(0, 2).entries()) open(who, 1, { opensChat: i === 0 });
  const again = people.slice(0, 2).find((who) => who.id === kept());
  if (again) open(again, 2, { after: find(again.id, 1) });
  paneButton('wire', 'Wire');
  narrow.addEventListener('change', look);
  document.addEventListener('visibilitychange', look);
  setInterval(() => phones.forEach((p) => p.draw()), 30000); // "5 min ago"
  show(phones[0].person.key);
  if (people.length > 1) await offerPsql(phones.filter((p) => p.person.device === 1).map((p) => p.person));
} catch (e) {
  const box = document.getElementById('broken');
  box.hidden = false;
  say(box, `The demo's people could not be read (${e.message}). Start the demo with make run, then load this page again.`);
}
