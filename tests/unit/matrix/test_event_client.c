#include "base/test.h"

#include "matrix/event.h"

static struct arena arena;

static int set_up(void **state)
{
	(void)state;
	arena_init(&arena, 16 * MEBIBYTE);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	arena_release(&arena);
	return 0;
}

static str client_form(str canonical, enum event_form form, const struct event_unsigned *data)
{
	struct buf buf;
	str text = STR_EMPTY;
	buf_init(&buf, &arena, MEBIBYTE);
	buf_put(&buf, STR("[")); /* it is spliced into answers */
	event_put_client(&buf, canonical, STR("$id"), STR("!room"), form, data);
	buf_put(&buf, STR("]"));
	assert_rc(buf_finish(&buf, &text), RC_OK);
	return (str){text.p + 1, text.n - 2};
}

#define AROUND "\"hashes\":{\"sha256\":\"x\"},\"origin_server_ts\":5,\"prev_events\":[\"$p\"],"
#define MESSAGE \
	"{\"auth_events\":[\"$a\"],\"content\":{\"body\":\"}\\\"{\"},\"depth\":9," AROUND \
	"\"room_id\":\"!room\",\"sender\":\"@a:b\",\"signatures\":{\"b\":{\"k\":\"s\"}},\"type\":\"m.room.message\"}"
#define MEMBER \
	"{\"auth_events\":[],\"content\":{\"membership\":\"join\"},\"depth\":9," AROUND \
	"\"room_id\":\"!room\",\"sender\":\"@a:b\",\"signatures\":{},\"state_key\":\"@a:b\",\"type\":\"m.room.member\"}"
/* What a peer may have put into its event to deceive clients. */
#define PLANTED \
	"{\"age\":1,\"auth_events\":[],\"content\":{},\"depth\":9,\"event_id\":\"$wrong\"," AROUND \
	"\"redacts\":\"$victim\",\"room_id\":\"!wrong\",\"sender\":\"@a:b\",\"signatures\":{},\"type\":\"x\"," \
	"\"unsigned\":{\"redacted_because\":{}},\"user_id\":\"@admin:b\"}"

/* As events of v1 look: with their id, with pairs for links, with floats. */
#define OLD \
	"{\"auth_events\":[[\"$a\",{\"sha256\":\"x\"}]],\"content\":{\"n\":[1e+20,-1.5e-07]},\"depth\":9," \
	"\"event_id\":\"$own\",\"fraction\":-1.5e-07,\"hashes\":{\"sha256\":\"x\"},\"origin\":\"b\",\"origin_server_ts\":5," \
	"\"prev_events\":[[\"$p\",{\"sha256\":\"x\"}]],\"room_id\":\"!room\",\"sender\":\"@a:b\",\"signatures\":{},\"type\":\"x\"}"

