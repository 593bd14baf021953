/*
 * Accounts, devices, tokens, registration tokens, profiles, filters, account data.
 *
 * `user` is the nid of any user ID ever seen, ours or not; an account is a local user that was registered.
 * Tokens are stored and looked up by their SHA-256 only.
 */
#ifndef EXEUNT_STORE_ACCOUNTS_H
#define EXEUNT_STORE_ACCOUNTS_H

#include "codec/crypto.h"
#include "store/store.h"

/* Numbers of user ids. find: RC_NOT_FOUND. */
MUST_CHECK enum rc user_nid_find(struct txn_ro *txn, str user_id, int64_t *ret_user);
MUST_CHECK enum rc user_nid_make(struct txn_rw *txn, str user_id, int64_t *ret_user);
MUST_CHECK enum rc user_id_of(struct txn_ro *txn, struct arena *arena, int64_t user, str *ret_user_id);

enum account_kind { ACCOUNT_USER, ACCOUNT_GUEST, ACCOUNT_APPSERVICE };

struct account {
	int64_t user;
	str user_id;
	enum account_kind kind;
	bool admin;
	bool erased;
	bool suspended, locked; /* by an administrator */
	int64_t created_ms;
	int64_t deactivated_ms;   /* wall ms; 0: active */
	int64_t generation;       /* grows with every deactivation and reactivation; checked at commit */
	str password_phc;         /* empty: no password login */
	str displayname;          /* empty: none */
	str avatar_url;           /* empty: none */
};

MUST_CHECK enum rc account_get(struct txn_ro *txn, struct arena *arena, int64_t user, struct account *ret_account);
MUST_CHECK enum rc account_find(struct txn_ro *txn, struct arena *arena, str user_id, struct account *ret_account);
/* RC_USER_IN_USE when there is one, deactivated or not, in any letter case. */
MUST_CHECK enum rc account_add(struct txn_rw *txn, str user_id, enum account_kind kind, str password_phc,
                               bool admin, int64_t now_ms, int64_t *ret_user);
MUST_CHECK enum rc account_exists_nocase(struct txn_ro *txn, str user_id, bool *ret_exists);
MUST_CHECK enum rc account_set_password(struct txn_rw *txn, int64_t user, str password_phc);
MUST_CHECK enum rc account_set_admin(struct txn_rw *txn, int64_t user, bool admin);
enum account_flag { ACCOUNT_SUSPENDED, ACCOUNT_LOCKED };
MUST_CHECK enum rc account_set_flag(
    struct txn_rw *txn, int64_t user, enum account_flag flag, bool set);
MUST_CHECK enum rc account_set_displayname(struct txn_rw *txn, int64_t user, str displayname);
MUST_CHECK enum rc account_set_avatar_url(struct txn_rw *txn, int64_t user, str avatar_url);
/* RC_UNKNOWN_TOKEN unless the account is active and of this generation: the gate of every user's write. */
MUST_CHECK enum rc account_check_generation(struct txn_ro *txn, int64_t user, int64_t generation);

typedef bool account_fn(void *self, const struct account *account); /* false ends the walk */
MUST_CHECK enum rc account_each(struct txn_ro *txn, struct arena *scratch, account_fn *fn, void *self);

struct device {
	int64_t nid;
	int64_t user;
	str device_id;
	str display_name;      /* empty: none */
	int64_t last_seen_ms;  /* 0: never */
	str last_seen_ip;
};

/* Makes the device or returns the one that is there (its tokens are not touched). */
MUST_CHECK enum rc device_put(struct txn_rw *txn, int64_t user, str device_id, str initial_display_name,
                              int64_t *ret_device);
MUST_CHECK enum rc device_find(struct txn_ro *txn, struct arena *arena, int64_t user, str device_id,
                               struct device *ret_device);
/* In the order of device ids. */
MUST_CHECK enum rc devices_of(struct txn_ro *txn, struct arena *arena, int64_t user,
    struct device **ret_devices, size_t *ret_count);
MUST_CHECK enum rc device_set_display_name(
    struct txn_rw *txn, const struct device *device, str display_name);
MUST_CHECK enum rc device_set_seen(struct txn_rw *txn, int64_t device, int64_t now_ms, str ip);
/* With its tokens, keys and messages; a device that had keys changes its user's list of devices (keys.h). */
MUST_CHECK enum rc device_delete(struct txn_rw *txn, int64_t device);
/* `except_device` 0: no exception. A dehydrated device stays: it is there for the time without others. */
MUST_CHECK enum rc device_delete_all(struct txn_rw *txn, int64_t user, int64_t except_device);

