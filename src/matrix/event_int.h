/* Inside matrix: what building, parsing and redacting an event share. */
#ifndef EXEUNT_MATRIX_EVENT_INT_H
#define EXEUNT_MATRIX_EVENT_INT_H

#include "codec/canonical.h"
#include "matrix/event.h"

/* Canonical JSON as strict as the room version is: Room Versions, "Canonical JSON". */
static inline MUST_CHECK enum rc event_put_json(struct buf *buf, const struct room_version *version, json v,
                                                struct fail *fail)
{
	return version->strict_canonical_json ? canonical_put(buf, v, fail) : canonical_put_lenient(buf, v, fail);
}

/* The greatest depth of an event: 2^53 − 1, and 2^63 − 1 where canonical JSON is not strict. */
static inline int64_t event_depth_max(const struct room_version *version)
{
	return version->strict_canonical_json ? JSON_INTEGER_MAX : INT64_MAX;
}

/* Appends what redaction leaves of `content` in an event of `type`. */
MUST_CHECK enum rc redact_put_content(struct buf *buf, const struct room_version *version, str type,
                                      json content);

/* Appends the redacted event in canonical form. Without signatures it is what is signed and what is hashed. */
MUST_CHECK enum rc redact_put_event(struct buf *buf, const struct room_version *version, json root,
                                    bool with_signatures);

/* '$' and the hash in the version's base64 (v3 and later); empty when the arena failed. */
str event_id_of_hash(struct arena *arena, const struct room_version *version, const struct sha256 *hash);

/* The id of the room that this create event makes (v12): the event id with '!'. */
str room_id_of_create(struct arena *arena, str event_id);

/*
 * Whether an event of `type` has no room_id, since it makes its room. The rules (Room Versions, v12, "Authorisation
 * rules", 1 and 1.2) go by the type: the state key, or none, changes nothing.
 */
bool event_makes_room(const struct room_version *version, str type);

#endif
