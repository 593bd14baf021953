/* Messages to devices in the store. */
#include "snapshot_model.h"

#include "base/buf.h"
#include "store/to_device.h"

#include <string.h>

static int64_t add_device(struct txn_rw *txn, const char *user_id, int64_t *ret_user)
{
	int64_t device;
	assert_int_equal(
	    account_add(txn, str_of(user_id), ACCOUNT_USER, STR("p"), false, 1, ret_user), RC_OK);
	assert_int_equal(device_put(txn, *ret_user, STR("D"), STR(""), &device), RC_OK);
	return device;
}

static int64_t send(
    struct txn_rw *txn, int64_t from, const char *txn_id, int64_t to, const char *content)
{
	int64_t pos;
	assert_int_equal(to_device_begin(txn, from, STR("t"), str_of(txn_id), &pos), RC_OK);
	assert_int_equal(to_device_add(txn, to, pos, 1, STR("t"), str_of(content)), RC_OK);
	return pos;
}

static enum rc message_append(void *self, const struct to_device_message *message)
{
	assert_true(str_eq(message->type, STR("t")) && str_eq(message->sender, STR("@ann:x")));
	buf_put(self, message->content);
	return RC_OK;
}

static const char *between(struct fixture *f, struct txn_rw *txn, int64_t device, int64_t after,
    int64_t upto, size_t limit)
{
	struct buf text;
	buf_init(&text, &f->arena, 1 << 16);
	assert_int_equal(
	    to_device_between(txn_reading(txn), device, after, upto, limit, message_append, &text),
	    RC_OK);
	buf_putc(&text, '\0');
	return text.p;
}

static void run_messages(struct fixture *f, struct txn_rw *txn)
{
	int64_t ann, bob, anns = add_device(txn, "@ann:x", &ann),
			  bobs = add_device(txn, "@bob:x", &bob);
	bool kept;
	int64_t a = send(txn, anns, "1", bobs, "a"), b = send(txn, anns, "2", bobs, "b"),
		c = send(txn, anns, "3", bobs, "c");
	assert_true(a < b && b < c);
	assert_string_equal(between(f, txn, bobs, 0, c, 10), "abc");
	assert_string_equal(between(f, txn, bobs, 0, c, 2), "ab");
	assert_string_equal(between(f, txn, bobs, a, b, 10), "b");
	assert_string_equal(between(f, txn, anns, 0, c, 10), "");
	assert_int_equal(to_device_is_kept(txn_reading(txn), bobs, a - 1, &kept), RC_OK);
	assert_false(kept);
	assert_int_equal(to_device_is_kept(txn_reading(txn), bobs, a, &kept), RC_OK);
	assert_true(kept);
	assert_int_equal(to_device_acknowledge(txn, bobs, b), RC_OK);
	assert_string_equal(between(f, txn, bobs, 0, c, 10), "c");
	assert_int_equal(device_delete(txn, bobs), RC_OK);
	assert_string_equal(between(f, txn, bobs, 0, c, 10), "");
}

static void messages(void **state)
{
	in_transaction(state, run_messages);
}

static void run_transaction_ids(struct fixture *f, struct txn_rw *txn)
{
	(void)f;
	int64_t ann, anns = add_device(txn, "@ann:x", &ann), pos;
	assert_int_equal(to_device_begin(txn, anns, STR("t"), STR("1"), &pos), RC_OK);
	assert_int_equal(to_device_begin(txn, anns, STR("t"), STR("1"), &pos), RC_EXISTS);
	assert_int_equal(to_device_begin(txn, anns, STR("u"), STR("1"), &pos), RC_OK);
	assert_int_equal(to_device_begin(txn, -ann, STR("t"), STR("1"), &pos), RC_OK);
	assert_int_equal(to_device_begin(txn, -ann, STR("t"), STR("1"), &pos), RC_EXISTS);
	assert_int_equal(to_device_scope_delete(txn, -ann), RC_OK);
	assert_int_equal(to_device_begin(txn, -ann, STR("t"), STR("1"), &pos), RC_OK);
	for (int i = 0; i < TO_DEVICE_TXNS_KEPT + 10; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		assert_int_equal(to_device_begin(txn, anns, STR("t"), str_of(name), &pos), RC_OK);
	}
	assert_int_equal(
	    fixture_sql_number(txn, "SELECT count(*) FROM to_device_txns WHERE device>0"),
	    TO_DEVICE_TXNS_KEPT);
	assert_int_equal(to_device_begin(txn, anns, STR("t"), STR("n10"), &pos), RC_EXISTS);
	assert_int_equal(to_device_begin(txn, anns, STR("t"), STR("n9"), &pos), RC_OK);
}

static void transaction_ids(void **state)
{
	in_transaction(state, run_transaction_ids);
}

static void run_a_queue_is_bounded(struct fixture *f, struct txn_rw *txn)
{
	int64_t ann, bob, anns = add_device(txn, "@ann:x", &ann),
			  bobs = add_device(txn, "@bob:x", &bob), pos = 0;
	for (int i = 0; i < TO_DEVICE_PENDING_MAX; i++)
		assert_int_equal(to_device_add(txn, bobs, ++pos, ann, STR("t"), STR("x")), RC_OK);
	assert_int_equal(to_device_add(txn, bobs, ++pos, ann, STR("t"), STR("y")), RC_OK);
	assert_int_equal(to_device_add(txn, anns, pos, ann, STR("t"), STR("z")), RC_OK);
	assert_int_equal(
	    fixture_sql_number(txn, "SELECT count(*) FROM to_device"), TO_DEVICE_PENDING_MAX + 1);
	assert_string_equal(between(f, txn, bobs, 0, 1, 10), ""); /* the oldest */
	assert_string_equal(between(f, txn, bobs, pos - 2, pos, 10), "xy");
}

static void a_queue_is_bounded(void **state)
{
	in_transaction(state, run_a_queue_is_bounded);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(messages),
	    TEST(transaction_ids),
	    TEST(a_queue_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
