/* core/sync: which member events a reader was told of. */
#include "base/test.h"

#include "core/sync/told_int.h"

static struct told_member someone(int64_t reader, int64_t event)
{
	return (struct told_member){.reader = reader, .room = 2, .key = 3, .event = event};
}

static void only_what_was_received_counts(void **state)
{
	(void)state;
	static const struct {
		int64_t reader, event, since;
		bool told;
	} rows[] = {
	    {1, 4, 20, true}, /* the answer up to 20 arrived */
	    {1, 4, 25, true},
	    {1, 4, 19, false}, /* asks again from before it: it got lost */
	    {1, 4, 0, false},
	    {1, 5, 25, false}, /* another event since */
	    {9, 4, 25, false},
	    {0, 4, 25, false},
	};
	struct told *told;
	assert_rc(told_new(&told), RC_OK);
	struct told_member first = someone(1, 4), nobody = someone(0, 4), other = first;
	told_note(told, &first, 10, 20);
	told_note(told, &nobody, 10, 20);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct told_member member = someone(rows[i].reader, rows[i].event);
		assert_int_equal(told_before(told, &member, rows[i].since), rows[i].told);
	}
	other.room = 7;
	assert_false(told_before(told, &other, 25));
	other = first;
	other.key = 7;
	assert_false(told_before(told, &other, 25));
	told_note(told, &first, 10, 30); /* told once more, since the first answer got lost */
	assert_false(told_before(told, &first, 25));
	assert_true(told_before(told, &first, 30));
	told_free(told);
}

/* An answer whose end is the request's beginning cannot be told from one that never came. */
static void an_answer_without_a_step_is_not_noted(void **state)
{
	(void)state;
	struct told *told;
	assert_rc(told_new(&told), RC_OK);
	struct told_member member = someone(1, 4);
	told_note(told, &member, 20, 20);
	assert_false(told_before(told, &member, 20));
	told_free(told);
	told_free(NULL);
}

/* More than there is room for: nothing is told wrongly, the newest mostly stand. */
static void it_forgets(void **state)
{
	(void)state;
	enum { MANY = 400000, NEWEST = 1000 };
	struct told *told;
	size_t kept = 0;
	assert_rc(told_new(&told), RC_OK);
	for (int64_t i = 1; i <= MANY; i++) {
		struct told_member member = {
		    .reader = i % 50 + 1, .room = i % 7, .key = i, .event = i};
		told_note(told, &member, i - 1, i);
	}
	for (int64_t i = MANY - NEWEST + 1; i <= MANY; i++) {
		struct told_member member = {
		    .reader = i % 50 + 1, .room = i % 7, .key = i, .event = i};
		kept += told_before(told, &member, MANY);
		member.event--;
		assert_false(told_before(told, &member, MANY));
	}
	assert_int_equal(kept, NEWEST);
	told_free(told);
}

static void without_memory(void **state)
{
	(void)state;
	struct told *told = NULL;
	arena_fail_after(0);
	enum rc rc = told_new(&told);
	arena_fail_after(-1);
	assert_rc(rc, RC_NOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_what_was_received_counts),
	    cmocka_unit_test(an_answer_without_a_step_is_not_noted),
	    cmocka_unit_test(it_forgets),
	    cmocka_unit_test(without_memory),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
