/*
 * The gate: every membership change whose member or sender is a local user passes membership_gate(), once before the
 * event is built, for a precise answer, and once inside the write transaction, where it is final. Any thread.
 */
#ifndef EXEUNT_CORE_ROOM_MEMBERSHIP_H
#define EXEUNT_CORE_ROOM_MEMBERSHIP_H

#include "codec/json.h"
#include "store/rooms.h"

struct membership_step {
	enum membership membership;
	int64_t sender;       /* user nid */
	int64_t generation;   /* of the sender's account; -1: the server's own work */
	str member_user_id;   /* whose membership changes */
};

/* Whether the user has it that nobody may invite them (Client-Server API, "Invite permission"). */
MUST_CHECK enum rc invites_blocked(
    struct txn_ro *txn, struct arena *scratch, int64_t user, bool *ret_blocked);

/*
 * RC_UNKNOWN_TOKEN: the sender's account is gone (deactivated since the request was authenticated).
 * RC_FORBIDDEN: a deactivated account would join or knock, or be invited. RC_INVITE_BLOCKED: an account that takes no
 * invites would be invited. Leaves, kicks and bans pass.
 */
MUST_CHECK enum rc membership_gate(struct txn_ro *txn, struct arena *scratch, const struct membership_step *step,
                                   struct fail *fail);

/* RC_FORBIDDEN, pointing to account/deactivate, when client input of `type` carries a deactivation marker. */
MUST_CHECK enum rc marker_refuse(str type, json content, struct fail *fail);

#endif
