-- What an edge answers.

create or replace function rt.answer(p_edge uuid, p_answers text[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
	insert into bellwire.answers (ask, edge_id, more, body)
	select a.ask, p_edge, (j.v ->> 'more')::boolean, j.v -> 'body'
	from unnest(p_answers::jsonb[]) j (v)
	join bellwire.asks a on a.ask = (j.v ->> 'ask')::uuid
	for key share of a -- one that is being forgotten at this moment has no row when this goes on
	on conflict (ask, edge_id) do nothing
$$;
comment on function rt.answer(uuid, text[]) is
	'An edge answers: each {"ask", "more", "body"}. An answer to a question that is forgotten goes nowhere.';
