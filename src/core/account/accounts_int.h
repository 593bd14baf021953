/* What the files of core/account share. Private to the folder. */
#ifndef EXEUNT_CORE_ACCOUNT_ACCOUNTS_INT_H
#define EXEUNT_CORE_ACCOUNT_ACCOUNTS_INT_H

#include "base/lock.h"
#include "base/map.h"
#include "core/account/accounts.h"
#include "core/account/password.h"
#include "core/account/session_cache.h"
#include "core/account/uia_sessions.h"

enum {
	DEVICE_NAME_MAX_BYTES = 255,
	REGISTRATION_TOKEN_MAX_BYTES =
	    64, /* Client-Server API, "Token-authenticated registration" */
	ACCOUNT_SCRATCH_BYTES = 64 * 1024, /* what one write may need beside its request */
};

/* When each device was written down last, by this process. */
struct last_seen {
	struct lock mu;
	struct cond written;
	struct map64 devices GUARDED_BY(mu);
	size_t under_way GUARDED_BY(mu); /* writes */
};
void last_seen_init(struct last_seen *seen);
void last_seen_release(struct last_seen *seen);

struct accounts {
	struct accounts_config config;
	struct session_cache *sessions;
	struct uia_sessions uia;
	struct last_seen last_seen;
};

/* After the commit that ended some of a user's devices. */
void accounts_end_devices(struct accounts *accounts, int64_t user);

/* Tokens as the client gets them, and their hashes for the store. */
struct issued_tokens {
	str access, refresh;
	struct token_pair pair;
	int64_t expires_in_ms; /* 0: never */
};
MUST_CHECK enum rc tokens_issue(const struct accounts *accounts, struct arena *arena,
    bool refreshable, struct issued_tokens *ret_tokens);

struct login_result login_result_of(str user_id, str device_id, const struct issued_tokens *tokens);

/* RC_USER_LOCKED, as a client must be told. */
enum rc locked_refuse(struct fail *fail);

/* RC_INVALID_PARAM: device_id or initial_device_display_name is too long. Draws a device id when there is none. */
MUST_CHECK enum rc login_request_check(const struct accounts *accounts, struct arena *arena,
    const struct login_request *request, str *ret_device_id, struct fail *fail);

/*
 * The room that account data is about: 0 for the global data (`room_id` empty), else one in which the user has, or had, a
 * membership. RC_INVALID_PARAM, RC_NOT_FOUND.
 */
MUST_CHECK enum rc account_data_room(struct txn_ro *txn, struct arena *arena, int64_t user,
    str room_id, int64_t *ret_room, struct fail *fail);

/* Whom m.ignored_user_list names, but for who wrote it: each once, ascending by their bytes. */
struct ignored_list {
	str *user_ids;
	size_t count;
};
/* What is no user ID there is passed over. RC_TOO_LARGE: more than IGNORED_USERS_MAX. */
MUST_CHECK enum rc ignored_list_read(struct arena *arena, json content, str own_user_id,
    struct ignored_list *ret_list, struct fail *fail);

#endif
