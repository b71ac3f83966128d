// One conversation: the head line with the people, the messages, and the line to write on.
import { body } from './bubble.js';
import { face, presence, title, typing } from './chats.js';
import { day, el, hide, keyed, say, time, when } from './dom.js';
import { icon, tick } from './icons.js';
import { SAMPLES } from './samples.js';

const QUIET_MS = 3000;
const NEAR_END = 40;
const words = { pending: 'waiting', sent: 'sent', delivered: 'delivered', read: 'read', failed: 'not sent' };

function messageItem(phone, first) {
  const { person } = phone;
  const mine = first.sender_id === person.id;
  const sender = el('span', { className: 'sender', textContent: first.sender_name ?? '' });
  const status = el('span', { className: 'ticks' });
  const word = el('span', { className: 'unseen' });
  const at = el('time');
  const why = el('span');
  const retry = el('button', { type: 'button', className: 'retry' }, icon('retry'), why);
  const li = el('li', { className: mine ? 'message mine' : 'message' }, sender,
    el('div', { className: 'bubble' }, body(first), el('span', { className: 'meta' }, at, mine ? status : null, mine ? word : null)), mine ? retry : null);
  li.dataset.type = first.type;
  li.update = ({ m, head, tail, group }) => {
    if (m.id) li.dataset.id = m.id;
    li.classList.toggle('head', head);
    li.classList.toggle('tail', tail);
    sender.hidden = mine || !group || !head;
    when(at, m.created_at, time);
    hide(retry, m.status !== 'failed', phone.parts.chat.input);
    retry.onclick = () => person.outbox.retry(m);
    say(why, `Not sent${m.error ? `: ${m.error}` : ''}. Try again`);
    if (li.dataset.status === m.status) return;
    li.dataset.status = status.dataset.status = m.status;
    if (mine) { status.replaceChildren(tick(m.status)); say(word, words[m.status]); status.title = words[m.status]; }
  };
  return li;
}

// Messages of one person that are less than some minutes apart stand together.
const together = (a, b) => a && b && a.sender_id === b.sender_id && Math.abs(new Date(a.created_at) - new Date(b.created_at)) < 300000;

function* items(list, group) {
  let last = '';
  for (const [i, m] of list.entries()) {
    const d = day(m.created_at);
    if (d !== last) yield { key: `day ${d}`, day: d };
    yield { key: m.metadata?.client_id && m.sender_id ? `${m.sender_id} ${m.metadata.client_id}` : m.id, m, group, head: d !== last || !together(list[i - 1], m), tail: !together(m, list[i + 1]) };
    last = d;
  }
}

export class Chat {
  constructor(phone, root) {
    this.phone = phone;
    this.atEnd = true;
    this.slot = el('span', { className: 'slot' });
    this.name = el('h3', { className: 'name' });
    this.presence = el('p', { className: 'presence' });
    this.older = el('button', { type: 'button', className: 'older quiet', textContent: 'Earlier messages', hidden: true, onclick: () => phone.person.older() });
    this.list = el('ol', { className: 'messages' });
    this.log = el('div', { role: 'log' }, this.list);
    this.empty = el('p', { className: 'empty', textContent: 'Nothing said yet. Say something.' });
    this.typing = el('p', { className: 'typing', role: 'status' });
    this.scroller = el('div', { className: 'scroller', tabIndex: 0 }, this.older, this.empty, this.log);
    this.scroller.setAttribute('role', 'region');
    this.jump = el('button', { type: 'button', className: 'jump', hidden: true, onclick: () => { this.atEnd = true; this.draw(); } }, 'To the newest');
    const back = el('button', { type: 'button', className: 'back', title: 'Back to chats', onclick: () => phone.back() }, icon('back'));
    back.ariaLabel = 'Back to chats';
    root.append(el('header', { className: 'chat-head' }, back, this.slot, el('div', { className: 'who' }, this.name, this.presence)),
      this.scroller, el('div', { className: 'under' }, this.jump, this.typing), this.#samples(), this.#composer());
    // A banner, the keyboard or a picture changes the height. A reader who was at the end stays at the end.
    const settle = new ResizeObserver(() => { if (this.atEnd) this.scroller.scrollTop = this.scroller.scrollHeight; });
    settle.observe(this.scroller);
    settle.observe(this.list);
    this.scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
  }

  #scrolled() {
    const s = this.scroller;
    if (!s.clientHeight) return; // the list is hidden, so the reader did not scroll
    this.atEnd = s.scrollHeight - s.scrollTop - s.clientHeight < NEAR_END;
    hide(this.jump, this.atEnd, s);
    if (s.scrollTop < 60 && !this.atEnd) this.phone.person.older();
  }