/* Who a token is. */
struct session {
	int64_t user, device;      /* device 0: a token without device (CLI, appservice) */
	int64_t generation;        /* of the account when the token was read */
	int64_t expires_ms;        /* wall; 0: never */
	bool admin;
	bool suspended, locked;
	enum account_kind kind;
	str user_id, device_id;
};

struct token_pair {
	struct sha256 access;
	int64_t access_expires_ms; /* 0: never */
	bool has_refresh;
	struct sha256 refresh;
};

/* Replaces the tokens of a device. */
MUST_CHECK enum rc token_put(struct txn_rw *txn, int64_t user, int64_t device, const struct token_pair *pair);
/* RC_UNKNOWN_TOKEN. Expiry is the caller's to check. First use of a token ends its predecessor's (see token_refresh). */
MUST_CHECK enum rc session_find(struct txn_ro *txn, struct arena *arena, const struct sha256 *access,
                                struct session *ret_session);
/*
 * Exchanges a refresh token: the old pair stays valid until the new access or refresh token is used for the first time
 * (Client-Server API, "Refreshing access tokens"). RC_UNKNOWN_TOKEN.
 */
MUST_CHECK enum rc token_refresh(struct txn_rw *txn, const struct sha256 *refresh, const struct token_pair *pair,
                                 struct arena *arena, struct session *ret_session);
/* True when the pair of this access token has a predecessor that dies with its first use. */
MUST_CHECK enum rc token_has_predecessor(struct txn_ro *txn, const struct sha256 *access, bool *ret_has);
MUST_CHECK enum rc token_retire_predecessor(struct txn_rw *txn, const struct sha256 *access);
MUST_CHECK enum rc token_delete_all(struct txn_rw *txn, int64_t user);

struct registration_token {
	str token;
	int64_t uses_allowed;  /* -1: any number */
	int64_t uses;
	int64_t expires_ms;    /* 0: never */
};
MUST_CHECK enum rc registration_token_put(struct txn_rw *txn, const struct registration_token *token);
MUST_CHECK enum rc registration_token_valid(struct txn_ro *txn, str token, int64_t now_ms, bool *ret_valid);
/* RC_FORBIDDEN when it is not valid (any more). */
MUST_CHECK enum rc registration_token_use(struct txn_rw *txn, str token, int64_t now_ms);

/*
 * Account data: `room` 0 is global. Content is a JSON object as clients see it, but for the global m.push_rules, which
 * holds the changes of matrix/push_rules.h. A change takes a stream position.
 */
MUST_CHECK enum rc account_data_put(struct txn_rw *txn, int64_t user, int64_t room, str type, str content);
MUST_CHECK enum rc account_data_get(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t room, str type,
                                    str *ret_content);
/* How many types there are beside this one, at most `max`. */
MUST_CHECK enum rc account_data_count_others(
    struct txn_ro *txn, int64_t user, int64_t room, str type, int64_t max, int64_t *ret_count);
/* Since when it stands so; 0: there is none. */
MUST_CHECK enum rc account_data_pos(
    struct txn_ro *txn, int64_t user, int64_t room, str type, int64_t *ret_pos);
struct account_data_row {
	int64_t room, pos;
	str type, content;
};
/* Rows with since < pos, in order of pos. */
MUST_CHECK enum rc account_data_since(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t since,
                                      struct account_data_row **ret_rows, size_t *ret_count);

/* All rows of one room (0: global), and those of one type in all rooms, in order of pos. */
MUST_CHECK enum rc account_data_of_room(struct txn_ro *txn, struct arena *arena, int64_t user,
    int64_t room, struct account_data_row **ret_rows, size_t *ret_count);
MUST_CHECK enum rc account_data_of_type(struct txn_ro *txn, struct arena *arena, int64_t user,
    str type, struct account_data_row **ret_rows, size_t *ret_count);

MUST_CHECK enum rc filter_put(struct txn_rw *txn, int64_t user, str json, int64_t *ret_filter_id);
MUST_CHECK enum rc filter_get(struct txn_ro *txn, struct arena *arena, int64_t user, int64_t filter_id, str *ret_json);

#endif
