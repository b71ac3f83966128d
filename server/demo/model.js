// One person's state and connection: a stock Socket.IO client, and the HTTP reads whenever the server says sync:required.
import { follow } from './log.js';

const newest = (a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity);
const rank = { pending: 0, failed: 0, sent: 1, delivered: 2, read: 3 };
const uniqueId = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (b) => b.toString(16).padStart(2, '0')).join('');

export class Person extends EventTarget {
  constructor({ id, name, token }) {
    super();
    Object.assign(this, { id, name, token, chats: [], messages: new Map(), notifications: [], post: null, online: new Map(), typing: new Map(), openChat: null, state: 'connecting', syncs: 0 });
    this.socket = io({ auth: { token }, forceNew: true, transports: ['websocket'], reconnectionDelay: 300, reconnectionDelayMax: 2000 });
    follow(this, this.socket.io);
    this.#listen();
  }

  #changed() { this.dispatchEvent(new Event('change')); }

  #listen() {
    const s = this.socket;
    const on = (event, handle) => s.on(event, (data) => { handle(data); this.#changed(); });
    on('connected', () => { this.state = 'online'; });
    on('sync:required', (d) => { this.syncReason = d.reason; this.sync(); });
    on('disconnect', (why) => { this.state = why === 'io client disconnect' ? 'dropped' : 'reconnecting'; });
    on('connect_error', () => { this.state = 'reconnecting'; });
    on('error', (e) => { this.state = e.code === 'UNAUTHORIZED' ? 'token expired: run the demo again' : this.state; this.lastError = e; });
    on('chat:message:new', (m) => this.#arrived(m));
    on('chat:message:delivered', (d) => this.#status(d.chat_id, d.message_id, 'delivered'));
    on('chat:message:read', (d) => this.#status(d.chat_id, d.message_id, 'read'));
    on('chat:typing', (d) => this.#typing(d));
    on('notification:new', (n) => { this.notifications = [n, ...this.notifications.filter((o) => o.id !== n.id)]; });
    on('notification:read', (d) => this.#notificationRead(d));
    on('user:online', (d) => this.online.set(d.user_id, d));
    on('user:offline', (d) => this.online.set(d.user_id, d));
    on('post:liked', (d) => this.#counts(d));
    on('post:unliked', (d) => this.#counts(d));
    on('post:commented', () => this.loadPost());
  }

  async #get(path) {
    const r = await fetch(path, { headers: { authorization: `Bearer ${this.token}` } });
    if (!r.ok) throw new Error(`${path}: ${r.status}`);
    return (await r.json()).items;
  }

  /** Reads everything again, as the contract asks clients to do. */
  async sync() {
    const turn = ++this.syncs;
    try {
      const [chats, notifications] = await Promise.all([this.#get('/api/v2/chats'), this.#get('/api/v2/notifications')]);
      if (turn !== this.syncs) return;
      this.chats = chats;
      this.notifications = notifications;
      for (const c of chats) for (const p of c.participants) this.online.set(p.user_id, { user_id: p.user_id, online: p.online, last_seen: p.last_seen });
      if (this.openChat) { await this.#loadMessages(this.openChat); this.#join(this.openChat); }
      this.loadPost();
    } catch (e) { this.lastError = { message: e.message }; }
    this.#changed();
  }

  async #loadMessages(chatId) {
    const items = await this.#get(`/api/v2/chats/${chatId}/messages?limit=50`);
    const waiting = (this.messages.get(chatId) ?? []).filter((m) => !m.id);
    this.messages.set(chatId, [...items.reverse(), ...waiting]);
    this.#readAll(chatId);
  }

  #join(chatId) { this.socket.emit('chat:join', { chat_id: chatId }); }

  async open(chatId) {
    if (this.openChat && this.openChat !== chatId) this.close();
    this.openChat = chatId;
    this.#join(chatId);
    await this.#loadMessages(chatId);
    this.#changed();
  }

  close() {
    if (this.openChat) this.socket.emit('chat:leave', { chat_id: this.openChat });
    this.openChat = null;
    this.#changed();
  }

  #arrived(m) {
    const list = this.messages.get(m.chat_id) ?? [];
    const at = list.findIndex((o) => o.id === m.id || (m.client_id && o.client_id === m.client_id));
    if (at >= 0) list[at] = { ...list[at], ...m, status: rank[list[at].status] > rank[m.status] ? list[at].status : m.status };
    else list.push(m);
    this.messages.set(m.chat_id, list.sort(newest));
    const chat = this.chats.find((c) => c.id === m.chat_id);
    if (!chat) { this.sync(); return; }
    chat.last_message = m;
    if (m.sender_id !== this.id) {
      this.typing.delete(m.chat_id);
      if (this.openChat === m.chat_id) this.#read(m); else chat.unread_count += at < 0 ? 1 : 0;
    }
    this.chats = [chat, ...this.chats.filter((c) => c !== chat)];
  }

  #status(chatId, messageId, status) {
    const m = (this.messages.get(chatId) ?? []).find((o) => o.id === messageId);
    if (m && rank[m.status] < rank[status]) m.status = status;
  }

  #read(m) { this.socket.emit('chat:message:read', { message_id: m.id, chat_id: m.chat_id }); }

  #readAll(chatId) {
    const chat = this.chats.find((c) => c.id === chatId);
    if (!chat?.unread_count) return;
    (this.messages.get(chatId) ?? []).filter((m) => m.id && m.sender_id !== this.id).slice(-chat.unread_count).forEach((m) => this.#read(m));
    chat.unread_count = 0;
  }

  #typing(d) {
    clearTimeout(this.typing.get(d.chat_id)?.timer);
    if (!d.is_typing) { this.typing.delete(d.chat_id); return; }
    this.typing.set(d.chat_id, { name: d.user_name, timer: setTimeout(() => { this.typing.delete(d.chat_id); this.#changed(); }, 6000) });
  }

  /** Shown at once as pending; the client's buffer carries it over a lost connection, client_id makes the repeat safe. */
  send(content) {
    const message = { chat_id: this.openChat, sender_id: this.id, type: 'text', content, client_id: uniqueId(), status: 'pending', created_at: new Date().toISOString() };
    this.messages.get(this.openChat).push(message);
    this.#changed();
    this.#deliver(message);
  }

  #deliver(message, attempt = 0) {
    const { chat_id, type, content, client_id } = message;
    this.socket.timeout(8000).emit('chat:message:send', { chat_id, type, content, client_id }, (lost, ack) => {
      const again = lost || ack.code === 'UNAVAILABLE' || ack.code === 'RATE_LIMIT';
      if (again && attempt < 20) { setTimeout(() => this.#deliver(message, attempt + 1), ack?.retry_after_ms ?? 1000); return; }
      const shown = (this.messages.get(chat_id) ?? []).find((m) => m.client_id === client_id);
      if (!shown) return;
      if (lost || ack.status === 'error') Object.assign(shown, { status: 'failed', error: ack?.message });
      else Object.assign(shown, { id: ack.message_id, created_at: ack.created_at, status: rank[shown.status] > 1 ? shown.status : 'sent' });
      this.#changed();
    });
  }

  setTyping(isTyping) {
    if (!this.openChat || !this.socket.connected || this.saidTyping === isTyping) return;
    this.saidTyping = isTyping;
    this.socket.emit('chat:typing', { chat_id: this.openChat, is_typing: isTyping });
  }

  #notificationRead(d) {
    const n = this.notifications.find((o) => o.id === d.notification_id);
    if (n) Object.assign(n, { is_read: true, read_at: d.read_at });
  }

  readNotification(id) {
    this.socket.emit('notification:read', { notification_id: id }, (ack) => { if (ack.is_read) this.#notificationRead(ack); this.#changed(); });
  }

  // The post: demo:* are client events that the demo data adds with SQL alone, as any service can.
  loadPost() {
    this.socket.emit('demo:post:get', {}, (ack) => { if (ack.id) { this.post = ack; this.#changed(); } });
  }

  #counts(d) { if (this.post?.id === d.post_id) this.post.likes_count = d.likes_count; }

  toggleLike() {
    this.socket.emit('demo:post:like', { post_id: this.post.id, like: !this.post.liked }, (ack) => { if (ack.id) { this.post = ack; this.#changed(); } });
  }

  comment(content) {
    this.socket.emit('demo:post:comment', { post_id: this.post.id, content }, (ack) => { if (ack.id) { this.post = ack; this.#changed(); } });
  }

  /** Cuts the transport without a farewell, as a tunnel would; the second call brings it back. */
  toggleWire() {
    if (this.dropped) { this.dropped = false; this.socket.io.reconnection(true); this.socket.connect(); this.state = 'connecting'; } else {
      this.dropped = true;
      this.socket.io.reconnection(false);
      this.socket.io.engine.close();
      this.state = 'dropped';
    }
    this.#changed();
  }

  get unread() { return this.chats.reduce((n, c) => n + c.unread_count, 0); }
  get unreadNotifications() { return this.notifications.filter((n) => !n.is_read).length; }
}
