/*
 * The deactivation marker of MSC3759 (proposals/3759): which key is written, when a leave counts as marked,
 * and where nobody but the server itself may write it.
 */
#ifndef EXEUNT_MATRIX_MARKER_H
#define EXEUNT_MATRIX_MARKER_H

#include "codec/json.h"

#define MARKER_KEY_UNSTABLE STR("org.matrix.msc3759.deactivated")
#define MARKER_KEY_STABLE STR("m.deactivated")

enum marker_keys { MARKER_UNSTABLE, MARKER_STABLE, MARKER_BOTH }; /* setting deactivation.marker */

enum marker_verdict {
	MARKER_NONE,       /* no valid marker: anything that is not exactly as the proposal says */
	MARKER_VALID,
	MARKER_CONFLICT,   /* valid, but the two keys say different things: count and log it */
};

/* Content of our leave: membership and the key(s), nothing else. Static text. */
str marker_leave_content(enum marker_keys keys);

/*
 * Valid only when type is m.room.member, membership is leave, sender equals state_key and a key is literally
 * true. `content` is the event's content.
 */
enum marker_verdict marker_verdict(str type, bool is_state, str state_key, str sender, json content);

/* True when client or appservice input of `type` carries either key, whatever its value. */
bool marker_forged(str type, json content);

#endif
