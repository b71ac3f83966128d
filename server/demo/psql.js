// A psql line that writes a row, to be copied into a shell: the start of the demo says how psql is called, the chat is that of the page.

const box = document.getElementById('psql');
const line = document.getElementById('psql-line');
const said = document.getElementById('psql-said');
const button = document.getElementById('psql-copy');
const SAID_MS = 2500;

// Of the chats with both people the one with the fewest.
function chatOf([one, other]) {
  const both = (one.chats ?? []).filter((c) => c.participants.some((p) => p.user_id === other.id));
  return both.sort((a, b) => a.participants.length - b.participants.length)[0];
}

// Where a page has no clipboard, as over plain HTTP from another machine, the text is selected and the old way is tried.
async function copy() {
  if (navigator.clipboard) return navigator.clipboard.writeText(line.textContent);
  getSelection().selectAllChildren(line);
  if (!document.execCommand('copy')) throw new Error('no clipboard');
}

button.addEventListener('click', async () => {
  const word = await copy().then(() => 'Copied', () => 'Select it by hand');
  said.textContent = button.textContent = word;
  setTimeout(() => { said.textContent = ''; button.textContent = 'Copy'; }, SAID_MS);
});

/** Shows the line as soon as the first person's chats are known. */
export async function offerPsql(people) {
  const answer = await fetch('psql.json', { cache: 'no-store' });
  const { psql } = answer.ok ? await answer.json() : {};
  if (!psql) return;
  const show = () => {
    const chat = chatOf(people);
    if (!chat || !box.hidden) return;
    line.textContent = `${psql} -c "insert into platform.messages (chat_id, sender_id, type, content) values ('${chat.id}', '${people[0].id}', 'text', 'written with psql')"`;
    box.hidden = false;
  };
  people[0].addEventListener('change', show);
  show();
}
