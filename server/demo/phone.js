// One phone on the page: a person's head line, pages and tabs. Text goes in as text, never as HTML.
import { Alerts, alertText } from './alerts.js';
import { Chat } from './chat.js';
import { summary } from './bubble.js';
import { ChatList } from './chats.js';
import { avatar, el, hide, say } from './dom.js';
import { icon } from './icons.js';
import { Post } from './post.js';

const TOAST_MS = 4500;
const states = { connecting: 'Connecting\u2026', online: 'Online', reconnecting: 'Reconnecting\u2026', dropped: 'Connection dropped', expired: 'Token expired', refused: 'Token refused' };
const reasons = { connection_established: '', reconnection: ' \u00b7 in sync after reconnection', token_refresh: ' \u00b7 in sync with a new token' };
const tabIcons = { chats: 'chats', post: 'post', alerts: 'bell' };
const pages = ['chats', 'chat', 'post', 'alerts'];

export class Phone {
  // twin(): opens a second device of this person, or ends this one if it is the second
  constructor(person, { opensChat = false, twin }) {
    this.person = person;
    this.root = document.getElementById('phone-template').content.firstElementChild.cloneNode(true);
    Object.assign(this.root.dataset, { pane: person.key, user: person.id, device: person.device });
    this.root.ariaLabel = person.device === 1 ? `${person.name}'s phone` : `${person.name}'s second device`;
    this.$('[data-slot=avatar]').replaceWith(avatar(person.id, person.name));
    say(this.$('.name'), person.name);
    this.$('.device').hidden = person.device === 1;
    this.parts = {
      chats: new ChatList(this, this.$('[data-page=chats]')), chat: new Chat(this, this.$('[data-page=chat]')),
      post: new Post(this, this.$('[data-page=post]')), alerts: new Alerts(this, this.$('[data-page=alerts]')),
    };
    this.#controls(twin);
    // A reload shows again what was open. The first visit has one conversation open, and one unread.
    this.opensChat = opensChat;
    const kept = this.#kept();
    this.page = pages.includes(kept.page) ? kept.page : 'chats';
    if (this.page === 'chat' && typeof kept.chat === 'string') this.opens = kept.chat; else if (this.page === 'chat') this.page = 'chats';
    person.addEventListener('change', () => this.#soon());
    person.addEventListener('ring', (e) => this.#ring(e.detail));
    this.draw();
  }

  $(selector) { return this.root.querySelector(selector); }

  #kept() {
    try { return JSON.parse(sessionStorage.getItem(`bellwire.${this.person.key}`)) ?? { first: true }; } catch { return { first: true }; }
  }

  #keep() {
    try { sessionStorage.setItem(`bellwire.${this.person.key}`, JSON.stringify({ page: this.page, chat: this.person.openChat ?? this.opens })); } catch { /* the browser keeps nothing */ }
  }

