/*
 * Asking push rules about an event: Client-Server API, "Push Rules", "Conditions", "Actions". Pure: no I/O, no clock.
 *
 * Rules are compiled once and then asked about any number of events, without taking memory. An event is parsed once and
 * asked about by any number of users. A ruleset is immutable: any thread. Own events notify nobody, which is the caller's
 * matter, as are ignored users.
 *
 * Case-insensitive is what simple case folding makes equal (codec/utf8.h); characters are code points.
 */
#ifndef EXEUNT_MATRIX_PUSH_EVAL_H
#define EXEUNT_MATRIX_PUSH_EVAL_H

#include "matrix/power_levels.h"
#include "matrix/push_rules.h"

/*
 * How much comparing of characters one event may cost one user, so that nobody's patterns and texts, chosen to be slow
 * together, hold a thread: what would be compared beyond it does not match. A word that is looked for in a body of 64 KiB
 * costs 65,536.
 */
enum { PUSH_STEPS_MAX = 1 << 22 };

struct push_ruleset; /* disabled rules are not in it */

/*
 * Compiles rules that push_rules_load() gave with `user_id` PUSH_ANYBODY, so that those who changed nothing can share
 * theirs; lives in the arena, and borrows the texts of the rules. RC_CORRUPT: conditions or actions are no JSON.
 */
#define PUSH_ANYBODY STR("\x01")
MUST_CHECK enum rc push_compile(
    struct arena *arena, const struct push_rules *rules, const struct push_ruleset **ret_ruleset);

/* What the sender may notify of (sender_notification_permission). */
struct push_power {
	bool is_known;
	const struct room_version *version;
	int64_t sender_level;
	json notifications; /* of the content of m.room.power_levels; NULL: the defaults stand */
};
/* By the state at the event. `levels->content` may be NULL. */
struct push_power push_power_of(const struct power_levels *levels, str sender);

struct push_event {
	json root; /* as it is stored; rules see the properties that clients see, and no others */
	str event_id, room_id; /* also where they do not stand in the event itself */
	str sender;
	int64_t member_count; /* joined members of the room */
	struct push_power power;
};

/* Whose rules they are. */
struct push_reader {
	str user_id;
	str displayname; /* in the room; empty: none (the historical condition contains_display_name) */
};

struct push_outcome {
	bool notify, highlight;
	str rule_id; /* empty: no rule matched */
	str actions; /* JSON array */
};

/* False: a rule asks what the sender may notify of, and event->power is not known; nothing was written. */
bool push_evaluate(const struct push_ruleset *ruleset, const struct push_event *event,
    const struct push_reader *reader, struct push_outcome *ret_outcome);

#endif
