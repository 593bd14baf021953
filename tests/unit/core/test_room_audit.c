/* core/room: an audit finds nothing in rooms that are in order, and says what was damaged. */
#include "core/room/audit.h"

#include "pdu_rig.h"

#define BOB "@bob:remote.example"

enum { FINDINGS_MAX = 64, SENTENCE_MAX = 300, STEPS_MAX = 10000, MANY = 250 };

struct found {
	char sentences[FINDINGS_MAX][SENTENCE_MAX];
	size_t count;
	struct room_audit_totals totals;
};

static void finding_keep(void *self, str room_id, str sentence)
{
	struct found *found = self;
	if (found->count < FINDINGS_MAX)
		snprintf(found->sentences[found->count], SENTENCE_MAX, "%.*s %.*s", STR_ARG(room_id), STR_ARG(sentence));
	found->count++;
}

static struct found audit_all(struct room_rig *rig)
{
	struct found found = {.count = 0};
	struct room_audit audit = {rig->store->store, pdu_keys(), finding_keep, &found};
	struct room_audit_cursor cursor = {0};
	bool more = true;
	for (int steps = 0; more; steps++) {
		assert_true(steps < STEPS_MAX);
		assert_rc(rooms_audit(&audit, &cursor, &found.totals, &more), RC_OK);
	}
	assert_int_equal(found.totals.findings, found.count);
	return found;
}

static void assert_in_order(struct room_rig *rig)
{
	struct found found = audit_all(rig);
	if (found.count)
		fail_msg("%zu findings, the first: %s", found.count, found.sentences[0]);
}

static str busy_room(struct room_rig *rig, const struct actor *alice, const char *version)
{
	char request[100];
	str sent;
	snprintf(request, sizeof request, "{\"preset\":\"public_chat\",\"topic\":\"first\",\"room_version\":\"%s\"}", version);
	str room_id = rig_room(rig, alice, request);
	struct pdu join = pdu_join(rig, room_id, BOB);
	struct pdu_wish stranger = {.sender = "@eve:remote.example", .type = "m.room.message", .content = "{}"};
	pdu_given(rig, room_id, &stranger, RECEIPT_REJECTED);
	assert_rc(rig_send(rig, alice, room_id, "m.room.message", "", "{\"body\":\"hello\"}", &sent), RC_OK);
	assert_rc(rig_state(rig, alice, room_id, "m.room.topic", STR_EMPTY, "{\"topic\":\"second\"}", &sent), RC_OK);
	struct pdu_wish fork = {.sender = BOB, .type = "m.room.message", .content = "{\"body\":\"aside\"}",
		.prev = {join.event_id}, .prev_count = 1};
	pdu_given(rig, room_id, &fork, RECEIPT_ACCEPTED);
	return room_id;
}

static void rooms_in_order(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	size_t count;
	const struct room_version *versions = room_version_all(&count);
	for (size_t i = 0; i < count; i++)
		busy_room(rig, &alice, arena_cstr(&rig->arena, versions[i].name));
	struct found found = audit_all(rig);
	if (found.count)
		fail_msg("%zu findings, the first: %s", found.count, found.sentences[0]);
	assert_int_equal(found.totals.rooms, count);
	assert_int_equal(found.totals.signatures_unchecked, 0);
	assert_true(found.totals.events >= 10 * (int64_t)count);
}

static void many_pages(void **state)
{
	struct room_rig *rig = *state;
	struct actor alice = rig_user(rig, "alice");
	str room_id = busy_room(rig, &alice, "12"), sent;
	for (int i = 0; i < MANY; i++)
		assert_rc(rig_send(rig, &alice, room_id, "m.room.message", "", "{}", &sent), RC_OK);
	struct found found = audit_all(rig);
	assert_int_equal(found.count, 0);
	assert_int_equal(found.totals.rooms, 1);
	assert_true(found.totals.events > MANY);
}

struct damage {
	const char *sql, *finding;
};

