-- rt.recovery_key: the key that authenticates offsets.
begin;
select plan(4);

select matches(rt.recovery_key(), '^[0-9a-f]{64}$', 'a key of 32 bytes');
select is(rt.recovery_key(), (select encode(key, 'hex') from bellwire.recovery_key), 'the one of the table');
select throws_ok($$insert into bellwire.recovery_key (one, key) values (false, sha256('x'))$$, '23514', null,
	'there is one');
select throws_ok($$update bellwire.recovery_key set key = 'short'$$, '23514', null, 'of that length');

select * from finish();
rollback;
