#include "api/gate.h"

#include <string.h>

enum allowed { GUESTS = 1, SUSPENDED = 2, LOCKED = 4 };

/*
 * The operations that are open to these accounts. To read (GET) is open to all suspended ones; what they may change is
 * their own keys, devices and settings, and to go. What guests may change of a profile, and what suspended ones may send,
 * is said below.
 */
static const struct {
	const char *operation;
	unsigned allowed;
} rows[] = {
    {"logout", GUESTS | SUSPENDED | LOCKED},
    {"logout_all", GUESTS | SUSPENDED | LOCKED},
    /* rooms */
    {"getVersions", GUESTS},
    {"sync", GUESTS},
    {"slidingSync", GUESTS | SUSPENDED},
    {"slidingSyncUnstable", GUESTS | SUSPENDED},
    {"peekEvents", GUESTS},
    {"getRoomState", GUESTS},
    {"getRoomStateWithKey", GUESTS},
    {"getRoomEvents", GUESTS},
    {"getOneRoomEvent", GUESTS},
    {"getEventContext", GUESTS},
    {"getMembersByRoom", GUESTS},
    {"roomInitialSync", GUESTS},
    {"joinRoom", GUESTS},
    {"joinRoomById", GUESTS},
    {"leaveRoom", GUESTS | SUSPENDED},
    {"forgetRoom", SUSPENDED},
    {"sendMessage", GUESTS | SUSPENDED},
    {"setRoomStateWithKey", GUESTS},
    {"redactEvent", SUSPENDED},
    {"postReceipt", SUSPENDED},
    {"setReadMarker", SUSPENDED},
    {"search", SUSPENDED},
    {"queryPublicRooms", SUSPENDED},
    /* media */
    {"getContentAuthed", GUESTS},
    {"getContentOverrideNameAuthed", GUESTS},
    {"getContentThumbnailAuthed", GUESTS},
    /* the account */
    {"getTokenOwner", GUESTS},
    {"setProfileField", GUESTS},
    {"deleteProfileField", GUESTS},
    {"changePassword", SUSPENDED},
    {"deactivateAccount", SUSPENDED},
    {"generateLoginToken", SUSPENDED},
    {"defineFilter", SUSPENDED},
    {"setAccountData", SUSPENDED},
    {"setAccountDataPerRoom", SUSPENDED},
    {"setRoomTag", SUSPENDED},
    {"deleteRoomTag", SUSPENDED},
    {"setPushRule", SUSPENDED},
    {"setPushRuleActions", SUSPENDED},
    {"setPushRuleEnabled", SUSPENDED},
    {"deletePushRule", SUSPENDED},
    {"postPusher", SUSPENDED},
    /* devices and keys */
    {"getDevices", GUESTS},
    {"getDevice", GUESTS},
    {"updateDevice", GUESTS | SUSPENDED},
    {"deleteDevice", SUSPENDED},
    {"deleteDevices", SUSPENDED},
    {"uploadKeys", GUESTS | SUSPENDED},
    {"queryKeys", GUESTS | SUSPENDED},
    {"claimKeys", GUESTS | SUSPENDED},
    {"sendToDevice", GUESTS | SUSPENDED},
    {"putDehydratedDevice", SUSPENDED},
    {"deleteDehydratedDevice", SUSPENDED},
    {"getDehydratedDeviceEvents", SUSPENDED},
    {"uploadCrossSigningKeys", SUSPENDED},
    {"uploadCrossSigningSignatures", SUSPENDED},
    {"postRoomKeysVersion", SUSPENDED},
    {"putRoomKeysVersion", SUSPENDED},
    {"deleteRoomKeysVersion", SUSPENDED},
    {"putRoomKeys", SUSPENDED},
    {"putRoomKeysByRoomId", SUSPENDED},
    {"putRoomKeyBySessionId", SUSPENDED},
    {"deleteRoomKeys", SUSPENDED},
    {"deleteRoomKeysByRoomId", SUSPENDED},
    {"deleteRoomKeyBySessionId", SUSPENDED},
};

static unsigned allowed_for(const char *operation)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (strcmp(rows[i].operation, operation) == 0)
			return rows[i].allowed;
	return 0;
}

static bool is(const struct api_request *rq, const char *operation)
{
	return strcmp(rq->endpoint->operation, operation) == 0;
}

/* Which of their own events: core/room says that. */
static bool may_suspended(const struct api_request *rq, unsigned allowed)
{
	if (is(rq, "sendMessage"))
		return str_eq(rq->path_params[1], STR("m.room.redaction"));
	return rq->endpoint->method == HTTP_GET || (allowed & SUSPENDED);
}

static bool may_guest(const struct api_request *rq, unsigned allowed)
{
	if (is(rq, "setProfileField") || is(rq, "deleteProfileField"))
		return str_eq(rq->path_params[1], STR("displayname"));
	return (allowed & GUESTS) != 0;
}

enum rc account_gate(const struct api_request *rq, const struct session *session, struct fail *fail)
{
	bool is_guest = session->kind == ACCOUNT_GUEST;
	if (!session->locked && !session->suspended && !is_guest)
		return RC_OK;
	unsigned allowed = allowed_for(rq->endpoint->operation);
	if (session->locked && !(allowed & LOCKED)) {
		fail->soft_logout = true;
		return fail_set(fail, RC_USER_LOCKED, "This account has been locked");
	}
	if (session->suspended && !may_suspended(rq, allowed))
		return fail_set(
		    fail, RC_USER_SUSPENDED, "An account that is suspended may not do this");
	if (is_guest && !may_guest(rq, allowed))
		return fail_set(fail, RC_GUEST_ACCESS_FORBIDDEN, "Guests may not do this");
	return RC_OK;
}
