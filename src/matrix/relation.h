/*
 * What an event says of its relation to another: Client-Server API, "Forming relationships between events". Any thread.
 */
#ifndef EXEUNT_MATRIX_RELATION_H
#define EXEUNT_MATRIX_RELATION_H

#include "codec/json.h"

enum { REL_TYPE_MAX_BYTES = 255 };

/* Texts are the content's. */
struct relation {
	str rel_type;
	str parent;       /* event id */
	str key;          /* m.annotation; empty: none */
};

/* False: `content` has no m.relates_to with rel_type and event_id, or these are none. A rich reply has no rel_type. */
bool relation_of(json content, struct relation *ret_relation);

/*
 * All that a valid replacement needs but for its parent: m.new_content (which an encrypted one has inside), and no state
 * key ("Validity of replacement events").
 */
bool replacement_fits(str type, bool is_state, json content);

#endif
