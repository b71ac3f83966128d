-- What an edge answers.

create or replace function rt.answer(p_edge uuid, p_answers text[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
	insert into bellwire.answers (ask, edge_id, more, body)
	select (j.v ->> 'ask')::uuid, p_edge, (j.v ->> 'more')::boolean, j.v -> 'body'
	from unnest(p_answers::jsonb[]) j (v)
	where exists (select from bellwire.asks a where a.ask = (j.v ->> 'ask')::uuid)
	on conflict (ask, edge_id) do nothing
$$;
comment on function rt.answer(uuid, text[]) is
	'An edge answers: each {"ask", "more", "body"}. An answer to a question that is forgotten goes nowhere.';
