// One person on one device, state and connection: a stock Socket.IO client, and the HTTP reads whenever the server says sync:required.
import { now } from './dom.js';
import { followReads, followWire } from './log.js';
import { History } from './history.js';
import { Outbox } from './outbox.js';

const TYPING_MS = 6000;
const SYNC_AGAIN_MS = 2000;
const TROUBLE_MS = 6000;
const CLOCK_MS = 5000; // the clocks of page and server may differ by this

const expiryOf = (token) => JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).exp * 1000;

export class Person extends EventTarget {
  constructor({ id, name, token }, device = 1) {
    super();
    Object.assign(this, {
      id, name, token, device, key: device === 1 ? id : `${id}.${device}`, label: device === 1 ? name : `${name}, second device`, state: 'connecting', problem: '', onScreen: false, synced: null,
      chats: null, openChat: null, histories: new Map(), notifications: null, post: null, presence: new Map(), typing: new Map(),
    });
    this.socket = io({ auth: (tell) => tell({ token: this.token }), forceNew: true, autoConnect: false, transports: ['websocket'], reconnectionDelay: 300, reconnectionDelayMax: 2000 });
    this.outbox = new Outbox(this);
    this.followEngine = followWire(this, this.socket.io);
    this.#follow();
    this.#connect();
  }

  changed() { this.dispatchEvent(new Event('change')); }

  ring(detail) { this.dispatchEvent(new CustomEvent('ring', { detail })); }

