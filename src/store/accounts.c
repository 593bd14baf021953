#include "store/accounts.h"

#include "store/directory.h"
#include "store/sql_int.h"
#include "store/store_int.h"

#include <string.h>

enum { FOLDED_MAX_BYTES = 1024 };

static enum rc account_row(const struct query *q, struct arena *arena, struct account *ret_account)
{
	struct account account = {
	    .user = col_i64(q, 0),
	    .user_id = col_dup(q, 1, arena),
	    .kind = (enum account_kind)col_i64(q, 2),
	    .admin = col_i64(q, 3) != 0,
	    .erased = col_i64(q, 4) != 0,
	    .created_ms = col_i64(q, 5),
	    .deactivated_ms = col_i64(q, 6),
	    .generation = col_i64(q, 7),
	    .password_phc = col_dup(q, 8, arena),
	    .displayname = col_dup(q, 9, arena),
	    .avatar_url = col_dup(q, 10, arena),
	    .suspended = col_i64(q, 11) != 0,
	    .locked = col_i64(q, 12) != 0,
	};
	TRY(arena_status(arena));
	*ret_account = account;
	return RC_OK;
}

enum rc account_get(
    struct txn_ro *txn, struct arena *arena, int64_t user, struct account *ret_account)
{
	struct query CLEANUP(query_close) q = QUERY(txn, account_get, I(user));
	TRY(query_step(&q));
	return account_row(&q, arena, ret_account);
}

enum rc account_find(
    struct txn_ro *txn, struct arena *arena, str user_id, struct account *ret_account)
{
	struct query CLEANUP(query_close) q = QUERY(txn, account_find, T(user_id));
	TRY(query_step(&q));
	return account_row(&q, arena, ret_account);
}

enum rc account_each(struct txn_ro *txn, struct arena *scratch, account_fn *fn, void *self)
{
	struct query CLEANUP(query_close) q = QUERY(txn, account_each);
	enum rc rc;
	while ((rc = query_step(&q)) == RC_OK) {
		struct account account;
		arena_clear(scratch);
		TRY(account_row(&q, scratch, &account));
		if (!fn(self, &account))
			return RC_OK;
	}
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* A-Z folded: server names and the localparts of registration have no other capitals. */
static enum rc folded(str user_id, char bytes[FOLDED_MAX_BYTES], str *ret_folded)
{
	if (user_id.n > FOLDED_MAX_BYTES)
		return RC_TOO_LARGE;
	for (size_t i = 0; i < user_id.n; i++) {
		char c = user_id.p[i];
		bytes[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
	}
	*ret_folded = (str){bytes, user_id.n};
	return RC_OK;
}

enum rc account_exists_nocase(struct txn_ro *txn, str user_id, bool *ret_exists)
{
	char bytes[FOLDED_MAX_BYTES];
	str key;
	int64_t user;
	TRY(folded(user_id, bytes, &key));
	enum rc rc = NUMBER(txn, &user, account_folded, T(key));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_exists = rc == RC_OK;
	return RC_OK;
}

enum rc account_add(struct txn_rw *txn, str user_id, enum account_kind kind, str password_phc,
    bool admin, int64_t now_ms, int64_t *ret_user)
{
	char bytes[FOLDED_MAX_BYTES];
	str key;
	int64_t user, changes;
	TRY(folded(user_id, bytes, &key));
	TRY(user_nid_make(txn, user_id, &user));
	enum rc rc = RUN_COUNTED(txn, &changes, account_add, I(user), T(key), I(kind),
	    T(password_phc), I(admin), I(now_ms));
	if (rc == RC_EXISTS)
		return RC_USER_IN_USE;
	TRY(rc);
	TRY(directory_follow_account(txn, user));
	*ret_user = user;
	return RC_OK;
}

/* RC_NOT_FOUND when no account was changed. */
static enum rc changed(enum rc rc, int64_t changes)
{
	return rc == RC_OK && changes == 0 ? RC_NOT_FOUND : rc;
}

enum rc account_set_password(struct txn_rw *txn, int64_t user, str password_phc)
{
	int64_t changes = 0;
	enum rc rc = RUN_COUNTED(txn, &changes, account_set_password, T(password_phc), I(user));
	return changed(rc, changes);
}

enum rc account_set_admin(struct txn_rw *txn, int64_t user, bool admin)
{
	int64_t changes = 0;
	enum rc rc = RUN_COUNTED(txn, &changes, account_set_admin, I(admin), I(user));
	return changed(rc, changes);
}

enum rc account_set_flag(struct txn_rw *txn, int64_t user, enum account_flag flag, bool set)
{
	int64_t changes = 0;
	enum rc rc = flag == ACCOUNT_SUSPENDED
			 ? RUN_COUNTED(txn, &changes, account_set_suspended, I(set), I(user))
			 : RUN_COUNTED(txn, &changes, account_set_locked, I(set), I(user));
	return changed(rc, changes);
}

enum rc account_set_displayname(struct txn_rw *txn, int64_t user, str displayname)
{
	int64_t changes = 0;
	enum rc rc = RUN_COUNTED(txn, &changes, account_set_displayname, T(displayname), I(user));
	TRY(changed(rc, changes));
	return directory_follow_account(txn, user);
}

enum rc account_set_avatar_url(struct txn_rw *txn, int64_t user, str avatar_url)
{
	int64_t changes = 0;
	enum rc rc = RUN_COUNTED(txn, &changes, account_set_avatar_url, T(avatar_url), I(user));
	TRY(changed(rc, changes));
	return directory_follow_account(txn, user);
}

enum rc account_check_generation(struct txn_ro *txn, int64_t user, int64_t generation)
{
	int64_t current;
	enum rc rc = NUMBER(txn, &current, account_generation, I(user));
	if (rc == RC_NOT_FOUND)
		return RC_UNKNOWN_TOKEN;
	TRY(rc);
	return current == generation ? RC_OK : RC_UNKNOWN_TOKEN;
}

enum rc registration_token_put(struct txn_rw *txn, const struct registration_token *token)
{
	return RUN(txn, registration_token_put, T(token->token), I(token->uses_allowed),
	    I(token->uses), I(token->expires_ms));
}

enum rc registration_token_valid(struct txn_ro *txn, str token, int64_t now_ms, bool *ret_valid)
{
	int64_t one;
	enum rc rc = NUMBER(txn, &one, registration_token_valid, T(token), I(now_ms));
	if (rc != RC_OK && rc != RC_NOT_FOUND)
		return rc;
	*ret_valid = rc == RC_OK;
	return RC_OK;
}

enum rc registration_token_use(struct txn_rw *txn, str token, int64_t now_ms)
{
	int64_t changes;
	TRY(RUN_COUNTED(txn, &changes, registration_token_use, T(token), I(now_ms)));
	return changes == 1 ? RC_OK : RC_FORBIDDEN;
}
