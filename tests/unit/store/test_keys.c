/* Keys in the store: public ones, one-time and fallback keys, signatures; and lists of devices. */
#include "snapshot_model.h"

#include "base/buf.h"
#include "store/keys.h"

#include <stdlib.h>
#include <string.h>

static int64_t add_user(struct txn_rw *txn, const char *user_id)
{
	int64_t user;
	assert_int_equal(
	    account_add(txn, str_of(user_id), ACCOUNT_USER, STR("p"), false, 1, &user), RC_OK);
	return user;
}

static int64_t add_device(struct txn_rw *txn, int64_t user, const char *device_id)
{
	int64_t device;
	assert_int_equal(device_put(txn, user, str_of(device_id), STR("Phone"), &device), RC_OK);
	return device;
}

static void add_device_keys(struct txn_rw *txn, int64_t user, int64_t device, const char *device_id)
{
	struct public_key key = {.user = user,
	    .kind = PUBLIC_KEY_DEVICE,
	    .name = str_of(device_id),
	    .device = device,
	    .payload = STR("{\"d\":1}"),
	    .signatures = STR("{}")};
	assert_int_equal(public_key_put(txn, &key), RC_OK);
}

static void add_cross_key(
    struct txn_rw *txn, int64_t user, enum public_key_kind kind, const char *name)
{
	struct public_key key = {.user = user,
	    .kind = kind,
	    .name = str_of(name),
	    .payload = STR("{\"c\":1}"),
	    .signatures = STR("{\"s\":{}}")};
	assert_int_equal(public_key_put(txn, &key), RC_OK);
}

/* ---- public keys ---- */

static enum rc seen_append(void *self, const struct public_key_seen *key)
{
	struct buf *text = self;
	buf_printf(text, "%d %.*s %.*s %.*s %.*s %.*s %.*s;", (int)key->kind, STR_ARG(key->name),
	    STR_ARG(key->payload), STR_ARG(key->signatures), STR_ARG(key->display_name),
	    STR_ARG(key->key_id), STR_ARG(key->signature));
	return RC_OK;
}

static void assert_seen(struct fixture *f, struct txn_rw *txn, const char *user_id, int64_t viewer,
    const char *expected)
{
	struct buf text;
	buf_init(&text, &f->arena, 10000);
	assert_int_equal(
	    public_keys_of(txn_reading(txn), str_of(user_id), viewer, seen_append, &text), RC_OK);
	buf_putc(&text, '\0');
	assert_string_equal(text.p, expected);
}

static void run_public_keys(struct fixture *f, struct txn_rw *txn)
{
	struct buf ignored;
	struct public_key key;
	int64_t ann = add_user(txn, "@ann:x"), bob = add_user(txn, "@bob:x");
	int64_t two = add_device(txn, ann, "TWO"), one = add_device(txn, ann, "ONE");
	assert_seen(f, txn, "@ann:x", bob, "-1      ;");
	add_device_keys(txn, ann, two, "TWO");
	add_device_keys(txn, ann, one, "ONE");
	add_device(txn, ann, "NONE");
	add_cross_key(txn, ann, PUBLIC_KEY_SELF_SIGNING, "self");
	add_cross_key(txn, ann, PUBLIC_KEY_MASTER, "old");
	add_cross_key(txn, ann, PUBLIC_KEY_MASTER, "master");
	struct key_signature signature = {bob, ann, STR("master"), STR("ed25519:bobs"), STR("sig")};
	assert_int_equal(key_signature_put(txn, &signature), RC_OK);
	assert_seen(f, txn, "@ann:x", ann,
	    "0 ONE {\"d\":1} {} Phone  ;0 TWO {\"d\":1} {} Phone  ;1 master {\"c\":1} {\"s\":{}}   "
	    ";"
	    "2 self {\"c\":1} {\"s\":{}}   ;");
	assert_seen(f, txn, "@ann:x", bob,
	    "0 ONE {\"d\":1} {} Phone  ;0 TWO {\"d\":1} {} Phone  ;1 master {\"c\":1} {\"s\":{}}  "
	    "ed25519:bobs sig;"
	    "2 self {\"c\":1} {\"s\":{}}   ;");
	add_cross_key(txn, ann, PUBLIC_KEY_MASTER, "new"); /* of which he said nothing */
	assert_int_equal(public_key_delete(txn, ann, PUBLIC_KEY_SELF_SIGNING), RC_OK);
	assert_seen(f, txn, "@ann:x", bob,
	    "0 ONE {\"d\":1} {} Phone  ;0 TWO {\"d\":1} {} Phone  ;1 new {\"c\":1} {\"s\":{}}   ;");
	assert_int_equal(
	    public_key_of_kind(txn_reading(txn), &f->arena, ann, PUBLIC_KEY_MASTER, &key), RC_OK);
	assert_true(str_eq(key.name, STR("new")) && key.device == 0);
	assert_int_equal(
	    public_key_of_kind(txn_reading(txn), &f->arena, ann, PUBLIC_KEY_USER_SIGNING, &key),
	    RC_NOT_FOUND);
	assert_int_equal(
	    public_key_get(txn_reading(txn), &f->arena, ann, PUBLIC_KEY_DEVICE, STR("ONE"), &key),
	    RC_OK);
	assert_int_equal(key.device, one);
	assert_int_equal(
	    public_key_get(txn_reading(txn), &f->arena, ann, PUBLIC_KEY_DEVICE, STR("NONE"), &key),
	    RC_NOT_FOUND);
	buf_init(&ignored, &f->arena, 100);
	assert_int_equal(
	    public_keys_of(txn_reading(txn), STR("@eve:x"), bob, seen_append, &ignored),
	    RC_NOT_FOUND);
}

