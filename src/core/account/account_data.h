/*
 * What clients keep on the server: account data, global and by room, and filters (Client-Server API, "Client Config",
 * "Filtering"). Any lane thread; writing waits for the commit. Waking the user's syncs is the caller's.
 */
#ifndef EXEUNT_CORE_ACCOUNT_ACCOUNT_DATA_H
#define EXEUNT_CORE_ACCOUNT_ACCOUNT_DATA_H

#include "core/account/accounts.h"

enum {
	FILTER_MAX_BYTES = 64 * 1024,
	ACCOUNT_DATA_TYPES_MAX = 1000, /* of a user, global, and in each room */
	IGNORED_USERS_MAX = 5000,      /* in m.ignored_user_list */
};

/*
 * Replaces. `room_id` empty: global; else a room in which the user has, or had, a membership (RC_NOT_FOUND). `content` is
 * an object. RC_READ_ONLY_TYPE: a type that the server manages itself; RC_INVALID_PARAM: no such type or room id; RC_TOO_LARGE: there
 * are ACCOUNT_DATA_TYPES_MAX others, or more than IGNORED_USERS_MAX are to be ignored.
 *
 * What the server heeds by itself is m.ignored_user_list (store/ignored.h), and m.invite_permission_config at each invite
 * (core/room/membership.h).
 */
MUST_CHECK enum rc account_data_set(struct accounts *accounts, struct arena *arena,
    const struct session *session, str room_id, str type, json content, struct fail *fail);
/* RC_NOT_FOUND. */
MUST_CHECK enum rc account_data_read(struct accounts *accounts, struct arena *arena,
    const struct session *session, str room_id, str type, str *ret_content, struct fail *fail);

/*
 * Brings rows that account_data_since() read into the form for clients: of m.push_rules only the user's changes are
 * stored, and clients see whole rules.
 */
MUST_CHECK enum rc account_data_show(
    struct arena *arena, str user_id, struct account_data_row *rows, size_t count);

/* RC_BAD_JSON, RC_INVALID_PARAM, RC_TOO_LARGE: the filter cannot be used. The id is a decimal number. */
MUST_CHECK enum rc accounts_filter_add(struct accounts *accounts, struct arena *arena,
    const struct session *session, json filter, int64_t *ret_filter_id, struct fail *fail);
/* RC_NOT_FOUND: the user has no such filter (or `filter_id` is no id). */
MUST_CHECK enum rc accounts_filter_read(struct accounts *accounts, struct arena *arena,
    const struct session *session, str filter_id, str *ret_json, struct fail *fail);

#endif
