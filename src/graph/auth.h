/*
 * Authorisation rules: Room Versions, "Authorisation rules"; Server-Server API, "Auth events selection".
 * Pure: no I/O, no clock, no lock; any thread.
 */
#ifndef EXEUNT_GRAPH_AUTH_H
#define EXEUNT_GRAPH_AUTH_H

#include "matrix/event.h"
#include "matrix/power_levels.h"

/* The state against which an event is judged: returns the event at (type, state_key), or NULL. */
struct auth_state {
	const struct event *(*get)(void *self, str type, str state_key);
	void *self;
};

/* Allowed or not; a verdict, not an error. `reason` is a static sentence naming the rule when refused. */
struct auth_verdict {
	bool allowed;
	const char *rule;   /* e.g. "v12:5.3.2", as numbered in the room version's text; empty when allowed */
	const char *reason; /* sentence for people; empty when allowed */
};

/*
 * Judges `event` by the rules of its version against `state`, all but those on its auth_events (below). Signatures of
 * servers are checked elsewhere, join_authorised_via_users_server's included; a third-party invite's is checked
 * here, with scratch memory of its own: when there is none, the invite is refused. At most 16 of its signatures
 * and 16 keys of the m.room.third_party_invite event are looked at.
 */
struct auth_verdict auth_check(const struct event *event, const struct auth_state *state);

/* An entry of auth_events, found. */
struct auth_event {
	const struct event *event;
	bool rejected; /* by the checks on receipt of a PDU */
};

/* Judges the choice of the auth events themselves: rules 2.1 to 2.5 (v12: 3.1 to 3.5). All entries must be given. */
struct auth_verdict auth_check_auth_events(const struct event *event, const struct auth_event *entries,
                                           size_t count);

enum { AUTH_KEYS_MAX = 8 };

struct auth_key {
	str type, state_key;
};

/*
 * Which (type, state_key) the auth events of such an event are taken from, in the order of the specification:
 * create (where the version wants it), power levels, the sender's membership, and for members the target's, the join
 * rules, the third party invite and the authorising user's. Returns how many.
 */
size_t auth_keys(const struct room_version *version, str type, bool is_state, str state_key, str sender,
                 json content, struct auth_key ret_keys[AUTH_KEYS_MAX]);

#endif