static void public_keys(void **state)
{
	in_transaction(state, run_public_keys);
}

/* ---- one-time keys ---- */

static void otk(struct txn_rw *txn, int64_t device, const char *algorithm, const char *key_id)
{
	struct one_time_key key = {.algorithm = str_of(algorithm),
	    .key_id = str_of(key_id),
	    .digest = sha256(str_of(key_id)),
	    .key = str_of(key_id)};
	assert_int_equal(otk_add(txn, device, &key), RC_OK);
}

static void assert_taken(
    struct fixture *f, struct txn_rw *txn, int64_t device, const char *expected)
{
	str key_id, key;
	assert_int_equal(
	    otk_take(txn, &f->arena, device, STR("signed_curve25519"), &key_id, &key), RC_OK);
	assert_true(str_eq(key_id, str_of(expected)));
	assert_true(str_eq(key, str_of(expected)));
}

static void run_one_time_keys(struct fixture *f, struct txn_rw *txn)
{
	struct txn_ro *ro = txn_reading(txn);
	struct otk_count *counts;
	struct one_time_key *held;
	struct sha256 *claimed;
	size_t count;
	str key_id, key;
	int64_t user = add_user(txn, "@ann:x"), device = add_device(txn, user, "D"),
		other = add_device(txn, user, "E");
	assert_int_equal(otk_counts(ro, &f->arena, device, &counts, &count), RC_OK);
	assert_int_equal(count, 0);
	otk(txn, device, "signed_curve25519", "b"); /* in the order of uploads, not of names */
	otk(txn, device, "signed_curve25519", "a");
	otk(txn, device, "other", "x");
	otk(txn, other, "signed_curve25519", "c");
	assert_int_equal(otk_counts(ro, &f->arena, device, &counts, &count), RC_OK);
	assert_int_equal(count, 2);
	assert_true(str_eq(counts[1].algorithm, STR("signed_curve25519")) && counts[1].count == 2);
	assert_int_equal(otk_held(ro, &f->arena, device, &held, &count), RC_OK);
	assert_int_equal(count, 3);
	assert_taken(f, txn, device, "b");
	assert_taken(f, txn, device, "a");
	assert_int_equal(otk_take(txn, &f->arena, device, STR("signed_curve25519"), &key_id, &key),
	    RC_NOT_FOUND);
	otk(txn, device, "signed_curve25519",
	    "d"); /* with a number of its own, though it is the only one */
	assert_taken(f, txn, device, "d");
	assert_int_equal(otk_claimed(ro, &f->arena, device, &claimed, &count), RC_OK);
	assert_int_equal(count, 3);
	struct sha256 digest = sha256(STR("b"));
	assert_memory_equal(&claimed[0], &digest, sizeof digest);
	assert_taken(f, txn, other, "c");
}

static void one_time_keys(void **state)
{
	in_transaction(state, run_one_time_keys);
}

static enum rc add_twice(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct one_time_key key = {.algorithm = STR("a"), .key_id = STR("b"), .key = STR("c")};
	TRY(otk_add(txn, *(const int64_t *)arg, &key));
	return otk_add(txn, *(const int64_t *)arg, &key);
}

static enum rc make_device(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	*(int64_t *)arg = add_device(txn, add_user(txn, "@ann:x"), "D");
	return RC_OK;
}

static void a_key_id_stands_once(void **state)
{
	struct fixture *f = *state;
	int64_t device;
	assert_int_equal(store_write(f->store, make_device, &device, NULL), RC_OK);
	assert_int_equal(store_write(f->store, add_twice, &device, NULL), RC_EXISTS);
}