  #controls(twin) {
    const p = this.person;
    const button = this.$('.twin');
    const words = p.device === 1 ? `Open a second device of ${p.name}` : `Close the second device of ${p.name}`;
    button.append(icon(p.device === 1 ? 'twin' : 'close'));
    button.title = button.ariaLabel = words;
    button.addEventListener('click', twin);
    this.$('.tabs').ariaLabel = `${p.label}: pages`;
    this.$('.wire').addEventListener('click', () => (p.state === 'dropped' ? p.restore() : p.drop()));
    this.$('.banner button').addEventListener('click', () => p.renew());
    for (const tab of this.root.querySelectorAll('[data-tab]')) {
      tab.prepend(icon(tabIcons[tab.dataset.tab]));
      tab.addEventListener('click', () => this.show(tab.dataset.tab));
    }
  }

  show(page) {
    if (page !== 'chat') this.person.close();
    this.page = page;
    this.#keep();
    this.draw();
  }

  /** From a chat to the list, and to its row there. */
  back() {
    const id = this.person.openChat;
    this.show('chats');
    this.parts.chats.focus(id);
  }

  /** A chat that is opened gets the keyboard's focus, but not on the first visit. */
  openChat(id, { focus = true } = {}) {
    this.person.open(id);
    this.show('chat');
    if (focus) this.parts.chat.focus();
  }

  /** A toast lies over the head line, where nothing is that it could tell of, and goes with what it tells of. */
  #ring({ page, chat, from, title, message, notification }) {
    if (notification && this.person.onScreen && this.page === 'alerts') return; // the list of alerts is in sight already
    const text = notification ? alertText(notification) : { title, body: summary(message) };
    const toast = el('button', { type: 'button', className: 'toast', onclick: () => {
      if (chat) this.openChat(chat);
      else { this.show(page); this.parts.alerts.focus(notification.id); }
      toast.remove();
    } }, from ? avatar(from, text.who ?? text.title) : el('span', { className: 'tile-icon' }, icon('bell')),
    el('span', { className: 'lines' }, el('strong', { textContent: text.title }), el('span', { textContent: text.body })));
    this.#endToast();
    this.toast = { e: toast, isRead: () => (chat ? this.person.chats?.find((c) => c.id === chat)?.unread_count === 0 : notification.is_read) };
    this.$('.toasts').append(toast);
    this.#toastLater();
    this.root.classList.remove('rings');
    void this.root.offsetWidth; // restarts the animation
    this.root.classList.add('rings');
  }

  // It stays while the pointer or the focus is on it.
  #toastLater() {
    clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => { if (this.toast?.e.matches(':hover, :focus')) this.#toastLater(); else this.#endToast(); }, TOAST_MS);
  }

  #endToast() {
    if (!this.toast) return;
    hide(this.toast.e, true, this.$('.tabs [aria-current]'));
    this.toast.e.remove();
    this.toast = null;
  }

  /** Draws once for several changes of one turn. */
  #soon() {
    if (this.waits) return;
    this.waits = true;
    queueMicrotask(() => { this.waits = false; this.draw(); });
  }

  #firstPage() {
    const { opens, opensChat } = this;
    this.opens = null;
    this.opensChat = false;
    const id = opens ?? (opensChat && this.#kept().first ? this.person.chats[0]?.id : null);
    if (id && this.person.chats.some((c) => c.id === id)) this.openChat(id, { focus: false });
    else if (opens) this.show('chats');
  }

  draw() {
    const p = this.person;
    if (p.chats && (this.opens || this.opensChat)) this.#firstPage();
    this.root.dataset.state = p.state;
    say(this.$('.state'), states[p.state] + (p.online && p.synced ? reasons[p.synced] ?? '' : ''));
    if (this.toast?.isRead()) this.#endToast();
    const wire = this.$('.wire');
    const stuck = p.state === 'expired' || p.state === 'refused';
    wire.toggleAttribute('data-off', p.state === 'dropped');
    say(wire, p.state === 'dropped' ? 'Restore' : 'Drop');
    wire.title = p.state === 'dropped' ? `Bring ${p.name}'s connection back` : `Cut ${p.name}'s connection, as a tunnel would`;
    if (!stuck) wire.hidden = false;
    this.#banner(stuck);
    hide(wire, stuck, this.$('.banner button'));
    for (const page of this.root.querySelectorAll('.page')) page.hidden = page.dataset.page !== this.page;
    const tab = this.page === 'chat' ? 'chats' : this.page;
    for (const t of this.root.querySelectorAll('[data-tab]')) if (t.dataset.tab === tab) t.setAttribute('aria-current', 'page'); else t.removeAttribute('aria-current');
    this.#badge('chats', p.unread);
    this.#badge('alerts', p.unreadNotifications);
    this.parts[this.page].draw();
  }

  #banner(bad) {
    const p = this.person;
    const banner = this.$('.banner');
    const [text, button] = p.state === 'expired' ? [`${p.name}'s token has expired, and the server has said goodbye. A start of make run makes new tokens.`, 'Use the new one']
      : p.state === 'refused' ? [`The server takes ${p.name}'s token no longer: the user is disabled or gone, or the demo has been made anew.`, 'Try again']
      : p.state === 'dropped' ? [`${p.name} is in a tunnel. What is written meanwhile waits here, and is read again on the way out.`, '']
        : p.problem ? [p.problem, ''] : ['', ''];
    banner.dataset.kind = bad ? 'bad' : 'note';
    say(banner.querySelector('p'), text);
    hide(banner.querySelector('button'), button === '', this.$('.wire'));
    say(banner.querySelector('button'), button);
    hide(banner, text === '', this.$('.wire'));
  }

  #badge(name, n) {
    const b = this.$(`[data-badge=${name}]`);
    b.hidden = n === 0;
    say(b, n > 99 ? '99+' : String(n));
    b.ariaLabel = `${n} unread`;
  }
}
