// The list of frames, newest first: what of it is shown, the reader's place in it, and the keys.
import { hide, say } from './dom.js';

const MOST = 400;
const NEAR_TOP = 4;

export class Lines {
  // shows(li): whether the reader wants to see this one
  constructor(list, { empty, button, shows }) {
    Object.assign(this, { list, empty, button, shows, unseen: 0, at: null });
    list.addEventListener('scroll', () => { if (list.scrollTop <= NEAR_TOP) this.#seen(); }, { passive: true });
    list.addEventListener('keydown', (e) => this.#key(e));
    list.addEventListener('focusin', (e) => this.#stop(e.target.closest('li')));
    button.addEventListener('click', () => this.#toTop());
  }

  /** The place stays where a reader has scrolled down to, and what came meanwhile is counted. */
  add(li) {
    const { list } = this;
    const { scrollTop, scrollHeight } = list;
    li.hidden = !this.shows(li);
    li.querySelector('button').tabIndex = -1;
    list.prepend(li);
    while (list.childElementCount > MOST) this.#drop(list.lastElementChild);
    if (scrollTop > NEAR_TOP) {
      list.scrollTop = scrollTop + list.scrollHeight - scrollHeight;
      if (!li.hidden) this.#unseen(this.unseen + 1);
    }
    this.#tidy();
  }

  filter() {
    for (const li of this.list.children) li.hidden = !this.shows(li);
    this.#seen();
    this.#tidy();
  }

  clear() {
    this.list.replaceChildren();
    this.#seen();
    this.#tidy();
  }

  #shown() { return Array.from(this.list.children).filter((li) => !li.hidden); }

  #drop(li) {
    if (li.contains(document.activeElement)) this.#go(this.#shown().findLast((other) => other !== li));
    li.remove();
  }

  // One frame is the list's tab stop: that on which the reader was last, else the newest.
  #stop(li) {
    if (this.at === li) return;
    if (this.at) this.at.querySelector('button').tabIndex = -1;
    this.at = li;
    if (li) li.querySelector('button').tabIndex = 0;
  }

  #tidy() {
    const first = this.list.querySelector('li:not([hidden])');
    this.empty.hidden = Boolean(first);
    if (!this.at?.isConnected || this.at.hidden || (this.list.scrollTop <= NEAR_TOP && !this.at.contains(document.activeElement))) this.#stop(first);
  }

  #go(li) { li?.querySelector('button').focus(); }

  #key(e) {
    const all = this.#shown();
    const i = all.indexOf(e.target.closest('li'));
    const to = { ArrowDown: i + 1, ArrowUp: i - 1, Home: 0, End: all.length - 1 }[e.key];
    if (to === undefined || e.ctrlKey || e.altKey || e.metaKey) return;
    e.preventDefault();
    this.#go(all[Math.max(0, Math.min(to, all.length - 1))]);
  }

  #unseen(n) {
    this.unseen = n;
    say(this.button, `${n} new`);
    this.button.ariaLabel = `${n} new, go to the newest`;
    hide(this.button, n === 0, this.list.querySelector('li:not([hidden]) button'));
  }

  #seen() { if (this.unseen) this.#unseen(0); }

  #toTop() {
    this.list.scrollTop = 0;
    this.#seen();
  }
}
