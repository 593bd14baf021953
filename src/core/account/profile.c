#include "core/account/profile.h"

#include "core/account/accounts_int.h"
#include "matrix/ids.h"

enum { PROFILE_SCRATCH_BYTES = 16 * PROFILE_MAX_BYTES };

/* ---- reading ---- */

static enum rc profile_of(struct txn_ro *txn, struct arena *arena, const struct account *account,
    struct profile *ret_profile)
{
	struct profile profile = {
	    .displayname = account->displayname, .avatar_url = account->avatar_url};
	TRY(profile_fields(txn, arena, account->user, &profile.fields, &profile.count));
	*ret_profile = profile;
	return RC_OK;
}

enum rc profile_get(struct accounts *accounts, struct arena *arena, str user_id,
    struct profile *ret_profile, struct fail *fail)
{
	struct txn_ro *txn CLEANUP(txn_ro_end) = NULL;
	struct account account;
	if (!user_id_parse(user_id, NULL))
		return fail_set(fail, RC_INVALID_PARAM, "The path holds no valid user ID");
	TRY(txn_ro_begin(accounts->config.store, &txn));
	enum rc rc = account_find(txn, arena, user_id, &account);
	if (rc == RC_NOT_FOUND || (rc == RC_OK && account.erased))
		return fail_set(fail, RC_NOT_FOUND, "There is no profile of this user");
	TRY(rc);
	return profile_of(txn, arena, &account, ret_profile);
}

static void put_text(struct buf *out, str key, str value)
{
	if (value.n == 0)
		return;
	json_put_key(out, key);
	json_put_text(out, value);
}

static void put_json(struct buf *out, str key, str value)
{
	json_put_key(out, key);
	buf_put(out, value);
}

void profile_put(const struct profile *profile, struct buf *out)
{
	buf_putc(out, '{');
	put_text(out, STR("displayname"), profile->displayname);
	put_text(out, STR("avatar_url"), profile->avatar_url);
	for (size_t i = 0; i < profile->count; i++)
		put_json(out, profile->fields[i].key, profile->fields[i].value);
	buf_putc(out, '}');
}

static const struct profile_field *field_find(const struct profile *profile, str key)
{
	for (size_t i = 0; i < profile->count; i++)
		if (str_eq(profile->fields[i].key, key))
			return &profile->fields[i];
	return NULL;
}

enum rc profile_put_field(
    const struct profile *profile, str key, struct buf *out, struct fail *fail)
{
	const struct profile_field *field = field_find(profile, key);
	str text = str_eq(key, STR("displayname"))  ? profile->displayname
		   : str_eq(key, STR("avatar_url")) ? profile->avatar_url
						    : STR_EMPTY;
	if (!field && text.n == 0)
		return fail_set(fail, RC_NOT_FOUND, "The profile has no such field");
	buf_putc(out, '{');
	if (field)
		put_json(out, key, field->value);
	else
		put_text(out, key, text);
	buf_putc(out, '}');
	return buf_status(out);
}

/* ---- writing ---- */

bool profile_key_is_in_rooms(str key)
{
	return str_eq(key, STR("displayname")) || str_eq(key, STR("avatar_url"));
}

