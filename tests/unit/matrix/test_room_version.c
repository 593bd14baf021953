#include "base/test.h"

#include "matrix/room_version.h"

#include <stddef.h>

static void found_by_name(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *rows = room_version_all(&count);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(room_version_find(rows[i].name), &rows[i]);
	static const str unknown[] = {STR_INIT(""), STR_INIT("0"), STR_INIT("13"), STR_INIT("12 "), STR_INIT("012"),
	                              STR_INIT("12\0"), STR_INIT("org.example.1"), {NULL, 0}};
	for (size_t i = 0; i < COUNT_OF(unknown); i++)
		assert_null(room_version_find(unknown[i]));
	assert_str(room_version_default()->name, STR("12"));
}

/*
 * The pages of the specification's "Room Versions", in its own terms: in which versions each rule holds, the first and
 * the last. Written down apart from room_versions.def, so that a slip in either is found.
 */
#define LAST 12

static const struct {
	const char *rule;
	size_t offset;
	int first, last;
} rules[] = {
#define HOLDS_IN(member, first, last) {#member, offsetof(struct room_version, member), first, last}
	HOLDS_IN(stable, 1, LAST),
	HOLDS_IN(special_alias_auth, 1, 5),          /* "Rule 4 … is removed": v6 */
	HOLDS_IN(redaction_auth, 1, 2),              /* "no longer exist": v3, "Handling redactions" */
	HOLDS_IN(strict_canonical_json, 6, LAST),
	HOLDS_IN(enforce_key_validity, 5, LAST),
	HOLDS_IN(limit_notifications_power, 6, LAST),
	HOLDS_IN(knock, 7, LAST),
	HOLDS_IN(restricted_join, 8, LAST),
	HOLDS_IN(knock_restricted_join, 10, LAST),
	HOLDS_IN(integer_power_levels, 10, LAST),
	HOLDS_IN(implicit_room_creator, 11, LAST),
	HOLDS_IN(redacts_in_content, 11, LAST),
	HOLDS_IN(privileged_creators, 12, LAST),
	HOLDS_IN(room_id_from_create, 12, LAST),
	HOLDS_IN(create_in_auth_events, 1, 11),
};

static void rules_of_each(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *rows = room_version_all(&count);
	assert_int_equal(count, LAST);
	for (size_t i = 0; i < COUNT_OF(rules); i++)
		for (int v = 1; v <= LAST; v++) {
			bool holds = *(const bool *)((const char *)&rows[v - 1] + rules[i].offset);
			if (holds != (v >= rules[i].first && v <= rules[i].last))
				fail_msg("%s in version %d: %d", rules[i].rule, v, holds);
		}
}

static void kinds_of_each(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		enum event_id_format ids;
		enum state_resolution resolution;
		enum redaction_rules redaction;
		enum auth_numbering numbering;
	} expected[LAST] = {
		{"1", EVENT_ID_RANDOM, STATE_RESOLUTION_V1, REDACTION_V1, AUTH_NUMBERING_V1},
		{"2", EVENT_ID_RANDOM, STATE_RESOLUTION_V2, REDACTION_V1, AUTH_NUMBERING_V1},
		{"3", EVENT_ID_HASH_STANDARD, STATE_RESOLUTION_V2, REDACTION_V1, AUTH_NUMBERING_V3},
		{"4", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V1, AUTH_NUMBERING_V3},
		{"5", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V1, AUTH_NUMBERING_V3},
		{"6", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V6, AUTH_NUMBERING_V6},
		{"7", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V6, AUTH_NUMBERING_V7},
		{"8", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V8, AUTH_NUMBERING_V8},
		{"9", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V9, AUTH_NUMBERING_V8},
		{"10", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V9, AUTH_NUMBERING_V10},
		{"11", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2, REDACTION_V11, AUTH_NUMBERING_V11},
		{"12", EVENT_ID_HASH_URL, STATE_RESOLUTION_V2_1, REDACTION_V11, AUTH_NUMBERING_V12},
	};
	size_t count;
	const struct room_version *rows = room_version_all(&count);
	for (size_t i = 0; i < LAST; i++) {
		assert_str(rows[i].name, str_of(expected[i].name));
		assert_int_equal(rows[i].event_id_format, expected[i].ids);
		assert_int_equal(rows[i].state_resolution, expected[i].resolution);
		assert_int_equal(rows[i].redaction, expected[i].redaction);
		assert_int_equal(rows[i].auth_numbering, expected[i].numbering);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_by_name),
		cmocka_unit_test(rules_of_each),
		cmocka_unit_test(kinds_of_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
