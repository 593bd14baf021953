/*
 * Events that others made: the checks on receipt of a PDU (Server-Server API), where the event stands in the room's
 * graph, and what the room's state is from then on. An event that is stored is never asked for again. Waits; any lane.
 */
#ifndef EXEUNT_CORE_ROOM_RECEIVE_H
#define EXEUNT_CORE_ROOM_RECEIVE_H

#include "core/room/room.h"

/* Keys of servers, for signatures. */
struct key_source {
	void *self;
	/* The key of `server` by `key_id` that was valid at `ts_ms` (0: at any time). RC_NOT_FOUND: there is none. */
	enum rc (*find)(void *self, str server, str key_id, int64_t ts_ms,
	                unsigned char ret_public_key[ED25519_PUBLIC_BYTES]);
};

enum receipt_verdict {
	RECEIPT_ACCEPTED,
	RECEIPT_SOFT_FAILED,
	RECEIPT_REJECTED,         /* stored as such */
	RECEIPT_KNOWN,            /* it was stored before */
	RECEIPT_INVALID,          /* no event, or its signatures do not hold: dropped */
	RECEIPT_MISSING,          /* nothing is stored: `missing` must be known first */
};

struct receipt {
	enum receipt_verdict verdict;
	str event_id;             /* empty when it is no event */
	str reason;               /* a sentence; empty when accepted */
	const str *missing;       /* event ids: prev events and auth events that are not known */
	size_t missing_count;
	bool was_redacted;        /* its content hash was wrong: the redacted copy is kept */
};

/* An event with its place in the graph. All its prev events and auth events must be known. */
MUST_CHECK enum rc room_receive(struct rooms *rooms, struct arena *arena, str room_id, str pdu,
                                const struct key_source *keys, struct receipt *ret_receipt, struct fail *fail);

/* An event known only for being cited or being in a state: judged by its auth events alone, no place in the graph. */
MUST_CHECK enum rc room_receive_outlier(struct rooms *rooms, struct arena *arena, str room_id, str pdu,
                                        const struct key_source *keys, struct receipt *ret_receipt, struct fail *fail);

#endif
