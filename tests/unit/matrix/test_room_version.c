#include "base/test.h"

#include "matrix/room_version.h"

static void found_by_name(void **state)
{
	(void)state;
	size_t count;
	const struct room_version *rows = room_version_all(&count);
	assert_true(count >= 3);
	for (size_t i = 0; i < count; i++)
		assert_ptr_equal(room_version_find(rows[i].name), &rows[i]);
	static const str unknown[] = {STR_INIT(""), STR_INIT("0"), STR_INIT("13"), STR_INIT("12 "), STR_INIT("012"),
	                              STR_INIT("12\0"), STR_INIT("org.example.1"), {NULL, 0}};
	for (size_t i = 0; i < COUNT_OF(unknown); i++)
		assert_null(room_version_find(unknown[i]));
	assert_str(room_version_default()->name, STR("12"));
}

/* The feature matrix of the specification's "Room Versions". */
static void rules_of_each(void **state)
{
	(void)state;
	const struct room_version *v10 = room_version_find(STR("10")), *v11 = room_version_find(STR("11")),
				  *v12 = room_version_find(STR("12"));
	const struct room_version *all[] = {v10, v11, v12};
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		assert_true(all[i]->stable && all[i]->strict_canonical_json && all[i]->enforce_key_validity);
		assert_true(all[i]->limit_notifications_power && all[i]->knock && all[i]->restricted_join);
		assert_true(all[i]->knock_restricted_join && all[i]->integer_power_levels);
		assert_false(all[i]->special_alias_auth);
		assert_int_equal(all[i]->event_id_format, EVENT_ID_HASH_URL);
	}
	assert_int_equal(v10->redaction, REDACTION_V9);
	assert_int_equal(v11->redaction, REDACTION_V11);
	assert_int_equal(v12->redaction, REDACTION_V11);
	assert_false(v10->implicit_room_creator || v10->redacts_in_content);
	assert_true(v11->implicit_room_creator && v11->redacts_in_content);
	assert_true(v12->implicit_room_creator && v12->redacts_in_content);
	assert_true(v10->create_in_auth_events && v11->create_in_auth_events && !v12->create_in_auth_events);
	assert_false(v11->privileged_creators || v11->room_id_from_create);
	assert_true(v12->privileged_creators && v12->room_id_from_create);
	assert_int_equal(v11->state_resolution, STATE_RESOLUTION_V2);
	assert_int_equal(v12->state_resolution, STATE_RESOLUTION_V2_1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(found_by_name),
		cmocka_unit_test(rules_of_each),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
