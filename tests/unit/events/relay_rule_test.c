/* Rules of relayed events: what they let pass, and what goes out. */
#include "events/relay_rule.h"
#include "test.h"

#define ANNA "7c1f2a30-0000-4000-8000-00000000000a"
#define CHAT "7c1f2a30-0000-4000-8000-0000000000c1"
#define TYPING "chat_id uuid\nuser_id user_id\nis_typing boolean\nuser_name user_name"

static char *apply(const char *fields, const char *payload)
{
	struct relay_rule *r = relay_rule_new(SLICE("chat:{chat_id}"), SLICE("participants:{chat_id}"),
	                                      slice_str(fields));
	struct relay_text t = {0};
	struct buf out = {0};
	CHECK(r);
	if (relay_rule_apply(r, slice_str(payload), SLICE(ANNA), SLICE("An\"na"), &t)) {
		buf_slice(&out, buf_view(&t.room));
		buf_char(&out, ' ');
		buf_slice(&out, buf_view(&t.members));
		buf_char(&out, ' ');
		buf_slice(&out, buf_view(&t.data));
	}
	buf_char(&out, '\0');
	relay_text_fini(&t);
	relay_rule_free(&r);
	return out.p;
}

TEST(a_payload_that_fits_becomes_the_event)
{
#define FITS(members) "chat:" CHAT " participants:" CHAT " {\"chat_id\":\"" CHAT "\"," members "}"
	static const struct {
		const char *fields, *payload, *want;
	} rows[] = {
		{TYPING, "{\"is_typing\": true , \"chat_id\":\"" CHAT "\",\"more\":[1]}",
	         FITS("\"user_id\":\"" ANNA "\",\"is_typing\":true,\"user_name\":\"An\\\"na\"")},
		{TYPING, "{\"is_typing\":false,\"ch\\u0061t_id\":\"7C1F2A30-0000-4000-8000-0000000000\\u0043\\u0031\"}",
	         FITS("\"user_id\":\"" ANNA "\",\"is_typing\":false,\"user_name\":\"An\\\"na\"")},
		{"chat_id uuid\nx number\ny text", "{\"y\":\"\\u0041\\n\",\"x\":-1.50e1,\"chat_id\":\"" CHAT "\"}",
	         FITS("\"x\":-1.50e1,\"y\":\"A\\n\"")},
		/* the database says what is wrong with these */
		{TYPING, "{\"chat_id\":\"" CHAT "\"}", ""},
		{TYPING, "{\"chat_id\":\"" CHAT "\",\"is_typing\":null}", ""},
		{TYPING, "{\"chat_id\":\"" CHAT "\",\"is_typing\":\"true\"}", ""},
		{TYPING, "{\"chat_id\":\"" CHAT "\",\"is_typing\":1}", ""},
		{TYPING, "{\"is_typing\":true}", ""},
		{TYPING, "{\"chat_id\":7,\"is_typing\":true}", ""},
		{TYPING, "{\"chat_id\":\"7c1f2a30000040008000000000000000c1\",\"is_typing\":true}", ""},
		{TYPING, "{\"chat_id\":\"{" CHAT "}\",\"is_typing\":true}", ""},
		{"chat_id uuid\nx number", "{\"x\":\"1\",\"chat_id\":\"" CHAT "\"}", ""},
		{"chat_id uuid\nx number", "{\"x\":true,\"chat_id\":\"" CHAT "\"}", ""},
		{"chat_id uuid\ny text", "{\"y\":1,\"chat_id\":\"" CHAT "\"}", ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].payload);
		char *got = apply(rows[i].fields, rows[i].payload);
		CHECK_STR(got, rows[i].want);
		free(got);
	}
}

TEST(a_rule_that_is_not_understood_is_none)
{
	static const struct {
		const char *room, *members, *fields;
	} rows[] = {
		{"chat:{a}", "participants:{a}", "a sometime"},
		{"chat:{a}", "participants:{a}", "a"},
		{"chat:{a}", "participants:{a}", ""},
		{"chat:{b}", "participants:{a}", "a uuid"},
		{"chat:{a}", "participants:{b}", "a uuid\nb text"},
		{"chat:a", "participants:{a}", "a uuid"},
		{"chat:{a", "participants:{a}", "a uuid"},
		{"", "participants:{a}", "a uuid"},
		{"chat:{a}", "", "a uuid"},
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		CHECK_ROW(rows[i].fields);
		CHECK(!relay_rule_new(slice_str(rows[i].room), slice_str(rows[i].members), slice_str(rows[i].fields)));
	}
	struct relay_rule *r = relay_rule_new(SLICE("followers:{me}"), SLICE("user:{me}"), SLICE("me user_id"));
	CHECK(r);
	relay_rule_free(&r);
}
