/* Claims of one-time keys. */
#include "core/keys/keys_int.h"

#include "base/fault.h"
#include "matrix/ids.h"

enum {
	CLAIMS_OF_A_WRITE = 200
}; /* so that a large request keeps nobody else from writing for long */

struct claim {
	str user_id, device_id, algorithm;
	int64_t device;  /* nid; 0: there is none */
	str key_id, key; /* what was given; empty: nothing */
};

struct claims {
	const struct session *session;
	struct arena *arena;
	struct claim *all;
	size_t count;
	struct unreached unreached;
	size_t from, upto; /* of the write under way */
};

/* ---- reading the request ---- */

static enum rc devices_read(
    struct keys *keys, struct claims *claims, str user_id, json devices, struct fail *fail)
{
	struct json_iter iter = json_iter(devices);
	str device_id, algorithm;
	json value;
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "one_time_keys: %.*s is no user ID",
		    STR_ARG(str_first(user_id, 100)));
	if (!json_is_object(devices))
		return fail_set(fail, RC_BAD_JSON,
		    "one_time_keys: the value of %.*s must be an object",
		    STR_ARG(str_first(user_id, 100)));
	if (!keys_are_here(keys, user_id))
		TRY(unreached_add(&claims->unreached, claims->arena, user_id));
	while (json_next(&iter, &device_id, &value)) {
		if (!json_text(value, &algorithm))
			return fail_set(fail, RC_BAD_JSON,
			    "one_time_keys: the value of a device must be an algorithm");
		claims->all[claims->count++] =
		    (struct claim){user_id, device_id, algorithm, 0, STR_EMPTY, STR_EMPTY};
	}
	return RC_OK;
}

static enum rc claims_read(struct keys *keys, struct claims *claims, json users, struct fail *fail)
{
	struct json_iter iter = json_iter(users);
	size_t count = keys_count_pairs(users);
	str user_id;
	json devices;
	if (count > KEYS_CLAIMS_MAX)
		return fail_set(fail, RC_TOO_LARGE,
		    "one_time_keys: at most %d keys can be claimed at once", KEYS_CLAIMS_MAX);
	claims->all = arena_array(claims->arena, struct claim, count);
	TRY(arena_status(claims->arena));
	while (json_next(&iter, &user_id, &devices))
		TRY(devices_read(keys, claims, user_id, devices, fail));
	return RC_OK;
}

/* The claims of one user. */
static enum rc devices_find(
    struct txn_ro *txn, struct arena *scratch, struct claim *claims, size_t count)
{
	int64_t user;
	enum rc rc = user_nid_find(txn, claims->user_id, &user);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	for (size_t i = 0; i < count; i++) {
		struct device device;
		arena_clear(scratch);
		rc = device_find(txn, scratch, user, claims[i].device_id, &device);
		if (rc == RC_OK)
			claims[i].device = device.nid;
		else if (rc != RC_NOT_FOUND)
			return rc;
	}
	return RC_OK;
}

/* Ahead of the write, which is others' time: a device that ends meanwhile has no keys then. */
static enum rc all_devices_find(struct keys *keys, struct claims *claims)
{
	struct arena CLEANUP(arena_release) scratch;
	struct txn_ro *CLEANUP(txn_ro_end) txn = NULL;
	arena_init(&scratch, KEYS_SCRATCH_BYTES);
	TRY(txn_ro_begin(keys->config.store, &txn));
	for (size_t i = 0, end; i < claims->count; i = end) {
		for (end = i; end < claims->count &&
			      str_eq(claims->all[end].user_id, claims->all[i].user_id);
		     end++)
			continue;
		TRY(devices_find(txn, &scratch, &claims->all[i], end - i));
	}
	return RC_OK;
}

/* ---- the write ---- */

static enum rc write_claims(struct txn_rw *txn, void *arg, struct fail *fail)
{
	(void)fail;
	struct claims *claims = arg;
	TRY(account_check_generation(
	    txn_reading(txn), claims->session->user, claims->session->generation));
	for (size_t i = claims->from; i < claims->upto; i++) {
		struct claim *claim = &claims->all[i];
		claim->key_id = claim->key = STR_EMPTY;
		if (claim->device == 0)
			continue;
		enum rc rc = otk_take(txn, claims->arena, claim->device, claim->algorithm,
		    &claim->key_id, &claim->key);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		FAULT("keys.claim.one");
	}
	return RC_OK;
}

static bool any_to_claim(const struct claims *claims)
{
	for (size_t i = claims->from; i < claims->upto; i++)
		if (claims->all[i].device != 0)
			return true;
	return false;
}

static enum rc claims_write(struct keys *keys, struct claims *claims, struct fail *fail)
{
	for (claims->from = 0; claims->from < claims->count; claims->from = claims->upto) {
		claims->upto = claims->from + CLAIMS_OF_A_WRITE;
		if (claims->upto > claims->count)
			claims->upto = claims->count;
		if (any_to_claim(claims))
			TRY(store_write(keys->config.store, write_claims, claims, fail));
	}
	return RC_OK;
}

static void claim_put(struct buf *out, struct arena *arena, const struct claim *claim)
{
	json_put_key(out, claim->device_id);
	buf_putc(out, '{');
	json_put_key(out,
	    arena_printf(arena, "%.*s:%.*s", STR_ARG(claim->algorithm), STR_ARG(claim->key_id)));
	buf_put(out, claim->key);
	buf_putc(out, '}');
}

static void claims_put(struct buf *out, const struct claims *claims)
{
	str open = STR_EMPTY; /* whose object stands open */
	json_put_key(out, STR("one_time_keys"));
	buf_putc(out, '{');
	for (size_t i = 0; i < claims->count; i++) {
		const struct claim *claim = &claims->all[i];
		if (claim->key.n == 0)
			continue;
		if (!str_eq(claim->user_id, open)) {
			if (open.n)
				buf_putc(out, '}');
			json_put_key(out, claim->user_id);
			buf_putc(out, '{');
			open = claim->user_id;
		}
		claim_put(out, claims->arena, claim);
	}
	buf_put(out, open.n ? STR("}}") : STR("}"));
}

enum rc keys_claim(struct keys *keys, struct arena *arena, const struct session *session,
    json users, struct buf *out, struct fail *fail)
{
	struct claims claims = {.session = session, .arena = arena};
	TRY(claims_read(keys, &claims, users, fail));
	TRY(all_devices_find(keys, &claims));
	TRY(claims_write(keys, &claims, fail));
	claims_put(out, &claims);
	json_put_key(out, STR("failures"));
	unreached_put(&claims.unreached, out);
	TRY(arena_status(arena));
	return buf_status(out);
}