static void run_few_claimed_are_kept(struct fixture *f, struct txn_rw *txn)
{
	struct sha256 *claimed;
	size_t count;
	int64_t device = add_device(txn, add_user(txn, "@ann:x"), "D");
	for (int i = 0; i < CLAIMED_KEPT_MAX + 3; i++) {
		str key_id, key;
		char name[16];
		snprintf(name, sizeof name, "k%d", i);
		otk(txn, device, "a", name);
		assert_int_equal(otk_take(txn, &f->arena, device, STR("a"), &key_id, &key), RC_OK);
	}
	assert_int_equal(otk_claimed_drop(txn, device), RC_OK);
	assert_int_equal(otk_claimed(txn_reading(txn), &f->arena, device, &claimed, &count), RC_OK);
	assert_int_equal(count, CLAIMED_KEPT_MAX);
	struct sha256 oldest = sha256(STR("k3"));
	assert_memory_equal(&claimed[0], &oldest, sizeof oldest);
}

static void few_claimed_are_kept(void **state)
{
	in_transaction(state, run_few_claimed_are_kept);
}

static size_t unused(struct fixture *f, struct txn_rw *txn, int64_t device)
{
	str *algorithms;
	size_t count;
	assert_int_equal(
	    fallback_unused(txn_reading(txn), &f->arena, device, &algorithms, &count), RC_OK);
	return count;
}

static void run_fallback_keys(struct fixture *f, struct txn_rw *txn)
{
	const str algorithm = STR("signed_curve25519");
	int64_t device = add_device(txn, add_user(txn, "@ann:x"), "D");
	assert_int_equal(unused(f, txn, device), 0);
	assert_int_equal(
	    fallback_put(txn, &f->arena, device, algorithm, STR("f"), STR("f")), RC_OK);
	assert_int_equal(
	    fallback_put(txn, &f->arena, device, STR("other"), STR("o"), STR("o")), RC_OK);
	otk(txn, device, "signed_curve25519", "a");
	assert_taken(f, txn, device, "a");
	assert_int_equal(unused(f, txn, device), 2);
	assert_taken(f, txn, device, "f");
	assert_taken(f, txn, device, "f");
	assert_int_equal(unused(f, txn, device), 1);
	assert_int_equal(
	    fallback_put(txn, &f->arena, device, algorithm, STR("f"), STR("f")), RC_OK);
	assert_int_equal(unused(f, txn, device), 1); /* the same one is no fresh one */
	assert_int_equal(
	    fallback_put(txn, &f->arena, device, algorithm, STR("g"), STR("g")), RC_OK);
	assert_int_equal(unused(f, txn, device), 2);
	assert_taken(f, txn, device, "g");
}

static void fallback_keys(void **state)
{
	in_transaction(state, run_fallback_keys);
}

/* ---- lists of devices ---- */

struct change {
	int64_t user;
	enum rc (*write)(struct txn_rw *txn, int64_t user);
};

static enum rc change_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	const struct change *change = arg;
	return change->write(txn, change->user);
}

static void change_list(struct fixture *f, int64_t user)
{
	struct change change = {user, device_list_change};
	assert_int_equal(store_write(f->store, change_write, &change, NULL), RC_OK);
}

static int by_user(const void *a, const void *b)
{
	const struct user_row *x = a, *y = b;
	return (x->user > y->user) - (x->user < y->user);
}

static const char *names_of(struct fixture *f, struct user_row *users, size_t count)
{
	struct buf text;
	buf_init(&text, &f->arena, 10000);
	if (count)
		qsort(users, count, sizeof *users, by_user);
	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%.*s ", STR_ARG(users[i].user_id));
	buf_putc(&text, '\0');
	return text.p;
}

static const char *lists_since(struct fixture *f, int64_t user, int64_t since)
{
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	struct user_row *users;
	size_t count;
	assert_int_equal(device_lists_since(txn, &f->arena, user, since, &users, &count), RC_OK);
	return names_of(f, users, count);
}