  /** Shows a line for a while. */
  #trouble(text) {
    clearTimeout(this.troubleTimer);
    this.problem = text;
    this.troubleTimer = setTimeout(() => { this.problem = ''; this.changed(); }, TROUBLE_MS);
    this.changed();
  }

  /** True when the client does not come back by itself. */
  get stopped() { return ['dropped', 'expired', 'refused'].includes(this.state); }

  get online() { return this.state === 'online'; }

  #follow() {
    const s = this.socket;
    const plain = (event, handle) => s.on(event, (d) => { handle(d); this.changed(); });
    // Events that come while everything is read again are taken in afterwards, so that an older answer never undoes a newer event.
    const data = (event, handle) => s.on(event, (d) => { if (this.held) this.held.push(() => handle(d)); else { handle(d); this.changed(); } });
    plain('connected', () => { this.state = 'online'; this.problem = ''; this.outbox.flush(); });
    plain('sync:required', (d) => this.#sync(d.reason));
    plain('disconnect', (why) => this.#disconnected(why));
    plain('connect_error', () => { if (!this.stopped) this.state = 'reconnecting'; });
    plain('error', (e) => this.#refused(e));
    data('chat:message:new', (m) => this.#arrived(m));
    data('chat:message:delivered', (d) => this.histories.get(d.chat_id)?.raise(d.message_id, 'delivered'));
    data('chat:message:read', (d) => this.histories.get(d.chat_id)?.raise(d.message_id, 'read'));
    data('demo:chat:read', (d) => this.#seenElsewhere(d)); // for the reader's devices; chat:message:read goes to the sender alone
    data('chat:typing', (d) => this.#typing(d));
    data('notification:new', (n) => this.#notified(n));
    data('notification:read', (d) => this.#notificationRead(d));
    data('user:online', (d) => this.presence.set(d.user_id, d));
    data('user:offline', (d) => this.presence.set(d.user_id, d));
    data('post:liked', (d) => this.#liked(d, true));
    data('post:unliked', (d) => this.#liked(d, false));
    data('post:commented', (d) => this.#commented(d));
    data('demo:post:commented', (d) => this.#commented(d)); // for followers; post:commented goes to the author alone
  }

  // ---- connection ----

  #connect() {
    this.socket.connect();
    this.followEngine();
  }

  #refused(e) {
    // The server has one message for every bad token. The page looks into the token to see whether its time is over.
    if (e.code === 'UNAUTHORIZED' && !e.event) this.state = expiryOf(this.token) <= now() + CLOCK_MS ? 'expired' : 'refused';
    else this.#trouble(e.code === 'UNAVAILABLE' ? 'The database is away. Messages wait here.' : e.message);
  }

  #disconnected(why) {
    clearTimeout(this.syncTimer);
    this.synced = null;
    for (const people of this.typing.values()) for (const t of people.values()) clearTimeout(t.timer);
    this.typing.clear();
    this.saidTyping = 0;
    if (this.stopped) return;
    this.state = 'reconnecting';
    // After the server's own goodbye the client library does not come back by itself.
    if (why === 'io server disconnect') setTimeout(() => { if (this.state === 'reconnecting') this.#connect(); }, 1000);
  }

  /** Cuts the connection without a goodbye, as a tunnel does. */
  drop() {
    this.state = 'dropped';
    this.socket.io.reconnection(false);
    this.socket.io.engine?.close();
    this.changed();
  }

  /** For good, and with a goodbye: the others see it at once. */
  leave() {
    this.state = 'dropped';
    for (const timer of [this.troubleTimer, this.syncTimer]) clearTimeout(timer);
    this.socket.disconnect();
  }

  restore() {
    this.state = 'connecting';
    this.socket.io.reconnection(true);
    this.#connect();
    this.changed();
  }

  /** A token, from the file that the start of the demo wrote. */
  async renew() {
    try {
      const people = await (await fetch('people.json', { cache: 'no-store' })).json();
      this.token = people.find((p) => p.id === this.id)?.token ?? this.token;
      this.restore();
    } catch (e) { this.#trouble(e.message); }
  }

  // ---- reading again ----

  async #get(path) {
    const r = await fetch(path, { headers: { authorization: `Bearer ${this.token}` } });
    const answer = await r.json();
    followReads(this, path, r.status, answer);
    if (!r.ok) throw new Error(answer.message ?? `${path}: ${r.status}`);
    return answer;
  }

  async #sync(reason) {
    clearTimeout(this.syncTimer);
    const turn = this.turn = (this.turn ?? 0) + 1;
    this.held ??= [];
    try {
      const open = this.openChat;
      const [chats, notifications, page] = await Promise.all([
        this.#get('/api/v2/chats'), this.#get('/api/v2/notifications'), open && this.#page(open), this.#readPost()]);
      if (turn !== this.turn) return; // a later reading takes over the events that are held
      this.chats = chats.items;
      this.notifications = notifications.items;
      for (const c of this.chats) for (const p of c.participants) this.presence.set(p.user_id, p);
      if (page && open === this.openChat) { this.history(open).replace(page); this.#join(open); this.readOpen(); }
      this.synced = reason;
    } catch (e) {
      if (turn !== this.turn) return;
      this.#trouble(`Could not read again: ${e.message}`);
      if (this.socket.connected) this.syncTimer = setTimeout(() => this.#sync(reason), SYNC_AGAIN_MS);
    }
    const held = this.held;
    this.held = null;
    for (const handle of held) handle();
    this.changed();
  }

  // ---- chats ----

  history(chatId) {
    if (!this.histories.has(chatId)) this.histories.set(chatId, new History());
    return this.histories.get(chatId);
  }

  #page(chatId, before) { return this.#get(`/api/v2/chats/${chatId}/messages?limit=50${before ? `&before=${before}` : ''}`); }

  #join(chatId) { if (this.online) this.socket.emit('chat:join', { chat_id: chatId }); }

  async open(chatId) {
    if (this.openChat === chatId) return;
    this.close();
    this.openChat = chatId;
    this.changed();
    this.#join(chatId);
    try {
      const page = await this.#page(chatId);
      this.history(chatId).replace(page);
      if (this.openChat === chatId) this.readOpen();
    } catch (e) { this.#trouble(e.message); }
    this.changed();
  }

  async older() {
    const h = this.history(this.openChat);
    if (!h.before || h.loading) return;
    h.loading = true;
    try { h.prepend(await this.#page(this.openChat, h.before)); } catch (e) { this.#trouble(e.message); }
    h.loading = false;
    this.readOpen();
    this.changed();
  }

  close() {
    if (!this.openChat) return;
    this.setTyping(false);
    if (this.online) this.socket.emit('chat:leave', { chat_id: this.openChat });
    this.openChat = null;
    this.changed();
  }

  #arrived(m) {
    const isNew = this.history(m.chat_id).add(m, this.id);
    const chat = this.chats?.find((c) => c.id === m.chat_id);
    if (!chat) { this.#sync(this.synced); return; }
    const counted = chat.last_message && m.seq <= chat.last_message.seq;
    if (!counted) {
      chat.last_message = m;
      this.chats = [chat, ...this.chats.filter((c) => c !== chat)];
    }
    if (m.sender_id === this.id) return;
    this.typing.get(m.chat_id)?.delete(m.sender_id);
    if (!counted) chat.unread_count++;
    if (this.openChat === m.chat_id && this.onScreen) this.readOpen();
    else if (isNew && !counted) this.ring({ page: 'chat', chat: m.chat_id, from: m.sender_id, title: m.sender_name, message: m });
  }

  /** Marks the messages on the screen as read. Of repeats the server counts the first. */
  readOpen() {
    const chat = this.chats?.find((c) => c.id === this.openChat);
    if (!chat || !this.onScreen || !this.online) return;
    const history = this.history(chat.id);
    const seen = history.unread(this.id);
    for (const m of seen) {
      m.status = 'read';
      this.socket.emit('chat:message:read', { message_id: m.id, chat_id: m.chat_id });
    }
    chat.unread_count = history.before ? Math.max(0, chat.unread_count - seen.length) : 0; // older pages have unread messages too
  }

  /** Read on one of this person's devices, perhaps on this one. */
  #seenElsewhere({ chat_id, message_ids }) {
    const news = this.history(chat_id).see(message_ids);
    const chat = this.chats?.find((c) => c.id === chat_id);
    if (chat) chat.unread_count = Math.max(0, chat.unread_count - news);
  }

  setOnScreen(is) {
    if (this.onScreen === is) return;
    this.onScreen = is;
    if (this.openChat) this.readOpen();
    this.changed();
  }

  #typing(d) {
    if (d.user_id === this.id) return; // on the other device
    const people = this.typing.get(d.chat_id) ?? new Map();
    clearTimeout(people.get(d.user_id)?.timer);
    people.delete(d.user_id);
    // "Has stopped typing" can be lost, as when the other's connection ends.
    if (d.is_typing) people.set(d.user_id, { name: d.user_name, timer: setTimeout(() => { people.delete(d.user_id); this.changed(); }, TYPING_MS) });
    this.typing.set(d.chat_id, people);
  }

  typists(chatId) { return Array.from(this.typing.get(chatId)?.values() ?? [], (t) => t.name); }

  setTyping(is) {
    const said = Date.now() - (this.saidTyping ?? 0) < TYPING_MS / 2; // said again before the other side takes it back by itself
    if (!this.openChat || !this.online || (is ? said : !this.saidTyping)) return;
    this.saidTyping = is ? Date.now() : 0;
    this.socket.emit('chat:typing', { chat_id: this.openChat, is_typing: is });
  }

  send(type, content, metadata) {
    this.setTyping(false);
    this.outbox.send(this.openChat, type, content, metadata);
  }

  // ---- notifications ----

  #notified(n) {
    if (!this.notifications) return;
    const known = this.notifications.some((o) => o.id === n.id);
    if (known) return;
    this.notifications = [n, ...this.notifications];
    this.ring({ page: 'alerts', from: n.data?.user_id, notification: n });
  }

  #notificationRead(d) {
    const n = this.notifications?.find((o) => o.id === d.notification_id);
    if (n) Object.assign(n, { is_read: true, read_at: d.read_at });
  }

  readNotification(id) {
    this.socket.emit('notification:read', { notification_id: id }, (ack) => { if (ack.is_read) this.#notificationRead(ack); this.changed(); });
  }

  readAllNotifications() { for (const n of this.notifications) if (!n.is_read) this.readNotification(n.id); }

  // ---- the post: demo:* are client events that the demo's data adds with SQL alone, as any service can ----

  #readPost() {
    return new Promise((resolve) => {
      this.socket.timeout(8000).emit('demo:post:get', {}, (lost, post) => { if (!lost && post.id) this.post = post; resolve(); });
    });
  }

  #liked(d, liked) {
    if (this.post?.id !== d.post_id) return;
    this.post.likes_count = d.likes_count;
    if (d.user_id === this.id) this.post.liked = liked;
  }

  #commented(d) {
    if (this.post?.id !== d.post_id) return;
    this.post.comments_count = d.comments_count;
    if (!this.post.comments.some((c) => c.id === d.comment.id)) this.post.comments.unshift(d.comment);
  }

  toggleLike() {
    const { post } = this;
    const liked = post.liked = !post.liked;
    this.changed();
    this.socket.emit('demo:post:like', { post_id: post.id, like: liked }, (ack) => { if (ack.status === 'error') { post.liked = !liked; this.changed(); } });
  }

  /** Calls done(true) when the comment is a row, done(false) when it was refused. */
  comment(content, done) {
    this.socket.timeout(8000).emit('demo:post:comment', { post_id: this.post.id, content }, (lost, ack) => {
      const ok = !lost && ack.status !== 'error';
      if (ok) this.#commented(ack); else this.#trouble(ack?.message ?? 'The comment was not sent');
      done(ok);
      this.changed();
    });
  }

  get unread() { return (this.chats ?? []).reduce((n, c) => n + c.unread_count, 0); }
  get unreadNotifications() { return (this.notifications ?? []).filter((n) => !n.is_read).length; }
}
