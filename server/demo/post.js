// The newest post, with its likes and comments as they happen.
import { ago, avatar, el, keyed, say, when } from './dom.js';
import { icon } from './icons.js';

const count = (n, one) => `${n} ${one}${n === 1 ? '' : 's'}`;

function comment() {
  const slot = el('span', { className: 'slot' });
  const at = el('time');
  const li = el('li');
  li.update = (c) => {
    if (!slot.firstChild) {
      slot.append(avatar(c.author_id, c.author_name));
      li.append(slot, el('div', { className: 'lines' }, el('p', { className: 'by' }, el('strong', { textContent: c.author_name }), at), el('p', { className: 'text', textContent: c.content })));
    }
    when(at, c.created_at, ago);
  };
  return li;
}

export class Post {
  constructor(phone, root) {
    const { person } = phone;
    this.phone = phone;
    this.empty = el('p', { className: 'empty', textContent: 'No post yet.', hidden: true });
    this.slot = el('span', { className: 'slot' });
    this.author = el('h3');
    this.at = el('time');
    this.picture = el('img', { className: 'picture', alt: 'The new studio: a bright room with two mirrors and a plant', hidden: true, width: 480, height: 300 });
    this.text = el('p', { className: 'text' });
    this.counts = el('p', { className: 'counts', role: 'status' });
    this.like = el('button', { type: 'button', className: 'like', onclick: () => { if (person.online) person.toggleLike(); } }, icon('heart'), el('span'));
    this.input = el('input', { name: 'content', placeholder: 'Write a comment', autocomplete: 'off', maxLength: 2000 });
    this.input.ariaLabel = 'Comment';
    this.send = el('button', { textContent: 'Post' });
    this.form = el('form', { className: 'comment-form' }, this.input, this.send);
    this.comments = el('ul', { className: 'comments' });
    this.comments.ariaLabel = 'Comments';
    this.form.addEventListener('submit', (e) => {
      e.preventDefault();
      const content = this.input.value.trim();
      if (!content || this.sending || !person.online) return;
      this.sending = true;
      person.comment(content, (ok) => { this.sending = false; if (ok) this.form.reset(); });
      this.input.focus({ preventScroll: true });
      this.draw();
    });
    this.article = el('article', { className: 'post' },
      el('header', {}, this.slot, el('div', { className: 'who' }, this.author, this.at)), this.text, this.picture,
      el('div', { className: 'reactions' }, this.like, this.counts), this.form, this.comments);
    root.append(this.article, this.empty);
  }

  draw() {
    const p = this.phone.person;
    const { post } = p;
    this.article.hidden = !post;
    this.empty.hidden = Boolean(post) || !p.synced;
    if (!post) return;
    if (this.shown !== post.id) { this.shown = post.id; this.slot.replaceChildren(avatar(post.author_id, post.author_name)); }
    say(this.author, post.author_id === p.id ? `${post.author_name} (you)` : post.author_name);
    when(this.at, post.created_at, ago);
    say(this.text, post.content ?? '');
    // Pictures of the page's own folder alone.
    if (/^[a-z0-9-]{1,40}\.svg$/.test(post.media_url ?? '')) { if (this.picture.getAttribute('src') !== post.media_url) this.picture.src = post.media_url; this.picture.hidden = false; } else this.picture.hidden = true;
    say(this.counts, `${count(post.likes_count, 'like')} \u00b7 ${count(post.comments_count, 'comment')}`);
    say(this.like.lastElementChild, post.liked ? 'Liked' : 'Like');
    this.like.setAttribute('aria-pressed', String(post.liked));
    // A button that is disabled would lose the keyboard's focus.
    this.like.setAttribute('aria-disabled', String(!p.online));
    this.send.setAttribute('aria-disabled', String(!p.online || Boolean(this.sending)));
    keyed(this.comments, post.comments, (c) => c.id, comment);
  }
}