static void lists_are_told_to_those_who_share(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x"), bob = fixture_user(f, "@bob:x"),
		eve = fixture_user(f, "@eve:x");
	int64_t room = fixture_room(f, "!r");
	fixture_member(f, room, "@ann:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@bob:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@eve:x", MEMBERSHIP_INVITE);
	int64_t start = store_committed_pos(f->store);
	change_list(f, ann);
	int64_t after_ann = store_committed_pos(f->store);
	assert_true(after_ann > start);
	change_list(f, bob);
	assert_string_equal(lists_since(f, ann, start), "@ann:x @bob:x ");
	assert_string_equal(lists_since(f, bob, after_ann), "@bob:x ");
	assert_string_equal(lists_since(f, eve, start), "");
	change_list(f, ann); /* the newest counts */
	assert_string_equal(lists_since(f, bob, after_ann), "@ann:x @bob:x ");
	/* In many rooms the others are asked about theirs: the same comes out. */
	for (int i = 0; i < 70; i++) {
		char name[16];
		snprintf(name, sizeof name, "!m%d", i);
		fixture_member(f, fixture_room(f, name), "@bob:x", MEMBERSHIP_JOIN);
	}
	assert_string_equal(lists_since(f, bob, after_ann), "@ann:x @bob:x ");
	change_list(f, eve);
	assert_string_equal(lists_since(f, bob, after_ann), "@ann:x @bob:x ");
}

static enum rc sign_write(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	return key_signature_put(txn, arg);
}

static void a_signature_is_told_to_its_signer(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x"), bob = fixture_user(f, "@bob:x");
	int64_t start = store_committed_pos(f->store);
	struct key_signature signature = {ann, bob, STR("master"), STR("ed25519:a"), STR("s")};
	assert_int_equal(store_write(f->store, sign_write, &signature, NULL), RC_OK);
	assert_string_equal(lists_since(f, ann, start), "@bob:x ");
	assert_string_equal(lists_since(f, bob, start), "");
	assert_string_equal(lists_since(f, ann, store_committed_pos(f->store)), "");
}

static void members_come_and_go(void **state)
{
	struct fixture *f = *state;
	int64_t ann = fixture_user(f, "@ann:x"), room = fixture_room(f, "!r"),
		other = fixture_room(f, "!o");
	struct user_row *users;
	struct member_move *moves;
	size_t count;
	fixture_member(f, room, "@ann:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@bob:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@eve:x", MEMBERSHIP_JOIN);
	fixture_member(f, other, "@ann:x", MEMBERSHIP_JOIN);
	fixture_member(f, other, "@eve:x", MEMBERSHIP_JOIN);
	int64_t start = store_committed_pos(f->store);
	fixture_member(f, room, "@late:x", MEMBERSHIP_JOIN);
	fixture_member(f, room, "@ann:x", MEMBERSHIP_LEAVE);
	struct txn_ro *CLEANUP(txn_ro_end) txn = fixture_read(f);
	assert_int_equal(members_joined(txn, &f->arena, room, &users, &count), RC_OK);
	assert_string_equal(names_of(f, users, count), "@bob:x @eve:x @late:x ");
	assert_int_equal(members_lost(txn, &f->arena, room, start, ann, &users, &count), RC_OK);
	assert_string_equal(
	    names_of(f, users, count), "@bob:x "); /* one is in the other room, one came too late */
	assert_int_equal(members_moved(txn, &f->arena, room, start, &moves, &count), RC_OK);
	assert_int_equal(count, 2);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(moves[i].joined, !str_eq(moves[i].who.user_id, STR("@ann:x")));
	assert_int_equal(members_moved(txn, &f->arena, other, start, &moves, &count), RC_OK);
	assert_int_equal(count, 0);
}

/* ---- what goes with a device, and with an account ---- */

static enum rc full_device_write(struct txn_rw *txn, int64_t user)
{
	str key_id, key;
	struct arena CLEANUP(arena_release) arena;
	arena_init(&arena, 1 << 16);
	int64_t device = add_device(txn, user, "D");
	add_device_keys(txn, user, device, "D");
	otk(txn, device, "a", "1");
	otk(txn, device, "a", "2");
	TRY(otk_take(txn, &arena, device, STR("a"), &key_id, &key));
	return fallback_put(txn, &arena, device, STR("a"), STR("f"), STR("f"));
}

static int64_t rows_left(struct txn_rw *txn)
{
	return fixture_sql_number(txn,
	    "SELECT (SELECT count(*) FROM one_time_keys)+(SELECT count(*) FROM claimed_keys)"
	    "+(SELECT count(*) FROM fallback_keys)+(SELECT count(*) FROM public_keys)"
	    "+(SELECT count(*) FROM key_signatures)");
}

static enum rc device_end_write(struct txn_rw *txn, int64_t user)
{
	struct arena CLEANUP(arena_release) arena;
	struct device device;
	arena_init(&arena, 1 << 16);
	TRY(device_find(txn_reading(txn), &arena, user, STR("D"), &device));
	TRY(device_delete(txn, device.nid));
	assert_int_equal(rows_left(txn), 0);
	return RC_OK;
}

