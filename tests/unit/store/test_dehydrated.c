/* Dehydrated devices: one a user, which other devices' end does not touch. */
#include "store_fixture.h"

#include "store/dehydrated.h"
#include "store/keys.h"
#include "store/to_device.h"

struct made {
	int64_t user, awake, asleep;
};

static enum rc make_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	struct made *made = arg;
	(void)fail;
	TRY(device_put(txn, made->user, STR("AWAKE"), STR_EMPTY, &made->awake));
	TRY(device_put(txn, made->user, STR("ASLEEP"), STR_EMPTY, &made->asleep));
	TRY(dehydrated_put(txn, made->user, made->asleep, STR("{\"a\":1}")));
	struct public_key key = {
	    .user = made->user,
	    .kind = PUBLIC_KEY_DEVICE,
	    .name = STR("ASLEEP"),
	    .device = made->asleep,
	    .payload = STR("{}"),
	    .signatures = STR("{}"),
	};
	TRY(public_key_put(txn, &key));
	return to_device_add(txn, made->asleep, txn_next_pos(txn), made->user, STR("t"), STR("{}"));
}

static struct made make(void **state)
{
	struct fixture *f = *state;
	struct made made = {.user = fixture_user(f, "@a:x")};
	assert_int_equal(store_write(f->store, make_write, &made, NULL), RC_OK);
	return made;
}

static enum rc end_all(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct made *made = arg;
	(void)fail;
	return device_delete_all(txn, made->user, 0);
}

static enum rc end_it(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct made *made = arg;
	(void)fail;
	return device_delete(txn, made->asleep);
}

static size_t devices_left(struct fixture *f, int64_t user)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct device *devices;
	size_t count;
	assert_int_equal(devices_of(txn, &f->arena, user, &devices, &count), RC_OK);
	return count;
}

static bool is_there(struct fixture *f, const struct made *made)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct dehydrated_device device;
	struct public_key key;
	bool kept;
	enum rc rc = dehydrated_find(txn, &f->arena, made->user, &device);
	enum rc keys =
	    public_key_get(txn, &f->arena, made->user, PUBLIC_KEY_DEVICE, STR("ASLEEP"), &key);
	assert_int_equal(to_device_is_kept(txn, made->asleep, INT64_MAX, &kept), RC_OK);
	assert_true(rc == keys && kept == (rc == RC_OK));
	if (rc != RC_OK) {
		assert_int_equal(rc, RC_NOT_FOUND);
		return false;
	}
	assert_int_equal(device.device, made->asleep);
	assert_true(
	    str_eq(device.device_id, STR("ASLEEP")) && str_eq(device.data, STR("{\"a\":1}")));
	return true;
}

static void others_end_without_it(void **state)
{
	struct fixture *f = *state;
	struct made made = make(state);
	assert_int_equal(store_write(f->store, end_all, &made, NULL), RC_OK);
	assert_int_equal(devices_left(f, made.user), 1);
	assert_true(is_there(f, &made));
	assert_int_equal(store_write(f->store, end_it, &made, NULL), RC_OK);
	assert_int_equal(devices_left(f, made.user), 0);
	assert_false(is_there(f, &made));
	fixture_check(f);
}

static void the_end_of_the_account_takes_it(void **state)
{
	struct fixture *f = *state;
	struct made made = make(state);
	fixture_deactivate(f, made.user);
	assert_int_equal(devices_left(f, made.user), 0);
	assert_false(is_there(f, &made));
	fixture_check(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(others_end_without_it),
	    TEST(the_end_of_the_account_takes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
