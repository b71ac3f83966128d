// One phone on the page: draws a Person and turns clicks into its calls. Text goes in as text, never as HTML.

const el = (tag, props = {}, ...children) => { const e = Object.assign(document.createElement(tag), props); e.append(...children); return e; };
const time = (iso) => new Date(iso).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
const hue = (name) => [...name].reduce((h, c) => (h * 31 + c.codePointAt(0)) % 360, 7);
const ticks = { pending: '\u25CB', sent: '\u2713', delivered: '\u2713\u2713', read: '\u2713\u2713', failed: '!' };

function avatar(name, on) {
  const a = el('span', { className: on ? 'avatar on' : 'avatar', textContent: name.slice(0, 1).toUpperCase() });
  a.style.setProperty('--hue', hue(name));
  return a;
}

export class Phone {
  constructor(person) {
    this.person = person;
    this.root = document.getElementById('phone-template').content.firstElementChild.cloneNode(true);
    this.root.dataset.pane = person.name;
    this.root.dataset.user = person.id;
    this.page = 'chats';
    const head = this.$('.phone-head .avatar');
    head.textContent = person.name.slice(0, 1).toUpperCase();
    head.style.setProperty('--hue', hue(person.name));
    this.$('.name').textContent = person.name;
    this.#wire();
    person.addEventListener('change', () => this.draw());
    this.draw();
  }

  $(selector) { return this.root.querySelector(selector); }

  #wire() {
    const p = this.person;
    this.$('.wire').addEventListener('click', () => p.toggleWire());
    this.$('.back').addEventListener('click', () => { p.setTyping(false); p.close(); this.show('chats'); });
    for (const tab of this.root.querySelectorAll('[data-tab]')) tab.addEventListener('click', () => { if (p.openChat) p.close(); this.show(tab.dataset.tab); });
    const form = this.$('.composer');
    form.addEventListener('submit', (e) => {
      e.preventDefault();
      const content = form.elements.content.value;
      if (!content.trim()) return;
      form.reset();
      p.setTyping(false);
      p.send(content);
    });
    form.elements.content.addEventListener('input', (e) => {
      p.setTyping(e.target.value !== '');
      clearTimeout(this.quiet);
      this.quiet = setTimeout(() => p.setTyping(false), 3000);
    });
  }

  show(page) { this.page = page; this.draw(); }

  draw() {
    const p = this.person;
    const state = this.$('.state');
    state.textContent = p.state;
    state.className = `state ${p.state === 'online' ? 'up' : 'down'}`;
    this.$('.wire').textContent = p.dropped ? 'Restore' : 'Drop';
    for (const page of this.root.querySelectorAll('.page')) page.hidden = page.dataset.page !== this.page;
    const tab = this.page === 'chat' ? 'chats' : this.page;
    for (const t of this.root.querySelectorAll('[data-tab]')) t.setAttribute('aria-current', String(t.dataset.tab === tab));
    this.#badge('chats', p.unread);
    this.#badge('notifications', p.unreadNotifications);
    this.#chats(); this.#chat(); this.#post(); this.#notifications();
  }

  #badge(name, n) {
    const b = this.$(`[data-badge=${name}]`);
    b.hidden = n === 0;
    b.textContent = n > 99 ? '99+' : n;
  }

  #peers(chat) { return chat.participants.filter((u) => u.user_id !== this.person.id); }

  #title(chat) { return this.#peers(chat).map((u) => u.name).join(', ') || 'Just me'; }

  #isOnline(chat) { return this.#peers(chat).some((u) => this.person.online.get(u.user_id)?.online); }

  #chats() {
    const list = this.$('.chat-list');
    this.$('[data-page=chats] .empty').hidden = this.person.chats.length > 0 || !this.person.syncs;
    list.replaceChildren(...this.person.chats.map((c) => {
      const title = this.#title(c);
      const open = () => { this.show('chat'); this.person.open(c.id); };
      const li = el('li', { tabIndex: 0, onclick: open, onkeydown: (e) => { if (e.key === 'Enter') open(); } },
        avatar(title, this.#isOnline(c)),
        el('div', { className: 'middle' }, el('strong', { textContent: title }), el('div', { className: 'preview', textContent: this.person.typing.has(c.id) ? 'typing...' : c.last_message?.content ?? '' })));
      if (c.unread_count) li.append(el('span', { className: 'badge', textContent: c.unread_count }));
      return li;
    }));
  }

  #chat() {
    const p = this.person;
    const chat = p.chats.find((c) => c.id === p.openChat);
    if (!chat) return;
    this.$('.peer-name').textContent = this.#title(chat);
    this.$('.peer-state').textContent = this.#isOnline(chat) ? 'online' : 'offline';
    const typing = p.typing.get(chat.id);
    this.$('.typing').textContent = typing ? `${typing.name} is typing...` : '';
    const list = this.$('.messages');
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
    list.replaceChildren(...(p.messages.get(chat.id) ?? []).map((m) => this.#message(m)));
    if (atEnd) list.scrollTop = list.scrollHeight;
  }

  #message(m) {
    const mine = m.sender_id === this.person.id;
    const meta = el('span', { className: 'meta', textContent: time(m.created_at) });
    if (mine) {
      const t = el('span', { className: 'ticks', textContent: ticks[m.status], title: m.error ?? m.status });
      t.dataset.status = m.status;
      meta.append(t);
    }
    return el('li', { className: mine ? 'mine' : '' }, m.content, meta);
  }

  #post() {
    const { post } = this.person;
    const article = this.$('.post');
    if (!post) { article.replaceChildren(el('p', { className: 'empty', textContent: 'No post yet.' })); return; }
    if (!this.postParts) this.#buildPost(article);
    const { title, text, counts, like, comments } = this.postParts;
    title.textContent = post.author_name;
    text.textContent = post.content;
    counts.textContent = `${post.likes_count} likes \u00b7 ${post.comments_count} comments`;
    like.textContent = post.liked ? '\u2665 Liked' : '\u2661 Like';
    like.setAttribute('aria-pressed', String(post.liked));
    comments.replaceChildren(...post.comments.map((c) => el('li', {}, el('strong', { textContent: `${c.author_name} ` }), c.content)));
  }

  #buildPost(article) {
    const form = el('form', { className: 'comment-form' }, el('input', { name: 'content', placeholder: 'Comment', autocomplete: 'off' }), el('button', { textContent: 'Post' }));
    form.elements.content.setAttribute('aria-label', 'Comment');
    form.addEventListener('submit', (e) => { e.preventDefault(); if (form.elements.content.value.trim()) { this.person.comment(form.elements.content.value); form.reset(); } });
    this.postParts = {
      title: el('h3'), text: el('p'), counts: el('p', { className: 'counts' }),
      like: el('button', { type: 'button', className: 'like', onclick: () => this.person.toggleLike() }),
      comments: el('ul', { className: 'comments' }),
    };
    const { title, text, counts, like, comments } = this.postParts;
    article.replaceChildren(title, text, el('div', { className: 'picture' }), counts, like, form, comments);
  }

  #notifications() {
    const list = this.person.notifications;
    this.$('[data-page=notifications] .empty').hidden = list.length > 0;
    this.$('.notification-list').replaceChildren(...list.map((n) => el('li', { className: n.is_read ? '' : 'unread', onclick: () => { if (!n.is_read) this.person.readNotification(n.id); } },
      el('strong', { textContent: n.title }), el('p', { textContent: n.body }))));
  }
}
