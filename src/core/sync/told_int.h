/*
 * Which member events a reader was told of by lazy loading: Client-Server API, "Lazy-loading room members", redundant
 * membership events. A bounded memory of this process; what it does not know is told once more.
 *
 * A reader is a device, or a connection of sliding sync. An event counts as told only to a request that begins at or after the position up to
 * which the telling answer went: so an answer that got lost is told again. Any thread.
 */
#ifndef EXEUNT_CORE_SYNC_TOLD_INT_H
#define EXEUNT_CORE_SYNC_TOLD_INT_H

#include "base/rc.h"

#include <stdbool.h>
#include <stdint.h>

struct told;

/* Of whom: `reader` 0 is nobody, to whom nothing was ever told. `key`: nid of the member's state key. */
struct told_member {
	int64_t reader, room, key;
	int64_t event; /* nid of the member event */
};

MUST_CHECK enum rc told_new(struct told **ret_told);
void told_free(struct told *told);

bool told_before(struct told *told, const struct told_member *member, int64_t since_pos);
/* An answer to a request from `since_pos` that goes up to `to_pos` holds it. */
void told_note(
    struct told *told, const struct told_member *member, int64_t since_pos, int64_t to_pos);

#endif
