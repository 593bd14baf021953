#include "base/test.h"

#include "base/rc.h"

static void every_row_is_complete(void **state)
{
	(void)state;
	assert_string_equal(rc_name(RC_OK), "OK");
	assert_string_equal(rc_errcode(RC_OK), "");
	assert_int_equal(rc_status(RC_OK), 200);
	for (int i = RC_OK + 1; i < RC_COUNT; i++) {
		enum rc rc = (enum rc)i;
		assert_true(str_starts(str_of(rc_errcode(rc)), STR("M_")));
		assert_in_range(rc_status(rc), 400, 599);
		assert_true(rc_name(rc)[0] && rc_sentence(rc)[0]);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(rc_name((enum rc)j), rc_name(rc));
	}
}

static void beyond_the_table_is_unknown(void **state)
{
	(void)state;
	assert_string_equal(rc_name(RC_COUNT), "UNKNOWN");
	assert_int_equal(rc_status((enum rc)100000), 500);
}

static void fail_keeps_rc_and_sentence(void **state)
{
	(void)state;
	struct fail fail = {0};
	assert_rc(fail_set(&fail, RC_NOT_FOUND, "No room %s", "!x:y"), RC_NOT_FOUND);
	assert_rc(fail.rc, RC_NOT_FOUND);
	assert_string_equal(fail_message(&fail), "No room !x:y");
	fail = (struct fail){.rc = RC_FORBIDDEN};
	assert_string_equal(fail_message(&fail), rc_sentence(RC_FORBIDDEN));
	assert_rc(fail_set(NULL, RC_BUSY, "%d", 1), RC_BUSY);
}

/* A sentence is cut at its limit, but never inside a character, whatever its length and offset. */
static void long_sentences_are_cut_between_characters(void **state)
{
	(void)state;
	static const str letters[] = {STR_INIT("x"), STR_INIT("\xc3\xa9"), STR_INIT("\xe2\x82\xac"),
	                              STR_INIT("\xf0\x9f\x98\x80")};
	for (size_t i = 0; i < COUNT_OF(letters); i++) {
		for (int blanks = 0; blanks < 4; blanks++) {
			char text[2000] = "";
			for (size_t at = 0; at + letters[i].n < sizeof text; at += letters[i].n)
				memcpy(text + at, letters[i].p, letters[i].n);
			struct fail fail = {0};
			assert_rc(fail_set(&fail, RC_BAD_JSON, "%*s%s", blanks, "", text), RC_BAD_JSON);
			size_t n = strlen(fail.message);
			assert_true(n < FAIL_MESSAGE_MAX && n > FAIL_MESSAGE_MAX - 1 - letters[i].n);
			assert_int_equal((n - (size_t)blanks) % letters[i].n, 0);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_complete),
		cmocka_unit_test(beyond_the_table_is_unknown),
		cmocka_unit_test(fail_keeps_rc_and_sentence),
		cmocka_unit_test(long_sentences_are_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