  #composer() {
    const { person } = this.phone;
    const input = this.input = el('textarea', { name: 'content', rows: 1, maxLength: 4000, placeholder: 'Message' });
    input.ariaLabel = 'Message';
    const more = this.more = el('button', { type: 'button', className: 'more', title: 'Send something else', onclick: () => this.#showSamples(this.samples.hidden) }, icon('plus'));
    more.ariaLabel = 'Send something else';
    more.setAttribute('aria-expanded', 'false');
    const send = el('button', { className: 'send', title: 'Send' }, icon('send'));
    send.ariaLabel = 'Send';
    const form = el('form', { className: 'composer' }, more, input, send);
    const grow = () => { input.style.height = 'auto'; input.style.height = `${Math.min(input.scrollHeight, 120)}px`; };
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      const content = input.value.trim();
      clearTimeout(this.quiet);
      if (!content) return;
      input.value = '';
      grow();
      this.atEnd = true;
      person.send('text', content);
    });
    input.addEventListener('keydown', (e) => { if (e.key === 'Enter' && !e.shiftKey && !e.isComposing) { e.preventDefault(); form.requestSubmit(); } });
    input.addEventListener('input', () => {
      grow();
      person.setTyping(input.value !== '');
      clearTimeout(this.quiet);
      this.quiet = setTimeout(() => person.setTyping(false), QUIET_MS);
    });
    return form;
  }

  #samples() {
    this.samples = el('div', { className: 'samples', hidden: true }, ...SAMPLES.map((s) => el('button', { type: 'button', onclick: () => {
      this.#showSamples(false);
      this.atEnd = true;
      this.phone.person.send(s.type, s.content, s.metadata);
      this.focus();
    } }, icon(s.icon), s.label)));
    this.samples.addEventListener('keydown', (e) => { if (e.key === 'Escape') { this.#showSamples(false); this.more.focus(); } });
    return this.samples;
  }

  #showSamples(on) {
    this.samples.hidden = !on;
    this.more.setAttribute('aria-expanded', String(on));
    if (on) this.samples.firstElementChild.focus();
  }

  focus() { this.input.focus({ preventScroll: true }); }

  draw() {
    const p = this.phone.person;
    const chat = p.chats?.find((c) => c.id === p.openChat);
    if (!chat) return;
    const changed = this.shown !== chat.id;
    if (changed) {
      this.shown = chat.id;
      this.slot.replaceChildren(face(p, chat));
      this.list.replaceChildren();
      this.input.value = '';
      this.atEnd = true;
      this.#showSamplesOff();
    }
    const here = presence(p, chat);
    const t = typing(p, chat);
    say(this.name, title(p, chat));
    this.scroller.ariaLabel = `Messages with ${title(p, chat)}`;
    this.slot.classList.toggle('on', here.online);
    say(this.presence, here.text);
    this.presence.classList.toggle('on', here.online);
    const typist = chat.participants.length <= 2 && t ? `${p.typists(chat.id)[0]} is typing` : t;
    say(this.typing, typist);
    this.typing.classList.toggle('shown', t !== '');
    this.#messages(p.history(chat.id), chat.participants.length > 2);
  }

  #showSamplesOff() { if (!this.samples.hidden) { this.samples.hidden = true; this.more.setAttribute('aria-expanded', 'false'); } }

  #messages(history, group) {
    const s = this.scroller;
    const first = this.list.firstElementChild?.nextElementSibling?.key;
    const { scrollTop, scrollHeight } = s;
    this.log.ariaBusy = this.list.ariaBusy = String(!history.complete); // screen readers do not read out a page of history
    this.empty.hidden = !history.complete || history.list.length > 0;
    hide(this.older, !history.before, s);
    keyed(this.list, [...items(history.list, group)], (i) => i.key, (i) => (i.day ? el('li', { className: 'day', textContent: i.day }) : messageItem(this.phone, i.m)));
    if (this.atEnd) s.scrollTop = s.scrollHeight;
    else if (first !== this.list.firstElementChild?.nextElementSibling?.key) s.scrollTop = scrollTop + s.scrollHeight - scrollHeight;
    hide(this.jump, this.atEnd, s);
  }
}
