/* What the files of receiving share: receive.c judges the event by itself, receive_place.c finds where it stands. */
#ifndef EXEUNT_CORE_ROOM_RECEIVE_INT_H
#define EXEUNT_CORE_ROOM_RECEIVE_INT_H

#include "core/room/receive.h"
#include "core/room/resolution_int.h"
#include "core/room/room_int.h"

/* An event on its way in. Everything lives in `arena`. */
struct reception {
	struct rooms *rooms;
	struct arena *arena;
	const struct key_source *keys;
	struct receipt *receipt;
	struct fail *fail;
	str room_id;
	int64_t room;
	const struct room_version *version;
	bool is_outlier;              /* asked for as one */
	bool was_outlier;             /* stored as one: it is to find its place */
	struct event event;
	const struct event *create;   /* v12: what the room ID names; NULL: not known, or rejected */
	int64_t *prev, *auth;         /* nids, all known */
	struct auth_event *auth_events; /* of `auth` */
	enum event_verdict verdict;
};

/* A refusal: the reason goes into the receipt. */
void reception_refuse(struct reception *reception, enum event_verdict verdict, const struct auth_verdict *why);

/* Where the event stands: the state before it, verdicts 5 and 6 of the checks, and the write. */
MUST_CHECK enum rc reception_place(struct reception *reception);
/* The event alone. */
MUST_CHECK enum rc reception_store_outlier(struct reception *reception);

#endif
