-- The schema rt_test: what a team's own tests in SQL ask (docs/testing.md). `bellwire migrate --with-tests` applies
-- this folder. Nothing outside it calls what is here, so a database without it lacks nothing.

create schema if not exists rt_test;

revoke all on schema rt_test from public;
