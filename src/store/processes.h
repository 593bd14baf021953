/*
 * Processes over one database, and the slots that they share out among themselves: a room, by its id, belongs to a
 * slot, and the process that has the slot writes to the room.
 *
 * A process beats; whoever sees a beat stand still for too long ends that process. Its row goes in a write transaction
 * like any other, and write transactions of all processes pass one after the other: so each commit of the ended process
 * came before, or is refused (RC_FENCED). The number of a process is the fencing token: it is never given out twice.
 */
#ifndef EXEUNT_STORE_PROCESSES_H
#define EXEUNT_STORE_PROCESSES_H

#include "store/store.h"

enum { SLOT_COUNT = 256 };

/* FNV-1a: also written into the row of the room, so it never changes. */
size_t room_slot(str room_id);

struct process_row {
	int64_t process;  /* nid */
	int64_t beat;     /* grows while it lives */
	str address;      /* of its HTTP server, by which it is known again: "host:port" */
	str link;         /* where others pass requests on to it: "host:port" */
	str secret;       /* that they show it */
	str key_id;       /* of its signing key: all must have the same */
};

/* From now on what this store commits is refused once the process has been ended. */
MUST_CHECK enum rc process_add(struct txn_rw *txn, const struct process_row *row, int64_t *ret_process);
void store_be_process(struct store *store, int64_t process);

MUST_CHECK enum rc process_beat(struct txn_rw *txn, int64_t process); /* RC_NOT_FOUND: it was ended */
/* Its slots have no process afterwards. RC_NOT_FOUND: it has been ended already. */
MUST_CHECK enum rc process_end(struct txn_rw *txn, int64_t process);
MUST_CHECK enum rc process_each(struct txn_ro *txn, struct arena *arena, struct process_row **ret_rows, size_t *ret_count);

/* The process of each slot; 0: none. */
MUST_CHECK enum rc slots_get(struct txn_ro *txn, int64_t ret_processes[SLOT_COUNT]);
/* RC_CONFLICT: the slot is not `from`'s any more. */
MUST_CHECK enum rc slot_give(struct txn_rw *txn, size_t slot, int64_t from, int64_t to);

#endif
