/*
 * Accounts: registration, login, tokens, sessions, passwords, user-interactive authentication, profiles.
 *
 * Sessions found by token are cached (bounded), and dropped when the account or its tokens change. Passwords are
 * Argon2id and slow on purpose: handlers that need one run on LANE_SLOW, whose few threads are the limit.
 * Any lane thread. Functions that write wait for the commit.
 */
#ifndef EXEUNT_CORE_ACCOUNT_ACCOUNTS_H
#define EXEUNT_CORE_ACCOUNT_ACCOUNTS_H

#include "codec/json.h"
#include "store/accounts.h"

struct accounts;

enum registration_mode { REGISTRATION_CLOSED, REGISTRATION_OPEN, REGISTRATION_TOKEN };

struct accounts_config {
	struct store *store;
	const struct clock *clock;
	const struct rng *rng;
	str server_name;
	enum registration_mode registration;
	struct password_cost password_cost;
	int64_t access_token_life_ms;   /* of refreshable tokens */
	size_t sessions_cached_max;
	size_t uia_sessions_max;
	int64_t uia_session_life_ms;
	bool directory_shows_all; /* every account of this server, to everybody */
	/* Tokens of this user may be void from now on: whoever waits under one is to look again. May be NULL; any thread. */
	void (*on_sessions_dropped)(void *self, int64_t user);
	/* Devices of this user have ended: who shares a room with them is to look again. As above. */
	void (*on_devices_ended)(void *self, int64_t user);
	void *self;
};

MUST_CHECK enum rc accounts_new(const struct accounts_config *config, struct accounts **ret_accounts);
void accounts_free(struct accounts *accounts);
str accounts_server_name(const struct accounts *accounts);

/*
 * Who holds this access token. RC_UNKNOWN_TOKEN (soft_logout in `fail` for an expired one that can be
 * refreshed). The first use of a refreshed token retires its predecessor. Texts live in `arena`.
 */
MUST_CHECK enum rc accounts_session(struct accounts *accounts, struct arena *arena, str access_token,
                                    struct session *ret_session, struct fail *fail);
void accounts_drop_all_sessions(struct accounts *accounts); /* from the cache: news of another process may be lost */
/* Forgets cached sessions of a user: after a deactivation, a password change, … */
void accounts_drop_sessions(struct accounts *accounts, int64_t user);

/*
 * When and from where a device was last seen, for its owner's list of devices. True: that is due to be written down, which is
 * once in a while for each device; then the caller finds out the address and has it written, behind everything else.
 */
bool accounts_seen_is_due(struct accounts *accounts, const struct session *session);
void accounts_seen(struct accounts *accounts, const struct session *session, str ip);
/* No request comes any more: waits for what is being written down, while this process may still write. */
void accounts_stop(struct accounts *accounts);

struct login_request {
	str device_id;             /* empty: a new one */
	str device_display_name;
	bool refresh_token;        /* the client can refresh */
};
struct login_result {
	str user_id, access_token, device_id;
	str refresh_token;         /* empty: none */
	int64_t expires_in_ms;     /* 0: never */
};

/* POST /login with m.login.password. `user` is a localpart or a whole user ID. RC_FORBIDDEN, RC_USER_DEACTIVATED, RC_USER_LOCKED. */
MUST_CHECK enum rc accounts_login_password(struct accounts *accounts, struct arena *arena, str user, str password,
                                           const struct login_request *request, struct login_result *ret_result,
                                           struct fail *fail);

/* Checks a localpart for registration: RC_INVALID_USERNAME, RC_USER_IN_USE. */
MUST_CHECK enum rc accounts_username_check(struct accounts *accounts, struct arena *arena, str localpart, struct fail *fail);

struct registration_request {
	str localpart;             /* empty: the server chooses */
	str password;              /* empty: no password login */
	str registration_token;    /* empty: none was used */
	bool admin;
	bool inhibit_login;
	struct login_request login;
};
MUST_CHECK enum rc accounts_register(struct accounts *accounts, struct arena *arena,
                                     const struct registration_request *request, struct login_result *ret_result,
                                     struct fail *fail);

MUST_CHECK enum rc accounts_refresh(struct accounts *accounts, struct arena *arena, str refresh_token,
                                    struct login_result *ret_result, struct fail *fail);
MUST_CHECK enum rc accounts_logout(struct accounts *accounts, const struct session *session);
MUST_CHECK enum rc accounts_logout_all(struct accounts *accounts, const struct session *session);
/* Sets a new password; with `logout_devices` every other device goes. */
MUST_CHECK enum rc accounts_set_password(struct accounts *accounts, struct arena *arena, const struct session *session,
                                         str new_password, bool logout_devices, struct fail *fail);
MUST_CHECK enum rc accounts_password_verify(struct accounts *accounts, struct arena *arena, int64_t user, str password,
                                            bool *ret_right);

/*
 * User-interactive authentication (Client-Server API, same heading). A flow is a list of stages.
 * uia_check() is RC_OK when the request may go on; else the answer is 401 with the body appended to `out`
 * (flows, params, session, completed, and errcode and error after a failed stage) and rc RC_UIA_FORBIDDEN.
 * An `auth` without session is accepted: it makes one. Never completes on an empty body. The user that authenticates is
 * `session`'s owner (NULL for registration).
 */
/* Their numbers stand in the database. */
enum uia_purpose {
	UIA_REGISTER,
	UIA_PASSWORD_CHANGE,
	UIA_DEACTIVATE,
	UIA_DEVICE_DELETE,
	UIA_CROSS_SIGNING,
	UIA_LOGIN_TOKEN
};
struct uia_request {
	enum uia_purpose purpose;
	json body;                      /* of the request; `auth` is read from it */
	str subject;                    /* what the path adds to what is consented to; empty: nothing */
	const struct session *session;  /* NULL: registration */
	str registration_token;         /* out: the token that completed its stage; in the arena */
};
MUST_CHECK enum rc uia_check(struct accounts *accounts, struct arena *arena, struct uia_request *request, struct buf *out,
                             struct fail *fail);

#endif