static enum rc devices_end_write(struct txn_rw *txn, int64_t user)
{
	TRY(device_delete_all(txn, user, 0));
	assert_int_equal(rows_left(txn), 0);
	return RC_OK;
}

static enum rc name_write(struct txn_rw *txn, int64_t user)
{
	struct arena CLEANUP(arena_release) arena;
	struct device device;
	arena_init(&arena, 1 << 16);
	TRY(device_find(txn_reading(txn), &arena, user, STR("D"), &device));
	return device_set_display_name(txn, &device, STR("Tablet"));
}

static void assert_told_once(
    struct fixture *f, int64_t user, enum rc (*write)(struct txn_rw *txn, int64_t user))
{
	int64_t before = store_committed_pos(f->store);
	struct change change = {user, write};
	assert_int_equal(store_write(f->store, change_write, &change, NULL), RC_OK);
	assert_int_equal(store_committed_pos(f->store), before + 1);
	assert_string_equal(lists_since(f, user, before), "@ann:x ");
}

static void keys_go_with_their_device(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@ann:x");
	struct change full = {user, full_device_write};
	assert_int_equal(store_write(f->store, change_write, &full, NULL), RC_OK);
	assert_told_once(f, user, name_write);
	assert_told_once(f, user, device_end_write);
	assert_int_equal(store_write(f->store, change_write, &full, NULL), RC_OK);
	assert_told_once(f, user, devices_end_write);
}

static enum rc bare_device_write(struct txn_rw *txn, int64_t user)
{
	add_device(txn, user, "D");
	TRY(name_write(txn, user));
	return device_end_write(txn, user);
}

static void a_device_without_keys_concerns_nobody(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@ann:x"), before = store_committed_pos(f->store);
	struct change bare = {user, bare_device_write};
	assert_int_equal(store_write(f->store, change_write, &bare, NULL), RC_OK);
	assert_int_equal(store_committed_pos(f->store), before);
}

static enum rc signed_write(struct txn_rw *txn, int64_t user)
{
	int64_t other;
	TRY(user_nid_make(txn, STR("@bob:x"), &other));
	struct key_signature signature = {user, other, STR("m"), STR("k"), STR("s")};
	add_cross_key(txn, user, PUBLIC_KEY_MASTER, "m");
	TRY(full_device_write(txn, user));
	return key_signature_put(txn, &signature);
}

static enum rc nothing_left_write(struct txn_rw *txn, int64_t user)
{
	(void)user;
	assert_int_equal(rows_left(txn), 0);
	return RC_OK;
}

static void keys_go_with_their_account(void **state)
{
	struct fixture *f = *state;
	int64_t user = fixture_user(f, "@ann:x");
	struct change full = {user, signed_write}, nothing = {user, nothing_left_write};
	assert_int_equal(store_write(f->store, change_write, &full, NULL), RC_OK);
	int64_t before = store_committed_pos(f->store);
	fixture_deactivate(f, user);
	assert_string_equal(lists_since(f, user, before), "@ann:x ");
	assert_int_equal(store_committed_pos(f->store), before + 1);
	assert_int_equal(store_write(f->store, change_write, &nothing, NULL), RC_OK);
	fixture_check(f);
}

static void run_devices(struct fixture *f, struct txn_rw *txn)
{
	struct device *devices;
	size_t count;
	int64_t user = add_user(txn, "@ann:x"), device = add_device(txn, user, "B");
	add_device(txn, user, "A");
	add_device(txn, add_user(txn, "@bob:x"), "C");
	assert_int_equal(device_set_seen(txn, device, 77, STR("1.2.3.4")), RC_OK);
	assert_int_equal(devices_of(txn_reading(txn), &f->arena, user, &devices, &count), RC_OK);
	assert_int_equal(count, 2);
	assert_true(str_eq(devices[0].device_id, STR("A")) && devices[0].last_seen_ms == 0);
	assert_true(
	    str_eq(devices[1].last_seen_ip, STR("1.2.3.4")) && devices[1].last_seen_ms == 77);
}

static void devices(void **state)
{
	in_transaction(state, run_devices);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(public_keys),
	    TEST(one_time_keys),
	    TEST(a_key_id_stands_once),
	    TEST(few_claimed_are_kept),
	    TEST(fallback_keys),
	    TEST(lists_are_told_to_those_who_share),
	    TEST(a_signature_is_told_to_its_signer),
	    TEST(members_come_and_go),
	    TEST(keys_go_with_their_device),
	    TEST(a_device_without_keys_concerns_nobody),
	    TEST(keys_go_with_their_account),
	    TEST(devices),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