/* Appendices, "Common Namespaced Identifier Grammar". */
static bool key_is_valid(str key)
{
	for (size_t i = 0; i < key.n; i++) {
		char c = key.p[i];
		bool is_letter = c >= 'a' && c <= 'z';
		bool is_other = (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
		if (!is_letter && (i == 0 || !is_other))
			return false;
	}
	return key.n > 0;
}

static enum rc key_check(str key, struct fail *fail)
{
	if (key.n > PROFILE_KEY_MAX_BYTES)
		return fail_set(fail, RC_KEY_TOO_LARGE,
		    "The name of a profile field may have at most %d bytes", PROFILE_KEY_MAX_BYTES);
	if (!key_is_valid(key))
		return fail_set(fail, RC_INVALID_PARAM,
		    "The name of a profile field begins with a-z and is made of a-z, 0-9, '-', '_' "
		    "and '.'");
	return RC_OK;
}

struct profile_write {
	const struct session *session;
	str key;
	str value; /* a text (displayname, avatar_url), or JSON; empty: the field goes */
};

static enum rc field_write(struct txn_rw *txn, const struct profile_write *write)
{
	int64_t user = write->session->user;
	if (str_eq(write->key, STR("displayname")))
		return account_set_displayname(txn, user, write->value);
	if (str_eq(write->key, STR("avatar_url")))
		return account_set_avatar_url(txn, user, write->value);
	if (write->value.n == 0)
		return profile_field_delete(txn, user, write->key);
	return profile_field_put(txn, user, write->key, write->value);
}

static enum rc size_check(struct txn_ro *txn, int64_t user, struct fail *fail)
{
	struct arena scratch CLEANUP(arena_release);
	struct account account;
	struct profile profile;
	struct buf whole;
	arena_init(&scratch, PROFILE_SCRATCH_BYTES);
	TRY(account_get(txn, &scratch, user, &account));
	TRY(profile_of(txn, &scratch, &account, &profile));
	buf_init(&whole, &scratch, PROFILE_MAX_BYTES);
	profile_put(&profile, &whole);
	if (buf_status(&whole) == RC_TOO_LARGE)
		return fail_set(fail, RC_PROFILE_TOO_LARGE,
		    "A profile may have at most %d bytes in all", PROFILE_MAX_BYTES);
	return buf_status(&whole);
}

static enum rc write_profile(struct txn_rw *txn, void *arg, struct fail *fail)
{
	const struct profile_write *write = arg;
	const struct session *session = write->session;
	TRY(account_check_generation(txn_reading(txn), session->user, session->generation));
	TRY(field_write(txn, write));
	return write->value.n ? size_check(txn_reading(txn), session->user, fail) : RC_OK;
}

static enum rc displayname_check(str displayname, struct fail *fail)
{
	if (displayname.n > DISPLAYNAME_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "displayname may have at most %d bytes",
		    DISPLAYNAME_MAX_BYTES);
	return RC_OK;
}

static enum rc avatar_url_check(str avatar_url, struct fail *fail)
{
	str server_name, media_id;
	if (avatar_url.n > AVATAR_URL_MAX_BYTES)
		return fail_set(fail, RC_INVALID_PARAM, "avatar_url may have at most %d bytes",
		    AVATAR_URL_MAX_BYTES);
	if (avatar_url.n > 0 && !mxc_parse(avatar_url, &server_name, &media_id))
		return fail_set(fail, RC_INVALID_PARAM, "avatar_url must be an mxc:// URI");
	return RC_OK;
}

/* As it is stored. */
static enum rc value_read(
    struct arena *arena, str key, json value, str *ret_value, struct fail *fail)
{
	struct buf text;
	bool in_rooms = profile_key_is_in_rooms(key);
	if ((in_rooms || str_eq(key, STR("m.tz"))) && !json_is_text(value))
		return fail_set(fail, RC_BAD_JSON, "%.*s must be a string", STR_ARG(key));
	if (in_rooms) {
		*ret_value = json_text_or(value, STR_EMPTY);
		return str_eq(key, STR("displayname")) ? displayname_check(*ret_value, fail)
						       : avatar_url_check(*ret_value, fail);
	}
	buf_init(&text, arena, PROFILE_MAX_BYTES);
	json_put(&text, value);
	enum rc rc = buf_finish(&text, ret_value);
	return rc == RC_TOO_LARGE
		   ? fail_set(fail, RC_PROFILE_TOO_LARGE,
			 "A profile may have at most %d bytes in all", PROFILE_MAX_BYTES)
		   : rc;
}

enum rc profile_set(struct accounts *accounts, struct arena *arena, const struct session *session,
    str key, json value, struct fail *fail)
{
	struct profile_write write = {.session = session, .key = key};
	TRY(key_check(key, fail));
	if (!value)
		return fail_set(fail, RC_MISSING_PARAM, "%.*s is missing", STR_ARG(key));
	TRY(value_read(arena, key, value, &write.value, fail));
	return store_write(accounts->config.store, write_profile, &write, fail);
}

enum rc profile_unset(
    struct accounts *accounts, const struct session *session, str key, struct fail *fail)
{
	struct profile_write write = {.session = session, .key = key};
	TRY(key_check(key, fail));
	return store_write(accounts->config.store, write_profile, &write, fail);
}
