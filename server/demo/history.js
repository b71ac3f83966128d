// The messages of one chat as one person knows them, in the order of seq. Messages that are not on the server yet come last.

const rank = { pending: 0, failed: 0, sent: 1, delivered: 2, read: 3 };
const order = (a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity) || 0;
const merged = (old, m) => ({ ...old, ...m, status: old && rank[old.status] > rank[m.status] ? old.status : m.status });

export class History {
  constructor() {
    this.list = [];
    this.before = null; // where the next older page begins; null: nowhere
    this.complete = false;
  }

  #find(m, me) {
    return this.list.findIndex((o) => o.id === m.id || (!o.id && m.sender_id === me && o.client_id === m.metadata?.client_id));
  }

  /** True when the message was not known. One's own message comes back twice, as ack and as event, in either order. */
  add(m, me) {
    const at = this.#find(m, me);
    if (at >= 0) this.list[at] = merged(this.list[at], m); else this.list.push(m);
    this.list.sort(order);
    return at < 0;
  }

  raise(id, status) {
    const m = this.list.find((o) => o.id === id);
    if (m && rank[m.status] < rank[status]) m.status = status;
  }

  /** Replaces the messages of the newest page by that page. Later ones stay, and so do those that the server has not got yet. */
  replace({ items, next_before: before }) {
    const newest = items[0]?.seq ?? 0;
    const waiting = new Set(items.map((m) => m.metadata?.client_id).filter(Boolean));
    const rest = this.list.filter((m) => (m.seq ? m.seq > newest : !waiting.has(m.client_id)));
    const known = new Map(this.list.map((m) => [m.id, m]));
    this.list = [...items.map((m) => merged(known.get(m.id), m)), ...rest].sort(order);
    this.before = before;
    this.complete = true;
  }

  prepend({ items, next_before: before }) {
    const known = new Set(this.list.map((m) => m.id));
    this.list = [...items.filter((m) => !known.has(m.id)), ...this.list].sort(order);
    this.before = before;
  }

  /** Marks others' messages as read, and counts those that were not. One that is not here counts: nobody has marked it. */
  see(ids) {
    const news = ids.filter((id) => this.list.find((o) => o.id === id)?.status !== 'read');
    for (const id of news) this.raise(id, 'read');
    return news.length;
  }

  unread(me) { return this.list.filter((m) => m.id && m.sender_id !== me && m.status !== 'read'); }
}
