/* Events as another server, "remote.example", would make them for a room of the rig. */
#ifndef EXEUNT_TEST_PDU_RIG_H
#define EXEUNT_TEST_PDU_RIG_H

#include "core/room/receive.h"
#include "room_rig.h"

enum { PDU_LINKS_MAX = 20 };

/* What a test says of an event; what it leaves out is as a well-behaved server would choose. */
struct pdu_wish {
	const char *sender;            /* user id */
	const char *type;
	const char *state_key;         /* NULL: a message */
	const char *content;
	str prev[PDU_LINKS_MAX];       /* none: the room's newest event */
	size_t prev_count;
	str auth[PDU_LINKS_MAX];       /* none: chosen from the state after the first prev event */
	size_t auth_count;
	int64_t ts_ms, depth;
	bool signed_by_us;             /* the sender is of this server */
};

struct pdu {
	str text, event_id;
};

/* Builds and signs. */
struct pdu pdu_make(struct room_rig *rig, str room_id, const struct pdu_wish *wish);
/* room_receive() with the keys of both servers; must not fail. */
struct receipt pdu_receive(struct room_rig *rig, str room_id, str text);
struct receipt pdu_receive_outlier(struct room_rig *rig, str room_id, str text);
/* Makes, receives and asserts that the verdict is this one. */
struct pdu pdu_given(struct room_rig *rig, str room_id, const struct pdu_wish *wish, enum receipt_verdict verdict);
/* A user of the other server joins the (public) room at its head. */
struct pdu pdu_join(struct room_rig *rig, str room_id, const char *user_id);

const struct key_source *pdu_keys(void);
/* The event row; asserts that it is stored. */
struct event_row pdu_row(struct room_rig *rig, str event_id);
/* The id of the current state event there; empty when there is none. */
str pdu_state(struct room_rig *rig, str room_id, const char *type, str state_key);
size_t pdu_extremities(struct room_rig *rig, str room_id);

#endif