static void forms(void **state)
{
	(void)state;
	static const struct {
		const char *canonical;
		enum event_form form;
		const char *expected;
	} rows[] = {
		{MESSAGE, EVENT_FORM_CLIENT,
	         "{\"content\":{\"body\":\"}\\\"{\"},\"event_id\":\"$id\",\"origin_server_ts\":5,\"room_id\":\"!room\","
	         "\"sender\":\"@a:b\",\"type\":\"m.room.message\"}"},
		{MESSAGE, EVENT_FORM_SYNC,
	         "{\"content\":{\"body\":\"}\\\"{\"},\"event_id\":\"$id\",\"origin_server_ts\":5,"
	         "\"sender\":\"@a:b\",\"type\":\"m.room.message\"}"},
		{MEMBER, EVENT_FORM_SYNC,
	         "{\"content\":{\"membership\":\"join\"},\"event_id\":\"$id\",\"origin_server_ts\":5,"
	         "\"sender\":\"@a:b\",\"state_key\":\"@a:b\",\"type\":\"m.room.member\"}"},
		{MEMBER, EVENT_FORM_STRIPPED,
	         "{\"content\":{\"membership\":\"join\"},\"sender\":\"@a:b\",\"state_key\":\"@a:b\","
	         "\"type\":\"m.room.member\"}"},
		{MEMBER, EVENT_FORM_DATED,
	         "{\"content\":{\"membership\":\"join\"},\"origin_server_ts\":5,\"sender\":\"@a:b\","
	         "\"state_key\":\"@a:b\",\"type\":\"m.room.member\"}"},
		{MEMBER, EVENT_FORM_FEDERATION,
	         "{\"auth_events\":[],\"content\":{\"membership\":\"join\"},\"depth\":9," AROUND
	         "\"room_id\":\"!room\",\"sender\":\"@a:b\",\"signatures\":{},\"state_key\":\"@a:b\",\"type\":\"m.room.member\","
	         "\"event_id\":\"$id\"}"},
		{OLD, EVENT_FORM_CLIENT,
	         "{\"content\":{\"n\":[1e+20,-1.5e-07]},\"event_id\":\"$id\",\"origin_server_ts\":5,\"room_id\":\"!room\","
	         "\"sender\":\"@a:b\",\"type\":\"x\"}"},
		{PLANTED, EVENT_FORM_CLIENT,
	         "{\"content\":{},\"event_id\":\"$id\",\"origin_server_ts\":5,\"room_id\":\"!room\",\"sender\":\"@a:b\","
	         "\"type\":\"x\"}"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_str(client_form(str_of(rows[i].canonical), rows[i].form, NULL), str_of(rows[i].expected));
}

#define REDACTION(content, top) \
	"{\"auth_events\":[],\"content\":" content ",\"depth\":9," AROUND top \
	"\"sender\":\"@a:b\",\"signatures\":{},\"type\":\"m.room.redaction\"}"
#define SHOWN(content, top) \
	"{\"content\":" content ",\"event_id\":\"$id\",\"origin_server_ts\":5," top \
	"\"sender\":\"@a:b\",\"type\":\"m.room.redaction\"}"

/* Room Version 11: `redacts` at both places, for old clients and for new ones. */
static void redacts_at_both_places(void **state)
{
	(void)state;
	static const struct {
		const char *canonical, *shown;
	} rows[] = {
		{REDACTION("{}", "\"redacts\":\"$x\","), SHOWN("{\"redacts\":\"$x\"}", "\"redacts\":\"$x\",")},
		{REDACTION("{\"reason\":\"r\"}", "\"redacts\":\"$x\","),
	         SHOWN("{\"reason\":\"r\",\"redacts\":\"$x\"}", "\"redacts\":\"$x\",")},
		{REDACTION("{\"redacts\":\"$x\"}", ""), SHOWN("{\"redacts\":\"$x\"}", "\"redacts\":\"$x\",")},
		{REDACTION("{\"redacts\":\"$y\"}", "\"redacts\":\"$x\","),
	         SHOWN("{\"redacts\":\"$y\"}", "\"redacts\":\"$x\",")},
		{REDACTION("{}", ""), SHOWN("{}", "")},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_str(client_form(str_of(rows[i].canonical), EVENT_FORM_SYNC, NULL), str_of(rows[i].shown));
}

static str unsigned_part(const struct event_unsigned *data)
{
	json root = NULL;
	struct buf buf;
	str text = client_form(STR(MEMBER), EVENT_FORM_CLIENT, data);
	assert_rc(json_parse(&arena, text, &root, NULL), RC_OK);
	buf_init(&buf, &arena, 4096);
	json_put(&buf, json_get(root, STR("unsigned")));
	return buf_str(&buf);
}

static void unsigned_data(void **state)
{
	(void)state;
	const struct event_unsigned none = {.age_ms = -1};
	const struct event_unsigned all = {
		.age_ms = 0,
		.transaction_id = STR("t\"\n"),
		.delay_id = STR("d"),
		.prev_content = STR("{\"membership\":\"invite\"}"),
		.replaces_state = STR("$old"),
		.redacted_because = STR("{\"type\":\"m.room.redaction\"}"),
		.prev_sender = STR("@c:d"),
		.membership = STR("join"),
	};
	assert_str(unsigned_part(&none), STR("{}"));
	assert_str(unsigned_part(&all),
	           STR("{\"age\":0,\"membership\":\"join\",\"org.matrix.msc4140.delay_id\":\"d\","
	               "\"prev_content\":{\"membership\":\"invite\"},"
	               "\"prev_sender\":\"@c:d\",\"redacted_because\":{\"type\":\"m.room.redaction\"},"
	               "\"replaces_state\":\"$old\",\"transaction_id\":\"t\\\"\\n\"}"));
	assert_str(unsigned_part(NULL), STR("null"));
	assert_str(client_form(STR(MEMBER), EVENT_FORM_STRIPPED, &all), client_form(STR(MEMBER), EVENT_FORM_STRIPPED, NULL));
}

static void buffer_that_is_full(void **state)
{
	(void)state;
	for (size_t max = 0; max < 100; max++) {
		struct buf buf;
		buf_init(&buf, &arena, max);
		event_put_client(&buf, STR(MESSAGE), STR("$id"), STR("!room"), EVENT_FORM_CLIENT, NULL);
		assert_rc(buf_status(&buf), RC_TOO_LARGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms),
		cmocka_unit_test(redacts_at_both_places),
		cmocka_unit_test(unsigned_data),
		cmocka_unit_test(buffer_that_is_full),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