/* The same of both engines, which name the text of an event's bytes, and bytes of a text, each in its way. */
#define SAYS(text, word) " WHERE " text " LIKE '%" word "%'"
#define SET_CANONICAL(bytes) "UPDATE events SET canonical=" bytes
#define DAMAGES(TEXT, BYTES) \
	{ \
		{SET_CANONICAL(BYTES("replace(" TEXT ", 'hello', 'jello')")), "not what was hashed"}, \
		{SET_CANONICAL(BYTES("replace(" TEXT ", '\"depth\":', '\"depth\":1')")) SAYS(TEXT, "hello"), \
		 "what is stored is the event"}, \
		{SET_CANONICAL(BYTES("'{\"type\":'")) SAYS(TEXT, "hello"), "is no event"}, \
		{SET_CANONICAL(BYTES("' '||" TEXT)) SAYS(TEXT, "hello"), "canonical form"}, \
		{SET_CANONICAL(BYTES("replace(" TEXT ", '\"ed25519:1\":\"', '\"ed25519:1\":\"AAAA')")) SAYS(TEXT, "hello"), \
		 "signature of localhost does not hold"}, \
		{"UPDATE events SET type=(SELECT nid FROM types WHERE type='m.room.topic')" SAYS(TEXT, "hello"), \
		 "differ from the row's"}, \
		{"UPDATE events SET snapshot=(SELECT snapshot FROM events" SAYS(TEXT, "\"first\"") " LIMIT 1)" \
		 SAYS(TEXT, "\"second\""), "the state after it"}, \
		{"UPDATE events SET before=(SELECT snapshot FROM events" SAYS(TEXT, "\"second\"") ")" SAYS(TEXT, "hello"), \
		 "the state before it"}, \
		{"UPDATE events SET replaced=1" SAYS(TEXT, "\"second\""), "it replaced the event"}, \
		{"UPDATE rooms SET snapshot=(SELECT snapshot FROM events" SAYS(TEXT, "hello") ")", "the current state"}, \
		{"UPDATE memberships SET event=1", "the membership of @"}, \
		{"UPDATE events SET redacted_by=1" SAYS(TEXT, "hello"), "its content is still there"}, \
		{"UPDATE rooms SET version='none'", "its version none is not known"}, \
	}
#define SQLITE_BYTES(text) "CAST(" text " AS BLOB)"
#define POSTGRES_BYTES(text) "convert_to(" text ", 'UTF8')"

static const struct damage sqlite_damages[] = DAMAGES("CAST(canonical AS TEXT)", SQLITE_BYTES);
static const struct damage postgres_damages[] = DAMAGES("convert_from(canonical, 'UTF8')", POSTGRES_BYTES);

static void damage_is_told(void **state)
{
	struct room_rig *rig = *state;
	bool on_sqlite = rig->store->database[0] == '\0';
	const struct damage *damages = on_sqlite ? sqlite_damages : postgres_damages;
	struct actor alice = rig_user(rig, "alice");
	busy_room(rig, &alice, "12");
	assert_in_order(rig);
	for (size_t i = 0; i < COUNT_OF(sqlite_damages); i++) {
		char sql[1024];
		fixture_sql(rig->store, "CREATE TABLE kept_events AS SELECT * FROM events;"
		                        "CREATE TABLE kept_rooms AS SELECT * FROM rooms;"
		                        "CREATE TABLE kept_memberships AS SELECT * FROM memberships");
		fixture_sql(rig->store, damages[i].sql);
		struct found found = audit_all(rig);
		bool told = false;
		for (size_t j = 0; j < found.count && j < FINDINGS_MAX; j++)
			told = told || strstr(found.sentences[j], damages[i].finding);
		if (!told)
			fail_msg("%s: nothing says '%s' (%zu findings, the first: %s)", damages[i].sql, damages[i].finding,
			         found.count, found.sentences[0]);
		snprintf(sql, sizeof sql, "%s"
		         "DELETE FROM memberships; INSERT INTO memberships SELECT * FROM kept_memberships;"
		         "DELETE FROM events; INSERT INTO events SELECT * FROM kept_events;"
		         "DELETE FROM rooms; INSERT INTO rooms SELECT * FROM kept_rooms;"
		         "DROP TABLE kept_events; DROP TABLE kept_rooms; DROP TABLE kept_memberships",
		         on_sqlite ? "PRAGMA foreign_keys=OFF;" : "");
		fixture_sql(rig->store, sql);
		assert_in_order(rig);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rooms_in_order, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(many_pages, room_rig_setup, room_rig_teardown),
		cmocka_unit_test_setup_teardown(damage_is_told, room_rig_setup, room_rig_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
