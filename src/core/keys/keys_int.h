/* What the files of core/keys share. Private to the folder. */
#ifndef EXEUNT_CORE_KEYS_KEYS_INT_H
#define EXEUNT_CORE_KEYS_KEYS_INT_H

#include "core/keys/key_form.h"
#include "core/keys/keys.h"

enum { KEYS_SCRATCH_BYTES = 4 << 20 }; /* what one write may need beside its request */

struct keys {
	struct keys_config config;
};

/* RC_UNKNOWN_TOKEN unless the account is active and its device is still there: the gate of writes under a device. */
MUST_CHECK enum rc keys_session_check(struct txn_ro *txn, struct arena *scratch, const struct session *session);

bool keys_are_here(const struct keys *keys, str user_id); /* those of a user of this server */
/* Servers that were not asked, each once: what stands in `failures`. */
struct unreached {
	str *servers;
	size_t count, capacity;
};
MUST_CHECK enum rc unreached_add(struct unreached *unreached, struct arena *arena, str user_id);
void unreached_put(const struct unreached *unreached, struct buf *out); /* appends the object */
void keys_put_failure(struct buf *out, enum rc rc, const char *sentence);  /* {"errcode", "error"} */

/* upload.c: the keys of a device on their way into the database. */
struct fallback_key {
	str algorithm, key_id, key;
};
struct key_upload {
	const struct session *session; /* set by the caller, as the next one: the user and the device */
	struct arena *arena;
	bool has_device_keys;
	struct key_parts device_keys;
	struct one_time_key *otks;
	size_t otk_count;
	struct fallback_key *fallbacks;
	size_t fallback_count;
	/* Of the write, which may run again: */
	struct buf counts;
	bool list_changed;
};
/* Device_keys, one_time_keys and fallback_keys of the body. The device's nid may not be known yet. */
MUST_CHECK enum rc key_upload_read(struct key_upload *upload, json body, struct fail *fail);
MUST_CHECK enum rc key_upload_write(struct txn_rw *txn, struct key_upload *upload, struct fail *fail);

size_t keys_count_pairs(json maps); /* members of the objects in an object */

#endif
