-- Connection state recovery (docs/recovery.md).

create or replace function rt_private.recovery_epoch(p_digest text) returns text
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
	select x.epoch
	from (select split_part(rt_private.epoch_text(), '/', 1) as place) now,
		lateral (select now.place || '/' || e.n || '.' || e.random as epoch from bellwire.epochs e) x
	where left(encode(sha256(convert_to(x.epoch, 'UTF8')), 'hex'), 16) = p_digest
	limit 1
$$;
comment on function rt_private.recovery_epoch(text) is
	'The epoch of this system and timeline whose SHA-256 begins so; null: none. Offsets carry the first 8 bytes.';

-- The private id changes hands: its socket so far ends, wherever it is (R7).
create or replace function rt_private.recovery_take(p_user uuid, p_pid text, p_socket text, p_again boolean) returns text[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	v_pid constant bytea := rt_private.recovery_pid(p_pid);
	v bellwire.recoveries;
begin
	select r.* into v from bellwire.recoveries r where r.pid = v_pid and r.user_id = p_user for update;
	if v.pid is null or p_again and v.socket_id <> p_socket then
		return null;
	elsif v.socket_id = p_socket then
		return v.former;
	end if;
	-- the private id that was registered for this connection is not needed
	delete from bellwire.recoveries r where r.socket_id = p_socket;
	update bellwire.recoveries r
	set socket_id = p_socket, ended_at = null,
		former = case when cardinality(r.former) < 8 then r.former else r.former[2:] end || r.socket_id
	where r.pid = v_pid;
	perform rt_private.control('socket_kick', jsonb_build_object('socket_id', v.socket_id));
	return v.former || v.socket_id;
end
$$;
comment on function rt_private.recovery_take(uuid, text, text, boolean) is
	'The sockets that this private id of the user belonged to; from now on it belongs to p_socket. Null: not '
	'known, or (p_again) another took it meanwhile.';

-- Missed rows are rows that the offset's snapshot does not see and p_upto does, for rooms that the socket was in, and
-- the control rows that moved it. The rooms of then are those of now with the changes since undone: the first change of
-- a room tells what was before it.
create or replace function rt_private.recovery_rooms(p_user uuid, p_from pg_snapshot, p_epoch int, p_across boolean, p_former text[],
	out problem text, out rooms text[], out candidates text[])
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
	c_scan constant int := 20000;
	v_user constant text := p_user::text;
	v_now text[];
	v_active boolean;
	v_count int;
	v_break boolean;
	v_joined text[];
	v_left text[];
	v_named text[];
begin
	-- A statement of its own, before the control rows are read: a change that commits between the two is undone
	-- rightly in either case.
	select r.active, r.rooms into v_active, v_now from rt_private.user_rooms(array[p_user]) r;
	if v_active is not true then
		problem := 'user';
		return;
	end if;
	with gap as materialized (
		select o.id, o.control, case when o.control is not null then o.data end as data
		from (
			select a.* from bellwire.outbox a where not p_across
				and a.xid >= pg_snapshot_xmax(p_from) and a.xid < pg_snapshot_xmax(pg_current_snapshot())
			union all
			select a.* from bellwire.outbox a where not p_across and a.xid = any(array(select pg_snapshot_xip(p_from)))
			union all
			select a.* from bellwire.outbox a where p_across and a.xid < pg_snapshot_xmax(pg_current_snapshot())
				and (a.epoch > p_epoch or a.epoch = p_epoch and not pg_visible_in_snapshot(a.xid, p_from))
		) o
		limit c_scan + 1
	), moves as (
		select g.id, g.control, g.data, g.data ->> 'room' as room
		from gap g
		where g.control is not null
			and (g.data ->> 'user_id' = v_user or g.data ->> 'socket_id' = any(p_former) or g.control = 'rooms_stale')
	), first as (
		select distinct on (m.room) m.room, m.control
		from moves m
		where m.control in ('user_join', 'user_leave') and m.room ~ '^(participants|followers|own):'
		order by m.room, m.id
	)
	select (select count(*) from gap),
		(select bool_or(m.control = 'user_kick'
			or m.control = 'rooms_stale' and (not m.data ? 'user_ids' or m.data -> 'user_ids' ? v_user)) from moves m),
		array(select f.room from first f where f.control = 'user_join'),
		array(select f.room from first f where f.control = 'user_leave'),
		array(select distinct m.room from moves m where m.room is not null)
	into v_count, v_break, v_joined, v_left, v_named;
	if v_count > c_scan then
		problem := 'size';
	elsif v_break then
		problem := 'rooms';
	end if;
	rooms := array(select r from unnest(v_now) r where r <> all(v_joined) union select l from unnest(v_left) l);
	candidates := rooms || v_now || v_named || p_former;
end
$$;
comment on function rt_private.recovery_rooms(uuid, pg_snapshot, int, boolean, text[]) is
	'The rooms that rows granted a user when p_from was taken, and all that its sockets may have been in since. '
	'problem: user (gone), size (too much happened), rooms (changed in a way that cannot be undone).';

create or replace function rt.recover(p_items text[])
returns table (ord int, what text, at_us bigint, rooms text, except_rooms text, event text, control text, data text, confirm text)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
	set lock_timeout = '2s' set enable_seqscan = off set jit = off set max_parallel_workers_per_gather = 0
as $$
declare
	c_rows constant int := 500;
	c_bytes constant bigint := 1048576;
	v_window constant double precision := rt_private.setting('recovery_window')::double precision;
	v_epoch constant text := rt_private.epoch_text();
	v_item record;
	v_row record;
	j jsonb;
	v_user uuid;
	v_from pg_snapshot;
	v_upto pg_snapshot;
	v_from_epoch text;
	v_n int;
	v_former text[];
	v_rooms record;
	v_names text[];
	v_count int;
	v_bytes bigint;
	v_problem text;
	v_ids bigint[];
begin
	-- sorted by private id, so that two edges with the same ids do not wait for each other crosswise
	for v_item in select s.n::int as n, s.j::jsonb as j from unnest(p_items) with ordinality s (j, n) order by rt_private.recovery_pid(s.j::jsonb ->> 'pid') loop
		j := v_item.j;
		v_user := (j ->> 'user_id')::uuid;
		v_from := (j ->> 'from')::pg_snapshot;
		v_upto := (j ->> 'upto')::pg_snapshot;
		v_from_epoch := rt_private.recovery_epoch(j ->> 'epoch');
		v_n := split_part(split_part(v_from_epoch, '/', 2), '.', 1)::int;
		v_former := rt_private.recovery_take(v_user, j ->> 'pid', j ->> 'socket_id', (j ->> 'again')::boolean);
		v_former := v_former[array_position(v_former, j ->> 'from_socket'):];
		ord := v_item.n; at_us := null; rooms := null; except_rooms := null; event := null; control := null; data := null; confirm := null;

		v_problem := case
			when v_former is null then 'pid'
			when v_from_epoch is null or j ->> 'upto_epoch' <> v_epoch then 'epoch'
			when extract(epoch from clock_timestamp()) - (j ->> 'issued_us')::bigint / 1e6 > v_window then 'age'
			-- within one epoch there is one history; edges of an older version name no mark
			when v_from_epoch <> v_epoch and not rt_private.mark_known(j ->> 'mark') then 'epoch'
			when rt_private.gap(v_from, v_from_epoch, v_epoch) is not null then 'dropped'
		end;
		if v_problem is null then
			select * into v_rooms from rt_private.recovery_rooms(v_user, v_from, v_n, v_from_epoch <> v_epoch, v_former);
			v_problem := v_rooms.problem;
		end if;
		if v_problem is null then
			what := 'rooms'; rooms := array_to_string(v_rooms.rooms, e'\n'); data := array_to_string(v_former, e'\n');
			return next;
			data := null;
			v_names := v_rooms.candidates || array(select jsonb_array_elements_text(j -> 'chats'));
			v_count := 0;
			v_bytes := 0;
			v_ids := '{}';
			for v_row in
				select e.*
				from (
					-- of the presence events about one user the last one counts, since presence is
					-- a state
					select o.*, row_number() over (partition by case when o.event in ('user:online', 'user:offline')
						then coalesce(o.data ->> 'user_id', '') else o.id::text end order by o.id desc) as back
					from (
						select a.* from bellwire.outbox a where v_from_epoch = v_epoch
							and a.xid >= pg_snapshot_xmax(v_from) and a.xid < pg_snapshot_xmax(v_upto)
						union all
						select a.* from bellwire.outbox a where v_from_epoch = v_epoch and a.xid = any(array(select pg_snapshot_xip(v_from)))
						union all
						select a.* from bellwire.outbox a where v_from_epoch <> v_epoch and a.xid < pg_snapshot_xmax(v_upto)
							and (a.epoch > v_n or a.epoch = v_n and not pg_visible_in_snapshot(a.xid, v_from))
					) o
					where pg_visible_in_snapshot(o.xid, v_upto)
						and case when o.control is null then o.rooms is null or o.rooms && v_names
							else o.data ->> 'user_id' = v_user::text or o.data ->> 'socket_id' = any(v_former) end
				) e
				where e.back = 1
				order by e.id
			loop
				v_count := v_count + 1;
				v_bytes := v_bytes + octet_length(v_row.data::text);
				if v_count > c_rows or v_bytes > c_bytes then
					v_problem := 'size';
					exit;
				end if;
				what := 'row'; at_us := (extract(epoch from v_row.at) * 1000000)::bigint; rooms := array_to_string(v_row.rooms, e'\n');
				except_rooms := array_to_string(v_row.except_rooms, e'\n'); event := v_row.event; control := v_row.control;
				data := v_row.data::text; confirm := v_row.confirm::text;
				return next;
				v_ids := v_ids || v_row.id;
			end loop;
			-- a slot was truncated while it was read
			if rt_private.gap(v_from, v_from_epoch, v_epoch) is not null then
				v_problem := 'dropped';
			end if;
		end if;
		at_us := null; rooms := null; except_rooms := null; event := null; control := null; confirm := null;
		what := case when v_problem is null then 'ok' else 'no' end;
		data := coalesce(v_problem, nullif(array_to_string(v_ids, e'\n'), ''));
		if v_problem is not null then -- the socket opens as a new one, with a new private id
			update bellwire.recoveries r set pid = rt_private.recovery_pid(j ->> 'fresh'), former = '{}'
			where r.socket_id = j ->> 'socket_id' and r.user_id = v_user;
		end if;
		return next;
	end loop;
end
$$;
comment on function rt.recover(text[]) is
	'Sockets {socket_id, user_id, pid, fresh, again, from_socket, from, epoch, mark, issued_us, chats, upto, '
	'upto_epoch} present what they were given. For each: a row "rooms" (those of the offset''s time; data: the '
	'sockets before), rows "row" in id order, then "ok" (data: their ids), or "no" with the '
	'cause, which voids the rest. The private id belongs to the new socket from now on, the old one is ended; '
	'after "no" it is the one called fresh.';
